"""What machines can be made from on an engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from application.ports.machines import Machines, Template


class Templates(Protocol):
    """The templates, by name. A template holds what its name says, or is not among them."""

    async def available(self, engine: Machines) -> Mapping[str, Template]:
        """Those that machines of an engine can be made from: the engine knows which images were built.

        Raises `Unavailable` until the engine has answered once.
        """
        ...

    async def default(self) -> Template:
        """The default template of the local engine, as far as it is known. Raises nothing."""
        ...
