"""Watching a room across connections, without a connection: the clock moves when the subscription waits."""

from __future__ import annotations

import pytest

from chatctl.client.core.deadline import ConnectionEnded, Deadline, DeadlinePassed
from chatctl.client.core.retry import QUIET_SECONDS, RETRY_SPREAD
from chatctl.client.core.subscription import CONNECT_SECONDS, Subscription
from chatctl.client.io.blocking_transport import drive
from chatctl.errors import ChatError, RateLimited, RoomInvalid
from chatctl.protocol import Bye, Error, Msg, Ping, ServerFrame
from tests.client.core.fake_transport import ADDRESS, FakeTransport, ended

MSG = Msg(seq=1, time=0.0, nick="nadia", text="hi")


def connected(transport: FakeTransport, notices: list[str] | None = None, *, reconnect: bool = True) -> Subscription:
    notice = notices.append if notices is not None else lambda _: None
    subscription = Subscription(transport, ADDRESS, "lobby", reconnect=reconnect, notice=notice)
    drive(subscription.connect(Deadline(None, transport.now)))
    return subscription


def receive(subscription: Subscription, transport: FakeTransport, seconds: float | None = None) -> ServerFrame:
    return drive(subscription.receive(Deadline.after(seconds, transport.now)))


def test_a_silent_server_is_pinged_and_given_up() -> None:
    transport = FakeTransport([MSG])
    subscription = connected(transport)
    assert receive(subscription, transport) is MSG
    with pytest.raises(ConnectionEnded, match="does not answer any more"):
        receive(subscription, transport)
    assert transport.time == 1030
    assert [type(frame) for frame in transport.connections[0].sent] == [Ping]


def test_a_deadline_is_not_the_servers_fault() -> None:
    transport = FakeTransport([])
    with pytest.raises(DeadlinePassed):
        receive(connected(transport), transport, 20)
    assert transport.time == 1020


def test_a_server_that_does_not_read_is_given_up() -> None:
    """A ping that can't be sent ends the connection, not the command that waits without a deadline."""
    transport = FakeTransport([])
    transport.blocked = True
    with pytest.raises(ConnectionEnded, match="does not read"):
        receive(connected(transport), transport)
    assert transport.time == 1015 + CONNECT_SECONDS


@pytest.mark.parametrize(
    ("frame", "kind", "text"),
    [
        (Bye(why="restart", retry_after=3.0), ConnectionEnded, "the server said bye: restart"),
        (Error("rate_limited", "too fast", retry_after=3.0), RateLimited, "too fast"),
    ],
)
def test_what_the_server_says_at_the_end(frame: ServerFrame, kind: type[ChatError], text: str) -> None:
    transport = FakeTransport([frame])
    with pytest.raises(kind, match=text) as raised:
        receive(connected(transport), transport)
    assert raised.value.retry_after == 3.0


def test_it_tells_once_that_the_connection_broke_and_once_that_it_is_back() -> None:
    notices: list[str] = []
    tries = 3
    transport = FakeTransport([], *[ended()] * tries, [])
    subscription = connected(transport, notices)
    forever = Deadline(None, transport.now)
    drive(subscription.recover(ended(), forever))
    assert transport.connections[0].closed
    for _ in range(tries):
        with pytest.raises(ConnectionEnded):
            drive(subscription.connect(forever))
        drive(subscription.recover(ended(), forever))
    drive(subscription.connect(forever))
    assert notices == ["(it broke: trying again)", "(connected again)"]


def test_a_connection_that_is_back_within_two_seconds_is_no_news() -> None:
    notices: list[str] = []
    transport = FakeTransport([], ended(), [])
    subscription = connected(transport, notices)
    forever = Deadline(None, transport.now)
    drive(subscription.recover(ended(), forever))
    with pytest.raises(ConnectionEnded):
        drive(subscription.connect(forever))
    drive(subscription.recover(ended(), forever))
    drive(subscription.connect(forever))
    assert notices == []
    assert [round(seconds) for seconds in transport.slept] == [0, 1]


def test_a_long_wait_is_told_of_after_two_seconds_of_it() -> None:
    """Not at its end: a server that drains names five seconds and more."""
    told: list[float] = []
    transport = FakeTransport([])
    subscription = connected(transport)
    subscription._notice = lambda _: told.append(transport.now())
    begun = transport.now()
    drive(subscription.recover(RateLimited("x", retry_after=6), Deadline(None, transport.now)))
    assert told == [begun + QUIET_SECONDS]
    assert sum(transport.slept) == pytest.approx(6 * (1 + RETRY_SPREAD))


@pytest.mark.parametrize(("error", "reconnect"), [(RoomInvalid("no such room"), True), (ended(), False)])
def test_what_another_connection_would_not_cure_is_raised(error: ChatError, reconnect: bool) -> None:
    transport = FakeTransport([])
    subscription = connected(transport, reconnect=reconnect)
    with pytest.raises(type(error)):
        drive(subscription.recover(error, Deadline(None, transport.now)))
    assert transport.slept == []


def test_a_deadline_ends_the_wait_for_the_next_try() -> None:
    transport = FakeTransport([])
    subscription = connected(transport)
    with pytest.raises(DeadlinePassed):
        drive(subscription.recover(RateLimited("x", retry_after=60), Deadline.after(2, transport.now)))
    assert transport.slept == [2]
