"""What machines are made from, by name: those configurations that were added while this place runs."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Invalid, NotFound
from domain.name import word

DEFAULT = "default"  # there without any configuration: what the default template says
CATALOGUE = UUID("f0a3b1de-3c0c-5d0e-8d54-7f3d9c1b6a21")
LEAST_MEMORY = 16  # MB
MOST = 2**31 - 1
ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")  # as useradd takes it


class MachineCatalogue(aggregate.Aggregate):
    """All of them: who adds one, or asks for one, decides on what all of them are.

    `made_from` is {"image", "command", "memory_mb", "cpus", "pids", "ports", "disk_mb", "user"}, JSON values only.
    """

    class Event(aggregate.Aggregate.Event):
        pass

    class Opened(aggregate.Aggregate.Created):
        """The first configuration is about to be added."""

    class Added(Event):
        """A configuration was added."""

        name: str
        made_from: dict[str, Any]

    class Changed(Event):
        """A configuration was changed. Machines that exist stay as they are."""

        name: str
        made_from: dict[str, Any]

    class Removed(Event):
        """A configuration was removed. Machines that exist stay as they are."""

        name: str

    @staticmethod
    def id_of() -> UUID:
        return uuid5(CATALOGUE, "machine configurations")

    def set(self, name: str, made_from: dict[str, Any], now: datetime) -> None:
        """Machines that are asked for from now on under this name are made from this. Those there stay as they are."""
        word(name, "the name of a machine configuration")
        check(made_from)
        if name not in self.configs:
            self._added(now, name, made_from)
        elif self.configs[name] != made_from:
            self._changed(now, name, made_from)

    def remove(self, name: str, now: datetime) -> None:
        if name not in self.configs:
            raise NotFound("no such machine configuration")
        self._removed(now, name)

    @event(Opened)
    def __init__(self, id: UUID, at: datetime) -> None:
        self._id = id
        self.configs: dict[str, dict[str, Any]] = {}

    @event(Added)
    def _added(self, at: datetime, name: str, made_from: dict[str, Any]) -> None:
        self.configs[name] = made_from

    @event(Changed)
    def _changed(self, at: datetime, name: str, made_from: dict[str, Any]) -> None:
        self.configs[name] = made_from

    @event(Removed)
    def _removed(self, at: datetime, name: str) -> None:
        del self.configs[name]


def check(made_from: dict[str, Any]) -> None:
    """`Invalid` where no machine could be made from this."""
    image, command, user = made_from["image"], made_from["command"], made_from["user"]
    if not image or len(image) > 300 or not image.isprintable() or " " in image:
        raise Invalid("image must be the name of an image, such as debian:12")
    if command is not None and (not command or "\0" in "".join(command)):
        raise Invalid("command must be a list of words; without one the image's own is run")
    if not ACCOUNT.fullmatch(user) or user == "root":
        raise Invalid("user must be the name of an account, in small letters, and not root")
    for field, least in {"memory_mb": LEAST_MEMORY, "pids": 1, "disk_mb": 1}.items():
        if made_from[field] is not None and not least <= made_from[field] <= MOST:
            raise Invalid(f"{field} must be from {least} to {MOST}")
    if not 0 < made_from["cpus"] <= 1024:
        raise Invalid("cpus must be more than 0, and at most 1024")
    if not all(1 <= port <= 65535 for port in made_from["ports"]):
        raise Invalid("ports must be from 1 to 65535")
