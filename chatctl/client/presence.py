"""Watching who comes and goes, from a script, for long.

Does not live here: which changes there were (core/member_changes.py), reconnecting (core/subscription.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Literal, Self

from msgspec import Struct

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline
from chatctl.client.core.events import Join, Leave, Presence, Rename
from chatctl.client.core.member_changes import MemberChanges
from chatctl.client.core.subscription import CONNECT_SECONDS, Subscription
from chatctl.client.io.blocking_transport import BlockingTransport, drive
from chatctl.client.requests import member_nicks
from chatctl.errors import ChatError
from chatctl.protocol import ServerFrame, Who


class Change(Struct, frozen=True, omit_defaults=True):
    """A member joined, left or was renamed from ``old``; ``count`` is the number of members after it."""

    type: Literal["join", "leave", "rename"]
    time: float
    """Unix seconds, by this machine's clock."""
    nick: str
    count: int
    old: str = ""
    why: str = ""


class PresenceWatch:
    """In a ``with`` block, call ``open``, then iterate over ``changes``: those since then, across connections."""

    def __init__(self, address: Address, room: str, notice: Callable[[str], None] = lambda _: None) -> None:
        """``notice`` receives a line for a person when the connection is lost for two seconds, and when it is back."""
        self._subscription = Subscription(BlockingTransport(), address, room, notice=notice)
        self._members = MemberChanges()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._subscription.close()

    def open(self, deadline: Deadline) -> None:
        """Connect, and note who is here. Raises as ``Transport.connect`` and ``requests.member_nicks``."""
        list(self._members.compare(self._enter(deadline)))

    def changes(self, deadline: Deadline) -> Iterator[Change]:
        """Yield each change.

        Raises:
            DeadlinePassed: the time is over.
            ChatError: the server refuses to let us watch any more.
        """
        while True:
            try:
                if self._subscription.connection is None:
                    deadline.left()
                    members = self._enter(deadline.sooner(CONNECT_SECONDS))
                    yield from map(self._change, self._members.compare(members))
                frame = drive(self._subscription.receive(deadline))
                yield from map(self._change, self._noted(frame, deadline))
            except ChatError as error:
                drive(self._subscription.recover(error, deadline))

    def _noted(self, frame: ServerFrame, deadline: Deadline) -> Iterator[Presence]:
        """Yield what a frame changes. Where it counts others than we do, have the server send the roster."""
        yield from self._members.note(frame)
        if self._members.misses(frame):
            assert self._subscription.connection is not None
            drive(self._subscription.connection.send(Who(), deadline))

    def _enter(self, deadline: Deadline) -> list[str]:
        drive(self._subscription.connect(deadline))
        assert self._subscription.connection is not None
        return drive(member_nicks(self._subscription.connection, deadline))

    def _change(self, event: Presence) -> Change:
        now, count = time.time(), self._members.count
        match event:
            case Join(nick=nick):
                return Change("join", now, nick, count)
            case Leave(nick=nick, why=why):
                return Change("leave", now, nick, count, why=why)
            case Rename(old=old, new=new):
                return Change("rename", now, new, count, old=old)
