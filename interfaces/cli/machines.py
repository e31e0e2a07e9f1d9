"""`tenure machines`: machine configurations, over the same API that browsers have. Administrators change them."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from interfaces.cli.catalogue import Named, entries, put, remove
from interfaces.cli.output import AsJson, show_json, table
from interfaces.cli.sessions import As, Login
from interfaces.cli.workspaces import Url

PATH = "/api/v1/machines"


def list_(ctx: typer.Context, as_json: AsJson = False, url: Url = None, user: As = None, login: Login = None) -> None:
    """What machines can be made from."""
    found = entries(ctx, PATH, (url, user, login))
    if as_json:
        show_json(found)
        return
    rows = [
        (
            it["name"],
            it["image"],
            f"{it['cpus']:g}",
            str(it["memory_mb"]),
            str(it["disk_mb"] or ""),
            it["user"],
            "settings" if it["fixed"] else "added",
        )
        for it in found
    ]
    table(("name", "image", "cpus", "memory MB", "disk MB", "user", "from"), rows)


def set_(
    ctx: typer.Context,
    name: Named,
    image: Annotated[str, typer.Option(help="the image's name, such as debian:12")],
    command: Annotated[str | None, typer.Option(help="in words of a shell; none: the image's own")] = None,
    cpus: float = 1.0,
    memory_mb: int = 1024,
    disk_mb: Annotated[int | None, typer.Option(help="where the engine can limit it")] = None,
    pids: Annotated[int, typer.Option(help="processes and threads")] = 512,
    port: Annotated[list[int] | None, typer.Option(help="a TCP port to publish; may be given again")] = None,
    account: Annotated[str, typer.Option(help="the account inside that its holder logs in to")] = "tenure",
    url: Url = None,
    user: As = None,
    login: Login = None,
) -> None:
    """Add a machine configuration, or change it for machines that are asked for from now on."""
    body = {
        "image": image,
        "command": None if command is None else shlex.split(command),
        "cpus": cpus,
        "memory_mb": memory_mb,
        "disk_mb": disk_mb,
        "pids": pids,
        "ports": port or [],
        "user": account,
    }
    put(ctx, PATH, name, body, (url, user, login), f"machines can be made from {name}")


def rm(ctx: typer.Context, name: Named, url: Url = None, user: As = None, login: Login = None) -> None:
    """Let no new machine be made from it."""
    remove(ctx, PATH, name, (url, user, login), f"{name} is removed; machines that were made from it stay")
