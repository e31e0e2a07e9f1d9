"""Displays over VNC, where there is none."""

from __future__ import annotations

import gc
import socket
from uuid import UUID, uuid4

import pytest

from domain.errors import NotFound
from infra.video.vnc_displays import VncDisplays


@pytest.mark.fault("F16")
async def test_displays_that_are_not_there_do_not_fill_the_memory() -> None:
    async def connect(vm: UUID) -> socket.socket:
        raise NotFound("the machine has no display")

    displays = VncDisplays(connect)
    for _ in range(100):
        with pytest.raises(NotFound):
            async with displays.watch(uuid4()):
                pass
    gc.collect()
    assert displays.remembered == 0
