"""An engine of machines in memory. A test can make it slow or unreachable, or let it lose its answers."""

from __future__ import annotations

from uuid import UUID, uuid4

from application.ports.errors import EngineRefused, Unavailable
from application.ports.machines import Machine, Network, Template
from application.ports.ssh_access import Admission
from tests.support.fake_effects import FakeEffects, Hook, no_hook


class Engine(FakeEffects):
    """The `Machines` port in memory. `machines` and `snapshots` hold what exists."""

    SERVICE, NAME = "engine", "the engine"
    provider, has_ssh = "fake", True
    limitation: str | None = None

    def __init__(self, before: Hook = no_hook, after: Hook = no_hook) -> None:
        super().__init__(before, after)
        self.machines: dict[UUID, Machine] = {}
        self.snapshots: dict[UUID, set[UUID]] = {}
        self.restored: dict[UUID, UUID] = {}
        self.templates: dict[UUID, Template] = {}  # what each was last made from
        self.keys: dict[UUID, str] = {}  # of holders, by machine
        self.used: set[UUID] = set()  # machines that somebody is logged in to
        self.guests: dict[UUID, dict[UUID, Admission]] = {}  # who can log in, by machine
        self.versions: dict[UUID, int] = {}  # the newest that was asked about a guest
        self.on_networks: dict[UUID, set[UUID]] = {}  # by network, who was made on it
        self.environments: dict[UUID, dict[str, str]] = {}  # the environment of each machine
        self.of_another_log: set[UUID] = set()  # networks that the log in use has not made
        self.created_count = 0  # machines ever created

    async def ping(self) -> None:
        await self._effect("ping", None, lambda: None)

    async def has(self, image: str) -> bool:
        return True

    async def ensure_running(self, workspace_id: UUID, template: Template) -> Machine:
        def run() -> Machine:
            if self.refuses:
                raise EngineRefused(self.refuses)
            self.templates[workspace_id] = template
            if template.network is not None:
                self.on_networks.setdefault(template.network, set()).add(workspace_id)
            self.environments[workspace_id] = dict(template.env)
            return self._run(workspace_id)

        return await self._effect("ensure_running", workspace_id, run)

    def _run(self, id: UUID) -> Machine:
        machine = self.machines.get(id)
        if machine is None:
            self.created_count += 1
        engine_id = machine.engine_id if machine else uuid4().hex
        self.machines[id] = Machine(id, f"tenure-{id}", engine_id, True, {"host": "127.0.0.1"})
        return self.machines[id]

    def _halt(self, id: UUID) -> None:
        if machine := self.machines.get(id):
            self.machines[id] = Machine(id, machine.provider_id, machine.engine_id, False, machine.connection)

    async def ensure_stopped(self, workspace_id: UUID) -> None:
        await self._effect("ensure_stopped", workspace_id, lambda: self._halt(workspace_id))

    async def restart(self, workspace_id: UUID) -> Machine:
        def restart() -> Machine:
            if workspace_id not in self.machines:
                raise EngineRefused("there is no machine to restart")
            return self._run(workspace_id)

        return await self._effect("restart", workspace_id, restart)

    async def ensure_gone(self, workspace_id: UUID) -> None:
        def go() -> None:
            self.machines.pop(workspace_id, None)
            self.guests.pop(workspace_id, None)
            self.snapshots.pop(workspace_id, None)
            for workspaces in self.on_networks.values():
                workspaces.discard(workspace_id)

        await self._effect("ensure_gone", workspace_id, go)

    async def snapshot(self, workspace_id: UUID, snapshot_id: UUID) -> int:
        def take() -> int:
            if workspace_id not in self.machines:
                raise EngineRefused("there is no machine to take a snapshot of")
            self.snapshots.setdefault(workspace_id, set()).add(snapshot_id)
            return 1000

        return await self._effect("snapshot", workspace_id, take)

    async def restore(self, workspace_id: UUID, template: Template, snapshot_id: UUID, operation_id: UUID) -> Machine:
        def restore() -> Machine:
            if snapshot_id not in self.snapshots.get(workspace_id, ()):
                raise EngineRefused("there is no such snapshot")
            if self.restored.get(workspace_id) != operation_id:
                self.machines.pop(workspace_id, None)
            self.restored[workspace_id] = operation_id
            return self._run(workspace_id)

        return await self._effect("restore", workspace_id, restore)

    async def find(self, workspace_id: UUID) -> Machine | None:
        return await self._effect("find", workspace_id, lambda: self.machines.get(workspace_id))

    async def all(self) -> list[Machine]:
        return await self._effect("all", None, lambda: list(self.machines.values()))

    async def give_key(self, workspace_id: UUID, user: str, pub_key: str) -> None:
        await self._effect("give_key", workspace_id, lambda: self.keys.__setitem__(workspace_id, pub_key))

    async def admit(self, workspace_id: UUID, admission: Admission) -> None:
        def admit() -> None:
            inside = self.guests.setdefault(workspace_id, {})
            if any(other.user == admission.user and other.guest_id != admission.guest_id for other in inside.values()):
                raise EngineRefused("that user name is taken on the machine; approve with another one")
            if self._is_new(admission.guest_id, admission.version):
                inside[admission.guest_id] = admission

        await self._effect("admit", workspace_id, admit)

    async def is_used(self, workspace_id: UUID) -> bool:
        return await self._effect("is_used", workspace_id, lambda: workspace_id in self.used)

    async def revoke(self, workspace_id: UUID, guest_id: UUID, version: int) -> None:
        def revoke() -> None:
            if self._is_new(guest_id, version):
                self.guests.get(workspace_id, {}).pop(guest_id, None)

        await self._effect("revoke", workspace_id, revoke)

    def _is_new(self, guest_id: UUID, version: int) -> bool:
        before = self.versions.get(guest_id, 0)
        self.versions[guest_id] = max(before, version)
        return version >= before

    async def networks(self) -> list[Network]:
        def list_networks() -> list[Network]:
            return [Network(id, f"network-{id}", id not in self.of_another_log) for id in self.on_networks]

        return await self._effect("networks", None, list_networks)

    async def ensure_no_network(self, network: UUID) -> None:
        def go() -> None:
            if self.on_networks.get(network):
                raise Unavailable("engine", "there are machines on it")
            self.on_networks.pop(network, None)

        await self._effect("ensure_no_network", network, go)

    def close(self) -> None:
        """Does nothing: another Tenure of the same test can use the engine."""
