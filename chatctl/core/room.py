"""A room: a log's ring, the cursors that read it, the roster, and the sweep that moves every cursor.

Lives here: which reader gets which bytes, in one pass per tick. Does not live here: sockets (a reader takes bytes),
numbers (journal/), what members ask for (hub/). Source: docs/design.md, "The sweep".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from chatctl.core.dialects import Dialect
from chatctl.core.members import Member
from chatctl.core.memory import Share
from chatctl.core.ring import Ring
from chatctl.core.roster import Roster
from chatctl.protocol import Frame, Gap, Msg, Redacted, Resume


class Reader(Protocol):
    """A cursor into the log, and where its bytes go."""

    dialect: Dialect
    after: int
    """The seq of the last entry that it was sent."""
    paused: bool
    """Its output is over the high-water mark: it is sent nothing, its cursor stays."""
    behind: bool
    """It catches up from the journal: the sweep skips it."""
    missed: list[Frame]
    """Frames that it has to get, but could not take yet."""

    def send(self, data: bytes) -> None:
        """Send bytes; may set ``paused``."""


FEW_READERS = 64
"""Most readers that are told of a join or leave at once."""

NEWS_SECONDS_A_READER = 100e-6
"""Seconds between two tellings of joins and leaves in a larger room, for each reader: about a tenth of what telling it
costs. Ten thousand who join one by one would otherwise cost fifty million frames."""


class Room:
    """One log, its readers and its roster."""

    def __init__(
        self,
        name: str,
        epoch: str,
        ring: Ring,
        *,
        batch_bytes: int = 64 * 1024,
        output: Share | None = None,
        roster: Roster[Reader | None] | None = None,
    ) -> None:
        """Start empty.

        A reader gets at most ``batch_bytes`` of the log per tick, fewer while ``output`` has no room for as much for
        each; or one entry. ``roster`` has its members; by default nobody.
        """
        self.name = name
        self.epoch = epoch
        self.ring = ring
        self.roster: Roster[Reader | None] = roster if roster is not None else Roster(name)
        self._leaving: list[tuple[int, Member[Reader | None]]] = []
        self.readers: set[Reader] = set()
        self.watchers = 0
        self.present = 0
        """Connections that were let in and are not gone yet, of every mode."""
        self._notices: list[Frame] = []
        self._redactions: list[Frame] = []
        self._watching: dict[int, set[int]] = {}
        self.edition = 0
        """Rises with each redaction: what was read from the journal before may hold what is gone now."""
        self._most = batch_bytes
        self._output = output
        self._swept = ring.last
        self._tell_at = float("-inf")
        self._opened_at = ring.last
        self._moved = 0  # by the cursors that are gone, without gaps; less where those that are here started
        self.gaps: Counter[str] = Counter()
        """How many gaps readers were told of, by their reason."""

    @property
    def said(self) -> int:
        """How many messages came since it was opened."""
        return self.ring.last - self._opened_at

    @property
    def delivered(self) -> int:
        """How many messages readers were sent: how far their cursors moved, so that nothing is counted for it."""
        return self._moved + sum([reader.after for reader in self.readers])

    def add_reader(self, reader: Reader) -> None:
        """Send a reader the log from where its cursor stands."""
        self.readers.add(reader)
        self._moved -= reader.after

    def remove_reader(self, reader: Reader) -> None:
        """Send a reader nothing more, if it is one."""
        if reader in self.readers:
            self.readers.discard(reader)
            self._moved += reader.after

    def count_gap(self, why: str, skipped: int = 0) -> None:
        """Count a gap that one reader is told of, ``skipped`` messages of it by moving its cursor."""
        self.gaps[why] += 1
        self._moved -= skipped

    @property
    def due(self) -> bool:
        """Whether a sweep would send anything new."""
        return self._swept != self.ring.last or bool(self.roster.news) or bool(self._notices or self._redactions)

    @property
    def swept(self) -> int:
        """The seq up to which every reader in step was sent everything."""
        return self._swept

    def batch_bytes(self) -> int:
        """Return how much of the log one reader may be sent at once."""
        return self._most if self._output is None else self._output.slice(len(self.readers), self._most)

    def tell(self, frame: Frame) -> None:
        """Send a frame to all readers in the next sweep. It is no entry: a paused reader misses it."""
        self._notices.append(frame)

    def redact(self, seqs: Sequence[int]) -> None:
        """Empty entries that the journal has emptied, and tell all readers: paused ones when they can take it."""
        self.edition += 1
        self.ring.redact(seqs)
        for redacted in self._watching.values():
            redacted.update(seqs)
        self._redactions.append(Redacted(list(seqs)))

    def truncate(self, epoch: str, end: int) -> None:
        """Go on from entry ``end`` under another epoch: the log has lost what followed. Readers that saw it are told.

        Those who keep cursors must not be among them: they would take new entries for some of the earlier epoch.
        """
        self.epoch = epoch
        self.edition += 1
        self._opened_at -= max(0, self.ring.last - end)
        self.ring.truncate(end)
        self._swept = min(self._swept, end)
        self._leaving = [(min(seq, end), member) for seq, member in self._leaving]
        self._redactions.clear()  # who keeps no cursor is not told of any
        for reader in list(self.readers):
            if reader.after > end:
                reader.missed.append(Gap(from_=end + 1, to=reader.after, why="lost"))
                self.count_gap("lost", end - reader.after)
                reader.after = end
                self.drain(reader)

    @contextmanager
    def redactions(self) -> Iterator[set[int]]:
        """Hand out a set that gets the seqs of all entries that are redacted inside the block."""
        redacted: set[int] = set()
        self._watching[id(redacted)] = redacted
        try:
            yield redacted
        finally:
            del self._watching[id(redacted)]

    def leave_after(self, seq: int, member: Member[Reader | None]) -> None:
        """Tell that an unlisted member left once all that it said is shown, up to this entry."""
        self._leaving.append((seq, member))

    def append(self, entries: Sequence[Msg]) -> None:
        """Append entries that the journal has committed, in its order."""
        self.ring.extend(entries)

    def sweep(self, now: float) -> bool:
        """Send every reader that can take it the news and its slice of the log.

        The bytes are joined once per (dialect, cursor position), not once per reader.

        Returns:
            Whether there is more: a reader lags that could take it, or a leave is due. Sweep again in the next tick.
        """
        notices, self._notices = self._notices, []
        redactions, self._redactions = self._redactions, []
        news = [*self._news(now), *redactions, *notices]
        last = self._swept = self.ring.last
        most = self.batch_bytes()
        slices: dict[tuple[Dialect, int], tuple[bytes, int]] = {}
        first = self.ring.first
        lagging = False
        dialect: Dialect | None = None  # of the last reader; most others stand there, too
        stood, to, data = -1, -1, b""
        for reader in list(self.readers):
            if reader.paused or reader.behind:
                if redactions:
                    reader.missed += redactions
                continue
            if reader.after != stood or reader.dialect is not dialect:
                dialect, stood = key = reader.dialect, reader.after
                if key not in slices:
                    slices[key] = self._slice(reader, news, most)
                data, to = slices[key]
                if stood + 1 < first:
                    self.count_gap("slow", first - 1 - stood)
                    stood = -1  # so that the next one that stands there is counted, too
            reader.after = to
            if data:
                reader.send(data)
            if to != last and not reader.paused:
                lagging = True
        return lagging or (bool(self._leaving) and any(seq <= last for seq, _ in self._leaving))

    def _news(self, now: float) -> Sequence[Frame]:
        if self._leaving:
            self._note_leaves()
        if not self.roster.news or now < self._tell_at:
            return []
        if len(self.readers) > FEW_READERS:
            self._tell_at = now + len(self.readers) * NEWS_SECONDS_A_READER
        return self.roster.news.frames(len(self.roster))

    def _note_leaves(self) -> None:
        """Let those leave who said nothing that is not swept yet."""
        leaving, self._leaving = self._leaving, []
        for seq, member in leaving:
            if seq <= self._swept:
                self.roster.gone(member)
            else:
                self._leaving.append((seq, member))

    def news_wait(self, now: float) -> float | None:
        """Return the seconds until news may be told; None if there is none."""
        return max(0.0, self._tell_at - now) if self.roster.news else None

    def _slice(self, reader: Reader, news: Sequence[Frame], most: int) -> tuple[bytes, int]:
        data, after = self.ring.take(reader.dialect, reader.after, most)
        return b"".join(map(reader.dialect.render, news)) + data if news else data, after

    def drain(self, reader: Reader) -> None:
        """Send one reader that is new, or can take more again, slices until it is level or paused."""
        if reader.missed and not (reader.paused or reader.behind):
            missed, reader.missed = reader.missed, []
            reader.send(reader.dialect.render_run(missed))
        while not (reader.paused or reader.behind) and reader.after < self.ring.last:
            if reader.after + 1 < self.ring.first:
                self.count_gap("slow", self.ring.first - 1 - reader.after)
            data, reader.after = self.ring.take(reader.dialect, reader.after, self.batch_bytes())
            reader.send(data)

    def cut(self, resume: Resume, end: int) -> tuple[Resume, Gap | None]:
        """Return where a cursor of an earlier epoch stands in this one, and the gap of what it saw and is gone.

        Args:
            resume: where the client's cursor stood.
            end: the last entry that its epoch shares with this log.
        """
        after = min(resume.after, end)
        gone = Gap(from_=after + 1, to=resume.after, why="lost") if after < resume.after else None
        return Resume(self.epoch, after), gone

    def start(self, resume: Resume | None, history: int, kept_from: int) -> tuple[int, Gap | None]:
        """Return where a new reader's cursor starts, and the gap to announce, if any.

        The cursor may be before the ring: the journal has what lies between.

        Args:
            resume: where the client's cursor stood, if it resumes.
            history: entries to start earlier with, if it does not.
            kept_from: the oldest seq that can still be read.
        """
        ring, first = self.ring, kept_from
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
        """Return the entries of a page as (after, last).

        Args:
            after: the page follows this seq; or None.
            before: it ends before this one, if ``after`` is None.
            limit: entries at most.
            kept_from: the oldest seq that can still be read.
        """
        last = self.ring.last
        if after is not None:
            start = max(after, kept_from - 1)
            return start, min(last, start + limit)
        end = min(before or 0, last + 1) - 1
        return max(kept_from - 1, end - limit), end
