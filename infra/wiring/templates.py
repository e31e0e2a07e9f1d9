"""The templates of the settings, with the images that Tenure's recipes have built on an engine."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from application.ports.errors import Unavailable
from application.ports.machines import Machines, Template
from infra.settings import BUILT_IN_IMAGES, SLEEP_COMMAND, Settings

# The programs that a built-in template is named for, as a host may call them.
PROGRAMS = {"nodejs": ("node", "nodejs"), "python": ("python3", "python")}
# As infra/images/workspace.sh and infra/images/languages.sh build them.
OWN_IMAGES = {"default": "tenure-workspace:latest", "nodejs": "tenure-nodejs:latest", "python": "tenure-python:latest"}


@dataclass
class EngineTemplates:
    """`application.ports.templates.Templates`. Each engine is asked once, as soon as it answers."""

    settings: Settings
    local: Machines
    _available: dict[int, Mapping[str, Template]] = field(default_factory=dict)  # by the id of the engine's object

    async def available(self, engine: Machines) -> Mapping[str, Template]:
        if engine.provider == "local":
            return local_templates(self.settings)
        if engine.provider != "docker":
            return templates_of(self.settings)
        if id(engine) not in self._available:
            built = {name: image for name, image in OWN_IMAGES.items() if await engine.has(image)}
            self._available[id(engine)] = templates_of(self.settings, built)
        return self._available[id(engine)]

    async def default(self) -> Template:
        try:
            templates = await self.available(self.local)
        except Unavailable:
            templates = templates_of(self.settings)
        return templates.get(self.settings.default_template) or templates["default"]


def templates_of(settings: Settings, built: Mapping[str, str] = MappingProxyType({})) -> dict[str, Template]:
    """Every template by name: the built-in ones, replaced or joined by those of the settings.

    `built` are the images of Tenure's own recipes that are there, by template. Another image that is set is one of the
    default template only: nothing tells whether there is a Node or a Python in it.
    """
    built_in = {name: Template(name, image, SLEEP_COMMAND) for name, image in BUILT_IN_IMAGES.items()}
    if settings.workspace_image:
        built_in, built = {}, {**built, "default": settings.workspace_image}
    built_in |= {name: Template(name, image, ports=(22,)) for name, image in built.items()}
    return built_in | {name: Template(name, **dict(setting)) for name, setting in settings.templates.items()}


def local_templates(settings: Settings) -> dict[str, Template]:
    """The templates of machines that are directories of this host, without the built-in ones whose program it lacks."""
    lacking = {name for name, programs in PROGRAMS.items() if not any(map(shutil.which, programs))}
    templates = templates_of(settings)
    return {name: template for name, template in templates.items() if name in settings.templates or name not in lacking}
