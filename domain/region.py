"""Regions: where machines run, by name. These are the ones added while Tenure runs."""

from __future__ import annotations

import re
from datetime import datetime
from ipaddress import ip_address
from types import MappingProxyType
from typing import TypedDict
from urllib.parse import urlsplit
from uuid import UUID

from eventsourcing.domain import event

from domain.catalogue import Catalogue
from domain.errors import Invalid

LOCAL = "local"  # exists without any configuration: the engine of this installation
SCHEMES = ("unix", "tcp", "ssh")
MAX_URL_CHARS = 300
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")


class EngineAddress(TypedDict):
    """Where a region's Docker engine is, as events keep it. It holds no secrets: those are files that settings name."""

    url: str
    host: str  # what clients reach published ports under
    publish_on: str  # the address of that host on which ports are published


class RegionCatalogue(Catalogue[EngineAddress]):
    """The regions that were added. A removed one is remembered: its machines can still be stopped and destroyed."""

    NAMESPACE = UUID("5b8f0d5e-6f0a-5c58-9b0e-2f6c1a7d4e93")
    PLURAL, SINGULAR = "regions", "region"
    STATE_NAMES = MappingProxyType({"entries": "regions"})

    class Added(Catalogue.Event):
        """A region was added: machines can be requested there."""

        name: str
        engine: EngineAddress

    class Changed(Catalogue.Event):
        """A region's engine was changed, also for the machines that are there."""

        name: str
        engine: EngineAddress

    def _begin(self) -> None:
        super()._begin()
        self.removed: dict[str, EngineAddress] = {}

    def engine(self, name: str) -> EngineAddress | None:
        """Where the engine is of a region that is in the catalogue, or was."""
        return self.entries.get(name) or self.removed.get(name)

    @event(Added)
    def _added(self, at: datetime, name: str, engine: EngineAddress) -> None:
        self.entries[name] = engine
        self.removed.pop(name, None)

    @event(Changed)
    def _changed(self, at: datetime, name: str, engine: EngineAddress) -> None:
        self.entries[name] = engine

    def _remove(self, name: str) -> None:
        self.removed[name] = self.entries.pop(name)

    @staticmethod
    def validate(entry: EngineAddress) -> None:
        """Raise `Invalid` if no engine could be reached by this, or if it holds a secret."""
        validate_engine(entry)


def validate_engine(engine: EngineAddress) -> None:
    """Raise `Invalid` if no engine could be reached by this, or if it holds a secret."""
    try:
        url = urlsplit(engine["url"])
        _ = url.port
    except ValueError:
        raise Invalid("url is not a URL") from None
    if url.scheme not in SCHEMES or not (url.path if url.scheme == "unix" else url.hostname):
        raise Invalid("url must be that of a Docker engine: unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST")
    if not engine["url"].isprintable() or len(engine["url"]) > MAX_URL_CHARS:
        raise Invalid("url must be one line of at most 300 characters")
    if url.password is not None or url.query or url.fragment or (url.scheme == "tcp" and url.username):
        raise Invalid("url must hold no password and no options: they would be on record for good")
    for field, host in (("host", engine["host"]), ("publish_on", engine["publish_on"])):
        if not HOST.fullmatch(host):
            raise Invalid(f"{field} must be the name or the address of a host")


def default_publish_address(host: str) -> str:
    """The address to publish ports on when only the host that clients use is known: loopback for a loopback host."""
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    return "127.0.0.1" if loopback else "0.0.0.0"
