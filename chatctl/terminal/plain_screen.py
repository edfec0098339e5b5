"""The plain screen of ``join``: a line in, a line out. No colour, no redraw, nothing that moves a cursor.

For pipes, dumb terminals and screen readers.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

from chatctl.errors import ChatError, OutcomeUnknown, Rejected, reason_of
from chatctl.terminal.colors import Palette
from chatctl.terminal.interfaces import Faults, Screen, Talk, ended, entered
from chatctl.terminal.render import Lines
from chatctl.terminal.stdout import whole_stdout

DRAIN_SECONDS = 10.0
"""How long the end of the input waits for each of its last acknowledgements."""

SAVE_SECONDS = 0.5

MOST_WAITING = 100
"""A file of many lines is read as fast as the server takes them."""


class PlainScreen:
    """stdin and stdout; a desk's Screen."""

    def __init__(self, talk_on: Callable[[Screen, Lines], Talk]) -> None:
        """Prepare it inside a running event loop."""
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[int] = self._loop.create_future()
        self.desk = talk_on(self, Lines(Palette(0)))
        self._faults = Faults(self.leave)
        self._out = whole_stdout()
        self._trouble: ChatError | None = None
        self._taken = threading.Semaphore(0)

    # --- a desk's Screen

    def show(self, lines: list[str]) -> None:
        """See Screen."""
        try:
            self._out.write("".join(f"{line}\n" for line in lines))
            self._out.flush()
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())  # or the interpreter's end complains
            self._cannot_print(error)

    def _cannot_print(self, error: OSError) -> None:
        """Nobody reads it: a script's lines are said all the same, a person is gone. Or there is no room for it."""
        if not isinstance(error, BrokenPipeError):
            self._fail("cannot write to stdout", error)
        elif is_interactive():
            self._end(0)

    def _fail(self, what: str, error: OSError) -> None:
        self._trouble = ChatError(f"{what}: {reason_of(error)}")
        self._end(0)

    def clear(self) -> None:
        """There is nothing to clear."""

    def alert(self, text: str) -> None:
        """A line is alert enough."""

    def refresh(self) -> None:
        """There is no status to draw."""

    def busy(self) -> bool:
        """See Screen: writing waits by itself."""
        return False

    def leave(self) -> None:
        """See Screen."""
        self._end(0)

    def _end(self, code: int) -> None:
        if not self._done.done():
            self._done.set_result(code)
            self._taken.release()  # the reader waits no longer

    # --- the whole run

    async def run(self) -> int:
        """Send each line of stdin, print each line that comes; end with stdin. Gives the exit code.

        Raises:
            ChatError: we could not get in, or nothing can be printed.
            OutcomeUnknown: the last lines were not acknowledged.
        """
        link = self._loop.create_task(self.desk.run())
        await entered(self.desk, link)
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._end, 128 + number)
        link.add_done_callback(lambda _: self._end(0))
        saver = self._loop.create_task(self._keep_saving())
        # A thread: a file can't be waited for in an event loop. It is a daemon: it may never see its stdin's end.
        threading.Thread(target=self._read, daemon=True).start()
        code = await self._done
        saver.cancel()
        unsent = await self.desk.leave(DRAIN_SECONDS if code == 0 and await self._drained(link) else 0.0)
        self.desk.save(None)
        await ended(link)
        self._faults.raise_first()
        if self._trouble is not None:
            raise self._trouble
        if code == 0:
            self._judge(unsent)
        return code

    async def _drained(self, link: asyncio.Task[None]) -> bool:
        """Wait until a script's last lines are acknowledged, also while the connection comes back; else False.

        Once the link is done, after a final bye, nothing comes any more.
        """
        left, deadline = self.desk.waiting, self._loop.time() + DRAIN_SECONDS
        while not is_interactive() and self.desk.waiting and not link.done() and self._loop.time() < deadline:
            await asyncio.sleep(0.01)
            if self.desk.waiting < left:
                left, deadline = self.desk.waiting, self._loop.time() + DRAIN_SECONDS
        return not link.done() and (is_interactive() or not self.desk.waiting)

    def _judge(self, unsent: int) -> None:
        """Raise if a script's lines did not all arrive; a person has seen it."""
        if unsent:
            raise OutcomeUnknown(f"{unsent} of the lines {_were(unsent)} not acknowledged and may or may not be said")
        if self.desk.refusals and not is_interactive():
            raise Rejected(f"{self.desk.refusals} of the lines {_were(self.desk.refusals)} refused")

    # --- the thread that reads

    def _read(self) -> None:
        """Hand each line of stdin to the loop, the next one once it was taken, until stdin ends or we do."""
        try:
            for line in _lines_of_stdin():
                if not self._tell(self._take, line):
                    return
                self._taken.acquire()
                if self._done.done():
                    return
        except OSError as error:
            self._tell(self._fail, "cannot read stdin", error)
        else:
            self._tell(self._end, 0)

    def _tell(self, callback: Callable[..., None], *args: object) -> bool:
        """Have the loop call something. False once it is closed: we have ended, and nobody wants the rest."""
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            return False
        return True

    # --- and the loop again

    def _take(self, line: str) -> None:
        """Submit a line once there is room for it. A fault in it is the loop's to catch, as in every callback."""
        if self._done.done():
            return
        if self.desk.waiting >= MOST_WAITING:
            self._loop.call_later(0.01, self._take, line)
        else:
            self.desk.submit(line)
            self._taken.release()

    async def _keep_saving(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            self.desk.save(None)


def is_interactive() -> bool:
    """Tell whether a person types, rather than a pipe."""
    return sys.stdin is not None and sys.stdin.isatty()


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _lines_of_stdin() -> Iterator[str]:
    """Yield its lines that hold something. Raises OSError."""
    if sys.stdin is not None:
        for line in _lines_of(sys.stdin.fileno()):
            if text := line.decode("utf-8", "replace").rstrip("\r"):
                yield text


def _lines_of(fd: int) -> Iterator[bytes]:
    """Yield lines without their LF.

    Not through ``sys.stdin``: its lock, held by a thread that waits, aborts the interpreter at its end.
    """
    rest = b""
    while data := os.read(fd, 65536):
        *lines, rest = (rest + data).split(b"\n")
        yield from lines
    if rest:
        yield rest
