"""A benchmark that is also a check has to fail when anything is wrong, or it checks nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import pytest

from chatctl.bench.load import Load, Outcome
from chatctl.bench.workload import Workload
from chatctl.client.core.address import Address
from chatctl.errors import ChatError, Unreachable
from tests.bench.fake import Fake, Twist, honest
from tests.bench.loads import load_at
from tests.support.environment import clean_env
from tests.support.server_process import Server

Measure = Callable[..., Outcome]


@pytest.fixture
def measure() -> Iterator[Measure]:
    """Run a small load against a server that does what the twist says."""
    fakes: list[Fake] = []

    def run(twist: Twist = honest, *, refuse: int | None = None, **more: object) -> Outcome:
        fakes.append(Fake(twist, refuse=refuse))
        return load_at(fakes[-1].port, **({"settle_seconds": 2.0} | more))  # some wait for what never comes

    yield run
    for fake in fakes:
        fake.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server("--rate", "off", env=clean_env(tmp_path_factory.mktemp("state")))
    yield server
    server.stop()


# --- what goes right


@pytest.mark.parametrize("dialect", ["json", "text", "classic"])
@pytest.mark.parametrize("senders", [1, 3])
def test_a_real_server_delivers_all_in_each_dialect(server: Server, dialect: str, senders: int) -> None:
    """Nothing may be found wrong where nothing is."""
    outcome = load_at(server.port, dialect=dialect, senders=senders, members=5, rate=None)
    assert outcome.faults == []
    assert outcome.sent > 0
    assert outcome.delivered == 5 * outcome.sent


def test_with_a_rate_so_many_are_said_and_every_delivery_is_timed(server: Server) -> None:
    """A user sizes a machine by the load that is expected, so that has to be the load."""
    outcome = load_at(server.port, rate=100.0, seconds=0.5)
    assert outcome.sent == 50
    assert len(outcome.latencies) == outcome.delivered == 200
    assert 0 < outcome.latencies.percentile(50) <= outcome.latencies.longest / 1e9


def test_the_members_themselves_can_be_the_speakers(server: Server) -> None:
    """A room in which everybody talks is another load than one with a loudspeaker."""
    outcome = load_at(server.port, members_send=True, members=6)
    assert outcome.faults == []
    assert outcome.delivered == 6 * outcome.sent


def test_texts_have_the_size_asked_for(measure: Measure) -> None:
    """What it costs depends on it."""
    lines: list[bytes] = []

    def note(_member: int, _message: int, line: bytes) -> Sequence[bytes]:
        lines.append(line)
        return [line]

    assert measure(note, size=300).faults == []
    assert all(len(line.partition(b'"text":"')[2]) == 300 + len(b'"}\n') for line in lines)


def test_what_is_not_said_by_the_load_is_left_out(measure: Measure) -> None:
    """Pings and comings come to one member and not to another: they are no fault."""

    def chatter(member: int, message: int, line: bytes) -> Sequence[bytes]:
        if message % 4 == member:
            return [b'{"type":"ping","t":1}\n', line, b'{"type":"join","nicks":["a"],"count":9}\n']
        return [line]

    outcome = measure(chatter)
    assert outcome.faults == []
    assert outcome.delivered == 4 * outcome.sent


# --- what goes wrong


def test_a_message_that_one_member_does_not_get_is_found(measure: Measure) -> None:
    """The one loss that averages hide."""
    outcome = measure(lambda member, message, line: [] if (member, message) == (2, 5) else [line])
    assert any("member" in fault and "message 5" in fault for fault in outcome.faults), outcome.faults
    assert outcome.delivered < 4 * outcome.sent


@pytest.mark.parametrize("member", [0, 1, 2, 3])
def test_it_does_not_matter_which_member_it_is(measure: Measure, member: int) -> None:
    """The one that all are compared with may be the wrong one."""
    assert measure(lambda who, message, line: [] if (who, message) == (member, 3) else [line]).faults


def test_a_last_message_that_one_member_does_not_get_is_found(measure: Measure) -> None:
    """No later one shows it."""
    outcome = measure(lambda member, message, line: [] if (member, message) == (1, 19) else [line])
    assert outcome.sent == 20
    assert outcome.faults == ["member 1 got 19 of 20 messages"]


def test_a_message_that_nobody_gets_is_found(measure: Measure) -> None:
    """All streams are the same, and wrong."""
    outcome = measure(lambda _, message, line: [] if message == 7 else [line])
    assert outcome.faults == ["message 7 never came"]


def test_a_message_that_comes_twice_to_one_is_found(measure: Measure) -> None:
    """As a resend that nobody recognised would look."""
    outcome = measure(lambda member, message, line: [line] * (2 if (member, message) == (3, 4) else 1))
    assert any("message 4" in fault for fault in outcome.faults), outcome.faults


def test_a_message_that_comes_twice_to_all_is_found(measure: Measure) -> None:
    """The last one, after which nothing more comes."""
    outcome = measure(lambda _, message, line: [line] * (2 if message == 19 else 1))
    assert outcome.faults == ["message 19 came twice"]


def swapped(only: int | None) -> Twist:
    """Send messages 4 and 5 the wrong way round, to one member or to all."""
    kept: dict[int, bytes] = {}

    def twist(member: int, message: int, line: bytes) -> Sequence[bytes]:
        if only not in (None, member) or message not in (4, 5):
            return [line]
        if message == 4:
            kept[member] = line
            return []
        return [line, kept[member]]

    return twist


def test_another_order_for_one_is_found(measure: Measure) -> None:
    """One total order for all members is a promise."""
    faults = measure(swapped(2)).faults
    assert any(
        "message 5 where another one got message 4" in fault or "message 4 where another one got message 5" in fault
        for fault in faults
    ), faults


def test_another_order_for_all_is_found(measure: Measure) -> None:
    """What one speaker says arrives as it was said."""
    assert measure(swapped(None)).faults == ["message 4 came after a later one of its speaker"]


def test_a_changed_byte_is_found(measure: Measure) -> None:
    """The same number of messages is not the same messages."""
    faults = measure(
        lambda member, message, line: [line.replace(b'x"}', b'y"}') if (member, message) == (2, 5) else line]
    ).faults
    assert faults


def test_a_message_that_is_refused_is_told_with_the_reason(measure: Measure) -> None:
    """A full disk, not a loss: and the members' count is not blamed for it."""
    assert measure(refuse=3).faults == ["message 3 was refused: the disk is full"]


