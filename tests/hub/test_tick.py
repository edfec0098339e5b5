"""One loop iteration's work: commit, sweep, replies, disconnects, in that order and each once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chatctl.core.dialects import JSON
from chatctl.hub.tick import Tick
from chatctl.protocol import Pong


class FakeLoop:
    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.later: list[tuple[float, Callable[[], None]]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        self.later.append((delay, callback))

    def time(self) -> float:
        return 100.0

    def turn(self) -> None:
        due, self.soon = self.soon, []
        for callback in due:
            callback()


class FakeSession:
    dialect = JSON
    idle = False


class FakePeer:
    def __init__(self, log: list[str], name: str) -> None:
        self.session = FakeSession()
        self.in_flight = 0
        self.leaving: str | None = None
        self.replies: list[bytes] = []
        self._log = log
        self._name = name

    @property
    def has_replies(self) -> bool:
        return bool(self.replies)

    def queue_reply(self, data: bytes) -> None:
        self.replies.append(data)

    def send(self, data: bytes) -> None:
        self._log.append(f"send {self._name} {len(self.replies)}")
        self.replies.clear()

    def pump(self) -> None:
        self._log.append(f"pump {self._name}")


class FakeRoom:
    def __init__(self, log: list[str], *, lags: int = 0, wait: float | None = None) -> None:
        self.lags = lags
        self.wait = wait
        self._log = log

    def sweep(self, now: float) -> bool:
        self._log.append(f"sweep {now}")
        self.lags -= 1
        return self.lags >= 0

    def news_wait(self, now: float) -> float | None:
        return self.wait


class Bench:
    """A tick on a loop that is turned by hand, and a log of what it did."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.loop = FakeLoop()
        self.tick = Tick(self.loop, lambda: self.log.append("commit"), self._finish)

    def _finish(self, peer: Any) -> None:
        self.log.append(f"finish {peer._name}")

    def peer(self, name: str) -> Any:
        return FakePeer(self.log, name)

    def room(self, **more: Any) -> Any:
        return FakeRoom(self.log, **more)

    def turn(self) -> list[str]:
        self.loop.turn()
        done, self.log[:] = list(self.log), []
        return done


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_order_of_a_tick(bench: Bench) -> None:
    """A reply goes out after the sweep has taken it along, if it has; a goodbye comes last of all."""
    peer = bench.peer("nadia")
    bench.tick.leave(peer)
    bench.tick.reply(peer, Pong(t=1.0))
    bench.tick.touch(bench.room())
    assert bench.turn() == ["commit", "sweep 100.0", "send nadia 1", "finish nadia"]
    assert bench.loop.soon == []


def test_work_of_one_iteration_is_done_once(bench: Bench) -> None:
    peer, room = bench.peer("nadia"), bench.room()
    for _ in range(3):
        bench.tick.touch(room)
        bench.tick.reply(peer, Pong(t=1.0))
    bench.tick.reply_run(peer, [Pong(t=2.0)] * 2)
    assert bench.turn() == ["commit", "sweep 100.0", "send nadia 4"]


def test_what_a_commit_answers_at_once_is_sent_in_the_same_run() -> None:
    """A journal in memory answers in the call: another turn of the loop for its acks would be wasted."""
    bench = Bench()
    peer, room = bench.peer("nadia"), bench.room()
    peer.leaving, peer.in_flight = "bye", 1

    def commit() -> None:
        if peer.in_flight:
            bench.tick.reply(peer, Pong(t=1.0))
            bench.tick.touch(room)
            bench.tick.release(peer, 1)

    bench.tick = Tick(bench.loop, commit, bench._finish)
    bench.tick.schedule()
    assert bench.turn() == ["sweep 100.0", "send nadia 1", "finish nadia"]
    assert bench.loop.soon == []


def test_what_is_said_during_a_commit_is_committed_in_the_next_run() -> None:
    bench = Bench()
    said = ["first"]

    def commit() -> None:
        bench.log.append(f"commit {said.pop()}")
        if len(bench.log) == 1 and not said:
            said.append("second")
            bench.tick.schedule()

    bench.tick = Tick(bench.loop, commit, bench._finish)
    bench.tick.schedule()
    assert bench.turn() == ["commit first"]
    bench.log.append("later")
    assert bench.turn() == ["later", "commit second"]
    assert bench.loop.soon == []


def test_a_commit_that_fails_stops_no_later_run(bench: Bench) -> None:
    def commit() -> None:
        raise RuntimeError

    bench.tick = Tick(bench.loop, commit, bench._finish)
    bench.tick.schedule()
    with pytest.raises(RuntimeError):
        bench.turn()
    bench.tick.touch(bench.room())
    assert len(bench.loop.soon) == 1


def test_nothing_to_say_is_no_work(bench: Bench) -> None:
    peer = bench.peer("nadia")
    bench.tick.reply_run(peer, [])
    bench.tick.reply_bytes(peer, b"")
    assert bench.loop.soon == []


def test_what_the_sweep_took_along_is_not_sent_again(bench: Bench) -> None:
    peer = bench.peer("nadia")
    bench.tick.reply(peer, Pong(t=1.0))
    peer.replies.clear()
    assert bench.turn() == ["commit"]


def test_a_room_whose_readers_lag_is_swept_in_the_next_iteration(bench: Bench) -> None:
    bench.tick.touch(bench.room(lags=2))
    assert [bench.turn() for _ in range(4)] == [["commit", "sweep 100.0"]] * 3 + [[]]


def test_news_that_waits_is_swept_once_when_its_time_has_come(bench: Bench) -> None:
    room = bench.room(wait=0.5)
    for _ in range(3):
        bench.tick.touch(room)
        bench.turn()
    [(delay, callback)] = bench.loop.later
    assert delay == 0.5
    room.wait = None
    callback()
    assert bench.turn() == ["commit", "sweep 100.0"]
    room.wait = 0.5
    bench.tick.touch(room)
    bench.turn()
    assert len(bench.loop.later) == 2, "it can wait again"


def test_a_leaving_peer_waits_for_what_is_in_flight(bench: Bench) -> None:
    peer = bench.peer("nadia")
    peer.in_flight, peer.leaving = 3, "kicked"
    bench.tick.leave(peer)
    assert bench.turn() == ["commit"]
    bench.tick.release(peer, 2)
    assert bench.turn() == []
    bench.tick.release(peer, 1)
    assert bench.turn() == ["commit", "finish nadia"]


def test_a_peer_goes_on_when_nothing_is_in_flight_any_more(bench: Bench) -> None:
    peer = bench.peer("nadia")
    peer.in_flight = 2
    bench.tick.release(peer, 1)
    assert bench.log == []
    bench.tick.release(peer, 1)
    assert bench.log == ["pump nadia"]


def test_a_peer_of_which_nothing_waits_is_not_asked(bench: Bench) -> None:
    peer = bench.peer("nadia")
    peer.in_flight, peer.session.idle = 1, True
    bench.tick.release(peer, 1)
    assert bench.log == []
