"""held_lease.py: what is sent for a lease, and what is made of the answers."""

from __future__ import annotations

import pytest

from chatctl.client.core.deadline import Deadline, DeadlinePassed
from chatctl.client.core.held_lease import HeldLease
from chatctl.client.io.blocking_transport import drive
from chatctl.errors import ConditionNotMet, Forbidden
from chatctl.protocol import Error, Lease, LeaseState
from tests.client.core.fake_transport import ADDRESS, FakeTransport, ended

HELD, LOST = (LeaseState("question", "a3", held) for held in (True, False))


def lease_on(transport: FakeTransport) -> HeldLease:
    return HeldLease(transport, ADDRESS, "lobby", "5" * 32, "question", "a3")


def test_in_another_log_all_follows_the_question() -> None:
    """Its number means nothing there; in its own it is what a server that has forgotten it needs."""
    lease = lease_on(FakeTransport())
    assert lease.take("e").seq is None
    lease.asked("e", 7)
    assert (lease.take("e").seq, lease.take("another").seq) == (7, 0)


def test_a_look_outlives_broken_connections() -> None:
    """An answer must not be lost because the server is starting anew just then."""
    transport = FakeTransport([ended()], ended(), [HELD])
    assert drive(lease_on(transport).look(9, Deadline.after(60, transport.now))) == HELD
    assert [(hello.mode, hello.token) for hello in transport.hellos] == [("probe", "5" * 32)] * 3
    (sent,) = transport.connections[-1].sent
    assert sent == Lease("question", "a3", "ff" * 16, "look", 9)
    assert all(connection.closed for connection in transport.connections)


def test_a_look_ends_with_our_time() -> None:
    transport = FakeTransport(*[ended() for _ in range(50)])
    with pytest.raises(DeadlinePassed):
        drive(lease_on(transport).look(9, Deadline.after(20, transport.now)))


def test_a_refusal_is_no_reason_to_look_again() -> None:
    with pytest.raises(Forbidden):
        drive(lease_on(transport := FakeTransport([Error("forbidden", "no")])).look(9, Deadline(None, transport.now)))


def test_who_has_lost_it_learns_so_and_not_at_once() -> None:
    """Our own connection may be about to take it again."""
    transport = FakeTransport([LOST], [HELD])
    assert drive(lease_on(transport).look(9, Deadline(None, transport.now))) == HELD
    transport = FakeTransport(*[[LOST]] * 10)
    with pytest.raises(ConditionNotMet, match="has withdrawn the question"):
        drive(lease_on(transport).look(9, Deadline(None, transport.now)))


def test_why_it_is_lost_is_told() -> None:
    with pytest.raises(ConditionNotMet, match="withdrawn the question: it did not hear from us for too long"):
        lease_on(FakeTransport()).heard(LOST)
    taken_away = LeaseState("question", "a3", held=False, why="nadia ended it: too late")
    with pytest.raises(ConditionNotMet, match="withdrawn the question: nadia ended it: too late"):
        lease_on(FakeTransport()).heard(taken_away)


def test_another_lease_s_answer_is_none_of_ours() -> None:
    lease_on(FakeTransport()).heard(LeaseState("question", "b4", held=False))
