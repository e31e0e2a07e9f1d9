"""The settings of virtual machines: what can be set, and that nothing is said where nothing changes."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import Invalid
from domain.vm_server import DEFAULTS, VmServer
from tests.support.stories.vm_accounts import as_it_comes, closed_to_strangers
from tests.support.story import T0


def test_only_what_changes_is_said() -> None:
    as_it_comes.when(VmServer.configure, dict(DEFAULTS), T0).nothing()
    as_it_comes.when(VmServer.configure, {}, T0).nothing()
    closed = {"registrations_open": False}
    as_it_comes.when(VmServer.configure, DEFAULTS | closed, T0).then(VmServer.Configured, changes=closed)
    closed_to_strangers.when(VmServer.configure, closed, T0).nothing()
    assert closed_to_strangers.state.settings == DEFAULTS | closed


@pytest.mark.parametrize("name", ["messages_max_rate", "messages_max_count"])
@pytest.mark.parametrize("value", [0, -1, 10**9, float("nan"), float("inf")])
def test_limits_are_within_reason(name: str, value: Any) -> None:
    as_it_comes.when(VmServer.configure, {name: value}, T0).refused(Invalid, name)
