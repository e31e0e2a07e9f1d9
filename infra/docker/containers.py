"""What a machine is to a Docker engine: its names, labels, limits and network, and how it is read back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from uuid import UUID

from docker import APIClient
from docker.errors import APIError
from docker.types import LogConfig

from application.ports.machines import Machine, Template
from domain.region import LOCAL
from infra.docker.engine import says

# What an SSH server cannot do without; tried one by one. CHOWN: giving a terminal to who logged in.
# SETUID, SETGID: becoming them. SYS_CHROOT: shutting in whoever has not logged in yet. KILL: ending those who
# never do; without it every silent connection holds a process for good. AUDIT_WRITE: OpenSSH refuses a
# terminal whose login it cannot report. All else is dropped, and nothing gains more by executing a file.
CAPABILITIES = ["AUDIT_WRITE", "CHOWN", "KILL", "SETGID", "SETUID", "SYS_CHROOT"]
LOG_LIMITS = {"max-size": "10m", "max-file": "2"}

DISK, UNLIMITED = "tenure.disk", "not limited by this engine"  # the label, where a limit was asked for

NETWORK = "tenure.network"  # the label of a network that some machines have to themselves
SNAPSHOTS = "tenure-snapshot"  # the images' repository; the tag is the snapshot's id


def name_of(workspace_id: UUID) -> str:
    """The container's name, which is also what the port calls `provider_id`."""
    return f"tenure-{workspace_id}"


def lacks_disk_limits(error: APIError) -> bool:
    """Whether the engine's storage cannot limit a container's disk."""
    return says(error, r"storage-opt|storage opt|disk quota|quota")


def lacks_network(error: APIError) -> bool:
    """Whether a container could not be started for want of its network."""
    return says(error, r"network \S+ not found")


