"""Following in this process: a server that goes silent, and the rule by which an entry is shown once."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from chatctl.client.core.address import Address
from chatctl.client.core.cursor import Cursor
from chatctl.client.core.events import Join, Leave
from chatctl.client.core.follower import Follower
from chatctl.client.core.member_changes import MemberChanges
from chatctl.client.io.blocking_transport import BlockingTransport, drive
from chatctl.client.io.clock import deadline_in
from chatctl.errors import Unreachable
from chatctl.protocol import Gap, Limits, Msg, Resume, Welcome
from tests.support.fixture_types import PutStub
from tests.support.scripted_peer import Peer, one_after_another
from tests.support.stub import closed_port


def msg(seq: int) -> dict[str, object]:
    return {"type": "msg", "seq": seq, "time": 1.0, "nick": "nadia", "text": str(seq)}


# --- silence: a command waits 15 s before it suspects anything


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatctl.client.core.subscription.PING_SECONDS", 0.05)


def follower(port: int, *, reconnect: bool = True) -> Follower:
    return Follower(BlockingTransport(), Address("127.0.0.1", port), "lobby", Cursor(), reconnect=reconnect)


def next_of(one: Follower) -> Msg | Gap | None:
    return drive(one.next(deadline_in(5)))


def test_a_silent_server_is_asked_and_given_up(stub: PutStub) -> None:
    """The network drops everything and says nothing: only asking tells."""
    asked = threading.Event()

    def silent(peer: Peer) -> None:
        peer.let_in()
        peer.frame("ping")
        asked.set()  # and no pong

    one = follower(stub(one_after_another(silent)).port, reconnect=False)
    drive(one.open(deadline_in(5)))
    with pytest.raises(Unreachable, match="does not answer any more"):
        next_of(one)
    assert asked.is_set()
    one.close()


def test_a_quiet_server_that_answers_is_kept(stub: PutStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatctl.client.core.subscription.PING_SECONDS", 0.4)  # a busy machine needs some to answer

    def quiet(peer: Peer) -> None:
        peer.let_in()
        for _ in range(4):
            peer.send(type="pong", t=peer.frame("ping")["t"], last=0)
        peer.send(**msg(1))

    one = follower(stub(one_after_another(quiet)).port, reconnect=False)
    drive(one.open(deadline_in(5)))
    with contextlib.closing(one):
        assert isinstance(next_of(one), Msg)


def test_a_silent_server_is_left_for_one_that_speaks(stub: PutStub) -> None:
    resumed: list[object] = []

    def silent(peer: Peer) -> None:
        peer.let_in()
        peer.send(**msg(1))

    def speaking(peer: Peer) -> None:
        resumed.append(peer.let_in(last=2)["resume"])
        peer.send(**msg(2))

    one = follower(stub(one_after_another(silent, speaking)).port)
    drive(one.open(deadline_in(5)))
    assert [entry.seq for entry in (next_of(one), next_of(one)) if isinstance(entry, Msg)] == [1, 2]
    assert resumed == [{"epoch": "e", "after": 1, "cut": True}]
    one.close()


def test_our_own_delay_is_not_the_servers_silence(stub: PutStub) -> None:
    """Who takes an entry may take long over it: the server is asked first, and given up only then."""
    gate = threading.Event()

    def patient(peer: Peer) -> None:
        peer.let_in()
        peer.send(**msg(1))
        peer.send(type="pong", t=peer.frame("ping")["t"], last=1)
        peer.send(**msg(2))
        gate.set()

    one = follower(stub(one_after_another(patient)).port, reconnect=False)
    drive(one.open(deadline_in(5)))
    next_of(one)
    gate.wait(0.3)  # six times as long as a server may be silent
    assert isinstance(next_of(one), Msg)
    one.close()


def test_who_is_here_is_asked_once_nothing_more_of_a_turn_comes(stub: PutStub) -> None:
    """Also in a room in which everybody speaks, and nobody comes or goes any more; and no entry is lost by it."""

    def missing(peer: Peer) -> None:
        peer.let_in(members=["a", "b"], count=2)
        peer.send(type="leave", nicks=["a"], count=2)
        peer.send(**msg(1))
        assert peer.frame("who")
        peer.send(
            type="roster", members=[{"nick": nick, "since": 1.0, "idle": 0.0} for nick in "bc"], count=2, watchers=0
        )
        peer.send(**msg(2))

    port = stub(one_after_another(missing)).port
    transport = BlockingTransport()
    one = Follower(transport, Address("127.0.0.1", port), "lobby", Cursor(), reconnect=False, members=MemberChanges())
    drive(one.open(deadline_in(5)))
    with contextlib.closing(one):
        events = [drive(one.next_event(deadline_in(5))) for _ in range(4)]
    assert [type(event) for event in events] == [Leave, Msg, Join, Msg]


def test_a_stub_is_no_open_port() -> None:
    """The port that these tests take for closed is."""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", closed_port()))


# --- the rule by which an entry is shown once, with no connection at all


def welcome(epoch: str, last: int) -> Welcome:
    return Welcome(
        v=1, server="s", room="lobby", nick="", epoch=epoch, first=1, last=last,
        members=[], count=0, watchers=0, durability="memory", limits=Limits(),
    )  # fmt: skip


def test_a_lost_place_is_kept_until_the_gap_has_told_of_it() -> None:
    """A connection that breaks between the two must not hide the loss."""
    cursor = Cursor(Resume("old", 7))
    cursor.enter(welcome("new", 3))
    assert (cursor.resume, cursor.lost) == (Resume("old", 7), True)
    assert cursor.take(Gap(from_=1, to=3, why="lost")) is not None
    assert (cursor.resume, cursor.lost) == (Resume("new", 3), False)


def test_a_log_that_lost_its_tail_goes_on_at_its_end() -> None:
    cursor = Cursor(Resume("e", 7))
    cursor.enter(welcome("e", 3))
    assert cursor.take(Gap(from_=4, to=7, why="lost")) is not None
    assert cursor.take(Msg(seq=4, time=1.0, nick="n", text="new")) is not None
    assert cursor.resume == Resume("e", 4)
