"""The command line. Commands import what they need when they run, so that `tenure --help` is there at once."""

from __future__ import annotations

import typer

from interfaces.cli import up
from interfaces.cli.commands import Commands

app = typer.Typer(
    cls=Commands,
    help="Tenure lends computers for a term. 'tenure up' starts it; nothing else is needed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command(epilog="Example: tenure up --bind 127.0.0.1:3001 --home /tmp/second")(up.up)
app.command(epilog="Example: tenure worker --database-url postgresql://tenure@db.example.org/tenure")(up.worker)
app.command(epilog="Example: tenure config --json")(up.config)
