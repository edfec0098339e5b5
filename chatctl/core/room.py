"""A room: a log's ring, the cursors that read it, the roster, and the sweep that moves every cursor.

Lives here: who gets which bytes, in one pass a turn. Does not live here: sockets (a reader takes bytes), numbers
(journal/), what members ask for (hub.py). Source: docs/design.md, "The sweep".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chatctl.core.dialects import Dialect
from chatctl.core.ring import Ring
from chatctl.core.roster import Roster
from chatctl.protocol import Frame, Gap, Msg, Resume


class Reader(Protocol):
    """A cursor that bytes can be handed to."""

    dialect: Dialect
    after: int
    """The seq of the last entry it was given."""
    paused: bool
    """Its output is over the high-water mark: its cursor stays where it is."""
    behind: bool
    """It is catching up from the journal: the sweep leaves it alone."""

    def send(self, data: bytes) -> None:
        """Take bytes on their way; may set ``paused``."""


FEW_READERS = 64
"""So many are told of a join or a leave at once."""

NEWS_SECONDS_A_READER = 100e-6
"""With more of them, news waits for so long a reader since it was last told: about a tenth of what telling costs.
Ten thousand who come one by one would otherwise cost fifty million frames."""


class Room:
    """One log, its readers and its roster."""

    def __init__(self, name: str, epoch: str, ring: Ring, *, batch_bytes: int = 64 * 1024) -> None:
        """Start with nobody. A reader gets at most ``batch_bytes`` of the log a turn, or one entry."""
        self.name = name
        self.epoch = epoch
        self.ring = ring
        self.roster: Roster[Reader] = Roster()
        self.readers: set[Reader] = set()
        self.watchers = 0
        self._notices: list[Frame] = []
        self._batch_bytes = batch_bytes
        self._swept = ring.last
        self._tell_at = float("-inf")

    @property
    def due(self) -> bool:
        """Whether a sweep would give somebody something new."""
        return self._swept != self.ring.last or bool(self.roster.news) or bool(self._notices)

    def tell(self, frame: Frame) -> None:
        """Have a frame told in the next sweep to all who can take it then; it is no entry, and not kept."""
        self._notices.append(frame)

    def append(self, entries: Sequence[Msg]) -> None:
        """Take what the journal has committed, in its order."""
        self.ring.extend(entries)

    def sweep(self, now: float) -> bool:
        """Hand every reader that can take it the news and its slice of the log.

        The bytes are joined once per (dialect, cursor position), not once per reader.

        Returns:
            Whether somebody who can take more still lags: sweep again next turn.
        """
        notices, self._notices = self._notices, []
        news = [*self._news(now), *notices]
        last = self._swept = self.ring.last
        slices: dict[tuple[Dialect, int], tuple[bytes, int]] = {}
        lagging = False
        dialect: Dialect | None = None  # where the last one stood, and most of the others do
        stood, to, data = -1, -1, b""
        for reader in list(self.readers):
            if reader.paused or reader.behind:
                continue
            if reader.after != stood or reader.dialect is not dialect:
                dialect, stood = key = reader.dialect, reader.after
                if key not in slices:
                    slices[key] = self._slice(reader, news)
                data, to = slices[key]
            reader.after = to
            if data:
                reader.send(data)
            if to != last and not reader.paused:
                lagging = True
        return lagging

    def _news(self, now: float) -> Sequence[Frame]:
        if not self.roster.news or now < self._tell_at:
            return []
        if len(self.readers) > FEW_READERS:
            self._tell_at = now + len(self.readers) * NEWS_SECONDS_A_READER
        return self.roster.news.frames(len(self.roster))

    def news_wait(self, now: float) -> float | None:
        """Give for how many seconds news has to wait, None if there is none."""
        return max(0.0, self._tell_at - now) if self.roster.news else None

    def _slice(self, reader: Reader, news: Sequence[Frame]) -> tuple[bytes, int]:
        data, after = self.ring.take(reader.dialect, reader.after, self._batch_bytes)
        return b"".join(map(reader.dialect.render, news)) + data if news else data, after

    def drain(self, reader: Reader) -> None:
        """Hand one reader that came, or can take more again, slices until it is level or paused."""
        while not (reader.paused or reader.behind) and reader.after < self.ring.last:
            data, reader.after = self.ring.take(reader.dialect, reader.after, self._batch_bytes)
            reader.send(data)

    def start(self, resume: Resume | None, history: int, kept_from: int) -> tuple[int, Gap | None]:
        """Give where a newcomer's cursor starts, and the gap it must be told of.

        History is a cursor that starts earlier; to resume is to say where it stood. The cursor may stand before the
        ring: the journal has what lies between, from ``kept_from`` on.
        """
        ring = self.ring
        first = min(kept_from, ring.first)
        if resume is None:
            return max(ring.last - history, first - 1), None
        if resume.epoch != self.epoch:
            return ring.last, Gap(from_=1, to=ring.last, why="lost")
        if resume.after > ring.last:
            return ring.last, Gap(from_=ring.last + 1, to=resume.after, why="lost")
        if resume.after + 1 < first:
            return first - 1, Gap(from_=resume.after + 1, to=first - 1, why="retention")
        return resume.after, None

    def span(self, after: int | None, before: int | None, limit: int, kept_from: int) -> tuple[int, int]:
        """Give which entries a page holds, as (after, last): ``limit`` after a seq, or before one."""
        last = self.ring.last
        if after is not None:
            start = max(after, kept_from - 1)
            return start, min(last, start + limit)
        end = min(before or 0, last + 1) - 1
        return max(kept_from - 1, end - limit), end
