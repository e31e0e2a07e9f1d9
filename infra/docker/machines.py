"""`Machines` as Docker containers: one a workspace, found by name and recognised by label."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any
from uuid import UUID

from docker import APIClient
from docker.errors import APIError, NotFound

from application.ports.errors import EngineRefused, Unavailable
from application.ports.machines import Machine, MachineChange, Network, Template
from application.ports.regions import Region
from infra.docker.containers import (
    EPOCH_LABEL,
    SNAPSHOT_REPOSITORY,
    Containers,
    lacks_disk_limits,
    lacks_network,
    name_of,
)
from infra.docker.displays import DockerDisplays
from infra.docker.engine import CONFLICT_STATUS, DockerEngine, if_there, matches, reason, refusals
from infra.docker.events import EngineEvents
from infra.docker.execs import DockerExecs
from infra.docker.files import DockerFiles
from infra.docker.inspector import ContainerInspector
from infra.docker.programs import ContainerPrograms
from infra.docker.ssh_access import DockerSshAccess
from infra.docker.tmux import DockerTmuxHost

log = logging.getLogger(__name__)
STOP_TIMEOUT_S = 5  # a machine that is asked to end is killed after that
REMOVAL_TIMEOUT_S = 60  # for a removal that somebody else has begun
# Between attempts while another process creates or removes the same container: the engine takes its name before the
# container can be seen, and gives no notice when it can.
RETRY_PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
NO_DISK_LIMITS = (
    "the storage of this engine cannot limit a container's disk, so disk_mb has no effect: "
    "keep its data on XFS with project quotas, btrfs or zfs, and restart Tenure"
)


class DockerMachines(DockerSshAccess):
    """`Machines` of one Docker engine. A machine's published ports are other ones after each start.

    A container without this installation's labels does not exist for it: it is neither found nor touched.
    """

    provider, has_ssh = "docker", True

    def __init__(
        self,
        base_url: str | None,
        installation: UUID,
        host: str = "127.0.0.1",
        threads: int = 16,
        region: Region | None = None,
        epoch: UUID | None = None,
    ) -> None:
        """`base_url` None: the engine of DOCKER_HOST. `host`: where clients reach ports, unless a `region` says it.

        `epoch` is that of the log in use. None: the installation has only one.
        """
        self._engine = DockerEngine(base_url, threads, region.tls if region else None)
        self._execs = DockerExecs(base_url, region.tls if region else None)
        if region:
            self._containers = Containers(installation, region.host, region.name, region.publish_on, epoch)
        else:
            self._containers = Containers(installation, host, epoch=epoch)
        self._events = EngineEvents(self._engine, self._containers)
        self.limitation: str | None = None  # until the engine refuses a limit
        inspector = ContainerInspector(self._engine)
        programs = ContainerPrograms(self._execs, inspector.address)
        self.files, self.displays = DockerFiles(programs), DockerDisplays(programs, inspector)

    def close(self) -> None:
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
                await self._engine(if_there(lambda api: api.stop(name, timeout=STOP_TIMEOUT_S)))

    async def restart(self, workspace_id: UUID) -> Machine:
        name = name_of(workspace_id)
        with refusals("the machine cannot be restarted"):
            if await self.find(workspace_id):
                await self._engine(lambda api: api.stop(name, timeout=STOP_TIMEOUT_S))
                await self._start(name)
            if machine := await self.find(workspace_id):
                return machine
        raise EngineRefused("there is no machine to restart")

    async def ensure_gone(self, workspace_id: UUID) -> None:
        with refusals("the machine cannot be removed"):
            if await self.find(workspace_id):
                await self._remove(name_of(workspace_id))
            # Somebody may have renamed it, and so taken it away from its workspace, but not out of this installation.
            for renamed in await self._engine(lambda api: self._containers.list_ids(api, workspace_id)):
                await self._remove(renamed)
            await self._remove_snapshots(workspace_id)

    async def snapshot(self, workspace_id: UUID, snapshot_id: UUID) -> int:
        """Commit the container as an image. The size in bytes includes what it shares with the image it came from."""
        with refusals("the snapshot cannot be made"):
            size = await self._snapshot_size(workspace_id, snapshot_id)
            if size is None and await self.find(workspace_id) is None:
                raise EngineRefused("there is no machine to take a snapshot of")
            if size is None:
                # The container's own labels are kept beside these; an image is not what the epoch's label tells of.
                labels = [f"LABEL tenure.snapshot={snapshot_id}", f'LABEL {EPOCH_LABEL}=""']
                await self._engine.slowly(
                    lambda api: api.commit(
                        name_of(workspace_id), SNAPSHOT_REPOSITORY, str(snapshot_id), pause=True, changes=labels
                    )
                )
                size = await self._snapshot_size(workspace_id, snapshot_id)
        if size is None:
            raise Unavailable("docker", "the snapshot was removed while it was made")
        return size

    async def restore(self, workspace_id: UUID, template: Template, snapshot_id: UUID, operation_id: UUID) -> Machine:
        with refusals("the snapshot cannot be restored"):
            label = {"tenure.operation": str(operation_id)}
            details = await self._inspect(workspace_id)
            if details is None or not label.items() <= details["Config"]["Labels"].items():
                if await self._snapshot_size(workspace_id, snapshot_id) is None:
                    raise EngineRefused("there is no such snapshot of this machine")
                if details is not None:
                    await self._remove(name_of(workspace_id))
        return await self._ensure_running(workspace_id, template, f"{SNAPSHOT_REPOSITORY}:{snapshot_id}", label)

    async def find(self, workspace_id: UUID) -> Machine | None:
        with refusals("the machine cannot be looked at"):
            details = await self._inspect(workspace_id)
        return self._containers.from_inspection(details) if details else None

    async def all(self) -> list[Machine]:
        with refusals("the machines cannot be listed"):
            filters = self._containers.filters()
            summaries = await self._engine(lambda api: api.containers(all=True, filters=filters))
        return [machine for summary in summaries if (machine := self._containers.from_list(summary))]

    async def networks(self) -> list[Network]:
        with refusals("the networks cannot be listed"):
            networks: list[Network] = await self._engine(self._containers.networks)
        return networks

    async def ensure_no_network(self, network: UUID) -> None:
        try:
            await self._engine(if_there(lambda api: self._containers.remove_network(api, network)))
        except APIError as error:  # machines that are still being removed are on it
            raise Unavailable("docker", f"the network cannot be removed: {reason(str(error.explanation))}") from error

    def changes(self) -> AsyncGenerator[MachineChange]:
        """`application.ports.machines.ReportingEngine`."""
        return self._events.changes()

    # -- terminals ------------------------------------------------------------------------------------------

    def tmux_key(self, workspace_id: str) -> str:
        return workspace_id

    def tmux_host(self, key: str, name: str) -> DockerTmuxHost | None:
        """`infra.tmux.watch_pool.TerminalEngine`: every container has a tmux of its own."""
        try:
            return DockerTmuxHost(self._execs, name, key, name_of(UUID(key)))
        except ValueError:
            return None

    # -- containers -----------------------------------------------------------------------------------------

    async def _ensure_running(
        self, workspace_id: UUID, template: Template, image: str, labels: dict[str, str]
    ) -> Machine:
        """Create and start without looking first: mostly there is no container yet, and a look costs time."""
        with refusals("the machine cannot be started"):
            if (network := template.network) is not None:
                await self._engine(lambda api: self._containers.prepare_network(api, network))
            for pause_s in RETRY_PAUSES_S:
                is_new = await self._create(workspace_id, template, image, labels)
                if not is_new:
                    details = await self._inspect(workspace_id, name_needed=True)
                    if details and (machine := self._containers.from_inspection(details)) and machine.running:
                        return machine
                    if not details:  # the name is taken for a container that is being created or removed
                        await asyncio.sleep(pause_s)
                        continue
                if machine := await self._start_and_inspect(workspace_id, is_new, network):
                    return machine
        raise Unavailable("docker", "the machine goes away again and again while it is started")

    async def _start_and_inspect(self, workspace_id: UUID, is_new: bool, network: UUID | None) -> Machine | None:
        """None if the container went away meanwhile. One that `is_new` and cannot run is removed again."""
        name = name_of(workspace_id)
        try:
            await self._start(name, network)
            details = await self._inspect(workspace_id)
            if details and not details["State"]["Running"]:
                raise EngineRefused(f"the machine ended at once, with exit code {details['State']['ExitCode']}")
            return self._containers.from_inspection(details) if details else None
        except (APIError, EngineRefused) as error:
            if isinstance(error, APIError) and matches(error, "no such container"):
                return None
            if isinstance(error, APIError) and error.status_code == CONFLICT_STATUS and matches(error, "removal"):
                await self._wait_until_removed(name)
                return None
            if is_new:
                await self._remove(name)
            raise

    async def _create(self, workspace_id: UUID, template: Template, image: str, labels: dict[str, str]) -> bool:
        """Whether a container was made; False if there is one of that name already.

        The engine asks for the image before it looks at the name. A container that is there needs no image any more, so
        the image is fetched only where there is none.
        """

        def create(api: APIClient) -> None:
            limits_disk = self.limitation is None
            try:
                self._containers.create(api, workspace_id, template, image, labels, limits_disk)
            except APIError as error:
                if not (limits_disk and template.disk_mb and lacks_disk_limits(error)):
                    raise
                self.limitation = NO_DISK_LIMITS
                log.warning("this engine cannot limit disks", extra={"because": str(error.explanation)})
                self._containers.create(api, workspace_id, template, image, labels, False)

        try:
            try:
                await self._engine(create)
            except NotFound:
                name = name_of(workspace_id)
                if await self._engine(if_there(lambda api: api.inspect_container(name))):
                    return False
                await self._pull(image)
                await self._engine(create)
        except APIError as error:
            if error.status_code != CONFLICT_STATUS:
                raise
            return False
        return True

    async def _pull(self, image: str) -> None:
        def pull(api: APIClient) -> str | None:
            progress = list(api.pull(image, stream=True, decode=True))  # it answers 200, and fails in the stream
            return next((line["error"] for line in progress if "error" in line), None)

        try:
            error = await self._engine.slowly(pull)
        except APIError as refusal:
            error = str(refusal.explanation or refusal)
        if error:
            raise EngineRefused(f'the image "{image}" cannot be had: {reason(error)}')

    async def _start(self, name: str, network: UUID | None = None) -> None:
        try:
            await self._engine(lambda api: api.start(name))
        except APIError as error:
            if not lacks_network(error):
                raise
            await self._engine.slowly(lambda api: self._containers.start_on_network(api, name, network))

    async def _inspect(self, workspace_id: UUID, name_needed: bool = False) -> dict[str, Any] | None:
        """The engine's answer about the workspace's container; None if there is none of this installation.

        `name_needed`: raise `EngineRefused` if somebody else's container has its name.
        """
        name = name_of(workspace_id)
        details: dict[str, Any] | None = await self._engine(if_there(lambda api: api.inspect_container(name)))
        if details and not self._containers.from_inspection(details):
            if name_needed:
                raise EngineRefused(f"the name {name} is taken by a container of somebody else's")
            return None
        return details

    async def _remove(self, name: str) -> None:
        try:
            await self._engine(if_there(lambda api: api.remove_container(name, v=True, force=True)))
        except APIError as error:
            if error.status_code != CONFLICT_STATUS:
                raise
            await self._wait_until_removed(name)

    async def _wait_until_removed(self, name: str) -> None:
        def wait(api: APIClient) -> None:
            api.wait(name, timeout=REMOVAL_TIMEOUT_S, condition="removed")

        await self._engine.slowly(if_there(wait))

    # -- snapshots ------------------------------------------------------------------------------------------

    async def _snapshot_size(self, workspace_id: UUID, snapshot_id: UUID) -> int | None:
        """In bytes; None if there is no such snapshot. `EngineRefused` if it is another machine's."""
        image = await self._engine(if_there(lambda api: api.inspect_image(f"{SNAPSHOT_REPOSITORY}:{snapshot_id}")))
        if image is None:
            return None
        if not self._containers.labels(workspace_id).items() <= (image["Config"]["Labels"] or {}).items():
            raise EngineRefused("the snapshot is one of another machine")
        return int(image["Size"])

    async def _remove_snapshots(self, workspace_id: UUID) -> None:
        """Remove in rounds: an image that another snapshot was made from can only go after that one."""
        filters = self._containers.filters(workspace_id, "tenure.snapshot")
        refusal: APIError | None = None
        left: list[str] = []
        while images := await self._engine(lambda api: api.images(filters=filters)):
            left_before, left = left, sorted(image["Id"] for image in images)
            if left == left_before and refusal:
                raise refusal
            for image in left:
                try:
                    await self._engine(if_there(partial(APIClient.remove_image, image=image, force=True)))
                except APIError as error:
                    if error.status_code != CONFLICT_STATUS:
                        raise
                    refusal = error
