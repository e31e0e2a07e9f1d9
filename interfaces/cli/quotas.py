"""`tenure quotas`: how much users may hold, through the HTTP API. Administrators change them."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from domain.quota_defaults import DEFAULTS, Kind
from interfaces.cli.connections import connect, connect_as_member
from interfaces.cli.credentials import Login, Url, User
from interfaces.cli.host import Stop
from interfaces.cli.output import AsJson, say, show_json, table

PATH = "/api/v1/quotas"
Limits = Annotated[
    list[str], typer.Argument(metavar="QUOTA=LIMIT", help=f"{', '.join(Kind)}; LIMIT is a number, or default")
]


def show(ctx: typer.Context, as_json: AsJson = False, url: Url = None, user: User = None, login: Login = None) -> None:
    """Show your own quotas, and how much of each you use."""
    quotas = connect(ctx, url, user, login).json("GET", "/api/v1/me")["quotas"]
    if as_json:
        show_json(quotas)
        return
    table(("quota", "used", "limit"), [(kind, str(use["used"]), str(use["limit"])) for kind, use in quotas.items()])


def list_(ctx: typer.Context, as_json: AsJson = False, url: Url = None, user: User = None, login: Login = None) -> None:
    """List the quotas of every role, and those of users who have their own."""
    quotas = connect(ctx, url, user, login).json("GET", PATH)
    if as_json:
        show_json(quotas)
        return
    holders = [(f"role {role}", limits) for role, limits in quotas["roles"].items()]
    holders += [(entry["user_id"], entry["quotas"]) for entry in quotas["users"]]
    rows = [(holder, *(str(limits.get(kind, "")) for kind in Kind)) for holder, limits in holders]
    table(("of", *Kind), rows)


def set_(
    ctx: typer.Context,
    holder: Annotated[str, typer.Argument(metavar="HOLDER", help=f"{', '.join(DEFAULTS)}, or the id of a user")],
    limits: Limits,
    url: Url = None,
    user: User = None,
    login: Login = None,
) -> None:
    """Set quotas of all users with a role, or of one user. What they hold already stays theirs."""
    path = f"{PATH}/{'roles' if holder in DEFAULTS else 'users'}/{quote(holder, safe='')}"
    body = dict(map(parse_limit, limits))
    connect_as_member(ctx, url, user, login).json("PUT", path, body)
    say(f"{', '.join(limits)} for {holder} from now on")


def parse_limit(text: str) -> tuple[str, int | None]:
    """A quota and its limit; None: the default. Raises `Stop`."""
    kind, _, limit = text.partition("=")
    if kind not in list(Kind) or not (limit.isdecimal() or limit == "default"):
        raise Stop(f'"{text}" is no quota; write one such as workspaces=5 or keys=default, of {", ".join(Kind)}')
    return kind, None if limit == "default" else int(limit)
