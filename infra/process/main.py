"""The entry point `tenure`: what the command line needs of the infrastructure, imported when a command needs it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from interfaces.cli import app
from interfaces.cli.host import Flags, Log, Setting, Started, Stop

if TYPE_CHECKING:
    from infra.settings import Settings
    from infra.wiring.bootstrap import Tenure

INTERRUPTED_EXIT_CODE = 130  # 128 + SIGINT, as shells have it


def main() -> None:
    signal.signal(signal.SIGTERM, interrupt)
    try:
        app(obj=CliHost())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED_EXIT_CODE)


def interrupt(*_: object) -> None:
    """Handle SIGTERM like Ctrl-C, so that a service manager ends any command in good order."""
    raise KeyboardInterrupt


class CliHost:
    """`interfaces.cli.host.Host` on the settings, the database and the server of this machine."""

    def settings(self) -> list[Setting]:
        from infra.settings import Settings, explain

        defaults = {name: value for name, value, _ in explain(Settings())}
        return [
            Setting(
                name,
                field.description or "",
                "" if defaults[name] == "none" else defaults[name],
                get_args(field.annotation) if get_origin(field.annotation) is Literal else (),
            )
            for name, field in Settings.model_fields.items()
        ]

    def explain(self, flags: Flags) -> list[tuple[str, str, str]]:
        from infra.settings import explain

        return explain(load(flags))

    def url(self) -> str:
        return load({}).url

    def home(self) -> Path:
        return load({}).home

    def up(self, flags: Flags, starting: Callable[[str], None], started: Callable[[Started], None]) -> None:
        from infra.process.shutdown import StopSignals

        with StopSignals() as signals:
            settings = load(flags)
            if settings.database_url is None:
                starting(f"Starting PostgreSQL in {settings.home} …")
            from infra.process import server

            with errors_as_stop():
                server.up(settings, lambda tenure: started(describe(tenure)), signals)

    @asynccontextmanager
    async def log(self, flags: Flags) -> AsyncIterator[Log]:
        from infra.process import offline

        with errors_as_stop():
            async with offline.open_log(load(flags)) as log:
                yield log

    def rotate(self, flags: Flags) -> dict[str, str]:
        from infra.process import offline

        with errors_as_stop():
            return asyncio.run(offline.rotate(load(flags)))

    def appoint(self, flags: Flags, username: str) -> None:
        from infra.process import offline

        with errors_as_stop():
            asyncio.run(offline.appoint(load(flags), username))

    def set_owner(self, flags: Flags, name: str) -> str:
        from infra.process import offline

        with errors_as_stop():
            return asyncio.run(offline.set_owner(load(flags), name))

    def rebuild(self, flags: Flags, folded: Callable[[int, int], None]) -> int:
        from infra.process import offline

        with errors_as_stop():
            return asyncio.run(offline.rebuild(load(flags), folded))


def load(flags: Flags) -> Settings:
    from infra import settings

    for name in ("templates", "machine_configs", "regions"):
        if flags.get(name):
            try:
                flags = flags | {name: json.loads(flags[name])}
            except ValueError:
                raise Stop(f"--{name.replace('_', '-')} must be JSON.") from None
    with errors_as_stop():
        return settings.load_settings(flags)


@contextmanager
def errors_as_stop() -> Iterator[None]:
    """Raise `Stop`, with a sentence for people, for settings that are wrong and for what cannot start."""
    from infra.runtime.home import CannotStart
    from infra.settings import BadSetting

    try:
        yield
    except (BadSetting, CannotStart) as error:
        raise Stop(str(error)) from error


def describe(tenure: Tenure) -> Started:
    from infra.settings.values import mask_passwords

    settings = tenure.settings
    docker = settings.docker_url or "Docker"
    local_machines = settings.home / "machines"
    return Started(
        version=tenure.deps.http.version,
        role=settings.role,
        url=settings.url,
        provider=tenure.machines.provider,
        machines=mask_passwords(str(local_machines) if tenure.machines.provider == "local" else docker),
        has_tmux=which("tmux") is not None,
        home=str(settings.home),
        database=mask_passwords(settings.database_url) if settings.database_url else None,
        push=mask_passwords(settings.redis_url) if settings.redis_url else None,
        dev_header=settings.accepts_dev_header,
        proxies=", ".join(map(str, settings.trusted_proxies)),
        identity_header=settings.identity_header or "X-VM-User",
        signs_in=settings.sign_in_providers,
        dev_login=settings.is_local_and_private,
        owner_link=tenure.owner_link,
    )
