"""Who may see a private machine, and how often somebody may guess its password."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast
from uuid import UUID, uuid5

import pytest

from application.access import Actor, Cause
from application.ports.errors import TooMany
from application.ports.passwords import VmPasswords
from application.vm_configs import VmConfigs, WrongVmPassword
from application.vm_machines import VmMachines
from domain.user_type import UserType
from domain.vm.vm_config import VmConfig
from infra.auth.attempt_limiter import PerMinuteAttemptLimiter
from tests.support.memory_platform import memory_platform
from tests.support.stories.vms import document
from tests.support.story import SUBJECT, T0

MAX_GUESSES = 3
PASSWORD_ID = uuid5(SUBJECT, "password")
ADA = Actor(uuid5(SUBJECT, "ada"), "ada", "", user_type=UserType.ADMINISTRATOR)
BOB = Actor(uuid5(SUBJECT, "bob"), "bob", "", user_type=UserType.USER)


class OnePassword:
    """`VmPasswords` with one row."""

    async def verify(self, id: UUID, password: str) -> bool:
        return id == PASSWORD_ID and password == "open sesame"


@pytest.fixture
async def configs() -> AsyncIterator[VmConfigs]:
    platform = memory_platform()
    limiter = PerMinuteAttemptLimiter(None, MAX_GUESSES)
    passwords = cast(VmPasswords, OnePassword())
    configs = VmConfigs(platform, lambda: T0, lambda: SUBJECT, cast(VmMachines, None), passwords, limiter)
    await platform.commit(Cause(), VmConfig.create(SUBJECT, document(private=True), T0))
    yield configs
    platform.close()


async def set_password(configs: VmConfigs) -> None:
    await configs.platform.change(Cause(), VmConfig, SUBJECT, lambda config: config.set_password(PASSWORD_ID, T0))


async def test_a_private_machine_is_seen_with_its_password_and_by_administrators(configs: VmConfigs) -> None:
    # given
    await set_password(configs)
    # when
    await configs.admit(BOB, SUBJECT, True, "open sesame", "home")
    await configs.admit(ADA, SUBJECT, True, "", "home")
    for password in ("", "wrong"):
        with pytest.raises(WrongVmPassword):
            await configs.admit(BOB, SUBJECT, True, password, "home")


async def test_a_machine_that_is_not_private_needs_no_password(configs: VmConfigs) -> None:
    await configs.admit(BOB, SUBJECT, False, "", "home")


async def test_without_a_stored_password_every_password_is_wrong(configs: VmConfigs) -> None:
    for password in ("", "open sesame"):
        with pytest.raises(WrongVmPassword):
            await configs.admit(BOB, SUBJECT, True, password, "home")


async def test_wrong_passwords_are_counted_by_guesser(configs: VmConfigs) -> None:
    # given
    await set_password(configs)
    # when
    for _ in range(MAX_GUESSES):
        with pytest.raises(WrongVmPassword):
            await configs.admit(BOB, SUBJECT, True, "wrong", "home")
    # then
    with pytest.raises(TooMany):
        await configs.admit(BOB, SUBJECT, True, "open sesame", "home")
    await configs.admit(BOB, SUBJECT, True, "open sesame", "elsewhere")
    await configs.admit(ADA, SUBJECT, True, "", "home")
