"""Following a room for a program: entries and events one after the other, and the place behind what was handled.

Does not live here: connections, and which entries are new (follower.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chatctl import protocol
from chatctl.client.core.cursor import Cursor
from chatctl.client.core.deadline import Deadline, ReaderGone
from chatctl.client.core.events import Event, Lost, Msg
from chatctl.client.core.follower import FollowEvent
from chatctl.client.core.place import Place
from chatctl.common.text import clean
from chatctl.errors import Closed
from chatctl.protocol import Gap, Resume, Welcome

if TYPE_CHECKING:
    from chatctl.client.core.own_entries import OwnEntries
    from chatctl.client.core.servers import Log
    from chatctl.client.core.transport import ClosableTransport


class KeptPlace(Protocol):
    """A file that keeps a position between two runs; see ``cursor_file.CursorFile``."""

    def lock(self) -> None:
        """Keep every other reader off it. Raises ChatError."""

    def load(self) -> Resume | None:
        """Return what was saved last. Raises ChatError."""

    def enter(self, room: str, *, lost: bool) -> None:
        """Check that it is of this room. Raises ChatError."""

    def save(self, position: Resume) -> None:
        """Replace the position. Raises ChatError."""

    def release(self) -> None:
        """Let other readers have it."""


@dataclass(frozen=True)
class Start:
    """Where and how to follow; see ``Room.follow``."""

    history: int = 0
    resume: Resume | None = None
    live: bool = True
    idle: float | None = None
    presence: bool = False
    whispers: bool = False
    kept: KeptPlace | None = None


class EventSource(Protocol):
    """What happens in a room, for a watcher (follower.py) or a member (client/member_follower.py)."""

    cursor: Cursor

    def now(self) -> float:
        """Return the time, in seconds on a monotonic clock."""
        ...

    async def open(self, deadline: Deadline) -> Welcome:
        """Start. Raises as ``Transport.connect``."""
        ...

    def restart_idle(self) -> None:
        """Count the idle seconds from now."""

    async def next_event(self, deadline: Deadline, *, follow: bool = True) -> FollowEvent | None:
        """Return what happens next; None at the end."""

    def close(self) -> None:
        """Stop."""


class FollowCore:
    """The entries of a room, one after the other."""

    def __init__(
        self,
        transport: ClosableTransport,
        follower: EventSource,
        own: OwnEntries,
        timeout: float,
        start: Start,
        log: Log,
    ) -> None:
        """Connect with ``open`` or ``next``, within ``timeout`` seconds. ``own`` tells which entries are ours."""
        self.transport = transport
        self.closed = False
        self.place: Place | None = None
        """The position after the last entry that was returned; None before the first connection."""
        self._follower = follower
        self._own = own
        self._timeout = timeout
        self._log = log
        self._start = start
        self._lock = transport.lock()
        self._opened = False
        self._unsaved: Place | None = None

    async def open(self) -> None:
        """Connect: from now on, nothing is missed. Raises as ``Transport.connect``, and Closed."""
        await self._lock.hold(self._open)

    async def _open(self) -> None:
        if self._opened:
            return
        try:
            welcome = await self._follower.open(Deadline.after(self._timeout, self._follower.now))
        except ReaderGone:
            raise Closed("it was closed before it was connected") from None
        cursor = self._follower.cursor
        if self._start.kept is not None:
            self._start.kept.enter(welcome.room, lost=cursor.lost)
        self.place = self._unsaved = _place(cursor)
        self._opened = True
        self._save()  # another run goes on from here, also if nothing comes in this one

    async def next(self) -> Event | None:
        """Return what happens next; None at the end. Raises as ``Follower.next``."""
        return await self._lock.hold(self._next)

    async def _next(self) -> Event | None:
        self._save()
        while not self.closed:
            try:
                await self._open()
            except Closed:
                return None
            self._follower.restart_idle()
            deadline = Deadline(None, self._follower.now)
            event = await self._follower.next_event(deadline, follow=self._start.live)
            if isinstance(event, Lost):
                self._log.warning("a connection that follows is lost: %s", clean(event.why))
            if event is None:
                await self._hang_up()
            elif not self.closed and self._is_wanted(event):
                return self._returned(event)
        return None

    def _is_wanted(self, event: FollowEvent) -> bool:
        return isinstance(event, protocol.Msg | Gap) or self._start.presence or self._start.whispers

    def _returned(self, event: FollowEvent) -> Event:
        place = self.place = self._unsaved = _place(self._follower.cursor)
        if not isinstance(event, protocol.Msg):
            return event
        mine = place is not None and self._own.has(place.epoch, event)
        return Msg(event.seq, event.time, event.nick, event.text, event.action, event.redacted, mine)

    def _save(self) -> None:
        """Keep the position after what was returned: it was handled."""
        place, self._unsaved = self._unsaved, None
        if place is not None and self._start.kept is not None:
            self._start.kept.save(place)

    async def close(self, *, handled: bool = True) -> None:
        """Hang up. Nothing comes after this, also where somebody waits for it.

        Unless ``handled``, a place that is kept is the one before the last entry: another run gets it again.
        """
        self.closed = True
        self.transport.close()
        try:
            await self._lock.hold(self._hang_up if handled else self._drop)
        finally:
            await self.transport.closed()

    async def _drop(self) -> None:
        self._unsaved = None
        await self._hang_up()

    async def _hang_up(self) -> None:
        self.closed = True
        self._follower.close()
        try:
            self._save()
        finally:
            if self._start.kept is not None:
                self._start.kept.release()


def _place(cursor: Cursor) -> Place | None:
    return None if cursor.resume is None else Place(cursor.resume.epoch, cursor.resume.after)
