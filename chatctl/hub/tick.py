"""One turn of the event loop: what it brought is committed as one batch, leaves in one sweep, and then who goes, goes.

Lives here: that order, and what waits for the end of the turn. Does not live here: what is committed, and what leaving
means (hub.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from chatctl.core.peer import Peer
from chatctl.core.room import Room
from chatctl.protocol import Frame


class Loop(Protocol):
    """What of an event loop is needed here."""

    def call_soon(self, callback: Callable[[], None], /) -> object:
        """Run a callback once the events of this turn are through."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> object:
        """Run a callback ``delay`` seconds from now."""

    def time(self) -> float:
        """Give a monotonic time in seconds."""


class Tick:
    """Collects what comes up and settles it once a turn."""

    def __init__(self, loop: Loop, commit: Callable[[], None], see_off: Callable[[Peer], None]) -> None:
        """Call ``commit`` first, and ``see_off`` last, for each peer that is leaving and has nothing under way."""
        self._loop = loop
        self._commit = commit
        self._see_off = see_off
        self._scheduled = False
        # Dicts for sets: what came up first is settled first.
        self._rooms: dict[Room, None] = {}
        self._answered: dict[Peer, None] = {}
        self._leaving: dict[Peer, None] = {}
        self._alarms: set[Room] = set()

    def schedule(self) -> None:
        """Have the turn settled."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._settle)

    def touch(self, room: Room) -> None:
        """Have a room swept."""
        self._rooms[room] = None
        self.schedule()

    def reply(self, peer: Peer, frame: Frame) -> None:
        """Have a frame sent to one peer, before its slice of the log."""
        self.reply_bytes(peer, peer.session.dialect.render(frame))

    def reply_run(self, peer: Peer, frames: Sequence[Frame]) -> None:
        """Have frames sent to one peer, as ``reply``."""
        if frames:
            self.reply_bytes(peer, peer.session.dialect.render_run(frames))

    def reply_bytes(self, peer: Peer, data: bytes) -> None:
        """Have bytes sent to one peer, as ``reply``."""
        if data:
            peer.owe(data)
            self._answered[peer] = None
            self.schedule()

    def leave(self, peer: Peer) -> None:
        """Have a peer that is leaving seen off, if nothing of it is under way any more."""
        self._leaving[peer] = None
        self.schedule()

    def _ring(self, room: Room) -> None:
        self._alarms.discard(room)
        self.touch(room)

    def _settle(self) -> None:
        self._scheduled = False
        self._commit()
        rooms, self._rooms = self._rooms, {}
        now = self._loop.time()
        for room in rooms:
            if room.sweep(now):
                self.touch(room)
            elif (wait := room.news_wait(now)) is not None and room not in self._alarms:
                self._alarms.add(room)
                self._loop.call_later(wait, partial(self._ring, room))
        answered, self._answered = self._answered, {}
        for peer in answered:
            if peer.owes:
                peer.send(b"")
        leaving, self._leaving = self._leaving, {}
        for peer in leaving:
            if peer.in_flight == 0:
                self._see_off(peer)
