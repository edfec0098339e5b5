"""How the plain screen ends: the thread that reads stdin, and what is waited for. On a conversation of the test's own.

In this process, where an end can be put at any place of the thread's work, and the thread be waited for.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from chatctl.client.core.address import Address
from chatctl.errors import ChatError, OutcomeUnknown, Rejected
from chatctl.terminal import app
from chatctl.terminal.interfaces import ScreenOptions
from chatctl.terminal.plain_screen import MAX_UNACKNOWLEDGED
from chatctl.terminal.stdin_reader import StdinReader
from tests.support.environment import DEADLINE


class Conversation:
    """Somebody in a room, for whom nothing happens but what the test wants."""

    name, count, status, refusals, is_entering = "lobby", None, "", 0, False

    def __init__(self, *_: object) -> None:
        self.over, self.entered = asyncio.Event(), asyncio.Event()
        self.entered.set()

    @property
    def unacknowledged(self) -> int:
        return 0

    def unsent(self) -> list[str]:
        return []

    def nicks(self) -> Iterable[str]:
        return []

    def submit(self, _line: str) -> bool:
        return True

    async def run(self) -> None:
        async with asyncio.timeout(DEADLINE):  # or a screen that hangs would never fail
            await self.over.wait()

    def save(self) -> None:
        pass

    async def leave(self, _seconds: float) -> int:
        self.over.set()
        return self.unacknowledged


class Join:
    """``join`` in a pipe, with the conversation that the test wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stdin: int) -> None:
        self._patch = monkeypatch
        self._stdin = stdin
        self._ended = threading.Event()
        self._trace: BaseException | None = None
        monkeypatch.setattr("sys.stdin", self)
        read = StdinReader._read

        def noted(reader: StdinReader) -> None:
            try:
                read(reader)
            except BaseException as error:  # noqa: BLE001 — whatever it is, its trace would be on stderr
                self._trace = error
            self._ended.set()

        monkeypatch.setattr(StdinReader, "_read", noted)

    def fileno(self) -> int:
        return self._stdin

    def isatty(self) -> bool:
        return False

    def run(self, conversation: type[Conversation]) -> int:
        self._patch.setattr(app, "ClassicController", conversation)
        return app.run_classic(Address("a-server", 1), "nadia", None, ScreenOptions())

    def reader_is_quiet(self) -> bool:
        """Wait for the end of the thread that reads, and tell whether it left no trace."""
        assert self._ended.wait(DEADLINE), "it waits for ever"
        return self._trace is None


@pytest.fixture
def ends() -> Iterator[list[int]]:
    """Yield the ends of a pipe: one is stdin, the test writes to the other, and may close it."""
    ends = list(os.pipe())
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def join(monkeypatch: pytest.MonkeyPatch, ends: list[int], tmp_path: Path) -> Join:
    """Join with what the test writes into ``ends``."""
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    return Join(monkeypatch, ends[0])


class Full(Conversation):
    """The server takes nothing, and a signal comes while a line waits for it."""

    @property
    def unacknowledged(self) -> int:
        if not self.over.is_set():
            os.kill(os.getpid(), signal.SIGTERM)
        return MAX_UNACKNOWLEDGED


def test_a_signal_while_a_line_waits(join: Join, ends: list[int]) -> None:
    """More lines than the server takes, and Ctrl-C: that is an end like every other, and no trace of the thread's."""
    os.write(ends[1], b"one\ntwo\n")
    assert join.run(Full) == 128 + signal.SIGTERM
    assert join.reader_is_quiet()


@pytest.mark.parametrize("fault", [ZeroDivisionError, RuntimeError, RecursionError])
def test_a_fault_in_what_a_line_does(join: Join, ends: list[int], fault: type[Exception]) -> None:
    """Whatever its kind: one line that names it and the exit code 1, while stdin goes on."""

    class Broken(Conversation):
        def submit(self, _line: str) -> bool:
            raise fault("on purpose")

    os.write(ends[1], b"one\ntwo\n")
    with pytest.raises(ChatError, match=rf"internal error in chatctl: {fault.__name__}\('on purpose'\)") as caught:
        join.run(Broken)
    assert caught.value.exit_code == 1
    assert join.reader_is_quiet()


class Gone(Conversation):
    """The server sends us away at once."""

    async def run(self) -> None:
        await asyncio.sleep(0)

    async def leave(self, seconds: float) -> int:
        assert seconds == 0.0, "it would wait for what was sent last"
        return await super().leave(seconds)


@pytest.mark.parametrize("late", [b"a line\n", b""])
def test_stdin_that_says_more_after_the_end(join: Join, ends: list[int], late: bytes) -> None:
    """The thread meets a loop that is closed, with a line and with the end of stdin: nobody wants either."""
    assert join.run(Gone) == 0
    os.write(ends[1], late)
    os.close(ends[1])
    ends[1] = os.dup(ends[0])
    assert join.reader_is_quiet()


def test_a_stdin_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, ends: list[int]) -> None:
    """``join 0>file``, or a terminal that is gone: one line, and no wait for ever."""
    join = Join(monkeypatch, ends[1])
    with pytest.raises(ChatError, match="cannot read stdin: bad file descriptor"):
        join.run(Conversation)
    assert join.reader_is_quiet()


class Unanswered(Conversation):
    """Lines that the server does not acknowledge before it says its last word."""

    looks = 0

    @property
    def unacknowledged(self) -> int:
        self.looks += 1
        if self.looks == 5:
            self.over.set()
        assert self.looks < 15, "it goes on waiting"
        return 3

    async def leave(self, _seconds: float) -> int:
        raise Rejected("you were kicked")


def test_nothing_is_waited_for_after_a_final_bye(join: Join, ends: list[int]) -> None:
    """Kicked, or replaced: the acknowledgements that are missing will not come."""
    os.close(ends[1])
    ends[1] = os.dup(ends[0])
    with pytest.raises(OutcomeUnknown, match=r"^you were kicked; 3 of the lines were not acknowledged"):
        join.run(Unanswered)
