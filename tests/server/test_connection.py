"""One connection on a transport without a socket: when it stops reading, stops taking effects, and gives a peer up."""

from __future__ import annotations

import pytest

from chatctl.core.limits import ServerLimits
from chatctl.protocol import Ack, Bye, Leave, Msg, Ping, Roster, Say, Who
from chatctl.server.connection import MAX_IN_FLIGHT
from tests.support.fakes import FakePeer, House, SlowJournal, only


def member(limits: ServerLimits | None = None) -> tuple[House, FakePeer]:
    house = House(limits or ServerLimits(rate=0))
    peer = house.join("nadia")
    peer.take()
    return house, peer


def test_one_that_does_not_read_is_not_read_from() -> None:
    """What it asks meanwhile waits in the kernel, and costs the server nothing."""
    house, peer = member()
    peer.stop_reading()
    assert not peer.transport.is_reading()
    peer.say(Who(), Say("hi", id="1"))
    house.settle()
    assert peer.take() == []
    assert peer.session.wake_at is None
    peer.read_on()
    assert peer.transport.is_reading()
    house.settle()
    assert [type(frame) for frame in peer.take()] == [Roster, Ack, Msg]


def test_the_log_waits_for_one_that_does_not_read() -> None:
    """It stops at the first write: what comes next is not written into memory, and not lost."""
    house, peer = member()
    other = house.join("omar")
    peer.take()
    peer.stop_reading(after=1)
    for text in ("one", "two", "three"):
        other.say(Say(text))
        house.settle()
    assert [frame.text for frame in only(Msg, peer.take())] == ["one"]
    peer.read_on()
    house.settle()
    assert [frame.text for frame in only(Msg, peer.take())] == ["two", "three"]


def test_answers_over_the_buffers_size_are_sent_before_more_are_made() -> None:
    house, peer = member(ServerLimits(rate=0, out_buffer=200))
    peer.say(*[Who()] * 50)
    first = len(peer.replies)
    assert 0 < first < 50, "it went on past its buffer"
    house.settle()
    assert len(only(Roster, peer.take())) == 50


def test_so_much_may_be_under_way_and_then_it_waits_for_the_journal() -> None:
    """All is said in the end, though the connection stopped in the middle of what it had read."""
    journal = SlowJournal()
    house = House(ServerLimits(rate=0), journal=journal)
    peer = house.join("nadia")
    count = 2 * MAX_IN_FLIGHT + 10
    peer.say(*[Say(f"m{number}", id=str(number)) for number in range(count)])
    house.settle()
    assert peer.in_flight == MAX_IN_FLIGHT
    assert not peer.transport.is_reading(), "lines wait: more of them would only fill the memory"
    while journal.waiting:
        journal.commit()
        house.settle()
        assert peer.in_flight <= MAX_IN_FLIGHT
    assert [frame.id for frame in only(Ack, peer.take())] == [str(number) for number in range(count)]
    assert peer.transport.is_reading()


@pytest.mark.parametrize(("seconds", "gone"), [(29, False), (30, True)])
def test_one_that_never_reads_again_is_given_up(seconds: float, gone: bool) -> None:
    house, peer = member(ServerLimits(rate=0, stall_seconds=30))
    other = house.join("omar")
    peer.stop_reading()
    house.now += seconds
    peer.check(house.now)
    assert peer.transport.aborted is gone
    house.settle()
    assert [frame.nicks for frame in only(Leave, other.take())] == [["nadia"]] * gone


def test_one_that_reads_on_has_all_of_its_time_again() -> None:
    house, peer = member(ServerLimits(rate=0, stall_seconds=30))
    for _ in range(3):
        peer.stop_reading()
        house.now += 29
        peer.read_on()
        peer.check(house.now)
    assert not peer.closed


def test_a_closed_one_that_does_not_take_its_last_words_is_given_up() -> None:
    house, peer = member(ServerLimits(rate=0, stall_seconds=30))
    peer.say(Bye(why="going"))
    house.settle()
    assert peer.closed
    assert not peer.transport.aborted
    peer.check(house.now + 30)
    assert peer.transport.aborted


def test_a_silent_one_is_pinged() -> None:
    house, peer = member(ServerLimits(rate=0, ping_seconds=60))
    house.now += 59
    peer.check(house.now)
    assert peer.take() == []
    house.now += 2
    peer.check(house.now)
    house.settle()
    assert len(only(Ping, peer.take())) == 1


def test_one_that_is_leaving_is_not_read_from() -> None:
    house, peer = member()
    house.hub.disconnect(peer, "kicked")
    peer.say(Say("one more"))
    house.settle()
    assert only(Msg, peer.take()) == []


def test_the_session_is_woken_when_it_asks_for_it() -> None:
    """A classic client is known by its silence: nothing arrives that would wake it."""
    house = House()
    peer = house.peer(b"nadia")
    assert peer.room is None
    house.pass_time(1)
    house.settle()
    assert peer.room is not None


def test_a_timer_of_a_lost_connection_does_not_ring() -> None:
    house = House()
    peer = house.peer(b"nadia")
    peer.lose()
    assert all(alarm.cancelled for alarm in house.alarms)


def test_one_that_half_closes_is_answered_first() -> None:
    house, peer = member()
    peer.say(Who())
    peer.end()
    house.settle()
    assert isinstance(peer.take()[0], Roster)
    assert peer.closed


@pytest.mark.parametrize(("error", "why"), [(ConnectionResetError(), "reset"), (None, "closed")])
def test_the_log_tells_a_reset_from_a_close(error: Exception | None, why: str) -> None:
    house, peer = member()
    peer.connection_lost(error)
    house.settle()
    assert f"nadia left (here): {why}\n" in house.logged.getvalue()


def test_while_too_much_input_waits_each_has_one_message_in_flight() -> None:
    """So nobody is locked out by the others, and the memory for it is what a connection is counted with."""
    journal = SlowJournal()
    house = House(ServerLimits(rate=0), journal=journal)
    peer, other = house.join("nadia"), house.join("omar")
    share = house.hub.memory.input
    share.used = share.limit
    assert len(peer.get_buffer(-1)) < len(house.read_buffer)
    peer.say(*[Say(f"m{number}", id=str(number)) for number in range(5)])
    other.say(Say("mine", id="mine"))
    house.settle()
    assert (peer.in_flight, other.in_flight) == (1, 1)
    while journal.waiting:
        journal.commit()
        house.settle()
    assert [frame.id for frame in only(Ack, peer.take())] == ["0", "1", "2", "3", "4"]
    assert share.used == share.limit, "all was given back"


def test_lines_that_wait_are_counted_until_they_are_taken() -> None:
    house, peer = member(ServerLimits(rate=1, burst=1))
    share = house.hub.memory.input
    peer.say(*[Say("x" * 100)] * 3)
    house.settle()
    waiting = share.used
    assert waiting > 300
    house.pass_time(5)
    house.settle()
    house.pass_time(5)
    house.settle()
    assert share.used == 0


def test_what_a_lost_connection_held_is_given_back() -> None:
    house, peer = member(ServerLimits(rate=1, burst=1))
    memory = house.hub.memory
    peer.say(Who(), *[Say("x" * 100)] * 3)
    peer.stop_reading()
    assert memory.input.used > 0
    assert memory.output.used > 0
    peer.lose()
    house.settle()
    assert (memory.input.used, memory.output.used) == (0, 0)
