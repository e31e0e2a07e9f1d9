"""Virtual machines: configurations, and starting and stopping them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from application.access import Actor, require
from application.guesses import guess_at
from application.platform import ConcurrentUpdate, Platform
from application.ports.clock import Clock, Ids
from application.ports.limits import AttemptLimiter
from application.ports.passwords import VmPasswords
from application.quotas import QuotaLimits
from application.vm_machines import VmMachines
from domain.aggregate import Aggregate
from domain.errors import Conflict, Invalid, NotAllowed, NotFound
from domain.quota_defaults import Kind
from domain.unique_name import VmId
from domain.user_type import UserType
from domain.vm.document import Document, RawDocument
from domain.vm.vm_config import VmConfig
from domain.vm_state import State

MAX_ATTEMPTS = 8  # at storing a machine while others take the same id
MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS = 1, 1000


class Stale(Conflict):
    """The configuration has changed since the client read it."""

    code = "stale"


class WrongVmPassword(NotAllowed):
    """The machine is private, and this is not its password."""


@dataclass(frozen=True)
class Change:
    """What a patch makes of a configuration."""

    document: RawDocument
    sets_password: bool = False
    password: str | None = None  # None: the machine has no password from now on


Patch = Callable[[Document, State], Change]  # called again if somebody else was faster
Precondition = Callable[[VmConfig], bool]  # whether it is still what the client has read


@dataclass(frozen=True)
class VmConfigs:
    """Commands on virtual machines."""

    platform: Platform
    clock: Clock
    ids: Ids
    machines: VmMachines
    passwords: VmPasswords
    attempt_limiter: AttemptLimiter  # of the passwords of private machines
    quotas: QuotaLimits

    async def create(self, actor: Actor, document: RawDocument, password: str | None = None) -> VmConfig:
        """A new machine. Raises `Invalid` with device and field; `Conflict` for a taken id; `QuotaExceeded`."""
        require(actor, "vm.configure")
        self.machines.require()
        config = VmConfig.create(self.ids(), document, self.clock())
        self.machines.check(config.document)
        if password is not None:
            config.set_password(await self._store_password(actor, config.id, password), self.clock())
        try:
            async with self.quotas.reserve(actor, Kind.MACHINES, config.id):
                await self._store(actor, config)
        except Conflict:
            await self.passwords.forget(config.id)
            raise
        return config

    async def patch(self, actor: Actor, vm: str, patch: Patch, precondition: Precondition) -> tuple[VmConfig, bool]:
        """Change a configuration. Returns it, and whether the changes need a restart.

        Raises `Stale` if the precondition fails, and whatever `patch` raises.
        """
        require(actor, "vm.configure")

        async def decide(config: VmConfig) -> list[Aggregate]:
            require_precondition(config, precondition)
            change = patch(config.document, config.state)
            config.patch(change.document, self.clock())
            self.machines.check(config.document)
            if change.sets_password:
                id = None if change.password is None else await self._store_password(actor, config.id, change.password)
                config.set_password(id, self.clock())
            return []

        config = await self.platform.change_with(actor.cause, VmConfig, await self.id_of(vm), decide)
        await self.passwords.forget(config.id, except_id=config.password_id)
        return config, config.state != State.STOPPED and await self.machines.apply_now(config.id, actor.cause)

    async def delete(self, actor: Actor, vm: str, precondition: Precondition) -> None:
        """Delete a machine in any state; it is switched off. Its images stay. Raises `Stale`."""
        require(actor, "vm.configure")

        async def delete(config: VmConfig) -> list[Aggregate]:
            require_precondition(config, precondition)
            config.delete(self.clock())
            vm_id = await self.platform.load(VmId, VmId.id_of(vm))
            vm_id.free(config.id, self.clock())
            return [vm_id]

        await self.platform.change_with(actor.cause, VmConfig, await self.id_of(vm), delete)

    async def start(self, actor: Actor, vm: str) -> VmConfig:
        """Start a machine; this returns before it runs."""
        return await self._order(actor, vm, lambda config: config.start(self.clock()))

    async def stop(self, actor: Actor, vm: str) -> VmConfig:
        """Stop a machine as its power switch would; this returns before it is off."""
        return await self._order(actor, vm, lambda config: config.stop(self.clock()))

    async def restart(self, actor: Actor, vm: str) -> VmConfig:
        """Restart a machine on its present configuration; this returns before it runs."""
        return await self._order(actor, vm, lambda config: config.restart(self.clock()))

    async def revisions(self, actor: Actor, vm: str) -> VmConfig:
        """A machine with every revision of its configuration. Raises `NotFound`."""
        require(actor, "vm.see")
        return await self.platform.load(VmConfig, await self.id_of(vm))

    async def admit(self, actor: Actor, id: UUID, private: bool, password: str) -> None:
        """Return if the actor may see the machine. A private one needs its password, except for administrators.

        Wrong passwords are counted by actor and by machine. Raises `NotAllowed` for a key whose scopes do not
        allow to see it, `WrongVmPassword`, and then `TooMany`.
        """
        require(actor, "vm.view")
        if not private or actor.user_type == UserType.ADMINISTRATOR:
            return
        source = str(actor.user_id)
        async with guess_at(self.attempt_limiter, f"vm password {id} {source}", f"vm password {id}") as guess:
            if not await self.check_password(id, password, source):
                guess.wrong()
                raise WrongVmPassword("this machine is private, and needs its password")
            guess.right()

    async def check_password(self, id: UUID, password: str, source: str) -> bool:
        """Whether this is the password of a private machine. Without a stored password, none is right."""
        config = await self.platform.load(VmConfig, id)
        return config.password_id is not None and await self.passwords.verify(config.password_id, password, source)

    async def id_of(self, vm: str) -> UUID:
        """The aggregate's id of the machine with this VM id. Raises `NotFound`."""
        try:
            subject_id = (await self.platform.load(VmId, VmId.id_of(vm))).subject_id
        except NotFound:
            subject_id = None
        if subject_id is None:
            raise NotFound("no such virtual machine")
        return subject_id

    # -- helpers -------------------------------------------------------------------

    async def _order(self, actor: Actor, vm: str, decide: Callable[[VmConfig], None]) -> VmConfig:
        require(actor, "vm.operate")
        self.machines.require()
        return await self.platform.change(actor.cause, VmConfig, await self.id_of(vm), decide)

    async def _store(self, actor: Actor, config: VmConfig) -> None:
        for left in reversed(range(MAX_ATTEMPTS)):
            try:
                return await self.platform.commit(
                    actor.cause, config, await self._take_id(config.document["id"], config.id)
                )
            except ConcurrentUpdate:
                if not left:
                    raise

    async def _take_id(self, vm: str, id: UUID) -> VmId:
        """The index entry of a VM id, taken for this machine. Raises `Conflict` if another machine has it."""
        if await self.platform.last_event(VmId.id_of(vm)) is None:
            return VmId(id=VmId.id_of(vm), at=self.clock(), vm_id=id)
        vm_id = await self.platform.load(VmId, VmId.id_of(vm))
        vm_id.take(id, self.clock())
        return vm_id

    async def _store_password(self, actor: Actor, vm: UUID, password: str) -> UUID:
        """Store a password's hash before the event that names it: without the event it has no effect."""
        if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
            raise Invalid(f"password must be {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")
        id = self.ids()
        await self.passwords.store(id, vm, password, str(actor.user_id))
        return id


def require_precondition(config: VmConfig, precondition: Precondition) -> None:
    """Raises `Stale` if the configuration is no longer what the client has read."""
    if not precondition(config):
        raise Stale("its configuration was changed meanwhile; look at it again")
