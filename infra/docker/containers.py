"""How a machine is described to a Docker engine (names, labels, limits, network), and how it is read back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any
from uuid import UUID

from docker import APIClient
from docker.errors import APIError
from docker.types import LogConfig

from application.ports.machines import Machine, Network, Template
from domain.machine import MachineConnection, MachineEnd
from domain.region import LOCAL
from infra.docker.bridges import BRIDGE_PREFIX
from infra.docker.engine import matches

# The capabilities without which an SSH server fails, tried one by one; see capabilities(7).
# CHOWN gives a terminal to the user who logs in. SETUID and SETGID switch to that user. SYS_CHROOT isolates a
# connection before its login. KILL ends a connection that never logs in: without it every silent one holds a process
# for good. AUDIT_WRITE: OpenSSH refuses a terminal whose login it cannot report.
CAPABILITIES = ["AUDIT_WRITE", "CHOWN", "KILL", "SETGID", "SETUID", "SYS_CHROOT"]
LOG_LIMITS = {"max-size": "10m", "max-file": "2"}

DISK_LABEL = "tenure.disk"  # of a container whose template limits its disk: the limit in MB, or `UNLIMITED`
UNLIMITED = "not limited by this engine"
NETWORK_LABEL = "tenure.network"  # of a network that some machines have to themselves
EPOCH_LABEL = "tenure.epoch"  # of the log that has made it; images of snapshots have it empty; 0.1 set none
SNAPSHOT_REPOSITORY = "tenure-snapshot"  # of the images that are snapshots; the tag is the snapshot's id

INSTALLATION_LABEL, WORKSPACE_LABEL, REGION_LABEL = "tenure.installation", "tenure.workspace", "tenure.region"
HOSTNAME_CHARS = 12
BRIDGE_ID_CHARS = 8  # with `BRIDGE_PREFIX` 15 characters, the most that Linux allows an interface's name


def name_of(workspace_id: UUID) -> str:
    """The name of a workspace's container, which is also its machine's `provider_id`."""
    return f"tenure-{workspace_id}"


def lacks_disk_limits(error: APIError) -> bool:
    """Whether the engine refused because its storage cannot limit a container's disk."""
    return matches(error, r"storage-opt|storage opt|disk quota|quota")


def lacks_network(error: APIError) -> bool:
    """Whether a container was not started because its network is missing."""
    return matches(error, r"network \S+ not found")