def test_a_member_that_is_cut_off_is_found(measure: Measure) -> None:
    """The server's own way of dealing with the slow."""

    def bye(member: int, message: int, line: bytes) -> Sequence[bytes]:
        return [line] if (member, message) != (2, 5) else [b'{"type":"bye","why":"too slow"}\n']

    assert measure(bye).faults


# --- coming in


def test_who_is_not_let_in_ends_it_with_the_server_s_reason(server: Server) -> None:
    """A run with fewer members than asked for would be another run."""
    with pytest.raises(ChatError, match="there is no room 'nowhere'"):
        load_at(server.port, room="nowhere")


def test_more_members_than_files_are_refused_at_once(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """Said before the first connection, with what to do."""
    monkeypatch.setattr("resource.getrlimit", lambda _: (100, 200))
    with pytest.raises(ChatError, match="1,001 connections need 1,065 open files and the limit is 200"):
        load_at(server.port, members=1000)


@pytest.mark.parametrize("again", [True, False])
def test_who_is_cut_off_on_the_way_in_comes_again_if_that_is_wanted(again: bool) -> None:
    """As a client does whom a full queue turned away; otherwise it is an error."""
    fake = Fake(cut_off=3)
    load = Load(Workload(Address("127.0.0.1", fake.port), members=5, at_once=2, reconnect=again))
    try:
        with contextlib.nullcontext() if again else pytest.raises(Unreachable, match="before it answered the hello"):
            load.join()
        assert sum(connection.reconnects for connection in load.members) == (3 if again else 0)
    finally:
        load.close()
        fake.close()


def test_members_and_senders_take_turns_at_several_servers(measure: Measure) -> None:
    """What is said at one has to be heard at the other: these two have nothing in common."""
    other = Fake()
    try:
        outcome = measure(others=(Address("127.0.0.1", other.port),), members=3, senders=1, settle_seconds=0.2)
    finally:
        other.close()
    assert outcome.faults[:3] == ["member 0 got 0 of 20 messages", "member 2 got 0 of 20 messages"]
