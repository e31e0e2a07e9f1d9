"""Where machines run: those regions that were added while this place runs."""

from __future__ import annotations

import re
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Invalid, NotFound
from domain.name import word

LOCAL = "local"  # there without any configuration: the engine that this place has anyway
CATALOGUE = UUID("5b8f0d5e-6f0a-5c58-9b0e-2f6c1a7d4e93")
SCHEMES = ("unix", "tcp", "ssh")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")


class RegionCatalogue(aggregate.Aggregate):
    """All of them, also those that were removed: machines that are there still can be stopped, and go at their end.

    `engine` is {"url", "host", "publish_on"}: where the Docker engine answers, what clients reach published ports
    under, and the address there that ports are published on. Secrets are no part of it: files that settings name.
    """

    class Event(aggregate.Aggregate.Event):
        pass

    class Opened(aggregate.Aggregate.Created):
        """The first region is about to be added."""

    class Added(Event):
        """A region was added: machines can be requested there."""

        name: str
        engine: dict[str, Any]

    class Changed(Event):
        """A region's engine was changed, also for the machines that are there."""

        name: str
        engine: dict[str, Any]

    class Removed(Event):
        """A region was removed: nothing new is made there."""

        name: str

    @staticmethod
    def id_of() -> UUID:
        return uuid5(CATALOGUE, "regions")

    def set(self, name: str, engine: dict[str, Any], now: datetime) -> None:
        """Machines may be asked for there, and those that are there already are asked of this engine."""
        word(name, "the name of a region")
        check(engine)
        if name not in self.regions:
            self._added(now, name, engine)
        elif self.regions[name] != engine:
            self._changed(now, name, engine)

    def remove(self, name: str, now: datetime) -> None:
        """Nothing new is made there."""
        if name not in self.regions:
            raise NotFound("no such region")
        self._removed(now, name)

    def engine(self, name: str) -> dict[str, Any] | None:
        """That of a region that is there, or was."""
        return self.regions.get(name) or self.removed.get(name)

    @event(Opened)
    def __init__(self, id: UUID, at: datetime) -> None:
        self._id = id
        self.regions: dict[str, dict[str, Any]] = {}
        self.removed: dict[str, dict[str, Any]] = {}

    @event(Added)
    def _added(self, at: datetime, name: str, engine: dict[str, Any]) -> None:
        self.regions[name] = engine
        self.removed.pop(name, None)

    @event(Changed)
    def _changed(self, at: datetime, name: str, engine: dict[str, Any]) -> None:
        self.regions[name] = engine

    @event(Removed)
    def _removed(self, at: datetime, name: str) -> None:
        self.removed[name] = self.regions.pop(name)


def check(engine: dict[str, Any]) -> None:
    """`Invalid` where no engine could be reached by this, or where it holds a secret."""
    try:
        url = urlsplit(engine["url"])
        _ = url.port
    except ValueError:
        raise Invalid("url is not a URL") from None
    if url.scheme not in SCHEMES or not (url.path if url.scheme == "unix" else url.hostname):
        raise Invalid("url must be that of a Docker engine: unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST")
    if not engine["url"].isprintable() or len(engine["url"]) > 300:
        raise Invalid("url must be one line of at most 300 characters")
    if url.password is not None or url.query or url.fragment or (url.scheme == "tcp" and url.username):
        raise Invalid("url must hold no password and no options: they would be on record for good")
    for field in ("host", "publish_on"):
        if not HOST.fullmatch(engine[field]):
            raise Invalid(f"{field} must be the name or the address of a host")


def published_on(host: str) -> str:
    """The address that ports are published on, where only the host is known that clients reach them under."""
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    return "127.0.0.1" if loopback else "0.0.0.0"
