"""Following a room as a member: the past over a connection of its own, then what reaches the member.

It has the same methods as core/follower.py, which follows as a watcher. Does not live here: the membership
(member_session.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from chatctl.client.core.cursor import Cursor
from chatctl.client.core.deadline import Deadline, DeadlinePassed, ReaderGone
from chatctl.client.core.events import Back, Lost
from chatctl.client.core.follower import Follower, FollowEvent
from chatctl.client.core.following import Start
from chatctl.client.core.transport import ClosableTransport
from chatctl.client.member_session import MemberEvent, MemberSession, Subscriber
from chatctl.errors import ChatError
from chatctl.protocol import Gap, Msg, Welcome

NewPast = Callable[[Cursor], Follower]
"""Makes a follower that reads the log from a position up to its end."""


class MemberFollower:
    """What happens in a room, in order, for one of its members."""

    def __init__(
        self, session: MemberSession, transport: ClosableTransport, cursor: Cursor, start: Start, past: NewPast
    ) -> None:
        """Start with ``open``. Closing ``transport`` ends all waits; ``past`` reads what was said before."""
        self.cursor = cursor
        self.now = transport.now
        self._session = session
        self._history = start.history
        self._new_past = past
        self._past: Follower | None = None
        self._idle = start.idle
        self._is_closed = False
        self._idle_until = Deadline(None, transport.now)
        self._events: deque[MemberEvent] = deque()
        self._news = asyncio.Event()
        self._subscriber = Subscriber(self._take, lambda: len(self._events))
        transport.when_closed(self._end)

    def _end(self) -> None:
        self._is_closed = True
        self._news.set()

    def _take(self, event: MemberEvent) -> None:
        self._events.append(event)
        self._news.set()

    async def open(self, deadline: Deadline) -> Welcome:
        """Start: from now on, nothing is missed. Raises as ``Follower.open``, and what ended the membership."""
        self._events.clear()
        self._session.subscribe(self._subscriber)
        if self.cursor.resume is None and not self._history:
            self.cursor.resume = self._session.position
            return self._session.welcome
        try:
            self._past = self._new_past(self.cursor)
            return await self._past.open(deadline)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop."""
        self._session.unsubscribe(self._subscriber)
        past, self._past = self._past, None
        if past is not None:
            past.close()

    def restart_idle(self) -> None:
        """Count the idle seconds from now."""
        self._idle_until = Deadline.after(self._idle, self.now)

    async def next_event(self, deadline: Deadline, *, follow: bool = True) -> FollowEvent | None:
        """Return what happens next; None at the end. Raises as ``Follower.next_event``."""
        while self._past is not None:
            event = await self._past.next_event(deadline, follow=False)
            if event is None:
                self._past.close()
                self._past = None
            elif not isinstance(event, Lost | Back):  # of the other connection
                return event
        if not follow:
            return None
        with contextlib.suppress(ReaderGone, TimeoutError, DeadlinePassed):
            async with asyncio.timeout(deadline.earlier(self._idle_until).left()):
                return await self._next()
        deadline.left()
        return None

    async def _next(self) -> FollowEvent:
        while True:
            while not self._events:
                if self._is_closed:
                    raise ReaderGone
                self._news.clear()
                await self._news.wait()
            event = self._events.popleft()
            if isinstance(event, Welcome):
                self.cursor.enter(event)
            elif isinstance(event, ChatError):
                raise event
            elif not isinstance(event, Msg | Gap) or self.cursor.take(event) is not None:
                return event
