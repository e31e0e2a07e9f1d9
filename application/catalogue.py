"""Commands that machine configurations and regions share: entries that go by a name, some of them fixed by settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from application.access import Actor, require
from application.platform import Platform
from application.ports.clock import Clock
from domain.catalogue import Catalogue
from domain.errors import Conflict, Invalid, NotFound

Value = TypeVar("Value")
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class CatalogueCommands(Generic[Entry, Value]):
    """Entries are what events keep; values are what the rest of the application uses."""

    platform: Platform
    clock: Clock
    fixed: Mapping[str, Value]  # from the settings, which win over what was added under the same name
    catalogue_type: ClassVar[type[Catalogue[Any]]]

    async def available(self) -> dict[str, Value]:
        """Everything that can be requested, by name."""
        added = (await self._catalogue()).entries
        return {name: self.to_value(name, entry) for name, entry in added.items()} | dict(self.fixed)

    async def require(self, name: str) -> Value:
        """The value of this name. Raises `Invalid` with the available names."""
        available = await self.available()
        if name not in available:
            names = ", ".join(sorted(available))
            raise Invalid(f'there is no {self.catalogue_type.SINGULAR} "{name[:50]}"; there are {names}')
        return available[name]

    async def remove(self, actor: Actor, name: str) -> None:
        """Remove an added entry; what was made from it stays. Raises `NotFound`, and `Conflict` for a fixed one."""
        require(actor, "place.configure")
        self._require_changeable(name)
        kind = self.catalogue_type
        try:
            await self.platform.change(actor.cause, kind, kind.id_of(), lambda all: all.remove(name, self.clock()))
        except NotFound:
            raise NotFound(f'there is no {kind.SINGULAR} "{name[:50]}"') from None

    def is_fixed(self, name: str) -> bool:
        """Whether the settings say what this is, so that it cannot be changed here."""
        return name in self.fixed

    def to_value(self, name: str, entry: Entry) -> Value:
        raise NotImplementedError

    async def _set(self, actor: Actor, name: str, entry: Entry) -> None:
        require(actor, "place.configure")
        self._require_changeable(name)
        kind = self.catalogue_type
        await self.platform.ensure(
            actor.cause,
            kind,
            kind.id_of(),
            lambda id: kind(id=id, at=self.clock()),
            lambda all: all.set(name, entry, self.clock()),
        )

    def _require_changeable(self, name: str) -> None:
        if self.is_fixed(name):
            noun = self.catalogue_type.SINGULAR
            raise Conflict(f'the {noun} "{name}" is what the settings say, and is changed there')

    async def _catalogue(self) -> Catalogue[Entry]:
        kind = self.catalogue_type
        try:
            return await self.platform.load(kind, kind.id_of())
        except NotFound:
            return kind(id=kind.id_of(), at=self.clock())
