"""`tenure owner`: who owns the installation, on the database itself."""

from __future__ import annotations

from typing import Annotated

import typer

from interfaces.cli.commands import takes_settings
from interfaces.cli.host import Flags
from interfaces.cli.output import say


@takes_settings("home", "database_url", "config")
def set_(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="a name or the id of somebody who has signed in or registered")],
    flags: Flags,
) -> None:
    """Make somebody the owner, whoever owns the installation now. The former owner becomes a viewer."""
    say(f"{ctx.obj.set_owner(flags, name)} owns this installation now")
