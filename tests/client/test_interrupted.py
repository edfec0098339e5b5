"""A signal's exception at every place where Python looks for one: the room hears that the question is withdrawn.

Handlers run between two instructions, so an exception that they raise comes out of any call at all: while a lock is
held, while a connection is being closed. That is seldom, and then the asker hung, or the room waited for nobody, or
the other threads that share the room.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

import chatctl
from chatctl.client.core.address import Address
from chatctl.client.core.asking import Asking
from chatctl.client.core.author_key import AuthorKeys
from chatctl.client.core.cursor import Cursor
from chatctl.client.core.deadline import ConnectionEnded, Deadline, DeadlinePassed
from chatctl.client.core.follower import Follower
from chatctl.client.core.held_lease import HeldLease
from chatctl.client.core.question import Question
from chatctl.client.core.speaker import Speaker
from chatctl.client.io import blocking_connection, clock
from chatctl.client.io.blocking_transport import BlockingTransport, drive
from chatctl.errors import OutcomeUnknown
from chatctl.protocol import Ack, ClientFrame, Hello, Lease, LeaseState, Limits, Msg, Say, ServerFrame, Welcome
from tests.support.environment import DEADLINE

OURS = str(Path(chatctl.__file__).parent)
LOOKS = {dis.opmap[name] for name in ("CALL", "CALL_FUNCTION_EX", "RESUME", "JUMP_BACKWARD")}
"""The instructions at whose end CPython runs the handlers of signals that have come."""
PRECALL = dis.opmap.get("PRECALL", -1)
"""Of Python 3.11: does what the CALL behind it would have done, and leaves that out, once a place is warm."""


HELLO = Hello(v=1, nick="deploy", room="lobby", mode="post")


class Interrupted(BaseException):
    """What the handler raises."""


@pytest.fixture(autouse=True)
def waits_take_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have time pass without a wait when somebody waits or looks at the clock: there are hundreds of places."""
    passed = 0.0

    def pass_by(seconds: float) -> float:
        nonlocal passed
        passed += seconds
        return passed

    class Poll:
        def register(self, *_: int) -> None:
            pass

        def poll(self, milliseconds: float) -> list[tuple[int, int]]:
            pass_by(milliseconds / 1000)
            return []

    monkeypatch.setattr(blocking_connection, "select", SimpleNamespace(poll=Poll, POLLIN=0))
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: pass_by(0.001)))


