"""Following a room: the past that was asked for, then what comes, in one order, across connections.

Lives here: when to read, to ping, to connect again, to end. Does not live here: which entries are new (cursor.py), what
is done with them (commands/, room.py), one connection (shell.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chatctl.client.core.cursor import Cursor
from chatctl.client.core.deadline import ConnectionEnded, Deadline, DeadlinePassed, ReaderGone, now
from chatctl.client.core.keepalive import PING_SECONDS, Keepalive
from chatctl.client.core.retry import STEADY_SECONDS, Tries, may_pass
from chatctl.errors import ChatError, from_wire
from chatctl.protocol import VERSION, Bye, Error, Gap, Hello, Msg, Ping, Resume, ServerFrame, Welcome

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.transport import Peer, Shell

CONNECT_SECONDS = 5.0
"""Time for one connection."""


class Quiet:
    """How long nothing that matters has come. After ``seconds`` of it, following ends; None is never."""

    def __init__(self, seconds: float | None = None) -> None:
        """Begin now."""
        self._seconds = seconds
        self.touch()

    def touch(self) -> None:
        """Something came."""
        self._since = now()

    def left(self) -> float | None:
        """Give the seconds until it has been too long, at least 0."""
        return None if self._seconds is None else max(0.0, self._since + self._seconds - now())


class Follower:
    """Entries of a room, each once and in order, over any number of connections.

    Call ``open``, then ``next`` as often as wanted; ``close`` at the end.
    """

    def __init__(
        self,
        shell: Shell,
        address: Address,
        room: str,
        cursor: Cursor,
        *,
        history: int = 0,
        reconnect: bool = True,
        notice: Callable[[str], None] = lambda _: None,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        """Follow ``room`` from ``cursor``.

        Args:
            shell: gives connections.
            address: of the server.
            room: its name.
            cursor: where to start.
            history: where the cursor has no place of its own, so many entries before the log's end.
            reconnect: whether to come back when the connection breaks.
            notice: is told, in a line for a person, that the connection broke and that it is back.
            ping_seconds: see ``PING_SECONDS``.
        """
        self.cursor = cursor
        self._shell = shell
        self._address = address
        self._room = room
        self._history = history
        self._reconnect = reconnect
        self._notice = notice
        self._ping_seconds = ping_seconds
        self._peer: Peer | None = None
        self._pulse = Keepalive(ping_seconds)
        self._last: int | None = None
        self._tries = Tries()
        self._missed = False
        self._came = 0.0

    def close(self) -> None:
        """Hang up."""
        peer, self._peer = self._peer, None  # first: a signal's exception may end the closing
        if peer is not None:
            peer.close()

    # --- connecting

    async def open(self, deadline: Deadline) -> Welcome:
        """Connect and start.

        Raises:
            ChatError: as ``Shell.connect``.
        """
        try:
            welcome = await self._begin(deadline)
        except BaseException:
            self.close()
            raise
        self._last = welcome.last
        return welcome

    async def _begin(self, deadline: Deadline) -> Welcome:
        mine = self.cursor.resume is None
        welcome = await self._enter(deadline)
        kept = welcome.last + 1 - welcome.first
        if mine and self._history > welcome.limits.backlog and kept > welcome.limits.backlog:
            # More than a server gives on entering: come back for it, with a cursor that stands there.
            self.close()
            self.cursor.resume = Resume(welcome.epoch, max(welcome.last - self._history, welcome.first - 1))
            welcome = await self._enter(deadline)
        return welcome

    async def _enter(self, deadline: Deadline) -> Welcome:
        resume = self.cursor.resume
        past = 0 if resume is not None else self._history
        hello = Hello(v=VERSION, room=self._room, mode="watch", resume=resume, history=past)
        self._peer = await self._shell.connect(self._address, hello, deadline)
        self._pulse = Keepalive(self._ping_seconds)
        self._came = now()
        self.cursor.enter(self._peer.welcome, past)
        return self._peer.welcome

    def rewind(self, after: int) -> None:
        """Stand after an earlier entry of the same log: what came since is given again."""
        assert self.cursor.resume is not None, "not open yet"
        self.close()
        self.cursor.resume = Resume(self.cursor.resume.epoch, after)

    # --- following

    async def next(self, deadline: Deadline, *, follow: bool = True, quiet: Quiet | None = None) -> Msg | Gap | None:
        """Give the next entry or gap.

        None at the end: the past is through (without ``follow``), too much ``quiet``, or nobody reads any more.

        Raises:
            DeadlinePassed: the time is over.
            ChatError: the connection broke and may not be made again, or the server says no.
        """
        quiet = quiet or Quiet()
        while True:
            try:
                await self._come_back(deadline)
                return await self._next(deadline, follow, quiet)
            except ReaderGone:
                return None
            except ChatError as error:
                wait = self._broke(error)
            except BaseException:  # bytes of it may be lost: a signal's exception comes at any place
                self.close()
                raise
            if not await self._pause(wait, deadline, quiet):
                return None

    async def _next(self, deadline: Deadline, follow: bool, quiet: Quiet) -> Msg | Gap | None:
        """Give the next entry; None if it is time to end."""
        while follow or not self._through():
            frame = await self._frame(deadline, quiet)
            if frame is None:
                return None
            if (entry := self._take(frame)) is not None:
                return entry
        return None

    def _through(self) -> bool:
        return not self.cursor.lost and (self._last is None or self.cursor.after >= self._last)

    def _take(self, frame: ServerFrame) -> Msg | Gap | None:
        match frame:
            case Bye(why=why):
                raise ConnectionEnded(f"the server said bye: {why}", retry_after=frame.retry_after)
            case Error():
                raise from_wire(frame.code, frame.text, frame.retry_after)
        return self.cursor.take(frame)

    async def _frame(self, deadline: Deadline, quiet: Quiet) -> ServerFrame | None:
        """Wait for the next frame, and ask a server that is silent. None after too much quiet."""
        peer = self._peer
        assert peer is not None, "not open yet"
        while True:
            try:
                frame = await peer.receive(_soonest(deadline, self._pulse.next, Deadline.after(quiet.left())))
            except DeadlinePassed:
                deadline.left()
                if quiet.left() == 0:
                    return None
                if self._pulse.due():
                    await peer.send(Ping(t=round(now(), 3)), deadline.sooner(CONNECT_SECONDS))
            else:
                self._pulse.heard()
                return frame

    # --- coming back

    async def _come_back(self, deadline: Deadline) -> None:
        if self._peer is None:
            soon = deadline.sooner(CONNECT_SECONDS)
            await (self.open(soon) if self._last is None else self._enter(soon))
            if self._missed:
                self._notice("(connected again)")
                self._missed = False

    def _broke(self, error: ChatError) -> float:
        """Give the seconds until the next try, or raise: there is none."""
        if not (self._reconnect and may_pass(error)):
            raise error
        if self._peer is not None and now() - self._came >= STEADY_SECONDS:
            self._tries.worked()
        self.close()
        if not self._missed:
            self._notice(f"({error.text}: trying again)")
            self._missed = True
        return self._tries.wait(error, Deadline(None)) or 0.0

    async def _pause(self, seconds: float, deadline: Deadline, quiet: Quiet) -> bool:
        """Wait. False if there was too much quiet meanwhile, or nobody reads any more."""
        left = [seconds, deadline.left(), quiet.left()]
        try:
            await self._shell.sleep(min(one for one in left if one is not None))
        except ReaderGone:
            return False
        deadline.left()
        return quiet.left() != 0


def _soonest(*deadlines: Deadline) -> Deadline:
    return Deadline(min((one.at for one in deadlines if one.at is not None), default=None))
