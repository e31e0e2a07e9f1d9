"""What administrators can ask of virtual machines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from application.access import Actor, require
from application.platform import ConcurrentUpdate, Platform
from application.ports.clock import Clock, Ids
from application.ports.passwords import VmPasswords
from application.vm_machines import VmMachines
from domain.aggregate import Aggregate
from domain.errors import Conflict, Invalid, NotFound
from domain.unique_name import VmId
from domain.vm.document import Document
from domain.vm_config import VmConfig
from domain.vm_state import State

TRIES = 8  # while others take the same id
PASSWORD = (1, 1000)  # characters


class Stale(Conflict):
    """It is not what the asker has seen any more."""

    code = "stale"


@dataclass(frozen=True)
class Change:
    """What a configuration is to become."""

    document: Document
    sets_password: bool = False
    password: str | None = None  # None: there is none any more


Patch = Callable[[Document, State], Change]  # may be called again, on what is true then
Seen = Callable[[VmConfig], bool]  # whether it is as the asker has seen it


@dataclass(frozen=True)
class VmConfigs:
    platform: Platform
    clock: Clock
    ids: Ids
    machines: VmMachines
    passwords: VmPasswords

    async def create(self, actor: Actor, document: Document, password: str | None = None) -> VmConfig:
        """`Invalid`: with the device and the field; `Conflict` for an id that another machine has."""
        require(actor, "vm.configure")
        self.machines.require()
        made = VmConfig.create(self.ids(), document, self.clock())
        self.machines.check(document)
        if password is not None:
            made.set_password(await self._keep(made.id, password), self.clock())
        try:
            await self._store(actor, made)
        except Conflict:
            await self.passwords.forget(made.id)
            raise
        return made

    async def patch(self, actor: Actor, vm: str, patch: Patch, seen: Seen) -> tuple[VmConfig, bool]:
        """The machine, and whether it takes a restart until it runs on all that was changed now.

        Whatever is wrong with the patch, nothing is changed. Raises `Stale`.
        """
        require(actor, "vm.configure")

        async def decide(it: VmConfig) -> list[Aggregate]:
            unchanged(it, seen)
            change = patch(it.document, it.state)
            it.patch(change.document, self.clock())
            self.machines.check(it.document)
            if change.sets_password:
                id = None if change.password is None else await self._keep(it.id, change.password)
                it.set_password(id, self.clock())
            return []

        it = await self.platform.change_with(actor.cause, VmConfig, await self.id_of(vm), decide)
        await self.passwords.forget(it.id, but=it.password_id)
        return it, it.state != State.STOPPED and await self.machines.apply_now(it.id, actor.cause)

    async def delete(self, actor: Actor, vm: str, seen: Seen) -> None:
        """In whatever state it is: it is off then, and forgotten. Its images stay. Raises `Stale`."""
        require(actor, "vm.configure")

        async def delete(it: VmConfig) -> list[Aggregate]:
            unchanged(it, seen)
            it.delete(self.clock())
            id = await self.platform.load(VmId, VmId.id_of(vm))
            id.free(it.id, self.clock())
            return [id]

        await self.platform.change_with(actor.cause, VmConfig, await self.id_of(vm), delete)

    async def start(self, actor: Actor, vm: str) -> VmConfig:
        """It is under way when this returns, not done."""
        return await self._order(actor, vm, lambda it: it.start(self.clock()))

    async def stop(self, actor: Actor, vm: str) -> VmConfig:
        """The same: as by its power switch."""
        return await self._order(actor, vm, lambda it: it.stop(self.clock()))

    async def restart(self, actor: Actor, vm: str) -> VmConfig:
        """The same: it then runs on its configuration as it is now."""
        return await self._order(actor, vm, lambda it: it.restart(self.clock()))

    async def revisions(self, actor: Actor, vm: str) -> VmConfig:
        """It, with all that its configuration has been. Raises `NotFound`."""
        require(actor, "vm.see")
        return await self.platform.load(VmConfig, await self.id_of(vm))

    async def opens(self, id: UUID, password: str) -> bool:
        """Whether this is the password of a private machine. One that has none is opened by none."""
        it = await self.platform.load(VmConfig, id)
        return it.password_id is not None and await self.passwords.check(it.password_id, password)

    async def id_of(self, vm: str) -> UUID:
        """Of the machine that goes by this id. Raises `NotFound`."""
        try:
            found = (await self.platform.load(VmId, VmId.id_of(vm))).subject_id
        except NotFound:
            found = None
        if found is None:
            raise NotFound("no such virtual machine")
        return found

    # -- helpers -------------------------------------------------------------------

    async def _order(self, actor: Actor, vm: str, decide: Callable[[VmConfig], None]) -> VmConfig:
        require(actor, "vm.operate")
        self.machines.require()
        return await self.platform.change(actor.cause, VmConfig, await self.id_of(vm), decide)

    async def _store(self, actor: Actor, made: VmConfig) -> None:
        for left in reversed(range(TRIES)):
            try:
                return await self.platform.commit(actor.cause, made, await self._taken(made.document["id"], made.id))
            except ConcurrentUpdate:
                if not left:
                    raise

    async def _taken(self, vm: str, id: UUID) -> VmId:
        """`Conflict` where it is another's."""
        if await self.platform.last_event(VmId.id_of(vm)) is None:
            return VmId(id=VmId.id_of(vm), at=self.clock(), vm_id=id)
        taken = await self.platform.load(VmId, VmId.id_of(vm))
        taken.take(id, self.clock())
        return taken

    async def _keep(self, vm: UUID, password: str) -> UUID:
        """Before the event that tells of it: a hash that no event tells of opens nothing."""
        if not PASSWORD[0] <= len(password) <= PASSWORD[1]:
            raise Invalid("password must be {} to {} characters".format(*PASSWORD))
        id = self.ids()
        await self.passwords.keep(id, vm, password)
        return id


def unchanged(it: VmConfig, seen: Seen) -> None:
    if not seen(it):
        raise Stale("its configuration was changed meanwhile; look at it again")
