"""Who is dropped or refused for the number of connections, without a socket."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from chatctl.core.connection_limits import SPARE_CLIENTS, SPARE_PER_NETWORK, ConnectionLimits
from chatctl.protocol import Limits

NETWORK = "192.0.2.7"


@dataclass(eq=False)
class Newcomer:
    network: str = NETWORK


def never() -> float:
    raise AssertionError("nothing is left to chance here")


def test_an_address_has_so_many_places_and_gets_them_back() -> None:
    limits = ConnectionLimits(Limits(per_address=2, connect_rate=0), never)
    first, second, third = Newcomer(), Newcomer(), Newcomer()
    assert [limits.add(one, 0.0) for one in (first, second)] == [None, None]
    refused = limits.add(third, 0.0)
    assert refused is not None
    assert refused.text == "too many connections from 192.0.2.7: at most 2"
    limits.remove(third)
    limits.remove(first)
    limits.remove(first)
    assert limits.add(Newcomer(), 0.0) is None
    assert limits.add(Newcomer(), 0.0) is not None


def test_a_connection_is_counted_once() -> None:
    """It is at its accept, and reports itself again when it is open."""
    limits, one = ConnectionLimits(Limits(per_address=1, connect_rate=0), never), Newcomer()
    assert [limits.add(one, 0.0) for _ in range(3)] == [None] * 3


def test_an_exempt_address_has_no_limit() -> None:
    limits = ConnectionLimits(Limits(per_address=1, connect_rate=1, greeting_start=1, greeting_full=1), never)
    assert [limits.add(Newcomer(""), 0.0) for _ in range(100)] == [None] * 100
    assert all(limits.begin_handshake("") for _ in range(SPARE_CLIENTS))
    assert not limits.is_crowded("")
    assert not limits.is_crowded(NETWORK)


def test_those_who_are_refused_take_only_the_spare_places_of_their_address() -> None:
    limits = ConnectionLimits(Limits(per_address=2, connect_rate=0), never)
    for _ in range(2 + SPARE_PER_NETWORK):
        assert not limits.is_crowded(NETWORK)
        limits.add(Newcomer(), 0.0)
    assert limits.is_crowded(NETWORK)
    assert not limits.is_crowded("192.0.2.8")


def test_those_who_were_let_in_wait_no_more() -> None:
    """With so many who wait that all are dropped, one place is free again as soon as one of them is in a room."""
    limits = ConnectionLimits(Limits(connect_rate=0, greeting_start=2, greeting_full=2), lambda: 0.99)
    waiting = [Newcomer() for _ in range(2)]
    for one in waiting:
        limits.add(one, 0.0)
    assert limits.is_crowded(NETWORK)
    limits.enter(waiting[0])
    limits.enter(waiting[0])
    assert not limits.is_crowded(NETWORK)


def test_handshakes_wait_too() -> None:
    limits = ConnectionLimits(Limits(per_address=2, greeting_start=2, greeting_full=2), lambda: 0.99)
    assert [limits.begin_handshake(NETWORK) for _ in range(3)] == [True, True, False]
    assert limits.is_crowded(NETWORK)
    assert not limits.is_crowded("192.0.2.8")
    limits.end_handshake(NETWORK)
    assert not limits.is_crowded(NETWORK)
    assert limits.begin_handshake(NETWORK)


FULL = Limits(per_address=64, connect_rate=0, greeting_start=100, greeting_full=1000)


def crowd(*networks: str, each: int) -> ConnectionLimits:
    """Return the limits of a server at which so many of each network have tried to wait."""
    limits = ConnectionLimits(FULL, random.Random(7).random)
    for _ in range(each):
        for network in networks:
            if not limits.is_crowded(network):
                limits.add(Newcomer(network), 0.0)
    return limits


@pytest.mark.parametrize(
    ("crowded", "each"),
    [
        ([f"203.0.113.{number}" for number in range(16)], 1000),
        ([f"10.{number}.0.1" for number in range(99)], 1000),
        ([f"2001:db8:0:{number:x}::/64" for number in range(4000)], 3),
        ([f"10.0.0.{number}" for number in range(256)], 100),
    ],
    ids=["16 addresses", "99 networks", "all of a /48", "all of a /24"],
)
def test_who_crowds_the_door_pays_for_it(crowded: list[str], each: int) -> None:
    """Sixteen addresses kept 77 % of all others out."""
    limits = crowd(*crowded, each=each)
    assert [limits.is_crowded(newcomer) for newcomer in ("192.0.2.8", "2001:db8:1::/64")] == [False, False]
    assert sum(limits.is_crowded(crowded[0]) for _ in range(100)) > 50


def test_a_newcomer_from_among_those_who_crowd_is_one_of_few_or_of_many() -> None:
    """In a /24 of which sixteen addresses crowd the door, another one is not taken for them."""
    limits = crowd(*[f"203.0.113.{number}" for number in range(16)], each=1000)
    assert not limits.is_crowded("203.0.113.99")


def test_the_door_stays_bounded_whoever_comes() -> None:
    limits = ConnectionLimits(FULL, lambda: 0.999)
    for size in (64, 32, 16, 8, 4, 2, 1):  # the order that gets the most in
        for number in range(2000 // size):
            for _ in range(size):
                if not limits.is_crowded(network := f"10.{number // 256}.{number % 256}.1"):
                    limits.add(Newcomer(network), 0.0)
    assert len(limits._waiting) < 5 * FULL.greeting_full


@pytest.mark.parametrize("handshakes", [0, 3])
def test_a_full_server_refuses_and_an_overfull_one_closes(handshakes: int) -> None:
    limits = ConnectionLimits(Limits(clients=10), never)
    for _ in range(handshakes):
        limits.begin_handshake("")
    assert limits.refusal(10) is None
    assert limits.refusal(11) is not None
    assert not limits.is_over_full(10 + SPARE_CLIENTS - handshakes - 1)
    assert limits.is_over_full(10 + SPARE_CLIENTS - handshakes)


@pytest.mark.parametrize(("places", "clients"), [(1000, 10), (20, 10), (8, 6), (2, 1)])
def test_few_places_are_shared_by_clients_and_by_those_who_are_told(places: int, clients: int) -> None:
    """A server of few file descriptors must still say that it is full, and have some left for itself."""
    limits = ConnectionLimits(Limits(clients=10), never, places)
    assert limits.refusal(clients) is None
    assert limits.refusal(clients + 1) is not None
    most = min(places, 10 + SPARE_CLIENTS)
    assert most > clients
    assert not limits.is_over_full(most - 1)
    assert limits.is_over_full(most)


def test_an_address_that_connects_too_often_is_told_when_to_come_back() -> None:
    limits = ConnectionLimits(Limits(per_address=2, connect_rate=0.1), never)
    for _ in range(2):
        one = Newcomer()
        assert limits.add(one, 0.0) is None
        limits.remove(one)
    refused = limits.add(Newcomer(), 0.0)
    assert refused is not None
    assert "connects too often" in refused.text
    assert refused.retry_after == 10.0
    limits.forget(100.0)
    assert len(limits._throttle) == 0
    assert limits.add(Newcomer(), 100.0) is None


# --- bytes


def test_the_connections_of_an_address_share_its_bytes_for_as_long_as_it_has_any() -> None:
    """Whoever connects anew gets no new ones."""
    limits, one = ConnectionLimits(FULL, never), Newcomer()
    bucket = limits.bytes_of(NETWORK, 0.0)
    assert bucket is limits.bytes_of(NETWORK, 0.0) is not limits.bytes_of("192.0.2.8", 0.0)
    limits.add(one, 0.0)
    limits.forget(10.0)
    assert limits.bytes_of(NETWORK, 10.0) is bucket
    assert bucket is not None
    bucket.take(2 * FULL.bytes_per_address, 10.0)
    limits.remove(one)
    limits.forget(11.0)
    assert limits.bytes_of(NETWORK, 11.0) is bucket
    limits.forget(12.1)
    assert limits._bytes == {}


def test_exempt_ones_and_those_without_a_rate_share_nothing() -> None:
    assert ConnectionLimits(FULL, never).bytes_of("", 0.0) is None
    assert ConnectionLimits(Limits(rate=0), never).bytes_of(NETWORK, 0.0) is None
