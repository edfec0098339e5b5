"""The plain screen of ``join``: a line in, a line out. No colour, no redraw, nothing that moves a cursor.

For pipes, dumb terminals and screen readers.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable

from chatctl.errors import OutcomeUnknown
from chatctl.terminal.lines import Lines
from chatctl.terminal.palette import Palette
from chatctl.terminal.screen import Screen, Talk, entered

DRAIN_SECONDS = 10.0
"""How long the end of the input waits for its last acknowledgements."""


class PlainScreen:
    """stdin and stdout; a desk's Screen."""

    def __init__(self, talk_on: Callable[[Screen, Lines], Talk]) -> None:
        """Prepare it inside a running event loop."""
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[int] = self._loop.create_future()
        self.desk = talk_on(self, Lines(Palette(0)))

    # --- a desk's Screen

    def show(self, lines: list[str]) -> None:
        """See Screen."""
        try:
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            sys.stdout.flush()
        except BrokenPipeError:
            self._end(0)

    def clear(self) -> None:
        """There is nothing to clear."""

    def alert(self, text: str) -> None:
        """A line is alert enough."""

    def refresh(self) -> None:
        """There is no status to draw."""

    def leave(self) -> None:
        """See Screen."""
        self._end(0)

    def _end(self, code: int) -> None:
        if not self._done.done():
            self._done.set_result(code)

    # --- the whole run

    async def run(self) -> int:
        """Send each line of stdin, print each line that comes; end with stdin. Gives the exit code.

        Raises:
            ChatError: we could not get in.
            OutcomeUnknown: the last lines were not acknowledged.
        """
        link = self._loop.create_task(self.desk.run())
        await entered(self.desk, link)
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._end, 128 + number)
        link.add_done_callback(lambda _: self._end(0))
        # A thread: a file can't be waited for in an event loop. It is a daemon: it may never see its stdin's end.
        threading.Thread(target=self._read, daemon=True).start()
        code = await self._done
        unsent = await self.desk.leave(DRAIN_SECONDS)
        await link
        if unsent and code == 0:
            raise OutcomeUnknown(f"{unsent} messages were not acknowledged: they may or may not have been said")
        return code

    def _read(self) -> None:
        for line in sys.stdin:
            self._loop.call_soon_threadsafe(self._submit, line.removesuffix("\n"))
        self._loop.call_soon_threadsafe(self._end, 0)

    def _submit(self, line: str) -> None:
        if line and not self._done.done():
            self.desk.submit(line)
