"""Watching who comes and goes, from a script, for long.

Presence is state, not log: after a broken connection nothing is replayed, so what changed meanwhile is found by
comparing the rosters. Lives here: that comparison, coming back. Does not live here: following the log (follow.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Self

from msgspec import Struct

from chatctl.client.core.address import Address
from chatctl.client.core.follower import CONNECT_SECONDS
from chatctl.client.core.keepalive import PING_SECONDS
from chatctl.client.core.retry import Tries, may_pass
from chatctl.client.io.blocking_connection import Connection, ConnectionEnded, Deadline, DeadlinePassed
from chatctl.client.requests import roster
from chatctl.errors import ChatError
from chatctl.protocol import VERSION, Bye, Hello, Join, Leave, Ping, Rename, ServerFrame


class Change(Struct, frozen=True, omit_defaults=True):
    """One member came, went, or is called otherwise now; ``count`` members are here after it, ``old`` was the name."""

    type: Literal["join", "leave", "rename"]
    time: float
    nick: str
    count: int
    old: str = ""
    why: str = ""


class Watch:
    """In a ``with`` block, call ``open``, then take ``changes``: those since then, whatever breaks meanwhile."""

    def __init__(self, address: Address, room: str, notice: Callable[[str], None] = lambda _: None) -> None:
        """``notice`` is told, in a line for a person, that the connection broke and that it is back."""
        self._address = address
        self._room = room
        self._notice = notice
        self._connection: Connection | None = None
        self._here: dict[str, None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, deadline: Deadline) -> None:
        """Connect, and note who is here. Raises as ``Connection`` and ``roster``."""
        self._here = dict.fromkeys(self._enter(deadline))

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def changes(self, deadline: Deadline) -> Iterator[Change]:
        """Yield each change.

        Raises:
            DeadlinePassed: the time is over.
            ChatError: the server does not want us any more.
        """
        tries = Tries()
        while True:
            try:
                yield from self._stay(tries, deadline)
            except ChatError as error:
                if isinstance(error, DeadlinePassed) or not may_pass(error):
                    raise
                if self._connection is not None:
                    self._notice(f"({error.text}: trying again)")
                self.close()
                self._pause(tries.wait(error, Deadline(None)) or 0.0, deadline)

    def _stay(self, tries: Tries, deadline: Deadline) -> Iterator[Change]:
        if self._connection is None:
            deadline.left()
            now_here = self._enter(deadline.sooner(CONNECT_SECONDS))
            tries.worked()
            self._notice("(connected again)")
            yield from self._compare(now_here)
        while True:
            yield from self._note(self._next(deadline))

    @staticmethod
    def _pause(seconds: float, deadline: Deadline) -> None:
        left = deadline.left()
        time.sleep(seconds if left is None else min(seconds, left))
        deadline.left()

    def _enter(self, deadline: Deadline) -> list[str]:
        self._connection = Connection(self._address, Hello(v=VERSION, room=self._room, mode="watch"), deadline)
        welcome = self._connection.welcome
        if len(welcome.members) == welcome.count:
            return welcome.members
        return [row.nick for row in roster(self._connection, deadline).members]  # more than a welcome holds

    def _next(self, deadline: Deadline) -> ServerFrame:
        """Wait for a frame, and notice a server that is gone without a word."""
        assert self._connection is not None, "not open yet"
        for _ in range(2):
            try:
                return self._connection.receive(deadline.sooner(PING_SECONDS))
            except DeadlinePassed:
                deadline.left()
                self._connection.send(Ping(), deadline.sooner(CONNECT_SECONDS))
        raise ConnectionEnded("the server does not answer any more")

    def _compare(self, now_here: Iterable[str]) -> Iterator[Change]:
        now, fresh = time.time(), dict.fromkeys(now_here)
        for nick in [nick for nick in self._here if nick not in fresh]:
            yield from self._left(nick, now, "while we were away")
        for nick in fresh:
            yield from self._came(nick, now)

    def _note(self, frame: ServerFrame) -> Iterator[Change]:
        """Give what a frame changes. It may tell of somebody whom the roster has told of already."""
        now = time.time()
        match frame:
            case Join(nicks=nicks):
                for nick in nicks:
                    yield from self._came(nick, now)
            case Leave(nicks=nicks, why=why):
                for nick in nicks:
                    yield from self._left(nick, now, why)
            case Rename(old=old, new=new) if old in self._here:
                del self._here[old]
                self._here[new] = None
                yield Change("rename", now, new, len(self._here), old=old)
            case Bye(why=why):
                raise ConnectionEnded(f"the server said bye: {why}", retry_after=frame.retry_after)

    def _came(self, nick: str, now: float) -> Iterator[Change]:
        if nick not in self._here:
            self._here[nick] = None
            yield Change("join", now, nick, len(self._here))

    def _left(self, nick: str, now: float, why: str) -> Iterator[Change]:
        if nick in self._here:
            del self._here[nick]
            yield Change("leave", now, nick, len(self._here), why=why)
