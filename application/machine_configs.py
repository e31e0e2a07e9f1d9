"""What can be asked of machine configurations: those of the settings, and those that were added here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from application.access import Actor, require
from application.platform import Platform
from application.ports.clock import Clock
from application.ports.machines import Template
from domain.errors import Conflict, Invalid, NotFound
from domain.machine_config import DEFAULT, MachineCatalogue


@dataclass(frozen=True)
class MachineConfigs:
    platform: Platform
    clock: Clock
    fixed: Mapping[str, Template]  # by the settings
    default: Template  # what `default` is, unless the settings say something else

    async def known(self) -> dict[str, Template]:
        """All of them, by name. What the settings say wins over what was added under the same name."""
        added = {name: template_of({"name": name} | made) for name, made in (await self._catalogue()).configs.items()}
        return {DEFAULT: self.default} | added | dict(self.fixed)

    async def template(self, name: str) -> Template:
        """`Invalid` with the names that are known, where this one is not."""
        known = await self.known()
        if name not in known:
            raise Invalid(f'there is no machine configuration "{name[:50]}"; there are {", ".join(sorted(known))}')
        return known[name]

    async def made_from(self, name: str) -> dict[str, Any] | None:
        """What a new machine is made from, as its event keeps it; None: from the default template. Or `Invalid`."""
        template = await self.template(name)
        return None if template is self.default else {"name": name} | facts_of(template)

    async def set(self, actor: Actor, name: str, template: Template) -> None:
        """Add it, or change what machines are made from that are asked for from now on."""
        require(actor, "place.configure")
        self._not_fixed(name)
        await self.platform.ensure(
            actor.cause,
            MachineCatalogue,
            MachineCatalogue.id_of(),
            lambda id: MachineCatalogue(id=id, at=self.clock()),
            lambda it: it.set(name, facts_of(template), self.clock()),
        )

    async def remove(self, actor: Actor, name: str) -> None:
        """Machines that were made from it stay."""
        require(actor, "place.configure")
        self._not_fixed(name)
        try:
            await self.platform.change(
                actor.cause, MachineCatalogue, MachineCatalogue.id_of(), lambda it: it.remove(name, self.clock())
            )
        except NotFound:
            raise NotFound(f'there is no machine configuration "{name[:50]}"') from None

    def is_fixed(self, name: str) -> bool:
        return name == DEFAULT or name in self.fixed

    def _not_fixed(self, name: str) -> None:
        if self.is_fixed(name):
            raise Conflict(f'the machine configuration "{name}" is what the settings say, and is changed there')

    async def _catalogue(self) -> MachineCatalogue:
        try:
            return await self.platform.load(MachineCatalogue, MachineCatalogue.id_of())
        except NotFound:
            return MachineCatalogue(id=MachineCatalogue.id_of(), at=self.clock())


def facts_of(template: Template) -> dict[str, Any]:
    """As events keep it: JSON values, without its name."""
    facts = asdict(template)
    del facts["name"], facts["env"], facts["network"]
    return facts | {"command": facts["command"] and list(facts["command"]), "ports": list(facts["ports"])}


def template_of(facts: dict[str, Any]) -> Template:
    """From there, and its name."""
    command = facts["command"]
    return Template(**facts | {"command": command and tuple(command), "ports": tuple(facts["ports"])})
