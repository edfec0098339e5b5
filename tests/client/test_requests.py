"""Requests and their answers on a connection that a test scripts."""

from __future__ import annotations

import pytest
from msgspec import structs

from chatctl.client.core.deadline import ConnectionEnded, Deadline
from chatctl.client.io.blocking_transport import drive, each
from chatctl.client.requests import (
    ANSWER_SECONDS,
    SEEK_PAGE,
    Since,
    entries_between,
    member_nicks,
    roster,
    seek,
    seq_before,
)
from chatctl.errors import ChatError, RateLimited
from chatctl.protocol import Bye, Error, History, Join, Limits, Msg, Page, Resume, Roster, RosterRow, ServerFrame, Who
from tests.client.core.fake_transport import FakeConnection, FakeTransport, welcome

TRANSPORT = FakeTransport()
SOON = Deadline.after(5, TRANSPORT.now)
ROSTER = Roster([RosterRow("nadia", 0.0, 0.0), RosterRow("omar", 0.0, 0.0)], 2, 0)


def connection(*frames: ServerFrame) -> FakeConnection:
    return FakeConnection(TRANSPORT, frames)


def msgs(*seqs: int) -> list[Msg]:
    return [Msg(seq=seq, time=float(seq), nick="nadia", text="") for seq in seqs]


def test_frames_before_the_answer_are_dropped() -> None:
    one = connection(Join(["omar"], 2), ROSTER)
    assert drive(roster(one, SOON)) is ROSTER
    assert one.sent == [Who()]


@pytest.mark.parametrize(
    ("frame", "kind"), [(Error("rate_limited", "too fast"), RateLimited), (Bye(why="restart"), ConnectionEnded)]
)
def test_a_refusal_is_raised(frame: ServerFrame, kind: type[ChatError]) -> None:
    with pytest.raises(kind):
        drive(roster(connection(frame, ROSTER), SOON))


def test_members_are_asked_for_where_the_welcome_does_not_hold_them_all() -> None:
    one = connection(ROSTER)
    one.welcome = structs.replace(welcome(), members=["nadia"], count=2)
    assert drive(member_nicks(one, SOON)) == ["nadia", "omar"]
    two = connection()
    two.welcome = structs.replace(welcome(), members=["nadia"], count=1)
    assert drive(member_nicks(two, SOON)) == ["nadia"]
    assert two.sent == []


def test_a_log_is_read_page_by_page_to_where_it_ended() -> None:
    one = connection(Page(msgs(1, 2), more=True), Page(msgs(3, 4), more=False))
    one.welcome = structs.replace(welcome(last=4), limits=Limits(page=2))
    assert [entry.seq for entry in each(entries_between(one, None, None, SOON))] == [1, 2, 3, 4]
    assert one.sent == [History(limit=2, after=0), History(limit=2, after=2)]


def test_a_log_that_is_trimmed_meanwhile_ends() -> None:
    one = connection(Page(msgs(1), more=True), Page([], more=False))
    one.welcome = welcome(last=4)
    assert [entry.seq for entry in each(entries_between(one, None, None, SOON))] == [1]


class LongLog(FakeConnection):
    """Answers each question for a page of a log of messages, one a second."""

    def __init__(self, last: int) -> None:
        super().__init__(TRANSPORT, ())
        self.welcome = structs.replace(welcome(last=last), limits=Limits(page=100))
        self.deadlines: list[Deadline] = []

    async def receive(self, deadline: Deadline) -> ServerFrame:
        ask = self.sent[-1]
        assert isinstance(ask, History)
        assert ask.after is not None
        self.deadlines.append(deadline)
        last = min(ask.after + ask.limit, self.welcome.last)
        return Page(msgs(*range(ask.after + 1, last + 1)), more=last < self.welcome.last)


def test_what_is_outside_the_moments_is_not_read() -> None:
    """The last minutes of a log of years do not take the time of all of it."""
    one = LongLog(1_000_000)
    found = [entry.seq for entry in each(entries_between(one, 999_000.0, 999_250.0, SOON))]
    assert found == list(range(999_000, 999_250))
    assert len(one.sent) < 50


def test_a_long_read_has_no_deadline_but_each_answer_has() -> None:
    one = LongLog(250)
    assert len(list(each(entries_between(one, None, None, Deadline(None, TRANSPORT.now))))) == 250
    assert {deadline.at for deadline in one.deadlines} == {TRANSPORT.now() + ANSWER_SECONDS}


@pytest.mark.parametrize(
    ("since", "after"), [(Since(seq=3), 2), (Since(seq=0), 0), (Since(seq=99), 4), (Since(time=2.5), 2)]
)
def test_the_position_before_a_number_or_a_time(since: Since, after: int) -> None:
    one = connection(Page(msgs(1, 2, 3, 4), more=False))
    one.welcome = welcome(last=4)
    assert drive(seek(one, since, SOON)) == Resume("e", after)


@pytest.mark.parametrize("first", [1, 400])
@pytest.mark.parametrize("size", [0, 1, SEEK_PAGE, SEEK_PAGE + 1, 5000])
def test_every_moment_is_found_with_few_questions(first: int, size: int) -> None:
    """A server takes 30 in a row before it makes one wait."""
    log = [Msg(seq=first + index, time=float(index // 3), nick="n", text="") for index in range(size)]
    last = first + size - 1
    for moment in {0.0, 0.5, 1.0, size / 6, size / 3 - 1, float(size)}:
        asked: list[int] = []

        async def read(after: int, limit: int, asked: list[int] = asked) -> list[Msg]:
            asked.append(limit)
            return [entry for entry in log if entry.seq > after][:limit]

        expected = next((entry.seq for entry in log if entry.time >= moment), last + 1)
        assert drive(seq_before(moment, first, last, read)) == expected - 1
        assert len(asked) <= 8


def test_a_log_that_is_trimmed_meanwhile() -> None:
    """The first half went between the welcome and the questions: its end is the nearest that can be had."""
    log = [Msg(seq=seq, time=float(seq), nick="n", text="") for seq in range(700, 1001)]

    async def read(after: int, limit: int) -> list[Msg]:
        return [entry for entry in log if entry.seq > after][:limit]

    assert drive(seq_before(100.0, 1, 1000, read)) <= 699
    assert drive(seq_before(900.0, 1, 1000, read)) == 899
