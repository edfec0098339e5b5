"""What both screens share: running a conversation from start to end, and the signals that end it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import Any

from chatctl.terminal.interfaces import Conversation
from chatctl.terminal.output_stream import OutputStream

SAVE_SECONDS = 0.5
"""Between two saves of the draft and the cursor: what a ``kill -9`` may cost."""

SETTLE_SECONDS = 2.0
"""How long leaving waits for an acknowledgement; what is unacknowledged then stays in the outbox."""

_END_SECONDS = 1.0
"""A conversation that has not ended so long after ``leave`` is abandoned."""


HUNG_UP = 128 + signal.SIGHUP
"""The exit code when the terminal is gone, whether it sent SIGHUP or not."""


class ConversationTask:
    """Runs a conversation on behalf of a screen.

    ``end`` is called with the exit code when something other than the user ends it: 0 when the conversation is over,
    128 + N for signal N. An exception in a callback of the event loop, which nobody awaits, also calls ``end``, and
    ``leave`` raises it.
    """

    def __init__(self, conversation: Conversation, end: Callable[[int], None], output: OutputStream) -> None:
        """Prepare it inside a running event loop. A signal ends the waits of ``output``, too."""
        self._conversation = conversation
        self._output = output
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
        self._handle_signals()
        self._task.add_done_callback(lambda _: self._end(0))
        self._saver = self._loop.create_task(self._save_regularly(save))

    def _handle_signals(self) -> None:
        """End on each signal that asks for it, unless whoever started us had it ignored, as ``nohup`` does."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            if number in (signal.SIGHUP, signal.SIGQUIT) and signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._loop.add_signal_handler(number, self._end, 128 + number)
            # asyncio's own Python-level handler does nothing, and its callback only runs once the loop goes on: a write
            # that waits for a reader has to be told here.
            signal.signal(number, lambda *_: self._output.hurry())

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