@dataclass(frozen=True)
class Containers:
    """How the machines of one installation and region are described to an engine, and recognised.

    `host` is the address by which clients reach published ports; `publish_on` is the address of the engine's host that
    the ports are published on. Regions may share an engine: a region's machines bear its label, and those of the local
    region bear none. `epoch` is that of the log in use.
    """

    installation: UUID
    host: str
    region: str = LOCAL
    publish_on: str = "127.0.0.1"
    epoch: UUID | None = None  # None: the installation has one only
    _network_lock: Lock = field(default_factory=Lock, repr=False)
    _ready_networks: set[UUID] = field(default_factory=set, repr=False)  # seen on the engine by this process

    def network_name(self, network: UUID | None = None) -> str:
        """The name of a network; None: the one of all machines that have no network of their own."""
        return f"tenure-{self.installation}" if network is None else f"tenure-{self.installation}-{network}"

    def labels(self, workspace_id: UUID | None = None) -> dict[str, str]:
        """The labels that mark a container, an image or a network as this installation's, and as a workspace's."""
        labels = {INSTALLATION_LABEL: str(self.installation)}
        if self.region != LOCAL:
            labels[REGION_LABEL] = self.region
        return labels if workspace_id is None else labels | {WORKSPACE_LABEL: str(workspace_id)}

    @property
    def epoch_label(self) -> dict[str, str]:
        """The label that says which epoch of the log has made something."""
        return {EPOCH_LABEL: str(self.epoch or self.installation)}

    def filters(self, workspace_id: UUID | None = None, *labels: str) -> dict[str, list[str]]:
        """The same labels as a filter of the engine's lists; `labels` narrow it."""
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
        """Create the container without starting it; it gets what the template allows, and nothing more.

        Without `disk_limits` its disk is not limited, and its label says so. Raises `APIError`.

        The engine's own init is not put before the command: a command that cannot be run would then seem to have been
        started.
        """
        storage = {}
        if template.disk_mb:
            if disk_limits:
                storage = {"size": f"{template.disk_mb}m"}
            labels = labels | {DISK_LABEL: str(template.disk_mb) if disk_limits else UNLIMITED}
        api.create_container(
            image,
            list(template.command) if template.command is not None else None,
            name=name_of(workspace_id),
            hostname=workspace_id.hex[:HOSTNAME_CHARS],
            labels=self.labels(workspace_id) | self.epoch_label | {"tenure.template": template.name} | labels,
            ports=list(template.ports),
            environment=dict(template.env),
            host_config=api.create_host_config(
                mem_limit=template.memory_mb << 20,
                memswap_limit=template.memory_mb << 20,  # memory and swap together: there is no swap
                nano_cpus=round(template.cpus * 1e9),
                pids_limit=template.pids,
                cap_drop=["ALL"],
                cap_add=CAPABILITIES,
                security_opt=["no-new-privileges"],  # executing a setuid file gains nothing
                restart_policy={"Name": "no"},
                log_config=LogConfig(type=LogConfig.types.JSON, config=LOG_LIMITS),
                network_mode=self.network_name(template.network),
                port_bindings={port: (self.publish_on, None) for port in template.ports},
                storage_opt=storage or None,
            ),
        )

    def start_on_network(self, api: APIClient, name: str, network: UUID | None = None) -> None:
        """Start a container whose network was missing: make the network, and where need be join it anew."""
        network_name = self.network_name(network)
        with self._network_lock:
            self.ensure_network(api, network)
            try:
                api.start(name)
            except APIError as error:
                if not lacks_network(error):
                    raise
                # A container that has run knows its network by an id, and the network of that id is gone.
                with suppress(APIError):  # it may not have been on it
                    api.disconnect_container_from_network(name, network_name, force=True)
                api.connect_container_to_network(name, network_name)
                api.start(name)

    def ensure_network(self, api: APIClient, network: UUID | None = None) -> None:
        """Make a bridge on which machines reach the world, but not one another, unless it is there."""
        name = self.network_name(network)
        try:
            api.create_network(
                name,
                driver="bridge",
                labels=self.labels() | self.epoch_label | ({} if network is None else {NETWORK_LABEL: str(network)}),
                options={
                    "com.docker.network.bridge.enable_icc": "false",
                    # Docker lets two networks have one name, but not one bridge: so the second creation is refused.
                    "com.docker.network.bridge.name": (
                        f"{BRIDGE_PREFIX}{(network or self.installation).hex[:BRIDGE_ID_CHARS]}"
                    ),
                },
            )
        except APIError:
            if not api.networks(names=[name]):
                raise

    def prepare_network(self, api: APIClient, network: UUID) -> None:
        """Make a network once, before many machines that belong together ask for it at the same time."""
        with self._network_lock:
            if network not in self._ready_networks:
                self.ensure_network(api, network)
                self._ready_networks.add(network)

    def remove_network(self, api: APIClient, network: UUID) -> None:
        """Remove a network. `APIError` while there are containers on it."""
        self._ready_networks.discard(network)
        for details in api.networks(filters=self.filters(None, f"{NETWORK_LABEL}={network}")):
            api.remove_network(details["Id"])

    def networks(self, api: APIClient) -> list[Network]:
        """The networks that some machines of this installation have to themselves."""
        return [
            Network(UUID(labels[NETWORK_LABEL]), details["Id"], self._is_of_this_log(labels))
            for details in api.networks(filters=self.filters(None, NETWORK_LABEL))
            if (labels := details["Labels"])
        ]

    def list_ids(self, api: APIClient, workspace_id: UUID) -> list[str]:
        """The engine's ids of the containers that were made for a workspace, whatever their names are by now.

        One that somebody has started from a snapshot is not among them: it has the empty label of the snapshot's image.
        """
        containers = api.containers(all=True, filters=self.filters(workspace_id, EPOCH_LABEL))
        return [container["Id"] for container in containers if container["Labels"][EPOCH_LABEL]]

    def _is_of_this_log(self, labels: dict[str, str]) -> bool:
        return self.epoch_label.items() <= labels.items()

    def from_inspection(self, details: dict[str, Any]) -> Machine | None:
        """The machine from the engine's "Inspect a container"; None if it is not this installation's."""
        published = details["NetworkSettings"]["Ports"] or {}
        ports = {inside.removesuffix("/tcp"): int(bound[0]["HostPort"]) for inside, bound in published.items() if bound}
        labels, state = details["Config"]["Labels"], details["State"]
        machine = self._machine(labels, details["Name"], details["Id"], state["Running"], ports)
        if machine is None or machine.running:
            return machine and replace(machine, started_at=state["StartedAt"])
        has_run = not str(state["FinishedAt"]).startswith("0001")  # the zero time, of one that has never been started
        return replace(machine, end=end_of(state["ExitCode"], bool(state["OOMKilled"]))) if has_run else machine

    def from_list(self, summary: dict[str, Any]) -> Machine | None:
        """The machine from one entry of the engine's "List containers"; None if it is not this installation's."""
        ports = {
            str(port["PrivatePort"]): int(port["PublicPort"]) for port in summary["Ports"] or [] if "PublicPort" in port
        }
        is_running = summary["State"] in ("running", "paused")
        return self._machine(summary["Labels"], summary["Names"][0], summary["Id"], is_running, ports)

    def _machine(
        self, labels: dict[str, str] | None, name: str, engine_id: str, running: bool, ports: dict[str, int]
    ) -> Machine | None:
        labels = labels or {}
        try:
            workspace_id = UUID(labels[WORKSPACE_LABEL])
        except (KeyError, ValueError):
            return None
        # Labels alone do not tell: a container that somebody starts from a snapshot inherits them.
        if not self.labels(workspace_id).items() <= labels.items() or name.lstrip("/") != name_of(workspace_id):
            return None
        if labels.get(REGION_LABEL, LOCAL) != self.region:
            return None
        connection = MachineConnection(host=self.host, ports=ports)
        if limit := labels.get(DISK_LABEL):
            connection["disk_mb"] = int(limit) if limit.isdecimal() else limit
        return Machine(
            workspace_id,
            name_of(workspace_id),
            engine_id,
            bool(running),
            connection,
            is_of_this_log=self._is_of_this_log(labels),
        )


def end_of(exit_code: int | None, out_of_memory: bool, from_outside: bool = False) -> MachineEnd:
    """Why a container ended. `from_outside`: the engine was asked to end it, and not by Tenure."""
    code = "" if exit_code is None else f" (exit code {exit_code})"
    if out_of_memory:
        reason = f"its machine was out of memory and was killed{code}; start it again, or ask for one with more memory"
    elif from_outside:
        reason = f"its machine was stopped on the engine, not by Tenure{code}; start it again"
    else:
        reason = f"its machine has ended{code}; start it again"
    return MachineEnd(
        reason=reason, exit_code=exit_code, out_of_memory=out_of_memory, from_outside=from_outside and not out_of_memory
    )
