"""What can be asked of regions: those of the settings, and those that were added here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from application.access import Actor, require
from application.platform import Platform
from application.ports.clock import Clock
from application.ports.regions import Region
from domain.errors import Conflict, Invalid, NotFound
from domain.region import RegionCatalogue


@dataclass(frozen=True)
class Regions:
    platform: Platform
    clock: Clock
    fixed: Mapping[str, Region]  # by the settings; `local` is always among them

    async def known(self) -> dict[str, Region]:
        """All in which something may be made, by name. What the settings say wins."""
        added = (await self._catalogue()).regions
        return {name: region_of(name, engine) for name, engine in added.items()} | dict(self.fixed)

    async def find(self, name: str) -> Region | None:
        """It, also where it was removed: what was made there is there still."""
        if name in self.fixed:
            return self.fixed[name]
        engine = (await self._catalogue()).engine(name)
        return region_of(name, engine) if engine else None

    async def require(self, name: str) -> None:
        """`Invalid` with the names that are known, where this one is not."""
        if name in self.fixed:
            return
        known = await self.known()
        if name not in known:
            raise Invalid(f'there is no region "{name[:50]}"; there are {", ".join(sorted(known))}')

    async def set(self, actor: Actor, name: str, engine: dict[str, Any]) -> None:
        """Add it, or say where its engine is from now on. `engine` is as `RegionCatalogue` has it."""
        require(actor, "place.configure")
        self._not_fixed(name)
        await self.platform.ensure(
            actor.cause,
            RegionCatalogue,
            RegionCatalogue.id_of(),
            lambda id: RegionCatalogue(id=id, at=self.clock()),
            lambda it: it.set(name, engine, self.clock()),
        )

    async def remove(self, actor: Actor, name: str) -> None:
        """Nothing new is made there; what is there goes on to its end."""
        require(actor, "place.configure")
        self._not_fixed(name)
        try:
            await self.platform.change(
                actor.cause, RegionCatalogue, RegionCatalogue.id_of(), lambda it: it.remove(name, self.clock())
            )
        except NotFound:
            raise NotFound(f'there is no region "{name[:50]}"') from None

    def _not_fixed(self, name: str) -> None:
        if name in self.fixed:
            raise Conflict(f'the region "{name}" is what the settings say, and is changed there')

    async def _catalogue(self) -> RegionCatalogue:
        try:
            return await self.platform.load(RegionCatalogue, RegionCatalogue.id_of())
        except NotFound:
            return RegionCatalogue(id=RegionCatalogue.id_of(), at=self.clock())


def region_of(name: str, engine: dict[str, Any]) -> Region:
    return Region(name, engine["url"], engine["host"], engine["publish_on"])
