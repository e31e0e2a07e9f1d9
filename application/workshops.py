"""What can be asked of workshops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from application.access import Actor, Cause, require
from application.platform import ConcurrentUpdate, Platform
from application.ports.clock import Clock
from application.ports.regions import Engines
from application.ports.workshops import Labels, Learners, Registrations, WorkshopKeys
from domain.aggregate import Aggregate
from domain.errors import Invalid, NotFound
from domain.machine import Status
from domain.region import LOCAL
from domain.unique_name import Code
from domain.workshop import Workshop
from domain.workspace import Workspace

ROUNDS = 20  # of tries, while others change the same workshop or its machines
KEY_LENGTH = (10, 1000)  # characters of an API key


@dataclass(frozen=True)
class Workshops:
    platform: Platform
    clock: Clock
    engines: Engines
    labels: Labels
    keys: WorkshopKeys
    learners: Learners
    registrations: Registrations
    template: str | None  # of the seats' machines; None: the default one
    lasts: timedelta  # from its start, unless it is extended
    longest: timedelta

    # -- asked by instructors ----------------------------------------------------

    async def create(self, actor: Actor, *, name: str, seats: int, api_key: str) -> Workshop:
        require(actor, "workshop.create")
        if not KEY_LENGTH[0] <= len(api_key) <= KEY_LENGTH[1] or not (api_key.isascii() and api_key.isprintable()):
            raise Invalid("api_key must be {} to {} characters of ASCII".format(*KEY_LENGTH))
        for _ in range(ROUNDS):
            number, text, now = self.labels.number(), self.labels.code(), self.clock()
            made = Workshop.create(owner_id=actor.user_id, number=number, name=name, seats=seats, code=text, now=now)
            code = await self._taken(text, made)
            if code is None or await self.platform.last_event(made.id):
                continue
            await self.keys.keep(made.id, api_key)  # first: one that no workshop has does no harm
            try:
                await self.platform.commit(actor.cause, made, code)
                return made
            except ConcurrentUpdate:
                await self.keys.forget(made.id)  # somebody had the number or the code a moment before
        raise ConcurrentUpdate("no code could be found that is free; try again")

    async def start(self, actor: Actor, number: str) -> Workshop:
        """It is under way when this returns, not done."""
        return await self._ask(actor, number, lambda it: it.start(self.lasts, self.clock()))

    async def stop(self, actor: Actor, number: str) -> Workshop:
        """The same: what it had is being taken back."""
        return await self._ask(actor, number, lambda it: it.stop(self.clock()))

    async def extend(self, actor: Actor, number: str, seconds: int) -> Workshop:
        return await self._ask(actor, number, lambda it: it.extend(seconds, self.longest, self.clock()))

    async def delete(self, actor: Actor, number: str) -> None:
        """In whatever state it is. Its code is free from now on."""

        async def delete(workshop: Workshop) -> list[Aggregate]:
            require(actor, "workshop.manage", workshop.owner_id)
            workshop.delete(self.clock())
            code = await self.platform.load(Code, Code.id_of(workshop.code))
            code.free(workshop.id, self.clock())
            return [code]

        await self.platform.change_with(actor.cause, Workshop, Workshop.id_of(number), delete, ROUNDS)

    async def end_seat(self, actor: Actor, number: str, seat: int) -> None:
        """Whoever sits there is out at once; the seat can be taken again when it has another machine."""
        left: list[UUID] = []

        async def end(workshop: Workshop) -> list[Aggregate]:
            require(actor, "workshop.manage", workshop.owner_id)
            left[:] = [it.learner_id for n, it in workshop.seats.items() if n == seat and it.learner_id]
            machine_id = workshop.end_seat(seat, self.clock())
            return await self._given_back([machine_id] if machine_id else [])

        await self.platform.change_with(actor.cause, Workshop, Workshop.id_of(number), end, ROUNDS)
        await self.learners.forget(left)

    # -- asked by the processes --------------------------------------------------

    async def request_machines(self, id: UUID, cause: Cause) -> None:
        """For every seat that lacks one: each is a workspace of the workshop's own."""

        provider = (await self.engines.at(LOCAL)).provider

        async def request(workshop: Workshop) -> list[Aggregate]:
            now = self.clock()
            return [
                Workspace.request(
                    id=machine_id,
                    owner_id=workshop.id,
                    name=f"{workshop.number} seat {seat}",
                    template=self.template,
                    provider=provider,
                    ttl_seconds=None,  # it ends with the workshop
                    longest=self.longest,
                    now=now,
                )
                for seat, machine_id in workshop.request_machines(now).items()
            ]

        await self.platform.change_with(cause, Workshop, id, request, ROUNDS)

    async def take_back(self, id: UUID, cause: Cause) -> None:
        """Every machine that it has; each is destroyed in its own time."""

        async def take_back(workshop: Workshop) -> list[Aggregate]:
            return await self._given_back(list(workshop.standing))

        await self.platform.change_with(cause, Workshop, id, take_back, ROUNDS)

    async def clear(self, id: UUID, cause: Cause) -> None:
        """What is left when no machine is: the network, what is known of learners, and of a deleted one the key."""
        workshop = await self.platform.load(Workshop, id)
        if workshop.standing or workshop.status != "stopping":
            return
        await (await self.engines.at(LOCAL)).ensure_no_network(id)
        await self.learners.forget_workshop(id)
        if workshop.deleted:
            await self.keys.forget(id)
            await self.registrations.forget_workshop(id)
        await self.platform.change(cause, Workshop, id, lambda it: it.stopped(self.clock()))

    async def warn(self, id: UUID, cause: Cause) -> None:
        await self.platform.change(cause, Workshop, id, lambda it: it.warn(self.clock()))

    async def expire(self, id: UUID, cause: Cause) -> None:
        await self.platform.change(cause, Workshop, id, lambda it: it.expire(self.clock()))

    # -- asked by the sweep ------------------------------------------------------

    async def reconcile_network(self, id: UUID) -> bool:
        """Remove the network of a workshop that has none to have. Returns whether it was one of those."""
        try:
            workshop = await self.platform.load(Workshop, id)
        except NotFound:
            workshop = None
        if workshop and (workshop.standing or workshop.status not in ("created", "stopped")):
            return False
        await (await self.engines.at(LOCAL)).ensure_no_network(id)
        return True

    # -- helpers -----------------------------------------------------------------

    async def _ask(self, actor: Actor, number: str, decide: Callable[[Workshop], None]) -> Workshop:
        async def ask(workshop: Workshop) -> list[Aggregate]:
            require(actor, "workshop.manage", workshop.owner_id)
            decide(workshop)
            return []

        return await self.platform.change_with(actor.cause, Workshop, Workshop.id_of(number), ask, ROUNDS)

    async def _taken(self, text: str, by: Workshop) -> Code | None:
        """The code, taken by this workshop; None if it is another's."""
        id, now = Code.id_of(text), self.clock()
        if await self.platform.last_event(id) is None:
            return Code(id=id, at=now, workshop_id=by.id)
        code = await self.platform.load(Code, id)
        return code if code.take(by.id, now) else None

    async def _given_back(self, machine_ids: list[UUID]) -> list[Aggregate]:
        """These machines, deleted, where they are not yet."""
        given_back: list[Aggregate] = []
        for id in machine_ids:
            machine = await self.platform.load(Workspace, id)
            if machine.status != Status.ENDED:
                machine.delete(self.clock())
                given_back.append(machine)
        return given_back
