"""Which connections are taken: a number for each address, and as many in all as the server can hold."""

from __future__ import annotations

import resource

import pytest

from infra.process.connections import (
    MIN_CONNECTIONS,
    ConnectionLimits,
    Connections,
    Refusal,
    max_connections,
    network_of,
    open_descriptors,
)
from infra.settings.values import LOOPBACK

pytestmark = pytest.mark.fault("F22")
ELSEWHERE, NEIGHBOUR = "192.0.2.1", "192.0.2.2"


class Client:
    """A connection that notes whether it was given up."""

    def __init__(self) -> None:
        self.was_given_up = False

    def give_up(self) -> None:
        self.was_given_up = True


def connections(per_address: int = 3, total: int = 10) -> Connections:
    return Connections(ConnectionLimits(per_address, total, head_s=1, stall_s=1, exempt=LOOPBACK))


def busy(book: Connections, peer: str, count: int) -> list[Client]:
    """So many connections from this address, each with a request under way."""
    clients = [Client() for _ in range(count)]
    for client in clients:
        assert book.admit(client, peer) is None
        book.work(client)
    return clients


def test_an_address_has_its_number_of_connections_and_others_have_theirs() -> None:
    book = connections()
    first, *_ = busy(book, ELSEWHERE, 3)
    assert book.admit(Client(), ELSEWHERE) is Refusal.ADDRESS
    assert book.admit(Client(), NEIGHBOUR) is None
    book.release(first)
    book.release(first)
    assert book.admit(Client(), ELSEWHERE) is None


def test_one_that_waits_makes_place_for_a_new_one_of_its_address() -> None:
    book = connections()
    busy(book, ELSEWHERE, 1)
    silent = [Client(), Client()]
    for client in silent:
        book.admit(client, ELSEWHERE)
    assert book.admit(Client(), ELSEWHERE) is None
    assert [client.was_given_up for client in silent] == [True, False], "the oldest goes first"


def test_a_full_server_gives_up_who_waits_longest_and_refuses_only_without_any() -> None:
    book = connections(per_address=100, total=5)
    silent = Client()
    book.admit(silent, ELSEWHERE)
    busy(book, "127.0.0.1", 4)
    newcomer = Client()
    assert book.admit(newcomer, NEIGHBOUR) is None and silent.was_given_up
    book.work(newcomer)
    assert book.admit(Client(), "127.0.0.1") is Refusal.SERVER
    book.wait(newcomer)
    assert book.admit(Client(), "127.0.0.1") is None and newcomer.was_given_up


def test_an_address_leaves_half_of_the_places_to_others() -> None:
    book = connections(per_address=512, total=6)
    busy(book, ELSEWHERE, 3)
    assert book.admit(Client(), ELSEWHERE) is Refusal.ADDRESS
    busy(book, NEIGHBOUR, 3)


def test_this_machine_and_proxies_have_no_limit_of_their_own() -> None:
    book = connections(per_address=1, total=50)
    busy(book, "127.0.0.1", 20)
    busy(book, "::ffff:127.0.0.1", 5)
    busy(book, "", 5)


def test_an_ipv6_network_counts_as_one_address() -> None:
    book = connections(per_address=2)
    busy(book, "2001:db8:0:1::1", 1)
    busy(book, "2001:db8:0:1:ffff::9", 1)
    assert book.admit(Client(), "2001:db8:0:1::2") is Refusal.ADDRESS
    assert book.admit(Client(), "2001:db8:0:2::2") is None
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"


def test_descriptors_bound_the_number_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (open_descriptors() + 400, 4096))
    assert 190 <= max_connections() <= 210, "a request may need another descriptor than that of its connection"
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10, 10))
    assert max_connections() == MIN_CONNECTIONS
