"""`tenure users`: accounts for virtual machines, for whoever runs the place."""

from __future__ import annotations

from typing import Annotated

import typer

from interfaces.cli.commands import takes_settings
from interfaces.cli.host import Flags
from interfaces.cli.output import say


@takes_settings("home", "database_url", "config")
def appoint(ctx: typer.Context, name: Annotated[str, typer.Argument(help="their username")], flags: Flags) -> None:
    """Let somebody who has registered administer virtual machines, as when nobody who does can log in any more."""
    ctx.obj.appoint(flags, name)
    say(f"{name} administers virtual machines now")
