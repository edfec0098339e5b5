"""lease_keeper.py: a lease is held across broken connections, or it is said that it is lost. Time is faked."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from chatctl.client.core.deadline import Deadline, ReaderGone
from chatctl.client.core.held_lease import HeldLease
from chatctl.client.core.lease_keeper import LeaseKeeper
from chatctl.client.io.blocking_transport import drive
from chatctl.errors import ChatError, Forbidden, Unreachable, Unsupported
from chatctl.protocol import Hello, Lease, LeaseState, ServerFrame
from tests.client.core import fake_transport
from tests.client.core.fake_transport import ADDRESS, FakeTransport, ended

TOKEN = "5" * 32
HELD = LeaseState("lock", "backup", held=True, nick="ci", since=1.0)
OTHERS = LeaseState("lock", "backup", held=False, nick="eve", since=9.0)


class Kept:
    """A keeper on a server that does what is scripted, and what it told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *steps: Iterable[ServerFrame | Exception] | ChatError) -> None:
        plain = fake_transport.welcome

        def welcome(*arguments: object) -> object:
            told = plain(*arguments)  # type: ignore[arg-type]
            told.features.append("leases")
            return told

        monkeypatch.setattr(fake_transport, "welcome", welcome)
        self.told: list[object] = []
        self.transport = FakeTransport(*steps)
        hello = Hello(v=1, nick="ci", mode="post", token=TOKEN)
        lease = HeldLease(self.transport, ADDRESS, "lobby", TOKEN, "lock", "backup")
        self.keeper = LeaseKeeper(self.transport, ADDRESS, hello, lease, self)

    def run(self) -> list[object]:
        """Take it, keep it until the script is over; return what was told."""
        assert drive(self.keeper.take(Deadline.after(5, self.transport.now))) == HELD
        drive(self.keeper.keep())
        return self.told

    def out_of_reach(self, why: str) -> None:
        self.told.append(("out of reach", self.transport.time - 1000, why))

    def taken(self, state: LeaseState) -> None:
        self.told.append(("taken", state.nick))

    def back(self, seconds: float) -> None:
        self.told.append(("back", seconds))

    def refused(self, why: str) -> None:
        self.told.append(("refused", why))


def unreachable(number: int) -> list[ChatError]:
    return [Unreachable("nobody there") for _ in range(number)]


def test_a_short_break_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken again under the same holder's name, and nobody hears of it."""
    kept = Kept(monkeypatch, [HELD, ended()], *unreachable(3), [HELD, ReaderGone()])
    assert kept.run() == []
    first, last = (connection.sent for connection in (kept.transport.connections[0], kept.transport.connections[-1]))
    assert first == last == [Lease("lock", "backup", "ff" * 16, "take")]
    assert {(hello.mode, hello.nick, hello.token) for hello in kept.transport.hellos} == {("post", "ci", TOKEN)}


def test_after_the_grace_it_may_be_somebody_else_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is said once, in time, and it is asked for again until it is there."""
    kept = Kept(monkeypatch, [HELD, ended()], *unreachable(12), [HELD, ReaderGone()])
    (told, at, why), (back, seconds) = kept.run()
    assert (told, at, why, back) == ("out of reach", 60.0, "nobody there", "back")
    assert seconds > 60


def test_the_server_says_how_long_the_grace_is(monkeypatch: pytest.MonkeyPatch) -> None:
    short = LeaseState("lock", "backup", held=True, nick="ci", since=1.0, grace=2.0)
    kept = Kept(monkeypatch, [short, ended()], *unreachable(3), [HELD, ReaderGone()])
    assert drive(kept.keeper.take(Deadline.after(5, kept.transport.now))) == short
    drive(kept.keeper.keep())
    assert kept.told[0][:2] == ("out of reach", 2.0)  # type: ignore[index]


def test_another_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server forgot all, and somebody was faster."""
    assert Kept(monkeypatch, [HELD, ended()], [OTHERS]).run() == [("taken", "eve")]


def test_who_is_banned_has_lost_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Kept(monkeypatch, [HELD, ended()], Forbidden("you are banned")).run() == [("refused", "you are banned")]


def test_a_server_without_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked of it."""
    kept = Kept(monkeypatch, [])
    monkeypatch.undo()
    with pytest.raises(Unsupported, match="update chatctl where"):
        drive(kept.keeper.take(Deadline.after(5, kept.transport.now)))
    assert kept.transport.connections[0].sent == []
    assert kept.transport.connections[0].closed


def test_a_server_that_does_not_answer_is_no_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    """8 would say that somebody else has the lock."""
    kept = Kept(monkeypatch, [])
    with pytest.raises(Unreachable, match="does not answer in time"):
        drive(kept.keeper.take(Deadline.after(5, kept.transport.now)))
