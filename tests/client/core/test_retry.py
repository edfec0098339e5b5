"""Which failures may pass, and how long to wait before the next try."""

from __future__ import annotations

import pytest

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline, NoAnswer
from chatctl.client.core.retry import (
    LAST_TRY_SECONDS,
    MAX_RETRY_AFTER,
    RETRY_SPREAD,
    STEADY_SECONDS,
    Retry,
    backoff,
    may_pass,
    reason,
)
from chatctl.errors import (
    ChatError,
    NickTaken,
    PasswordWrong,
    RateLimited,
    RoomInvalid,
    ServerFull,
    StorageFailed,
    Unreachable,
)
from tests.client.core.fake_transport import FakeTransport, ended


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (Unreachable("x"), True), (ServerFull("x"), True), (StorageFailed("x"), True), (RateLimited("x"), True),
        (NickTaken("x"), False), (NickTaken("x", retry_after=1), True), (RoomInvalid("x"), False),
        (PasswordWrong("x", retry_after=1), False),
    ],
)  # fmt: skip
def test_what_may_pass(error: ChatError, passes: bool) -> None:
    assert may_pass(error) is passes


def test_backoff_doubles_up_to_half_a_minute() -> None:
    assert [backoff(attempt, 1.0) for attempt in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert [backoff(attempt, 0.0) for attempt in (0, 6, 10_000)] == [0.25, 15, 15]


def test_each_failure_waits_longer_until_something_succeeds() -> None:
    retry = Retry(FakeTransport())
    assert [round(retry.delay(ended())) for _ in range(3)] == [0, 1, 2]
    retry.succeeded()
    assert retry.delay(ended()) < 1


def test_the_server_says_when_to_come_back_within_limits() -> None:
    retry = Retry(FakeTransport())
    assert 7.0 <= retry.delay(RateLimited("x", retry_after=7.0)) <= 7.0 * (1 + RETRY_SPREAD)
    assert retry.delay(RateLimited("x", retry_after=1e9)) <= MAX_RETRY_AFTER * (1 + RETRY_SPREAD)


def test_how_long_one_server_is_to_be_left_alone_is_nothing_to_another() -> None:
    """Until each has been tried; and a rate holds wherever one speaks."""
    several = Address("a", 5500, others=(Address("b", 5500),))
    retry = Retry(FakeTransport(), several)
    assert retry.delay(ended(retry_after=7.0)) <= 0.5
    assert retry.delay(ended(retry_after=7.0)) >= 7.0
    assert Retry(FakeTransport(), several).delay(RateLimited("x", retry_after=7.0)) >= 7.0


def test_those_whom_a_server_tells_the_same_time_come_back_one_after_the_other() -> None:
    """A server that was drained would get all of its clients in the same moment."""
    waits = []
    for chance in (b"\x00", b"\x40", b"\x80", b"\xff"):
        transport = FakeTransport()
        transport.random_bytes = lambda count, chance=chance: chance * count  # type: ignore[method-assign,misc]
        waits.append(Retry(transport).delay(ended(retry_after=5.0)))
    assert waits == sorted(set(waits))
    assert waits[0] == 5.0
    assert waits[-1] == pytest.approx(5.0 * (1 + RETRY_SPREAD), rel=0.01)


@pytest.mark.parametrize(("seconds", "starts_anew"), [(STEADY_SECONDS, True), (STEADY_SECONDS - 0.1, False)])
def test_a_connection_has_to_last_to_end_the_backoff(seconds: float, starts_anew: bool) -> None:
    """A server that accepts and hangs up at once, again and again, is not hammered."""
    transport = FakeTransport()
    retry = Retry(transport)
    for _ in range(4):
        retry.delay(ended())
    retry.connected()
    transport.time += seconds
    assert (retry.delay(ended()) < 1) is starts_anew
    assert retry.delay(ended()) > 0.9, "a try that does not connect counts"


def test_time_for_a_last_try_is_kept() -> None:
    transport = FakeTransport()
    retry = Retry(transport)
    for _ in range(5):
        retry.delay(ended())
    soon = Deadline.after(3, transport.now)
    assert retry.delay_before(soon, ended()) == 3 - LAST_TRY_SECONDS
    transport.time += 3 - LAST_TRY_SECONDS
    assert retry.delay_before(soon, ended()) is None
    assert retry.delay_before(Deadline(None, transport.now), ended()) == pytest.approx(30)


def test_even_a_short_time_has_a_second_try() -> None:
    transport = FakeTransport()
    assert Retry(transport).delay_before(Deadline.after(0.5, transport.now), ended()) == 0
    transport.time += 1
    assert Retry(transport).delay_before(Deadline.after(-0.5, transport.now), ended()) is None


REFUSED, SILENT, CUT = Unreachable("refused"), NoAnswer("silent"), NoAnswer("cut")


@pytest.mark.parametrize(
    ("error", "before", "left", "told"),
    [
        (CUT, REFUSED, 0.0, REFUSED),
        (CUT, REFUSED, -1.0, REFUSED),
        (CUT, None, 0.0, CUT),
        (SILENT, REFUSED, 0.1, SILENT),  # it had all of its own time
        (SILENT, REFUSED, None, SILENT),
        (REFUSED, SILENT, 0.0, REFUSED),
        (ended(), REFUSED, 0.0, None),  # somebody is there now
    ],
)
def test_the_reason_is_that_of_the_last_try_that_the_deadline_did_not_cut_short(
    error: ChatError, before: ChatError | None, left: float | None, told: ChatError | None
) -> None:
    """On a busy machine the last one has no time to be refused."""
    deadline = Deadline.after(left, FakeTransport().now)
    assert reason(error, before, deadline) is (told or error)


def test_a_reason_from_before_a_success_is_forgotten() -> None:
    transport = FakeTransport()
    retry, over = Retry(transport), Deadline.after(0, transport.now)
    assert retry.reason(REFUSED, Deadline(None, transport.now)) is REFUSED
    assert retry.reason(CUT, over) is REFUSED
    retry.succeeded()
    assert retry.reason(CUT, over) is CUT


def test_a_short_time_has_several_tries() -> None:
    """A second with nobody there is a second of tries, and not two in its first moment."""
    transport = FakeTransport()
    retry = Retry(transport)
    retry.begin(1.0)
    deadline, tries = Deadline.after(1.0, transport.now), 0
    while (wait := retry.delay_before(deadline, ended())) is not None:
        transport.time += wait
        tries += 1
    assert tries >= 2
    assert transport.time >= 1000.7
