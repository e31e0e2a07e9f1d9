"""Addresses in headers: of clients, as proxies forward them, and of this server, as clients call it.

This module parses and knows no settings: `identity` decides whose headers count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address
LIMITED_IPV6_BITS = 64  # of a network that one subscriber has to themselves: its addresses are counted as one
MAX_HOPS = 50  # that are read of a request; no chain of proxies is longer

ADDRESS_AND_PORT = re.compile(r"\[([^\[\]]+)\](?::\d{1,5})?|([0-9.]+):\d{1,5}")
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s\[\]:/?#@\\]+)(?::(\d{1,5}))?")
# RFC 7239, section 4: name=value, where a value is a token or a quoted string.
PAIR = re.compile(r"""\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^\s";,]*)\s*""")


def parse_address(text: str) -> Address | None:
    """An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.

    None for anything else, such as `unknown` or `_hidden` (RFC 7239, section 6). An IPv6 address that stands for an
    IPv4 address is that one, and a zone is left out.
    """
    match = ADDRESS_AND_PORT.fullmatch(text.strip())
    try:
        address = ip_address((match[1] or match[2] if match else text.strip()).partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def parse_x_forwarded_for(lines: Iterable[str]) -> list[Address | None]:
    """The last hops in all lines of X-Forwarded-For, the nearest one at the end; None for one that is no address."""
    hops = [hop for hop in ",".join(lines).split(",") if hop.strip()]
    return [parse_address(hop) for hop in hops[-MAX_HOPS:]]


def parse_forwarded(lines: Iterable[str]) -> list[Address | None]:
    """The last hops in all lines of Forwarded (RFC 7239), in the same form."""
    hops = [hop for line in lines for hop in forwarded_for(line)]
    return [parse_address(hop) for hop in hops[-MAX_HOPS:]]


def forwarded_for(line: str) -> Iterator[str]:
    """The value of `for` in each element of a line; "" for an element without one, or that cannot be read."""
    rest = line
    while rest.strip():
        node, separator = "", ";"
        while separator == ";":
            pair = PAIR.match(rest)
            if not pair:  # unreadable up to the next comma; whatever it says names nobody
                _, comma, rest = rest.partition(",")
                node, separator = "", comma
                break
            name, value = pair[1].lower(), pair[2]
            if name == "for":
                node = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
            rest = rest[pair.end() :]
            separator, rest = rest[:1], rest[1:]
            if separator not in (";", ",", ""):
                node, rest = "", rest.partition(",")[2]
        yield node


def client_of(peer: Address, hops: list[Address | None], is_trusted: Callable[[Address], bool]) -> Address:
    """The client, read from the right: the first hop that is not trusted, since each hop was named by the next.

    The hop before one that is no address is the client's nearest known address; where every hop is trusted, the
    first one is the client.
    """
    client = peer
    for hop in reversed(hops):
        if hop is None or not is_trusted(client):
            break
        client = hop
    return client


def limited_network(address: Address) -> str:
    """What limits count: an IPv4 address, or the IPv6 network of `LIMITED_IPV6_BITS`."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(ip_network((address, LIMITED_IPV6_BITS), strict=False))


@dataclass(frozen=True)
class HostAndPort:
    """A Host header: a name or an address in small letters and without brackets, and its port."""

    name: str
    port: int | None

    @property
    def address(self) -> Address | None:
        """The address, if the name is one."""
        return parse_address(self.name)

    @property
    def is_loopback(self) -> bool:
        """Whether it is localhost or a loopback address."""
        return self.address.is_loopback if self.address else self.name == "localhost"


def parse_host(text: str) -> HostAndPort | None:
    """The Host header of RFC 9110, section 7.2; None where it is malformed or empty."""
    match = HOST.fullmatch(text)
    if not match or match[2] and int(match[2]) > 65535:
        return None
    name = match[1].lower()
    if name.startswith("[") and not isinstance(parse_address(name), IPv4Address | IPv6Address):
        return None
    return HostAndPort(name.strip("[]").removesuffix("."), int(match[2]) if match[2] else None)
