"""The networks that machines of Tenure are on, as the routes of this host show them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from pathlib import Path

BRIDGE_PREFIX = "tenure-"  # of the bridge of every network that Tenure makes, of any installation
ROUTES, IPV6_ROUTES = Path("/proc/net/route"), Path("/proc/net/ipv6_route")

Network = IPv4Network | IPv6Network


def own_networks() -> list[Network]:
    """Return the networks behind the bridges that Tenure has made on this host; none on a system without /proc.

    The kernel is asked, not the engine: a network that another process of Tenure has just made counts at once, and
    reading two small files costs microseconds.
    """
    networks: list[Network] = []
    with suppress(OSError):
        networks += parse_routes(ROUTES.read_text())
    with suppress(OSError):
        networks += parse_ipv6_routes(IPV6_ROUTES.read_text())
    return networks


def parse_routes(text: str) -> Iterator[IPv4Network]:
    """The networks on Tenure's bridges, out of the text of /proc/net/route: addresses are hex in the host's order."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[0].startswith(BRIDGE_PREFIX):
            yield IPv4Network((host_order(fields[1]), str(host_order(fields[7]))))


def parse_ipv6_routes(text: str) -> Iterator[IPv6Network]:
    """The same, out of the text of /proc/net/ipv6_route: addresses are hex, prefix lengths as well."""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 9 and fields[9].startswith(BRIDGE_PREFIX):
            yield IPv6Network((bytes.fromhex(fields[0]), int(fields[1], 16)))


def host_order(text: str) -> IPv4Address:
    return IPv4Address(socket.ntohl(int(text, 16)))