class Room(BlockingTransport):
    """A server without a socket or a clock: it keeps a log, and nadia answers as soon as she is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Msg] = []
        self.silent = False
        self.hangs = False
        self.withdrawn: list[str] = []
        self.time = 0.0

    def now(self) -> float:  # type: ignore[override]  # theirs is static
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds

    async def connect(self, _address: Address, hello: Hello, _deadline: Deadline) -> Any:
        return Connection(self, hello)

    def say(self, nick: str, text: str) -> int:
        self.log.append(Msg(seq=len(self.log) + 1, time=0.0, nick=nick, text=text))
        return len(self.log)

    @property
    def texts(self) -> list[str]:
        return [entry.text for entry in self.log]


class Connection:
    """One connection to it."""

    def __init__(self, room: Room, hello: Hello) -> None:
        self.room, self.hello = room, hello
        self.open = True
        self.acks: list[Ack] = []
        self.states: list[LeaseState] = []
        self.read = len(room.log)
        self.welcome = Welcome(
            v=1, server="", room="lobby", nick=hello.nick, epoch="e", first=1, last=self.read, members=[], count=0,
            watchers=0, durability="memory", limits=Limits(), features=["leases"],
        )  # fmt: skip

    async def send(self, frame: ClientFrame, _deadline: Deadline) -> None:
        self._check()
        if isinstance(frame, Lease):
            self.room.withdrawn += [frame.name] * (frame.do == "withdraw")
            self.states.append(LeaseState(frame.kind, frame.name, held=frame.do != "release", open=[frame.name]))
        elif isinstance(frame, Say) and not self.room.hangs:
            self.acks.append(Ack(frame.id or "", 0.0, False, self.room.say(self.hello.nick, frame.text)))
            if "answer with" in frame.text:
                self.room.say("nadia", "yes")

    async def receive(self, deadline: Deadline) -> ServerFrame:
        self._check()
        if self.room.silent or self.room.hangs:
            assert deadline.at is not None, "it would wait for ever"
            self.room.time = max(self.room.time, deadline.at)
            raise DeadlinePassed("the deadline passed")
        if self.states:
            return self.states.pop(0)
        if self.hello.mode == "post":
            return self.acks.pop(0)
        self.read += 1
        return self.room.log[self.read - 1]

    async def pending(self) -> Iterable[ServerFrame]:
        return []

    def close(self) -> None:
        self.open = False

    def _check(self) -> None:
        if not self.open:
            raise ConnectionEnded("it is closed")


class Interrupter:
    """Raises where Python looks for signals in our code for the ``at``-th time; ``looks`` says how often it did."""

    def __init__(self, at: int) -> None:
        self.at, self.looks = at, 0
        self.then: Callable[[], None] = lambda: None
        self._before: dict[FrameType, int] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "return":
            self._before.pop(frame, None)
        elif event == "opcode":
            before, now = self._before.get(frame), frame.f_code.co_code[frame.f_lasti]
            self._before[frame] = now
            looks = before in LOOKS or (before == PRECALL and now != dis.opmap["CALL"])
            self.looks += looks
            if looks and self.looks == self.at:
                self.then()
                raise Interrupted
        return self


def ends(work: Coroutine[Any, Any, object], interrupter: Callable[..., Any] | None, where: object) -> Any:
    """Do it in a thread, interrupted; give what it raised, or None. Fails if it hangs."""
    ends = list[BaseException | None]()

    def run() -> None:
        sys._getframe().f_trace_opcodes = True  # Python 3.12 looks here, when tracing begins, and at no later frame
        sys.settrace(interrupter)
        try:
            drive(work)
        except BaseException as end:  # noqa: BLE001 — it is what we want to see
            ends.append(end)
        else:
            ends.append(None)
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=run, daemon=True)  # one that hangs must not keep the tests
    thread.start()
    thread.join(DEADLINE)
    assert ends, f"it hangs: {where}"
    return ends[0]


def ask(room: Room, interrupter: Interrupter) -> BaseException | None:
    """Ask in the room; give what ended it. Fails if it hangs, or if another thread can't speak then."""
    address = Address("a-server", 5500)
    speaker = Speaker(room, address, HELLO, DEADLINE, keep_open=False)
    follower, authors = Follower(room, address, "lobby", Cursor()), AuthorKeys(room, address, "lobby")

    def lease(tag: str) -> HeldLease:
        return HeldLease(room, address, "lobby", None, "question", tag)

    asking = Asking(Question("go?", ["yes", "no"], "deploy"), follower, speaker, authors, lambda _: None, lease)
    end = ends(asking.ask(DEADLINE), interrupter, (interrupter.at, room.texts))
    if end is not None and not room.hangs:
        assert ends(speaker.say("another"), None, ("another thread", interrupter.at)) is None
        assert room.log.pop().text == "another"
    return end


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")  # made, and interrupted before its first step
def test_wherever_it_is_interrupted_the_room_knows() -> None:
    """The last word is the truth: withdrawn; or the answer, if the room had that and the asking was over."""
    told = list[int]()
    for at in range(1, 10_000):
        room, interrupter = Room(), Interrupter(at)
        end = ask(room, interrupter)
        if end is None:
            break
        assert isinstance(end, Interrupted), (at, end)
        with contextlib.suppress(IndexError):
            assert room.texts[-1][5:] in ("go?  -> withdrawn", "go?  -> yes (nadia)"), (at, room.texts)
            told.append(at)
    assert room.texts[-1][5:] == "go?  -> yes (nadia)", "and it ends well where it is not interrupted"
    assert len(told) > 100


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_wherever_it_is_interrupted_a_server_that_hangs_is_left_word() -> None:
    """It reads that when it goes on, and tells the room; unless the room has the answer."""
    left = list[int]()
    for at in range(1, 10_000):
        room, interrupter = Room(), Interrupter(at)
        interrupter.then = functools.partial(setattr, room, "hangs", True)
        if ask(room, interrupter) is None:
            break
        assert len(room.withdrawn) <= 1, (at, room.withdrawn)
        if room.texts and not room.texts[-1].endswith("-> yes (nadia)"):
            assert room.withdrawn == [room.texts[0][1:].split("]")[0]], (at, room.texts)
            left.append(at)
    assert len(left) > 100


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_interrupted_while_it_fails() -> None:
    """No acknowledgement comes, and then a signal: who speaks next says what is his, and nothing else."""
    for at in range(1, 10_000):
        room = Room()
        speaker = Speaker(room, Address("a-server", 5500), HELLO, DEADLINE, keep_open=True)
        room.silent = True
        end = ends(speaker.say("hi"), Interrupter(at), at)
        room.silent = False
        room.log.clear()
        assert ends(speaker.say("another"), None, at) is None, at
        assert room.texts == ["another"], at
        if not isinstance(end, Interrupted):
            break
    assert isinstance(end, OutcomeUnknown), end
    assert at > 50


class Waiting:
    """A lock that another thread holds; the signal comes while it is waited for."""

    release = staticmethod(threading.RLock().release)

    def acquire(self) -> None:
        raise Interrupted


async def never() -> None:
    raise AssertionError("it is not our turn")


def test_interrupted_while_another_thread_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes out is the handler's exception, and not that the lock was never ours."""
    lock = BlockingTransport().lock()
    monkeypatch.setattr(lock, "_lock", Waiting())
    with pytest.raises(Interrupted):
        drive(lock.hold(never))
