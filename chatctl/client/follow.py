"""Following a room from a script: the past that was asked for, then what comes, in one order, across connections.

Lives here: when to read, to ping, to connect again, to end. Does not live here: which entries are new (cursor.py), what
is done with them (commands/).
"""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Callable, Iterator

from chatctl.client.address import Address
from chatctl.client.blocking import Connection, ConnectionEnded, Deadline, DeadlinePassed
from chatctl.client.cursor import Cursor
from chatctl.client.retry import Tries, may_pass
from chatctl.errors import ChatError, from_wire
from chatctl.protocol import VERSION, Bye, Error, Gap, Hello, Msg, Ping, Resume, ServerFrame, Welcome

PING_SECONDS = 15.0
"""So often a server is asked whether it is there. Silent for twice as long, it is not."""

STEADY_SECONDS = 5.0
"""A connection that lasted so long was a good one: after it, back-off begins anew."""

CONNECT_SECONDS = 5.0
"""Time for one connection."""

_GONE = select.POLLERR | select.POLLHUP


class Quiet:
    """How long nothing that matters has come. After ``seconds`` of it, following ends; None is never."""

    def __init__(self, seconds: float | None = None) -> None:
        """Begin now."""
        self._seconds = seconds
        self.touch()

    def touch(self) -> None:
        """Something came."""
        self._since = time.monotonic()

    def left(self) -> float | None:
        """Give the seconds until it has been too long, at least 0."""
        return None if self._seconds is None else max(0.0, self._since + self._seconds - time.monotonic())


