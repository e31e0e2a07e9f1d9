"""Commands on regions: those of the settings, and those added while Tenure runs."""

from __future__ import annotations

from dataclasses import dataclass

from application.access import Actor
from application.catalogue import CatalogueCommands
from application.ports.regions import Region
from domain.errors import NotFound
from domain.region import EngineAddress, RegionCatalogue


@dataclass(frozen=True)
class Regions(CatalogueCommands[EngineAddress, Region]):
    """`local` is always among the fixed ones."""

    catalogue_type = RegionCatalogue

    async def require(self, name: str) -> Region:
        if self.is_fixed(name):  # saves loading the catalogue
            return self.fixed[name]
        return await super().require(name)

    async def find(self, name: str) -> Region | None:
        """The region of this name, removed ones included: their machines are still there."""
        if self.is_fixed(name):
            return self.fixed[name]
        try:
            catalogue = await self.platform.load(RegionCatalogue, RegionCatalogue.id_of())
        except NotFound:
            return None
        engine = catalogue.engine(name)
        return self.to_value(name, engine) if engine else None

    async def set(self, actor: Actor, name: str, engine: EngineAddress) -> None:
        """Add a region, or change where its engine is. Raises `Invalid`, and `Conflict` for a fixed one."""
        await self._set(actor, name, engine)

    def to_value(self, name: str, entry: EngineAddress) -> Region:
        return Region(name, entry["url"], entry["host"], entry["publish_on"])
