"""A tick: batches one loop iteration into commit, sweep of the rooms, replies, disconnects.

Lives here: that order, and what waits for the end of the iteration. Does not live here: what is committed
(messages.py), what a disconnect does (hub.py). Source: docs/design.md, "The sweep".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from chatctl.core.peer import Peer
from chatctl.core.room import Room
from chatctl.protocol import Error, Frame


class Loop(Protocol):
    """The part of an event loop that is used here."""

    def call_soon(self, callback: Callable[[], None], /) -> object:
        """Call back after the events of this iteration."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> object:
        """Call back in ``delay`` seconds."""

    def time(self) -> float:
        """Return a monotonic time in seconds."""


class Tick:
    """Collects work and does it once per loop iteration."""

    def __init__(self, loop: Loop, commit: Callable[[], None], finish: Callable[[Peer], None]) -> None:
        """Call ``commit`` first, and last ``finish`` for each leaving peer that has nothing in flight."""
        self._loop = loop
        self._commit = commit
        self._finish = finish
        self._scheduled = False
        self._committing = False
        # Dicts as ordered sets: first in, first out.
        self._rooms: dict[Room, None] = {}
        self._replied: dict[Peer, None] = {}
        self._leaving: dict[Peer, None] = {}
        self._delayed: set[Room] = set()
        self.refusals: Counter[str] = Counter()
        """How many errors peers were sent, by code."""

    def schedule(self) -> None:
        """Run at the end of this loop iteration; called in a run, in the next one."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._run)

    def _schedule_rest(self) -> None:
        """Schedule what follows the commit. If that is under way, the same run comes to it."""
        if not self._committing:
            self.schedule()

    def touch(self, room: Room) -> None:
        """Sweep a room in this tick."""
        self._rooms[room] = None
        self._schedule_rest()

    def reply(self, peer: Peer, frame: Frame) -> None:
        """Send a frame to one peer, before its slice of the log."""
        self.reply_bytes(peer, self.render(peer, frame))

    def render(self, peer: Peer, frame: Frame) -> bytes:
        """Return a frame as the bytes that a peer is to be sent."""
        if isinstance(frame, Error):
            self.refusals[frame.code] += 1
        return peer.session.dialect.render(frame)

    def reply_run(self, peer: Peer, frames: Sequence[Frame]) -> None:
        """Send frames to one peer, as ``reply``."""
        if frames:
            if Error in map(type, frames):
                self.refusals.update(frame.code for frame in frames if isinstance(frame, Error))
            self.reply_bytes(peer, peer.session.dialect.render_run(frames))

    def reply_bytes(self, peer: Peer, data: bytes) -> None:
        """Send bytes to one peer, as ``reply``."""
        if data:
            peer.queue_reply(data)
            self._replied[peer] = None
            self._schedule_rest()

    def release(self, peer: Peer, count: int) -> None:
        """Decrease the in-flight count; at zero, resume reading or finish disconnecting."""
        peer.in_flight -= count
        if peer.in_flight == 0:
            if peer.leaving is not None:
                self.leave(peer)
            elif not peer.session.idle:
                peer.pump()

    def leave(self, peer: Peer) -> None:
        """Finish a disconnect in this tick, unless something of the peer is in flight."""
        self._leaving[peer] = None
        self._schedule_rest()

    def _sweep_delayed(self, room: Room) -> None:
        self._delayed.discard(room)
        self.touch(room)

    def _run(self) -> None:
        self._scheduled = False
        self._committing = True
        try:
            self._commit()
        finally:
            self._committing = False
        rooms, self._rooms = self._rooms, {}
        now = self._loop.time()
        for room in rooms:
            if room.sweep(now):
                self.touch(room)
            elif (wait := room.news_wait(now)) is not None and room not in self._delayed:
                self._delayed.add(room)
                self._loop.call_later(wait, partial(self._sweep_delayed, room))
        replied, self._replied = self._replied, {}
        for peer in replied:
            if peer.replies:
                peer.send(b"")
        leaving, self._leaving = self._leaving, {}
        for peer in leaving:
            if peer.in_flight == 0:
                self._finish(peer)
