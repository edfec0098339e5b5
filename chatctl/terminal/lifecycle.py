"""What both screens share: running a conversation from start to end, and a stdout that writes everything."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO

from chatctl.terminal.interfaces import Conversation

SAVE_SECONDS = 0.5
"""Between two saves of the draft and the cursor: what a ``kill -9`` may cost."""

_END_SECONDS = 1.0
"""A conversation that has not ended so long after ``leave`` is abandoned."""


class ConversationTask:
    """Runs a conversation on behalf of a screen.

    ``end`` is called with the exit code when something other than the user ends it: 0 when the conversation is over,
    128 + N for signal N. An exception in a callback of the event loop, which nobody awaits, also calls ``end``, and
    ``leave`` raises it.
    """

    def __init__(self, conversation: Conversation, end: Callable[[int], None]) -> None:
        """Prepare it inside a running event loop."""
        self._conversation = conversation
        self._end = end
        self._fault: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._callback_failed)

    def _callback_failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if error := context.get("exception"):
            self._fault = self._fault or error
            self._end(0)

    async def enter(self, save: Callable[[], None]) -> None:
        """Start the conversation, wait until it is in the room, and from then on call ``save`` regularly.

        Raises:
            ChatError: the server cannot be joined.
        """
        self._task = self._loop.create_task(self._conversation.run())
        entered = self._loop.create_task(self._conversation.entered.wait())
        await asyncio.wait([entered, self._task], return_when=asyncio.FIRST_COMPLETED)
        entered.cancel()
        if self._task.done():
            self._task.result()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._end, 128 + number)
        self._task.add_done_callback(lambda _: self._end(0))
        self._saver = self._loop.create_task(self._save_regularly(save))

    async def _save_regularly(self, save: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            save()

    def stop_saving(self) -> None:
        """Do not call ``save`` any more."""
        self._saver.cancel()

    @property
    def over(self) -> bool:
        """Whether the conversation has ended: no acknowledgement will come."""
        return self._task.done()

    async def leave(self, seconds: float) -> int:
        """Leave the room as ``Conversation.leave``, and wait for the end of the conversation.

        Raises:
            RuntimeError: a callback failed; the cause is its exception.
        """
        unacknowledged = await self._conversation.leave(seconds)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._task, _END_SECONDS)
        if self._fault is not None:
            raise RuntimeError("a callback failed") from self._fault
        return unacknowledged


def buffered_stdout() -> TextIO:
    """Return our stdout with a buffer of its own. Closing it leaves stdout open.

    Where Python is told not to buffer (``PYTHONUNBUFFERED``, usual in containers), ``sys.stdout`` passes a text to
    write(2) once and ignores how much of it was taken. On a slow terminal a signal ends that call early (SIGWINCH, when
    the window changes size), and the rest of the text would be lost. A buffered file repeats the call.
    """
    stdout = sys.stdout
    if stdout is None:  # it was closed before we began
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123
    return os.fdopen(stdout.fileno(), "w", encoding=stdout.encoding, errors=stdout.errors, closefd=False)
