"""Spreading: an operator is answered once all servers that share the facts go by what was changed.

Lives here: that wait, and what the operator is told of servers that do not. Does not live here: how it is known
(journal/postgres/), what they do with it (learning.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from chatctl.common.text import clean
from chatctl.errors import ChatError, StorageFailed
from chatctl.hub.admin_plan import Answer, Outcome
from chatctl.protocol import Done


class Spreading:
    """Holds answers back."""

    def __init__(self, wait: Callable[[], Awaitable[Sequence[str]]]) -> None:
        """``wait`` returns the names of servers that do not go by what was changed in time. It raises StorageFailed."""
        self._wait = wait
        self._tasks: set[asyncio.Task[None]] = set()

    def after(self, answer: Answer) -> Answer:
        """Return what answers once it is spread; errors at once."""

        def later(outcome: Outcome) -> None:
            if isinstance(outcome, ChatError):
                answer(outcome)
                return
            task = asyncio.get_running_loop().create_task(self._answer(outcome, answer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return later

    async def _answer(self, done: Done, answer: Answer) -> None:
        try:
            behind = await self._wait()
            note = f"; not applied yet by {clean(', '.join(behind))}" if behind else ""
        except StorageFailed as error:
            note = f"; unknown whether the other servers apply it ({error.text})"
        answer(msgspec.structs.replace(done, text=done.text + note) if note else done)
