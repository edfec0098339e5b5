"""Requests on the connection of a room that somebody is in, for the code that asks on any connection.

A membership hands out frames as they come; ``client/requests.py`` and ``client/core/log_search.py`` ask and await an
answer. Lives here: which frame answers what was asked. Does not live here: what is asked for (log_commands.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import msgspec

from chatctl.client.core.deadline import ConnectionEnded, Deadline, DeadlinePassed
from chatctl.client.core.request import is_other_answer
from chatctl.client.membership import Membership
from chatctl.common.names import fold_any
from chatctl.errors import ChatError
from chatctl.protocol import (
    ClientFrame,
    Error,
    Found,
    History,
    Identity,
    Page,
    Redacted,
    Search,
    ServerFrame,
    Welcome,
    Whois,
)


class RoomRequests:
    """An OpenConnection that is a room's membership: one request at a time, the others wait for their turn."""

    def __init__(self, membership: Membership) -> None:
        """Make it inside a running event loop."""
        self._membership = membership
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked: ClientFrame | None = None
        self._answer: asyncio.Future[ServerFrame] | None = None
        self.redacted: set[int] = set()
        """Entries that an operator has emptied since the present work began."""

    def start(self, work: Coroutine[Any, Any, None], refuse: Callable[[str], object]) -> None:
        """Run something that makes requests, once those before it are done. A ChatError is told to ``refuse``."""
        task = asyncio.get_running_loop().create_task(self._run(work, refuse))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.result()  # a fault of our own: the loop's handler gets it

    async def _run(self, work: Coroutine[Any, Any, None], refuse: Callable[[str], object]) -> None:
        async with self._turn:
            self.redacted.clear()
            try:
                await work
            except ChatError as error:
                refuse(error.text)

    def take(self, frame: ServerFrame) -> bool:
        """Take a frame from the membership if it is the answer that is waited for; else it is for the screen."""
        if isinstance(frame, Redacted):
            self.redacted.update(frame.seqs)
        if self._answer is None or self._answer.done() or not self._is_answer(frame):
            return False
        self._answer.set_result(frame)
        return True

    def _is_answer(self, frame: ServerFrame) -> bool:
        if self._asked is None or is_other_answer(frame, self._asked):
            return False
        match frame:
            case Error(id=ident):  # one without an id may be of anything; where ids are echoed, it is not of ours
                return ident == getattr(self._asked, "id", None)
            case Identity(nick=nick):
                return isinstance(self._asked, Whois) and fold_any(nick) == fold_any(self._asked.nick)
            case Page():
                return isinstance(self._asked, History)
            case _:
                return isinstance(frame, Found) and isinstance(self._asked, Search)

    def lost(self, why: str) -> None:
        """End the request that waits: the connection is gone."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionEnded(why))

    # --- as an OpenConnection

    @property
    def welcome(self) -> Welcome:
        """The server's welcome, with the log's end as it is now. Raises ConnectionEnded before there is one."""
        welcome, cursor = self._membership.welcome, self._membership.cursor
        if welcome is None or cursor is None:
            raise ConnectionEnded("there is no connection yet")
        return msgspec.structs.replace(welcome, last=max(welcome.last, cursor.after))

    async def send(self, frame: ClientFrame, _deadline: Deadline) -> None:
        """Send a request. Raises ConnectionEnded."""
        self._asked, self._answer = frame, asyncio.get_running_loop().create_future()
        if not self._membership.send(frame):
            self._answer = None
            raise ConnectionEnded("there is no connection now: try again when it is back")

    async def receive(self, deadline: Deadline) -> ServerFrame:
        """Wait for the answer. Raises DeadlinePassed, ConnectionEnded."""
        assert self._answer is not None, "something was asked"
        try:
            async with asyncio.timeout(deadline.left()):
                return await self._answer
        except TimeoutError:
            raise DeadlinePassed("the server did not answer in time") from None
        finally:
            self._answer = None

    async def pending(self) -> Iterable[ServerFrame]:
        """Return nothing: what is no answer goes to the screen."""
        return ()

    def close(self) -> None:
        """Do nothing: the membership goes on."""
