"""Addresses in headers: every form is read, and what a client invents never becomes its address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.http.addresses import (
    Address,
    client_of,
    limited_network,
    parse_address,
    parse_forwarded,
    parse_host,
    parse_x_forwarded_for,
)

pytestmark = pytest.mark.fault("F8")

ADDRESSES = st.ip_addresses().filter(lambda address: not getattr(address, "ipv4_mapped", None))
PORTS = st.none() | st.integers(1, 65535)
# What a client may put into a header that a proxy appends to: anything that HTTP lets through.
INVENTED = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
PROXY = ip_address("10.0.0.1")


def with_port(address: Address, port: int | None) -> str:
    if port is None:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def is_proxy(address: Address) -> bool:
    return address == PROXY


@given(ADDRESSES, PORTS)
def test_an_address_is_read_with_and_without_a_port(address: Address, port: int | None) -> None:
    assert parse_address(with_port(address, port)) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("[2001:db8::1]", "2001:db8::1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_other_forms_of_an_address(text: str, address: str) -> None:
    assert parse_address(text) == ip_address(address)


@pytest.mark.parametrize("text", ["", "unknown", "_hidden", "localhost", "192.0.2.1:", "1.2.3", "[192.0.2", "a:b", "%"])
def test_anything_else_is_no_address(text: str) -> None:
    assert parse_address(text) is None


@given(st.lists(INVENTED, max_size=4), ADDRESSES.filter(lambda address: address != PROXY), PORTS)
def test_the_client_is_whom_the_trusted_proxy_saw_whatever_came_before(
    invented: list[str], address: Address, port: int | None
) -> None:
    last_hop = with_port(address, port)
    one_line = [", ".join([*invented, last_hop])]
    for lines in (one_line, [*invented, last_hop]):
        assert client_of(PROXY, parse_x_forwarded_for(lines), is_proxy) == address


@given(st.lists(INVENTED, max_size=4), ADDRESSES.filter(lambda address: address != PROXY), PORTS)
def test_the_same_of_the_standard_header(invented: list[str], address: Address, port: int | None) -> None:
    last_hop = f'for="{with_port(address, port)}";proto=https;by="_gateway"'
    assert client_of(PROXY, parse_forwarded([*invented, last_hop]), is_proxy) == address
    # In one line, an open quotation mark of the client's may hide the proxy's element; it then never counts instead.
    assert client_of(PROXY, parse_forwarded([", ".join([*invented, last_hop])]), is_proxy) in (address, PROXY)


@given(st.lists(INVENTED, min_size=1, max_size=4))
def test_no_header_breaks_the_parsers(lines: list[str]) -> None:
    for hop in (*parse_x_forwarded_for(lines), *parse_forwarded(lines)):
        assert hop is None or isinstance(hop, IPv4Address | IPv6Address)


@pytest.mark.parametrize(
    ("line", "hops"),
    [
        ("for=192.0.2.43", ["192.0.2.43"]),
        ('For="[2001:db8:cafe::17]:4711"', ["2001:db8:cafe::17"]),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", ["192.0.2.60"]),
        ("for=192.0.2.43, for=198.51.100.17", ["192.0.2.43", "198.51.100.17"]),
        ('proto=https;for="192.0.2.43:80";host="a, b;c"', ["192.0.2.43"]),
        ('for="_gazonk", for=unknown', [None, None]),
        ("proto=http", [None]),
        ('for="192.0.2.1, for=198.51.100.17', [None, "198.51.100.17"]),
    ],
)
def test_the_examples_of_rfc_7239(line: str, hops: list[str | None]) -> None:
    assert parse_forwarded([line]) == [hop and ip_address(hop) for hop in hops]


def test_a_hop_that_is_no_address_hides_what_is_before() -> None:
    hops = parse_x_forwarded_for(["192.0.2.1, unknown, 10.0.0.1"])
    assert client_of(PROXY, hops, is_proxy) == PROXY


def test_where_all_hops_are_trusted_the_first_is_the_client() -> None:
    hops = parse_x_forwarded_for(["10.0.0.3, 10.0.0.2"])
    inside = ip_network("10.0.0.0/8")
    assert client_of(PROXY, hops, lambda address: address in inside) == ip_address("10.0.0.3")


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_an_ipv6_network_of_64_bits_counts_as_one(address: IPv6Address, host: int) -> None:
    neighbour = IPv6Address((int(address) >> 64 << 64) + host)
    assert limited_network(neighbour) == limited_network(address)
    assert limited_network(IPv6Address(int(address) ^ 1 << 64)) != limited_network(address)


def test_an_ipv4_address_counts_for_itself() -> None:
    assert limited_network(IPv4Address("192.0.2.1")) == "192.0.2.1"


@pytest.mark.parametrize(
    ("text", "name", "port"),
    [
        ("Lab.Example.org", "lab.example.org", None),
        ("lab.example.org.:3000", "lab.example.org", 3000),
        ("[::1]:3000", "::1", 3000),
        ("127.0.0.1", "127.0.0.1", None),
    ],
)
def test_a_host_is_read_without_its_port(text: str, name: str, port: int | None) -> None:
    host = parse_host(text)
    assert host and (host.name, host.port) == (name, port)


@pytest.mark.parametrize("text", ["", "[", "[x]", "a@b", "a/b", "a b", "::1", "a:99999", "a:b", "a:1:2", "a\\b"])
def test_what_is_no_host_is_none(text: str) -> None:
    assert parse_host(text) is None
