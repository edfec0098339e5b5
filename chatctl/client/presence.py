"""Watching who comes and goes, from a script, for long.

Presence is state, not log: after a broken connection nothing is replayed, so the changes meanwhile are found by
comparing rosters. Lives here: that comparison. Does not live here: reconnecting (core/subscription.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Self

from msgspec import Struct

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline
from chatctl.client.core.subscription import CONNECT_SECONDS, Subscription
from chatctl.client.io.blocking_transport import BlockingTransport, drive
from chatctl.client.requests import member_nicks
from chatctl.errors import ChatError
from chatctl.protocol import Join, Leave, Rename, ServerFrame


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
        self._here: dict[str, None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._subscription.close()

    def open(self, deadline: Deadline) -> None:
        """Connect, and note who is here. Raises as ``Transport.connect`` and ``requests.member_nicks``."""
        self._here = dict.fromkeys(self._enter(deadline))

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
                    yield from self._compare(self._enter(deadline.sooner(CONNECT_SECONDS)))
                yield from self._note(drive(self._subscription.receive(deadline)))
            except ChatError as error:
                drive(self._subscription.recover(error, deadline))

    def _enter(self, deadline: Deadline) -> list[str]:
        drive(self._subscription.connect(deadline))
        assert self._subscription.connection is not None
        return drive(member_nicks(self._subscription.connection, deadline))

    def _compare(self, members: Iterable[str]) -> Iterator[Change]:
        here = dict.fromkeys(members)
        yield from self._left([nick for nick in self._here if nick not in here], "while we were away")
        yield from self._joined(here)

    def _note(self, frame: ServerFrame) -> Iterator[Change]:
        """Yield the changes that a frame reports; the roster may have reported them already."""
        match frame:
            case Join(nicks=nicks):
                yield from self._joined(nicks)
            case Leave(nicks=nicks, why=why):
                yield from self._left(nicks, why)
            case Rename(old=old, new=new) if old in self._here:
                del self._here[old]
                self._here[new] = None
                yield Change("rename", time.time(), new, len(self._here), old=old)

    def _joined(self, nicks: Iterable[str]) -> Iterator[Change]:
        for nick in nicks:
            if nick not in self._here:
                self._here[nick] = None
                yield Change("join", time.time(), nick, len(self._here))

    def _left(self, nicks: Iterable[str], why: str) -> Iterator[Change]:
        for nick in nicks:
            if nick in self._here:
                del self._here[nick]
                yield Change("leave", time.time(), nick, len(self._here), why=why)
