"""Which connections the server takes: a number for each address, and as many in all as descriptors allow."""

from __future__ import annotations

import os
import resource
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Protocol

Networks = Sequence[IPv4Network | IPv6Network]
MAX_DESCRIPTORS = 16_384  # that the process asks for, where the host allows it
FDS_PER_CONNECTION = 2  # its own, and one that its request may need: a file, a terminal, an engine's connection
MIN_CONNECTIONS = 16
IPV6_PREFIX_BITS = 64  # one customer has a whole network of these, so it counts as one address


class Refusal(Enum):
    """Why a connection is not taken."""

    ADDRESS = "this address has as many connections here as one address may have"
    SERVER = "this server has as many connections as it can hold"


@dataclass(frozen=True)
class ConnectionLimits:
    """The limits of connections, and the deadlines of each in seconds."""

    per_address: int  # and never more than half of `total`: the rest is for others
    total: int
    head_s: float  # from the first byte of a request, or from the connection's begin, until its head has ended
    stall_s: float  # without a byte of a body that was promised, or with nothing taken of an answer
    exempt: Networks  # addresses without a limit of their own: this machine, and proxies that carry many clients


class Connection(Protocol):
    """A connection that can be ended."""

    def give_up(self) -> None:
        """Close: it waits for a request that has not come, and others need its place."""
        ...


class Connections:
    """The open connections of one server."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._per_address = max(1, min(limits.per_address, limits.total // 2))
        self._networks: dict[Connection, str] = {}
        self._open: Counter[str] = Counter()
        # Those that wait for a head, oldest first: they are given up for a new one when the place runs out.
        self._waiting: dict[Connection, None] = {}
        self._waiting_of: dict[str, dict[Connection, None]] = {}

    def admit(self, connection: Connection, peer: str) -> Refusal | None:
        """Take a connection, in place of the longest idle one if need be. Returns why not, if there is none."""
        network = network_of(peer)
        is_over = self._open[network] >= self._per_address and not self._is_exempt(peer)
        if is_over and not self._make_place(self._waiting_of.get(network, {})):
            return Refusal.ADDRESS
        if self._open.total() >= self.limits.total and not self._make_place(self._waiting):
            return Refusal.SERVER
        self._networks[connection] = network
        self._open[network] += 1
        self.wait(connection)
        return None

    def wait(self, connection: Connection) -> None:
        """The connection waits for the head of a request."""
        if (network := self._networks.get(connection)) is not None:
            self._waiting[connection] = None
            self._waiting_of.setdefault(network, {})[connection] = None

    def work(self, connection: Connection) -> None:
        """The connection has sent a whole head, and is not given up for others until it waits again."""
        self._waiting.pop(connection, None)
        network = self._networks.get(connection, "")
        if (waiting := self._waiting_of.get(network)) is not None:
            waiting.pop(connection, None)
            if not waiting:
                del self._waiting_of[network]

    def release(self, connection: Connection) -> None:
        """The connection has ended. May be called twice."""
        self.work(connection)
        network = self._networks.pop(connection, None)
        if network is not None:
            self._open[network] -= 1
            if not self._open[network]:
                del self._open[network]

    def _make_place(self, waiting: dict[Connection, None]) -> bool:
        oldest = next(iter(waiting), None)
        if oldest is None:
            return False
        self.release(oldest)
        oldest.give_up()
        return True

    def _is_exempt(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return True  # a socket of this machine has no address
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self.limits.exempt)


def network_of(peer: str) -> str:
    """What counts as one address: an IPv4 address, or the IPv6 network of 64 bits."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    address = getattr(address, "ipv4_mapped", None) or address  # how a dual-stack socket shows an IPv4 peer
    return str(address if address.version == 4 else ip_network((address, IPV6_PREFIX_BITS), strict=False))


def raise_descriptor_limit() -> None:
    """Ask for `MAX_DESCRIPTORS` descriptors. Many hosts give 1024 to whoever does not ask."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(MAX_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))


def max_connections() -> int:
    """How many connections the descriptors that are free now allow."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    return max(MIN_CONNECTIONS, (soft - open_descriptors()) // FDS_PER_CONNECTION)


def open_descriptors() -> int:
    """How many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))
