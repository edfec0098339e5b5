"""Following a room: the history that was asked for, then new entries, in one order, across connections.

Lives here: which hello to send, when the end is reached. Does not live here: which entries are new (cursor.py),
keepalive and reconnecting (subscription.py).
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from chatctl.client.core.cursor import Cursor
from chatctl.client.core.deadline import Deadline, DeadlinePassed, ReaderGone
from chatctl.client.core.events import Back, Lost, Presence, Whisper
from chatctl.client.core.subscription import CONNECT_SECONDS, Subscription
from chatctl.errors import ChatError
from chatctl.protocol import (
    VERSION,
    Gap,
    Hello,
    Lease,
    LeaseState,
    Msg,
    Redacted,
    Resume,
    Roster,
    ServerFrame,
    Welcome,
    Who,
)

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.held_lease import HeldLease
    from chatctl.client.core.member_changes import MemberChanges
    from chatctl.client.core.transport import Transport

Answer = TypeVar("Answer", LeaseState, Roster)

FollowEvent = Msg | Gap | Presence | Whisper | Redacted | Lost | Back


class Follower:
    """The entries of a room, each once and in order, over any number of connections.

    Call ``open``, then ``next`` as often as needed, then ``close``.
    """

    def __init__(
        self,
        transport: Transport,
        address: Address,
        room: str,
        cursor: Cursor,
        *,
        token: str | None = None,
        history: int = 0,
        idle: float | None = None,
        reconnect: bool = True,
        notice: Callable[[str], None] = lambda _: None,
        members: MemberChanges | None = None,
    ) -> None:
        """Follow ``room`` from ``cursor``.

        Args:
            transport: makes connections.
            address: of the server.
            room: its name.
            cursor: where to start.
            token: of who follows; it takes one to ``hold`` a lease.
            history: if the cursor has no position, start this many entries before the log's end.
            idle: end after this many seconds without ``restart_idle``; None means never.
            reconnect: whether to connect again when the connection breaks.
            notice: receives a line for a person when the connection is lost for two seconds, when it is back, and when
                entries were redacted.
            members: notes who comes and goes, for ``next_event``.
        """
        self.cursor = cursor
        self.now = transport.now
        self.random_bytes = transport.random_bytes
        self._lease: HeldLease | None = None
        self._history = history
        self._notice = notice
        self._idle = idle
        self._idle_until = Deadline(None, transport.now)
        hello = Hello(v=VERSION, room=room, mode="watch", token=token)
        self._subscription = Subscription(transport, address, room, hello=hello, reconnect=reconnect, notice=notice)
        self._last: int | None = None
        self._tears = transport.tears
        self._is_torn = False  # nothing can be read any more on this connection
        self._members = members
        self._is_lost = False
        self._news: deque[FollowEvent] = deque()

    def close(self) -> None:
        """Hang up."""
        self._is_torn = False
        self._subscription.close()

    async def open(self, deadline: Deadline) -> Welcome:
        """Connect and start. Raises as ``Transport.connect``."""
        try:
            welcome = await self._begin(deadline)
        except BaseException:
            self.close()
            raise
        self._last = welcome.last
        self.restart_idle()
        return welcome

    def restart_idle(self) -> None:
        """Count the ``idle`` seconds from now."""
        self._idle_until = Deadline.after(self._idle, self.now)

    async def _begin(self, deadline: Deadline) -> Welcome:
        starts_here = self.cursor.resume is None
        welcome = await self._enter(deadline)
        backlog, kept = welcome.limits.backlog, welcome.last + 1 - welcome.first
        if starts_here and self._history > backlog and kept > backlog:
            # More than a server sends on entering: come back for it, with a cursor that stands there.
            self.close()
            self.cursor.resume = Resume(welcome.epoch, max(welcome.last - self._history, welcome.first - 1))
            welcome = await self._enter(deadline)
        return welcome

    async def _enter(self, deadline: Deadline) -> Welcome:
        resume = self.cursor.ask
        history = 0 if resume is not None else self._history
        welcome = await self._subscription.connect(deadline, resume, history)
        self.cursor.enter(welcome, history)
        if self._is_lost:
            self._is_lost = False
            self._news.append(Back())
        if self._members is not None and welcome.count <= len(welcome.members):
            self._news.extend(self._members.compare(welcome.members))
        elif self._members is not None:
            await self._send(Who(), deadline)
        if self._lease is not None:
            await self._send(self._lease.take(welcome.epoch), deadline)
        return welcome

    async def hold(self, lease: HeldLease, deadline: Deadline) -> bool:
        """Take a lease, and take it again on each connection; return False if somebody else has it.

        Entries that arrive before the answer are passed over. ``next`` raises ConditionNotMet once it is lost.

        Raises:
            ChatError: the server refuses, or the connection breaks.
        """
        connection = self._subscription.connection
        assert connection is not None, "not open yet"
        if not (await self._answer_to(lease.take(connection.welcome.epoch), deadline)).held:
            return False
        self._lease = lease
        return True

    async def members(self, deadline: Deadline) -> list[str]:
        """Return the nicknames of who was in the room on connecting, or is now where those are too many.

        Entries that arrive before an answer are passed over. Raises as ``hold``.
        """
        connection = self._subscription.connection
        assert connection is not None, "not open yet"
        if connection.welcome.count <= len(connection.welcome.members):
            return connection.welcome.members
        await self._send(Who(), deadline)
        return [row.nick for row in (await self._receive(Roster, deadline)).members]

    async def release(self, deadline: Deadline, *, withdraw: bool = False) -> bool:
        """End the lease, also after a signal's exception; return whether it was sent.

        With ``withdraw`` the server tells the room. A failure changes nothing else: the server ends it later.
        """
        lease, self._lease = self._lease, None
        if lease is None:
            return False
        frame = lease.withdraw() if withdraw else lease.release()
        is_sent = False
        with contextlib.suppress(ChatError, ReaderGone):
            if self._subscription.connection is None:
                await lease.ask_once(frame, deadline)
            else:
                await self._send(frame, deadline)
                is_sent = True
                # A connection that is closed while something on it is unread is reset, which can cost what was sent.
                try:
                    await self._receive(LeaseState, deadline)
                except ReaderGone:
                    await self._subscription.connection.pending()
            is_sent = True
        return is_sent

    async def _answer_to(self, frame: Lease, deadline: Deadline) -> LeaseState:
        await self._send(frame, deadline)
        return await self._receive(LeaseState, deadline)

    async def _receive(self, kind: type[Answer], deadline: Deadline) -> Answer:
        while not isinstance(found := await self._subscription.receive(deadline), kind):
            self.cursor.take(found)
        return found

    async def _send(self, frame: Lease | Who, deadline: Deadline) -> None:
        connection = self._subscription.connection
        assert connection is not None, "not open yet"
        await connection.send(frame, deadline)

    def rewind(self, after: int) -> None:
        """Move the cursor back to entry number ``after`` of the same log: later entries are returned again."""
        assert self.cursor.resume is not None, "not open yet"
        self.close()
        self.cursor.resume = Resume(self.cursor.resume.epoch, after)

    async def next(self, deadline: Deadline, *, follow: bool = True) -> Msg | Gap | None:
        """Return the next entry or gap; None at the end. Raises as ``next_event``."""
        while not isinstance(event := await self.next_event(deadline, follow=follow), Msg | Gap | None):
            pass
        return event

    async def next_event(self, deadline: Deadline, *, follow: bool = True) -> FollowEvent | None:
        """Return the next entry, gap, change or loss; None at the end.

        The end is the end of the log as it was on connecting (without ``follow``), ``idle`` seconds, or a reader that
        is gone.

        Raises:
            DeadlinePassed: the time is over.
            ChatError: the connection broke and cannot be made again, or the server refuses.
        """
        until = deadline.earlier(self._idle_until)
        try:
            while True:
                try:
                    await self._subscription.wait(until)
                    await self._reconnect(deadline)
                    return await self._next(until, follow)
                except ChatError as error:
                    self._subscription.failed(error)
                    if not self._is_lost:
                        self._is_lost = True
                        return Lost(error.text)
        except ReaderGone:
            return None
        except DeadlinePassed:
            deadline.left()  # raises, unless it was the idle time that passed
            return None
        except ChatError:
            raise
        except BaseException:  # a signal's exception comes at any place: a frame may have been lost half read
            self._is_torn = self._tears
            raise

    async def _reconnect(self, deadline: Deadline) -> None:
        if self._is_torn:
            self.close()
        if self._subscription.connection is None:
            soon = deadline.sooner(CONNECT_SECONDS)
            await (self.open(soon) if self._last is None else self._enter(soon))

    async def _next(self, until: Deadline, follow: bool) -> FollowEvent | None:
        while self._news or follow or not self._is_through():
            if self._news:
                return self._news.popleft()
            frame = await self._subscription.receive(until)
            if isinstance(frame, Redacted):
                self._notice(f"(redacted by an operator: {', '.join(map(str, frame.seqs))})")
                return frame
            if isinstance(frame, LeaseState) and self._lease is not None:
                self._lease.heard(frame)
                continue
            if self._members is not None:  # before an entry is taken: if this fails, the entry comes again
                await self._note_members(self._members, frame, until)
            if (entry := self.cursor.take(frame)) is not None:
                return entry
        return None

    async def _note_members(self, members: MemberChanges, frame: ServerFrame, deadline: Deadline) -> None:
        self._news.extend(members.note(frame))
        if members.misses(frame):
            await self._send(Who(), deadline)

    def _is_through(self) -> bool:
        return not self.cursor.awaits_gap and (self._last is None or self.cursor.after >= self._last)
