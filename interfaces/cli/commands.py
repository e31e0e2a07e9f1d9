"""Running commands: settings become options of the commands that take them, and errors become one sentence."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from application.ports.errors import Unavailable
from domain.errors import Refused
from interfaces.cli.host import Flags, Host, Setting, Stop

Run = TypeVar("Run", bound=Callable[..., None])
FAILURE_EXIT_CODE = 1
PANEL = "Settings (also variables TENURE_…, from .env too, and keys of --config)"


def takes_settings(*names: str, without: tuple[str, ...] = ()) -> Callable[[Run], Run]:
    """Give the command an option for each setting, and pass their values as `flags`. No names: all settings."""

    def mark(run: Run) -> Run:
        run.takes = lambda name: (not names or name in names) and name not in without  # type: ignore[attr-defined]
        return run

    return mark


class Commands(TyperGroup):
    """A group of commands. Settings are loaded when a command that takes them is run or explained, not to list it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        run: Any = command.callback if command else None
        if command is None or not hasattr(run, "takes"):
            return name, command, rest
        host: Host = ctx.obj
        settings = [setting for setting in host.settings() if run.takes(setting.name)]
        return name, with_options(run.__wrapped__, settings, epilog=command.epilog), rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (Stop, Refused, Unavailable) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(FAILURE_EXIT_CODE) from None


def with_options(run: Callable[..., None], settings: list[Setting], epilog: str | None) -> Any:
    """The command that runs this function, with an option for each setting."""

    # Typer reads the parameters from `__signature__`: those of `run` but for `flags`, and one for each setting.
    def command(**options: object) -> None:
        flags: Flags = {setting.name: options.pop(setting.name) for setting in settings}
        run(flags=flags, **options)

    own = signature(run, eval_str=True)
    params = [p for p in own.parameters.values() if p.name != "flags"]
    params += [
        Parameter(s.name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option(s)])
        for s in settings
    ]
    command.__signature__ = own.replace(parameters=params)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in params}
    command.__doc__ = run.__doc__
    single = typer.Typer(add_completion=False)
    single.command(epilog=epilog)(command)
    return typer.main.get_command(single)


def option(setting: Setting) -> Any:
    """The option of a setting, as typer declares it."""
    default = f" [default: {setting.default}]" if setting.default else ""
    return typer.Option(
        setting.flag,
        help=f"{setting.about}{default}".replace("[", r"\["),
        metavar="|".join(setting.choices) or "VALUE",
        rich_help_panel=PANEL,
    )
