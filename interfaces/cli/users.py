"""`tenure users`: accounts for virtual machines, on the database itself."""

from __future__ import annotations

from typing import Annotated

import typer

from interfaces.cli.commands import takes_settings
from interfaces.cli.host import Flags
from interfaces.cli.output import say


@takes_settings("home", "database_url", "config")
def appoint(
    ctx: typer.Context, name: Annotated[str, typer.Argument(help="the username of the account")], flags: Flags
) -> None:
    """Make a registered account an administrator of virtual machines, as when no administrator can log in any more."""
    ctx.obj.appoint(flags, name)
    say(f"{name} administers virtual machines now")
