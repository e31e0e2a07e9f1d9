"""The images that virtual machines have for drives."""

from __future__ import annotations

from typing import Protocol

from domain.vm.devices import Drive


class Images(Protocol):
    """Looks at the images of drives."""

    async def size(self, drive: Drive) -> int:
        """The drive's size in bytes, as a machine sees it; 0 where there is no such image."""
        ...
