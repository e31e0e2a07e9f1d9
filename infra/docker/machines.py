"""Machines as Docker containers, one a workspace, found by name and known by label."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any
from uuid import UUID

from docker import APIClient
from docker.errors import APIError, NotFound

from application.ports.errors import EngineRefused, Unavailable
from application.ports.machines import Machine, Template
from application.ports.regions import Region
from infra.docker.containers import SNAPSHOTS, Containers, lacks_disk_limits, lacks_network, name_of
from infra.docker.displays import DockerDisplays
from infra.docker.engine import CONFLICT, DockerEngine, if_there, reason, refusals, says
from infra.docker.execs import DockerExecs
from infra.docker.files import DockerFiles
from infra.docker.inspect import Looks
from infra.docker.programs import Programs
from infra.docker.ssh_access import DockerDoors
from infra.docker.tmux import DockerTmux

log = logging.getLogger(__name__)
STOP_SECONDS = 5  # from asking a machine to end until it is killed
REMOVAL_SECONDS = 60  # a removal by somebody else that is waited for
# Seconds between attempts, while others create or remove the same container: the engine gives a name away
# before there is a container to be seen, and tells nobody when there is.
PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


class DockerMachines(DockerDoors):
    """A machine's connection is `{"host", "ports": {"22": 49153}}`; a port is another one after each start.

    A container without this installation's label does not exist here: it is neither found nor touched.
    """

    provider = "docker"

    def __init__(
        self,
        base_url: str | None,
        installation: UUID,
        host: str = "127.0.0.1",
        threads: int = 16,
        region: Region | None = None,
    ) -> None:
        self._engine = DockerEngine(base_url, threads, region.tls if region else None)
        self._ours = Containers(installation, host)
        self._execs = DockerExecs(base_url, region.tls if region else None)
        if region:
            self._ours = Containers(installation, region.host, region.name, region.publish_on)
        self._limits_disks = True  # until the engine says otherwise
        looks = Looks(self._engine)
        programs = Programs(self._execs, looks.address)
        self.files, self.displays = DockerFiles(programs), DockerDisplays(programs, looks)

    def close(self) -> None:
        """Let the threads go; calls that are under way end by themselves."""
        self._engine.close()

    async def ping(self) -> None:
        with refusals("the Docker engine is not well"):
            await self._engine(lambda api: api.ping())

    async def has(self, image: str) -> bool:
        with refusals("the image cannot be looked for"):
            return bool(await self._engine(lambda api: api.images(image)))

    async def ensure_running(self, workspace_id: UUID, template: Template) -> Machine:
        return await self._ensure_running(workspace_id, template, template.image, {})

    async def ensure_stopped(self, workspace_id: UUID) -> None:
        name = name_of(workspace_id)
        with refusals("the machine cannot be stopped"):
            if await self.find(workspace_id):
                await self._engine(if_there(lambda api: api.stop(name, timeout=STOP_SECONDS)))

    async def restart(self, workspace_id: UUID) -> Machine:
        name = name_of(workspace_id)
        with refusals("the machine cannot be restarted"):
            if await self.find(workspace_id):
                await self._engine(lambda api: api.stop(name, timeout=STOP_SECONDS))
                await self._start(name)
            if machine := await self.find(workspace_id):
                return machine
        raise EngineRefused("there is no machine to restart")

    async def ensure_gone(self, workspace_id: UUID) -> None:
        with refusals("the machine cannot be removed"):
            if await self.find(workspace_id):
                await self._remove(name_of(workspace_id))
            await self._remove_snapshots(workspace_id)

    async def snapshot(self, workspace_id: UUID, snapshot_id: UUID) -> int:
        """The size counts everything in it, also what it shares with the image that it was made from."""
        with refusals("the snapshot cannot be made"):
            size = await self._snapshot_size(workspace_id, snapshot_id)
            if size is None and await self.find(workspace_id) is None:
                raise EngineRefused("there is no machine to take a snapshot of")
            if size is None:
                label = f"LABEL tenure.snapshot={snapshot_id}"  # beside the container's, which it keeps
                await self._engine.patiently(
                    lambda api: api.commit(
                        name_of(workspace_id), SNAPSHOTS, str(snapshot_id), pause=True, changes=[label]
                    )
                )
                size = await self._snapshot_size(workspace_id, snapshot_id)
        if size is None:
            raise Unavailable("docker", "the snapshot was removed while it was made")
        return size

    async def restore(self, workspace_id: UUID, template: Template, snapshot_id: UUID, operation_id: UUID) -> Machine:
        with refusals("the snapshot cannot be restored"):
            label = {"tenure.operation": str(operation_id)}
            found = await self._inspect(workspace_id)
            if found is None or not label.items() <= found["Config"]["Labels"].items():
                if await self._snapshot_size(workspace_id, snapshot_id) is None:
                    raise EngineRefused("there is no such snapshot of this machine")
                if found is not None:
                    await self._remove(name_of(workspace_id))
        return await self._ensure_running(workspace_id, template, f"{SNAPSHOTS}:{snapshot_id}", label)

    async def find(self, workspace_id: UUID) -> Machine | None:
        with refusals("the machine cannot be looked at"):
            found = await self._inspect(workspace_id)
        return self._ours.inspected(found) if found else None

    async def all(self) -> list[Machine]:
        with refusals("the machines cannot be listed"):
            found = await self._engine(lambda api: api.containers(all=True, filters=self._ours.filters()))
        return [machine for one in found if (machine := self._ours.listed(one))]

    async def networks(self) -> list[UUID]:
        with refusals("the networks cannot be listed"):
            found: list[UUID] = await self._engine(self._ours.networks)
        return found

    async def ensure_no_network(self, network: UUID) -> None:
        try:
            await self._engine(if_there(lambda api: self._ours.remove_network(api, network)))
        except APIError as error:  # there is something on it: that is going, too
            raise Unavailable("docker", f"the network cannot be removed: {reason(str(error.explanation))}") from error

    # -- terminals ------------------------------------------------------------------------------------------

    def place_of(self, workspace_id: str) -> str:
        return workspace_id

    def place(self, called: str, name: str) -> DockerTmux | None:
        """`infra.tmux.watch_pool.HasTerminals`: every container has a tmux of its own."""
        try:
            return DockerTmux(self._execs, name, called, name_of(UUID(called)))
        except ValueError:
            return None

    # -- containers -----------------------------------------------------------------------------------------

    async def _ensure_running(
        self, workspace_id: UUID, template: Template, image: str, labels: dict[str, str]
    ) -> Machine:
        """Created and started without a look first: mostly there is nothing yet, and a look costs time."""
        with refusals("the machine cannot be started"):
            if (of := template.network) is not None:
                await self._engine(lambda api: self._ours.prepare_network(api, of))
            for pause in PAUSES:
                created = await self._create(workspace_id, template, image, labels)
                if not created:
                    found = await self._inspect(workspace_id, needed=True)
                    if found and (machine := self._ours.inspected(found)) and machine.running:
                        return machine
                    if not found:  # somebody has the name and not yet the container, or not any more
                        await asyncio.sleep(pause)
                        continue
                if machine := await self._started(workspace_id, created, of):
                    return machine
        raise Unavailable("docker", "the machine goes away again and again while it is started")

    async def _started(self, workspace_id: UUID, created: bool, of: UUID | None) -> Machine | None:
        """None if it went away meanwhile. One that was `created` for this and cannot run is removed again."""
        name = name_of(workspace_id)
        try:
            await self._start(name, of)
            found = await self._inspect(workspace_id)
            if found and not found["State"]["Running"]:
                raise EngineRefused(f"the machine ended at once, with exit code {found['State']['ExitCode']}")
            return self._ours.inspected(found) if found else None
        except (APIError, EngineRefused) as error:
            if isinstance(error, APIError) and says(error, "no such container"):
                return None
            if isinstance(error, APIError) and error.status_code == CONFLICT and says(error, "removal"):
                await self._wait_until_removed(name)
                return None
            if created:
                await self._remove(name)
            raise

    async def _create(self, workspace_id: UUID, template: Template, image: str, labels: dict[str, str]) -> bool:
        """Whether it was made now; not so, if there is one of that name."""

        def create(api: APIClient) -> None:
            try:
                self._ours.create(api, workspace_id, template, image, labels, self._limits_disks)
            except APIError as error:
                if not (self._limits_disks and template.disk_mb and lacks_disk_limits(error)):
                    raise
                self._limits_disks = False
                log.warning("this engine cannot limit disks", extra={"because": str(error.explanation)})
                self._ours.create(api, workspace_id, template, image, labels, self._limits_disks)

        try:
            try:
                await self._engine(create)
            except NotFound:
                await self._pull(image)
                await self._engine(create)
        except APIError as error:
            if error.status_code != CONFLICT:
                raise
            return False
        return True

    async def _pull(self, image: str) -> None:
        def pull(api: APIClient) -> str | None:
            said = list(api.pull(image, stream=True, decode=True))  # it answers 200, and fails in the stream
            return next((line["error"] for line in said if "error" in line), None)

        try:
            error = await self._engine.patiently(pull)
        except APIError as refusal:
            error = str(refusal.explanation or refusal)
        if error:
            raise EngineRefused(f'the image "{image}" cannot be had: {reason(error)}')

    async def _start(self, name: str, of: UUID | None = None) -> None:
        try:
            await self._engine(lambda api: api.start(name))
        except APIError as error:
            if not lacks_network(error):
                raise
            await self._engine.patiently(lambda api: self._ours.start_on_network(api, name, of))

    async def _inspect(self, workspace_id: UUID, needed: bool = False) -> dict[str, Any] | None:
        """All that the engine knows of it; None if there is none, or only one that is not ours.

        `EngineRefused` for the latter, where the name is `needed`.
        """
        name = name_of(workspace_id)
        found = await self._engine(if_there(lambda api: api.inspect_container(name)))
        if found and not self._ours.inspected(found):
            if needed:
                raise EngineRefused(f"the name {name} is taken by a container of somebody else's")
            return None
        return found  # type: ignore[no-any-return]

    async def _remove(self, name: str) -> None:
        try:
            await self._engine(if_there(lambda api: api.remove_container(name, v=True, force=True)))
        except APIError as error:
            if error.status_code != CONFLICT:
                raise
            await self._wait_until_removed(name)

    async def _wait_until_removed(self, name: str) -> None:
        def wait(api: APIClient) -> None:
            api.wait(name, timeout=REMOVAL_SECONDS, condition="removed")

        await self._engine.patiently(if_there(wait))

    # -- snapshots ------------------------------------------------------------------------------------------

    async def _snapshot_size(self, workspace_id: UUID, snapshot_id: UUID) -> int | None:
        """In bytes; None if there is no such snapshot."""
        image = await self._engine(if_there(lambda api: api.inspect_image(f"{SNAPSHOTS}:{snapshot_id}")))
        if image is None:
            return None
        if not self._ours.labels(workspace_id).items() <= (image["Config"]["Labels"] or {}).items():
            raise EngineRefused("the snapshot is one of another machine")
        return int(image["Size"])

    async def _remove_snapshots(self, workspace_id: UUID) -> None:
        """One that others stand on, taken after it was restored, goes after them: in rounds."""
        filters = self._ours.filters(workspace_id, "tenure.snapshot")
        refused: APIError | None = None
        left: list[str] = []
        while images := await self._engine(lambda api: api.images(filters=filters)):
            before, left = left, sorted(image["Id"] for image in images)
            if left == before and refused:
                raise refused
            for image in left:
                try:
                    await self._engine(if_there(partial(APIClient.remove_image, image=image, force=True)))
                except APIError as error:
                    if error.status_code != CONFLICT:
                        raise
                    refused = error