@dataclass(frozen=True)
class Containers:
    """How the machines of one installation are described to an engine, and recognised.

    `host` is what clients reach their ports under, `publish_on` the address that these are published on. Regions may
    share an engine: each has the machines that bear its label, and the local one those that bear none.
    """

    installation: UUID
    host: str
    region: str = LOCAL
    publish_on: str = "127.0.0.1"
    _mending: Lock = field(default_factory=Lock, repr=False)  # of networks, one at a time
    _made: set[UUID] = field(default_factory=set, repr=False)  # networks that were there when last we looked

    def network(self, of: UUID | None = None) -> str:
        """The name of the network of those that belong together; None: of all others."""
        return f"tenure-{self.installation}" if of is None else f"tenure-{self.installation}-{of}"

    def labels(self, workspace_id: UUID | None = None) -> dict[str, str]:
        """What marks a container or an image as this installation's, and as that workspace's."""
        whose = {"tenure.installation": str(self.installation)}
        if self.region != LOCAL:
            whose["tenure.region"] = self.region
        return whose if workspace_id is None else whose | {"tenure.workspace": str(workspace_id)}

    def filters(self, workspace_id: UUID | None = None, *labels: str) -> dict[str, list[str]]:
        """The same as a filter of the engine's lists; more labels narrow it."""
        return {"label": [*(f"{key}={value}" for key, value in self.labels(workspace_id).items()), *labels]}

    def create(
        self,
        api: APIClient,
        workspace_id: UUID,
        template: Template,
        image: str,
        labels: dict[str, str],
        disk_limits: bool = True,
    ) -> None:
        """The container, not started; it has what the template allows, and nothing more.

        Without `disk_limits` its disk is not limited, and it is labelled so.

        The engine's own init is not put before the command: a command that cannot be run would then
        seem to have been started.
        """
        limit, said = ({"size": f"{template.disk_mb}m"}, str(template.disk_mb)) if template.disk_mb else ({}, "")
        if not disk_limits:
            limit, said = {}, said and UNLIMITED
        if said:
            labels = labels | {DISK: said}
        api.create_container(
            image,
            list(template.command) if template.command is not None else None,
            name=name_of(workspace_id),
            hostname=workspace_id.hex[:12],
            labels=self.labels(workspace_id) | {"tenure.template": template.name} | labels,
            ports=list(template.ports),
            environment=dict(template.env),
            host_config=api.create_host_config(
                mem_limit=template.memory_mb << 20,
                memswap_limit=template.memory_mb << 20,  # memory and swap together: there is no swap
                nano_cpus=round(template.cpus * 1e9),
                pids_limit=template.pids,
                cap_drop=["ALL"],
                cap_add=CAPABILITIES,
                security_opt=["no-new-privileges"],
                restart_policy={"Name": "no"},
                log_config=LogConfig(type=LogConfig.types.JSON, config=LOG_LIMITS),
                network_mode=self.network(template.network),
                port_bindings={port: (self.publish_on, None) for port in template.ports},
                storage_opt=limit or None,
            ),
        )

    def start_on_network(self, api: APIClient, name: str, of: UUID | None = None) -> None:
        """Started where a first try found no network: that is made, and where need be joined again."""
        network = self.network(of)
        with self._mending:
            self.ensure_network(api, of)
            try:
                api.start(name)
            except APIError as error:
                if not lacks_network(error):
                    raise
                # A container that has run remembers its network by an id; this one was made anew since.
                with suppress(APIError):  # which says that it was not on it
                    api.disconnect_container_from_network(name, network, force=True)
                api.connect_container_to_network(name, network)
                api.start(name)

    def ensure_network(self, api: APIClient, of: UUID | None = None) -> None:
        """A bridge on which machines reach the world, but not one another."""
        name, whose = self.network(of), self.labels() | ({} if of is None else {NETWORK: str(of)})
        try:
            api.create_network(
                name,
                driver="bridge",
                labels=whose,
                options={
                    "com.docker.network.bridge.enable_icc": "false",
                    # The names of networks need not be unique, those of bridges are: whoever is second is
                    # refused. An interface's name has at most 15 characters.
                    "com.docker.network.bridge.name": f"tenure-{(of or self.installation).hex[:8]}",
                },
            )
        except APIError:
            if not api.networks(names=[name]):
                raise

    def prepare_network(self, api: APIClient, of: UUID) -> None:
        """It is there before those that belong together all ask for it at once."""
        with self._mending:
            if of not in self._made:
                self.ensure_network(api, of)
                self._made.add(of)

    def remove_network(self, api: APIClient, of: UUID) -> None:
        self._made.discard(of)
        for found in api.networks(filters=self.filters(None, f"{NETWORK}={of}")):
            api.remove_network(found["Id"])

    def networks(self, api: APIClient) -> list[UUID]:
        found = api.networks(filters=self.filters(None, NETWORK))
        return [UUID(network["Labels"][NETWORK]) for network in found]

    def inspected(self, found: dict[str, Any]) -> Machine | None:
        """From what the engine says of one container; None if it is not this installation's."""
        published = found["NetworkSettings"]["Ports"] or {}
        ports = {inside.removesuffix("/tcp"): int(bound[0]["HostPort"]) for inside, bound in published.items() if bound}
        return self._machine(found["Config"]["Labels"], found["Name"], found["Id"], found["State"]["Running"], ports)

    def listed(self, found: dict[str, Any]) -> Machine | None:
        """From a line of the engine's list."""
        ports = {
            str(port["PrivatePort"]): int(port["PublicPort"]) for port in found["Ports"] or [] if "PublicPort" in port
        }
        running = found["State"] in ("running", "paused")
        return self._machine(found["Labels"], found["Names"][0], found["Id"], running, ports)

    def _machine(
        self, labels: dict[str, str] | None, name: str, engine_id: str, running: bool, ports: dict[str, int]
    ) -> Machine | None:
        labels = labels or {}
        try:
            workspace_id = UUID(labels["tenure.workspace"])
        except (KeyError, ValueError):
            return None
        # The name counts as well: what others start from a snapshot has its labels.
        if not self.labels(workspace_id).items() <= labels.items() or name.lstrip("/") != name_of(workspace_id):
            return None
        if labels.get("tenure.region", LOCAL) != self.region:
            return None
        connection: dict[str, Any] = {"host": self.host, "ports": ports}
        if limit := labels.get(DISK):
            connection["disk_mb"] = int(limit) if limit.isdecimal() else limit
        return Machine(workspace_id, name_of(workspace_id), engine_id, bool(running), connection)
