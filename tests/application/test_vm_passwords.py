"""Who may see a private machine, and how often somebody may guess its password."""

from __future__ import annotations

import asyncio
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
from tests.support.quotas import no_quotas
from tests.support.stories.vms import document
from tests.support.story import SUBJECT, T0

MAX_GUESSES = 3
PASSWORD_ID = uuid5(SUBJECT, "password")
ADA = Actor(uuid5(SUBJECT, "ada"), "ada", "", user_type=UserType.ADMINISTRATOR)
BOB, EVE = (Actor(uuid5(SUBJECT, name), name, "", user_type=UserType.USER) for name in ("bob", "eve"))


class OnePassword:
    """`VmPasswords` with one row."""

    async def verify(self, id: UUID, password: str, source: str) -> bool:
        return id == PASSWORD_ID and password == "open sesame"


@pytest.fixture
async def configs() -> AsyncIterator[VmConfigs]:
    platform = memory_platform()
    limiter = PerMinuteAttemptLimiter(None, MAX_GUESSES)
    passwords = cast(VmPasswords, OnePassword())
    configs = VmConfigs(
        platform, lambda: T0, lambda: SUBJECT, cast(VmMachines, None), passwords, limiter, no_quotas(platform)
    )
    await platform.commit(Cause(), VmConfig.create(SUBJECT, document(private=True), T0))
    yield configs
    platform.close()


async def set_password(configs: VmConfigs) -> None:
    await configs.platform.change(Cause(), VmConfig, SUBJECT, lambda config: config.set_password(PASSWORD_ID, T0))


async def test_a_private_machine_is_seen_with_its_password_and_by_administrators(configs: VmConfigs) -> None:
    # given
    await set_password(configs)
    # when
    await configs.admit(BOB, SUBJECT, True, "open sesame")
    await configs.admit(ADA, SUBJECT, True, "")
    for password in ("", "wrong"):
        with pytest.raises(WrongVmPassword):
            await configs.admit(BOB, SUBJECT, True, password)


async def test_a_machine_that_is_not_private_needs_no_password(configs: VmConfigs) -> None:
    await configs.admit(BOB, SUBJECT, False, "")


async def test_without_a_stored_password_every_password_is_wrong(configs: VmConfigs) -> None:
    for password in ("", "open sesame"):
        with pytest.raises(WrongVmPassword):
            await configs.admit(BOB, SUBJECT, True, password)


@pytest.mark.fault("F16")
async def test_wrong_passwords_are_counted_by_guesser(configs: VmConfigs) -> None:
    # given
    await set_password(configs)
    # when
    for _ in range(MAX_GUESSES):
        with pytest.raises(WrongVmPassword):
            await configs.admit(BOB, SUBJECT, True, "wrong")
    # then
    with pytest.raises(TooMany):
        await configs.admit(BOB, SUBJECT, True, "open sesame")
    await configs.admit(EVE, SUBJECT, True, "open sesame")
    await configs.admit(ADA, SUBJECT, True, "")


@pytest.mark.fault("F14")
async def test_of_31_passwords_at_once_no_more_are_checked_than_the_limit(configs: VmConfigs) -> None:
    # given
    await set_password(configs)
    # when
    passwords = [f"wrong {n}" for n in range(30)] + ["open sesame"]
    outcomes = await asyncio.gather(
        *(configs.admit(BOB, SUBJECT, True, password) for password in passwords), return_exceptions=True
    )
    # then
    assert [type(outcome) for outcome in outcomes] == [WrongVmPassword] * MAX_GUESSES + [TooMany] * 28
