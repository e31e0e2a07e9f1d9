"""Workshops: commands of instructors, of processes, and of the sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from application.access import Actor, Cause, require
from application.orphans import OrphanReports, needs_network
from application.platform import ConcurrentUpdate, Platform
from application.ports.clock import Clock
from application.ports.machines import Network
from application.ports.regions import Engines
from application.ports.workshops import Labels, Learners, Registrations, WorkshopKeys
from application.quotas import QuotaLimits
from domain.aggregate import Aggregate
from domain.errors import Invalid, NotFound
from domain.machine import Status
from domain.quota_defaults import Kind
from domain.region import LOCAL
from domain.unique_name import Code
from domain.workshop import Workshop
from domain.workspace import Workspace

MAX_ATTEMPTS = 20  # at a change, while others change the same workshop or its machines
MIN_API_KEY_CHARS, MAX_API_KEY_CHARS = 10, 1000


@dataclass(frozen=True)
class Workshops:
    """Commands on workshops."""

    platform: Platform
    clock: Clock
    engines: Engines
    labels: Labels
    keys: WorkshopKeys
    learners: Learners
    registrations: Registrations
    orphans: OrphanReports
    template: str | None  # of the seats' machines; None: the default template
    lasts: timedelta  # from its start, without extensions
    max_term: timedelta
    warning_lead: timedelta
    provision_patience: timedelta
    quotas: QuotaLimits

    # -- commands of instructors ----------------------------------------------------

    async def create(self, actor: Actor, *, name: str, seats: int, api_key: str) -> Workshop:
        """A new workshop with a new code.

        Raises `Invalid`, `QuotaExceeded`, and `ConcurrentUpdate` if no free code is found.
        """
        require(actor, "workshop.create")
        printable = api_key.isascii() and api_key.isprintable()
        if not MIN_API_KEY_CHARS <= len(api_key) <= MAX_API_KEY_CHARS or not printable:
            raise Invalid(f"api_key must be {MIN_API_KEY_CHARS} to {MAX_API_KEY_CHARS} characters of ASCII")
        for _ in range(MAX_ATTEMPTS):
            number, text, now = self.labels.new_number(), self.labels.new_code(), self.clock()
            workshop = Workshop.create(
                owner_id=actor.user_id, number=number, name=name, seats=seats, code=text, now=now
            )
            code = await self._take_code(text, workshop)
            if code is None or await self.platform.last_event(workshop.id):
                continue
            try:
                async with self.quotas.reserve(actor, Kind.SEATS, workshop.id, amount=seats):
                    await self.keys.store(workshop.id, api_key)  # first: a key without a workshop does no harm
                    await self.platform.commit(actor.cause, workshop, code)
                return workshop
            except ConcurrentUpdate:
                await self.keys.forget(workshop.id)  # the number or the code has just been taken
        raise ConcurrentUpdate("no code could be found that is free; try again")

    async def start(self, actor: Actor, number: str) -> Workshop:
        """Start a workshop; this returns before its seats have machines."""
        return await self._ask(
            actor, number, lambda workshop: workshop.start(self.lasts, self.clock(), self.warning_lead)
        )

    async def stop(self, actor: Actor, number: str) -> Workshop:
        """Stop a workshop; its machines are destroyed in the background."""
        return await self._ask(actor, number, lambda workshop: workshop.stop(self.clock()))

    async def extend(self, actor: Actor, number: str, seconds: int) -> Workshop:
        """Let a workshop run for so many seconds more."""

        def extend(workshop: Workshop) -> None:
            workshop.extend(seconds, self.max_term, self.clock(), self.warning_lead)

        return await self._ask(actor, number, extend)

    async def delete(self, actor: Actor, number: str) -> None:
        """Delete a workshop in any state. Its code is free from now on."""

        async def delete(workshop: Workshop) -> list[Aggregate]:
            require(actor, "workshop.manage", workshop.owner_id)
            workshop.delete(self.clock())
            code = await self.platform.load(Code, Code.id_of(workshop.code))
            code.free(workshop.id, self.clock())
            return [code]

        await self.platform.change_with(actor.cause, Workshop, Workshop.id_of(number), delete, MAX_ATTEMPTS)

    async def end_seat(self, actor: Actor, number: str, seat: int) -> None:
        """End a seat: its learner is out at once, and the seat is free again once it has a new machine."""
        learner_ids: list[UUID] = []

        async def end(workshop: Workshop) -> list[Aggregate]:
            require(actor, "workshop.manage", workshop.owner_id)
            learner_ids[:] = [place.learner_id for n, place in workshop.seats.items() if n == seat and place.learner_id]
            machine_id = workshop.end_seat(seat, self.clock())
            return await self._deleted_machines([machine_id] if machine_id else [])

        await self.platform.change_with(actor.cause, Workshop, Workshop.id_of(number), end, MAX_ATTEMPTS)
        await self.learners.forget(learner_ids)

    # -- commands of processes --------------------------------------------------

    async def request_machines(self, id: UUID, cause: Cause) -> None:
        """Request a machine for every seat without one: a workspace that the workshop owns."""
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
                    ttl_seconds=None,  # the machine ends with the workshop
                    max_term=self.max_term,
                    now=now,
                    patience=self.provision_patience,
                )
                for seat, machine_id in workshop.request_machines(now).items()
            ]

        await self.platform.change_with(cause, Workshop, id, request, MAX_ATTEMPTS)

    async def take_back(self, id: UUID, cause: Cause) -> None:
        """Delete every machine of a workshop; each is destroyed in the background."""

        async def take_back(workshop: Workshop) -> list[Aggregate]:
            return await self._deleted_machines(list(workshop.live_machines))

        await self.platform.change_with(cause, Workshop, id, take_back, MAX_ATTEMPTS)

    async def clear(self, id: UUID, cause: Cause) -> None:
        """Remove what outlives the machines: the network, the learners, and of a deleted workshop the API key."""
        workshop = await self.platform.load(Workshop, id)
        if workshop.live_machines or workshop.status != "stopping":
            return
        await (await self.engines.at(LOCAL)).ensure_no_network(id)
        await self.learners.forget_workshop(id)
        if workshop.deleted:
            await self.keys.forget(id)
            await self.registrations.forget_workshop(id)
        await self.platform.change(cause, Workshop, id, lambda workshop: workshop.stopped(self.clock()))

    async def warn(self, id: UUID, cause: Cause) -> None:
        """Record that a workshop is about to end."""
        await self.platform.change(cause, Workshop, id, lambda workshop: workshop.warn(self.clock()))

    async def expire(self, id: UUID, cause: Cause) -> None:
        """End a workshop whose time is over."""
        await self.platform.change(cause, Workshop, id, lambda workshop: workshop.expire(self.clock()))

    # -- commands of the sweep ------------------------------------------------------

    async def reconcile_network(self, network: Network, cause: Cause) -> bool:
        """Remove a network whose workshop needs none; one that another log may hold becomes an orphan.

        Returns whether it was removed.
        """
        try:
            workshop = await self.platform.load(Workshop, network.id)
        except NotFound:
            workshop = None
        if workshop and needs_network(workshop):
            return False
        engine = await self.engines.at(LOCAL)
        if workshop is None or not network.is_of_this_log:
            await self.orphans.network(network, engine.provider, LOCAL, cause)
            return False
        await engine.ensure_no_network(network.id)
        return True

    # -- helpers -----------------------------------------------------------------

    async def _ask(self, actor: Actor, number: str, decide: Callable[[Workshop], None]) -> Workshop:
        async def ask(workshop: Workshop) -> list[Aggregate]:
            require(actor, "workshop.manage", workshop.owner_id)
            decide(workshop)
            return []

        return await self.platform.change_with(actor.cause, Workshop, Workshop.id_of(number), ask, MAX_ATTEMPTS)

    async def _take_code(self, text: str, workshop: Workshop) -> Code | None:
        """The code, taken by this workshop; None if another workshop has it."""
        id, now = Code.id_of(text), self.clock()
        if await self.platform.last_event(id) is None:
            return Code(id=id, at=now, workshop_id=workshop.id)
        code = await self.platform.load(Code, id)
        return code if code.take(workshop.id, now) else None

    async def _deleted_machines(self, machine_ids: list[UUID]) -> list[Aggregate]:
        """Those of these machines that were not deleted yet, deleted now."""
        machines: list[Aggregate] = []
        for id in machine_ids:
            machine = await self.platform.load(Workspace, id)
            if machine.status != Status.ENDED:
                machine.delete(self.clock())
                machines.append(machine)
        return machines