class Follower:
    """Entries of a room, each once and in order, over any number of connections.

    Call ``open``, then take ``entries``; ``close`` at the end.
    """

    def __init__(
        self,
        address: Address,
        room: str,
        cursor: Cursor,
        *,
        reconnect: bool = True,
        reader: int | None = None,
        notice: Callable[[str], None] = lambda _: None,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        """Follow ``room`` from ``cursor``.

        Args:
            reconnect: whether to come back when the connection breaks.
            reader: a descriptor, of a pipe usually; when nobody reads from it any more, following ends.
            notice: is told, in a line for a person, that the connection broke and that it is back.
            ping_seconds: see ``PING_SECONDS``.
        """
        self.cursor = cursor
        self._address = address
        self._room = room
        self._reconnect = reconnect
        self._notice = notice
        self._ping_seconds = ping_seconds
        self._connection: Connection | None = None
        self._last: int | None = None
        self._tries = Tries()
        self._missed = False
        self._heard = self._asked = self._came = 0.0
        self._poll = select.poll()
        self._reader = reader
        if reader is not None:
            self._poll.register(reader, 0)

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._poll.unregister(self._connection)
            self._connection.close()
            self._connection = None

    # --- connecting

    def open(self, deadline: Deadline, history: int = 0) -> Welcome:
        """Connect and start; without a place of our own, ``history`` entries before the log's end.

        Raises:
            ChatError: as ``Connection``.
        """
        mine = self.cursor.resume is None
        welcome = self._enter(deadline, history)
        kept = welcome.last + 1 - welcome.first
        if mine and history > welcome.limits.backlog and kept > welcome.limits.backlog:
            # More than a server gives on entering: come back for it, with a cursor that stands there.
            self.close()
            self.cursor.resume = Resume(welcome.epoch, max(welcome.last - history, welcome.first - 1))
            welcome = self._enter(deadline)
        self._last = welcome.last
        return welcome

    def _enter(self, deadline: Deadline, history: int = 0) -> Welcome:
        resume = self.cursor.resume
        past = 0 if resume is not None else history
        hello = Hello(v=VERSION, room=self._room, mode="watch", resume=resume, history=past)
        self._connection = Connection(self._address, hello, deadline)
        self._poll.register(self._connection, select.POLLIN)
        self._heard = self._asked = self._came = time.monotonic()
        self.cursor.enter(self._connection.welcome, past)
        return self._connection.welcome

    def rewind(self, after: int) -> None:
        """Stand after an earlier entry of the same log: what came since is given again."""
        assert self.cursor.resume is not None, "not open yet"
        self.close()
        self.cursor.resume = Resume(self.cursor.resume.epoch, after)

    # --- following

    def entries(self, deadline: Deadline, *, follow: bool = True, quiet: Quiet | None = None) -> Iterator[Msg | Gap]:
        """Yield each entry and gap.

        It ends when the past is through (without ``follow``), after too much ``quiet``, or when nobody reads any more.

        Raises:
            DeadlinePassed: the time is over.
            ChatError: the connection broke and may not be made again, or the server says no.
        """
        quiet = quiet or Quiet()
        while True:
            try:
                self._come_back(deadline)
                yield from self._stay(deadline, follow, quiet)
            except ChatError as error:
                wait = self._broke(error)
            else:
                return
            if not self._pause(wait, deadline, quiet):
                return

    def _stay(self, deadline: Deadline, follow: bool, quiet: Quiet) -> Iterator[Msg | Gap]:
        connection = self._connection
        assert connection is not None, "not open yet"
        while follow or not self._through():
            for frame in connection.pending():
                entry = self._take(frame)
                if entry is not None:
                    yield entry
                if not follow and self._through():
                    return
            if not self._wait(connection, deadline, quiet):
                return

    def _through(self) -> bool:
        return not self.cursor.lost and (self._last is None or self.cursor.after >= self._last)

    def _take(self, frame: ServerFrame) -> Msg | Gap | None:
        match frame:
            case Bye(why=why):
                raise ConnectionEnded(f"the server said bye: {why}", retry_after=frame.retry_after)
            case Error():
                raise from_wire(frame.code, frame.text, frame.retry_after)
        return self.cursor.take(frame)

    def _wait(self, connection: Connection, deadline: Deadline, quiet: Quiet) -> bool:
        """Wait until there is something to read, and read it. False if it is time to end."""
        idle = quiet.left()
        alarm = self._asked + self._ping_seconds - time.monotonic()
        events = self._look(_soonest(deadline.left(), idle, max(0.0, alarm)))
        if self._nobody_reads(events):
            return False
        if connection.fileno() in events:
            self._heard = self._asked = time.monotonic()
            with contextlib.suppress(DeadlinePassed):
                connection.poll()
            return True
        if quiet.left() == 0:
            return False
        self._suspect(connection, deadline)
        return True

    def _suspect(self, connection: Connection, deadline: Deadline) -> None:
        """Ask a server that has been silent; give up one that does not answer."""
        now = time.monotonic()
        if now - self._asked < self._ping_seconds:
            return
        if self._asked > self._heard:
            raise ConnectionEnded("the server does not answer any more")
        self._asked = now
        connection.send(Ping(t=round(now, 3)), deadline.sooner(CONNECT_SECONDS))

    def _look(self, seconds: float | None) -> dict[int, int]:
        """Give what happened to which descriptor, at the latest after ``seconds``."""
        milliseconds = None if seconds is None else int(seconds * 1000) + (seconds > 0)
        return dict(self._poll.poll(milliseconds))

    def _nobody_reads(self, events: dict[int, int]) -> bool:
        return self._reader is not None and bool(events.get(self._reader, 0) & _GONE)

    # --- coming back

    def _come_back(self, deadline: Deadline) -> None:
        if self._connection is None:
            self._enter(deadline.sooner(CONNECT_SECONDS))
            if self._missed:
                self._notice("(connected again)")
                self._missed = False

    def _broke(self, error: ChatError) -> float:
        """Give the seconds until the next try, or raise: there is none."""
        if not (self._reconnect and may_pass(error)):
            raise error
        if self._connection is not None and time.monotonic() - self._came >= STEADY_SECONDS:
            self._tries.worked()
        self.close()
        if not self._missed:
            self._notice(f"({error.text}: trying again)")
            self._missed = True
        return self._tries.wait(error, Deadline(None)) or 0.0

    def _pause(self, seconds: float, deadline: Deadline, quiet: Quiet) -> bool:
        until = Deadline.after(seconds)
        while (left := _seconds_left(until)) > 0:
            events = self._look(_soonest(left, deadline.left(), quiet.left()))
            if self._nobody_reads(events) or quiet.left() == 0:
                return False
        deadline.left()
        return True


def _seconds_left(deadline: Deadline) -> float:
    return 0.0 if deadline.at is None else deadline.at - time.monotonic()


def _soonest(*seconds: float | None) -> float | None:
    return min((one for one in seconds if one is not None), default=None)
