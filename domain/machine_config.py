"""Machine configurations: what machines are made from, by name. These are the ones added while Tenure runs."""

from __future__ import annotations

import re
from datetime import datetime
from types import MappingProxyType
from typing import TypedDict
from uuid import UUID

from eventsourcing.domain import event

from domain.catalogue import Catalogue
from domain.errors import Invalid

DEFAULT = "default"  # exists without any configuration: what the default template says
MIN_MEMORY_MB = 16
LIMIT_BITS = 31  # of the integers that Docker takes as limits
MAX_IMAGE_CHARS = 300
MAX_CPUS = 1024
ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")  # as useradd takes it


class MachineSpec(TypedDict):
    """What a machine is made from, as events keep it: JSON values only."""

    image: str
    command: list[str] | None  # None: what the image starts by itself
    memory_mb: int
    cpus: float
    pids: int
    ports: list[int]
    disk_mb: int | None
    user: str


class NamedMachineSpec(MachineSpec):
    name: str


class MachineCatalogue(Catalogue[MachineSpec]):
    """The machine configurations that were added."""

    NAMESPACE = UUID("f0a3b1de-3c0c-5d0e-8d54-7f3d9c1b6a21")
    PLURAL, SINGULAR = "machine configurations", "machine configuration"
    STATE_NAMES = MappingProxyType({"entries": "configs"})

    class Added(Catalogue.Event):
        """A configuration was added."""

        name: str
        made_from: MachineSpec

    class Changed(Catalogue.Event):
        """A configuration was changed. Machines that exist stay as they are."""

        name: str
        made_from: MachineSpec

    @event(Added)
    def _added(self, at: datetime, name: str, made_from: MachineSpec) -> None:
        self.entries[name] = made_from

    @event(Changed)
    def _changed(self, at: datetime, name: str, made_from: MachineSpec) -> None:
        self.entries[name] = made_from

    @staticmethod
    def validate(entry: MachineSpec) -> None:
        """Raise `Invalid` if no machine could be made from this."""
        image, command, user = entry["image"], entry["command"], entry["user"]
        if not image or len(image) > MAX_IMAGE_CHARS or not image.isprintable() or " " in image:
            raise Invalid("image must be the name of an image, such as debian:12")
        if command is not None and (not command or "\0" in "".join(command)):
            raise Invalid("command must be a list of words; without one the image's own is run")
        if not ACCOUNT.fullmatch(user) or user == "root":
            raise Invalid("user must be the name of an account, in small letters, and not root")
        limits = (("memory_mb", entry["memory_mb"], MIN_MEMORY_MB), ("pids", entry["pids"], 1))
        for field, value, minimum in (*limits, ("disk_mb", entry["disk_mb"], 1)):
            if value is not None and not minimum <= value < 1 << LIMIT_BITS:
                raise Invalid(f"{field} must be from {minimum} to {(1 << LIMIT_BITS) - 1}")
        if not 0 < entry["cpus"] <= MAX_CPUS:
            raise Invalid(f"cpus must be more than 0, and at most {MAX_CPUS}")
        if not all(1 <= port <= 65535 for port in entry["ports"]):
            raise Invalid("ports must be from 1 to 65535")
