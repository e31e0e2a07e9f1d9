"""Commands on machine configurations: those of the settings, and those added while Tenure runs."""

from __future__ import annotations

from dataclasses import dataclass

from application.access import Actor
from application.catalogue import CatalogueCommands
from application.ports.machines import Template
from application.ports.templates import Templates
from domain.machine_config import DEFAULT, MachineCatalogue, MachineSpec, NamedMachineSpec


@dataclass(frozen=True)
class MachineConfigs(CatalogueCommands[MachineSpec, Template]):
    templates: Templates  # the default one is what `default` is, unless the settings say something else
    catalogue_type = MachineCatalogue

    async def available(self) -> dict[str, Template]:
        return {DEFAULT: await self.templates.default()} | await super().available()

    async def made_from(self, name: str) -> NamedMachineSpec | None:
        """What a new machine is made from, as its event keeps it; None: the default template. Raises `Invalid`."""
        if name == DEFAULT and not super().is_fixed(name):
            return None
        return {"name": name, **spec_of(await self.require(name))}

    async def set(self, actor: Actor, name: str, template: Template) -> None:
        """Add a configuration, or change it for new machines. Raises `Invalid`, and `Conflict` for a fixed one."""
        await self._set(actor, name, spec_of(template))

    def is_fixed(self, name: str) -> bool:
        return name == DEFAULT or super().is_fixed(name)

    def to_value(self, name: str, entry: MachineSpec) -> Template:
        return template_of({"name": name, **entry})


def spec_of(template: Template) -> MachineSpec:
    """A template as events keep it, without its name."""
    return {
        "image": template.image,
        "command": None if template.command is None else list(template.command),
        "memory_mb": template.memory_mb,
        "cpus": template.cpus,
        "pids": template.pids,
        "ports": list(template.ports),
        "disk_mb": template.disk_mb,
        "user": template.user,
    }


def template_of(spec: NamedMachineSpec) -> Template:
    """The template that an event has kept."""
    return Template(
        spec["name"],
        spec["image"],
        command=None if spec["command"] is None else tuple(spec["command"]),
        memory_mb=spec["memory_mb"],
        cpus=spec["cpus"],
        pids=spec["pids"],
        ports=tuple(spec["ports"]),
        disk_mb=spec["disk_mb"],
        user=spec["user"],
    )
