"""The verifier: decides from the clients' diaries and the server's log at rest whether a promise was broken.

Lives here: nothing but that. It shares no code with chatctl, nor with the clients that wrote the diaries; all it knows
is the form of a diary, below, and two tables of the database. Standard library only. It can be run on its own:

    python tests/system/chaos/verifier.py FOLDER     a folder with rooms.db and one diary of each client, NAME.jsonl

A diary is JSON lines, in the order in which things happened to its client:

    {"do": "attempt", "id": .., "text": ..}             about to say this for the first time; every text is unique
    {"do": "again", "id": ..}                           about to say it again, for its outcome is unknown
    {"do": "ack", "id": .., "seq": .., "duplicate": .., "at": ..}   the server has it
    {"do": "refused", "id": .., "code": ..}             the server says that it has not
    {"do": "enter", "epoch": .., "after": ..}           in the room: shown next is the entry behind ``after``
    {"do": "show", "seq": .., "text": .., "at": ..}     an entry came
    {"do": "gap", "from": .., "to": .., "why": ..}      the server says that these will not come
    {"do": "stored", "id": ..}                          the server has it; under which number was not told
    {"do": "say", "text": ..}                           about to say this once, as a line whose end may be lost
    {"do": "say", "text": .., "unframed": ..}           the same, as these bytes, of which any part may become a message
    {"do": "listen", "ascii": ..}                       in the room, and shown no numbers: read next is whatever follows
    {"do": "read", "text": .., "at": ..}                an entry came
    {"do": "missed", "count": .., "why": ..}            the server says that so many, which were next, will not come
    {"do": "until", "text": ..}                         about to leave, once it has read this
    {"do": "ended", "code": ..}                         a program ended that was to stay in the room
    {"do": "hold", "name": .., "at": ..}                let in under a name
    {"do": "held", "name": .., "at": ..}                the server says that it was still a member then
    {"do": "roster", "nicks": [..]}                     whom a server showed when all members had left

All that is ``at`` is a time of one clock that all clients have, in seconds.

Several servers have two more tables. ``acts`` has what was done, in its order: by servers, each under an id that it has
until others take it for dead (``came``, ``changed``, ``claimed``, ``went``), and to them (``down``, and ``up`` again).
``withheld`` has times during which no standby could have anything new, and the last entry that one had.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]

_FAULTS_KEPT = 20

GRACE = 5.0
"""Seconds within which a server that was taken for dead finds out, once it runs again."""

_FAULTS = (
    "lost", "twice", "reordered", "holes", "altered", "foreign", "sparse", "strange", "fenced", "swept", "owners",
    "ghosts", "early", "ended",
)  # fmt: skip


@dataclass(frozen=True)
class Log:
    """A room's log as it lies on the disk. What came before ``first`` is not kept any more.

    ``troubles`` is what the database says of its own form.
    """

    epoch: str
    entries: list[tuple[int, str]]
    first: int = 1
    troubles: list[str] = field(default_factory=list)
    acts: list[tuple[str, str]] = field(default_factory=list)
    """Of several servers: what, and a server's id."""
    withheld: list[tuple[float, float, int]] = field(default_factory=list)
    """From when to when nothing behind an entry may be acknowledged or shown: no standby has it."""

    @cached_property
    def places(self) -> Mapping[str, Sequence[int]]:
        """Where each text is: once, but for lines that were cut off on their way."""
        return _places(self.entries)

    @cached_property
    def ascii_places(self) -> Mapping[str, Sequence[int]]:
        """The same, as it is shown to who reads ASCII alone."""
        return _places((seq, text.encode("ascii", "replace").decode()) for seq, text in self.entries)


def _places(entries: Iterable[tuple[int, str]]) -> Mapping[str, Sequence[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for seq, text in entries:
        found[text].append(seq)
    return dict(found)


@dataclass(slots=True)
class Verdict:
    """The counts. Those from ``lost`` on are faults: in a sound run each of them is 0."""

    attempted: int = 0
    again: int = 0
    acked: int = 0
    duplicates: int = 0
    refused: int = 0
    unsettled: int = 0
    """Attempted, and no acknowledgement by the end: these may be in the log or not."""
    trimmed: int = 0
    """Acknowledged, under a number that is not kept any more."""
    logged: int = 0
    lines: int = 0
    """Of what is in the log: said as lines that nobody acknowledges, or a part of one."""
    shown: int = 0
    gaps: int = 0
    given: int = 0
    """Times somebody was let in under a name that several want."""
    lost: int = 0
    """Acknowledged, and not in the log; or in it under another number than the one acknowledged."""
    twice: int = 0
    """In the log, or shown to one reader, a second time; or acknowledged under two numbers."""
    reordered: int = 0
    """Shown after an entry that follows it in the log."""
    holes: int = 0
    """Entries that a reader was neither shown nor told of."""
    altered: int = 0
    """A number that was shown with another text than the log's."""
    foreign: int = 0
    """In the log, or shown, and never attempted or never logged."""
    sparse: int = 0
    """Numbers that are missing in the log."""
    strange: int = 0
    """Another epoch than the log's, a damaged database, an acknowledgement of what was never asked."""
    fenced: int = 0
    """Changes by a server after it was taken for dead, under the id that it had."""
    swept: int = 0
    """Servers that were taken for dead with nothing done to them."""
    owners: int = 0
    """Times two had one name."""
    ghosts: int = 0
    """Members that a server showed when all had left."""
    early: int = 0
    """Acknowledged, or shown, while no standby can have had it."""
    ended: int = 0
    """Programs that ended by themselves."""
    faults: list[str] = field(default_factory=list)
    """The first faults in words."""

    @property
    def broken(self) -> dict[str, int]:
        """What was broken how often; empty if every promise was kept."""
        return {name: getattr(self, name) for name in _FAULTS if getattr(self, name)}

    def fault(self, kind: str, words: str) -> None:
        """Count one fault."""
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.faults) < _FAULTS_KEPT:
            self.faults.append(f"{kind}: {words}")


def verify(log: Log, diaries: Mapping[str, Iterable[Line]]) -> Verdict:
    """Compare a log at rest with what its clients saw of it."""
    return _Comparison(log).run(diaries)


class _Comparison:
    def __init__(self, log: Log) -> None:
        self.verdict = Verdict(logged=len(log.entries))
        self._log = log
        self._at = dict(log.entries)
        self._last = max(self._at, default=log.first - 1)
        self._withheld = _Withheld(self.verdict, log.withheld)
        self._attempted: set[str] = set()
        self._said: set[str] = set()  # as lines
        self._lines: list[str] = []  # of these, what may be cut off on its way
        self._unframed: list[str] = []  # said, and any part of it may be a message
        self._holdings: list[_Holding] = []
        self._inspect(log)
        _judge_acts(self.verdict, log.acts)

    def run(self, diaries: Mapping[str, Iterable[Line]]) -> Verdict:
        for name, lines in diaries.items():
            self._diary(name, lines)
        others = set(self._at.values()) - self._attempted
        lines, unframed = "".join(f"\n{line}" for line in self._lines), "\n".join(self._unframed)
        parts = {text for text in others if f"\n{text}" in lines or text in unframed}
        self.verdict.lines = sum(text in parts or text in self._said for _, text in self._log.entries)
        for seq, text in self._at.items():
            if text in others and text not in parts:
                self.verdict.fault("foreign", f"entry {seq} was never attempted: {text!r}")
        for text, seqs in self._log.places.items():
            for seq in () if text in parts else seqs[1:]:
                self.verdict.fault("twice", f"entries {seqs[0]} and {seq} are the same: {text!r}")
        _judge_holdings(self.verdict, self._holdings)
        return self.verdict

    def _inspect(self, log: Log) -> None:
        for trouble in log.troubles:
            self.verdict.fault("strange", trouble)
        for seq in range(log.first, self._last + 1):
            if seq not in self._at:
                self.verdict.fault("sparse", f"the log has no entry {seq}")

    def _diary(self, name: str, lines: Iterable[Line]) -> None:
        sent = _Sent(name, self.verdict, self._at, self._log, self._withheld)
        seen = _Seen(name, self.verdict, self._at, self._log, self._withheld)
        read = _Read(name, self.verdict, self._log, self._withheld)
        for line in lines:
            match line["do"]:
                case "attempt" | "again" | "ack" | "refused" | "stored":
                    sent.take(line)
                case "enter" | "show" | "gap":
                    seen.take(line)
                case "listen" | "read" | "missed" | "until":
                    read.take(line)
                case _:
                    self._note(name, line)
        sent.close()
        seen.close(self._last)
        read.close()
        self._attempted |= set(sent.texts.values())

    def _note(self, name: str, line: Line) -> None:
        match line["do"]:
            case "say":
                self._attempted.add(line["text"])
                self._said.add(line["text"])
                if "unframed" in line:
                    self._unframed.append(line["unframed"])
                else:
                    self._lines.append(line["text"])
            case "hold":
                self.verdict.given += 1
                self._holdings.append(_Holding(name, line["name"].casefold(), line["at"], line["at"]))
            case "held":
                self._holdings[-1].until = line["at"]
            case "roster":
                for nick in line["nicks"]:
                    self.verdict.fault("ghosts", f"{nick} was shown as a member, and had left")
            case "ended":
                self.verdict.fault("ended", f"{name} ended by itself, exit code {line['code']}")


class _Withheld:
    """When nothing new may have been acknowledged or shown."""

    def __init__(self, verdict: Verdict, times: Iterable[tuple[float, float, int]]) -> None:
        self._verdict = verdict
        self._times = sorted(times)

    def check(self, line: Line, seq: int, what: str) -> None:
        """Check that at its time this entry was one that a standby had. ``what`` is for the words of a fault."""
        if not self._times or "at" not in line:
            return
        since, until, last = self._times[bisect(self._times, (line["at"],)) - 1]
        if since <= line["at"] < until and seq > last:
            self._verdict.fault("early", f"{what} {seq} while no standby had more than {last}")


class _Sent:
    """What one client said, and what it was told of it."""

    def __init__(self, name: str, verdict: Verdict, at: Mapping[int, str], log: Log, withheld: _Withheld) -> None:
        self._name = name
        self._verdict = verdict
        self._at = at
        self._log = log
        self._first = log.first
        self._withheld = withheld
        self.texts: dict[str, str] = {}
        self._acked: dict[str, int] = {}
        self._stored: set[str] = set()

    def take(self, line: Line) -> None:
        match line["do"]:
            case "attempt":
                self._verdict.attempted += 1
                self.texts[line["id"]] = line["text"]
            case "again":
                self._verdict.again += 1
            case "refused":
                self._verdict.refused += 1
            case "ack":
                self._ack(line["id"], line["seq"], duplicate=line["duplicate"])
                self._withheld.check(line, line["seq"], f"{self._name} got an acknowledgement of")
            case "stored":
                self._stored.add(line["id"])

    def _ack(self, ident: str, seq: int, *, duplicate: bool) -> None:
        self._verdict.duplicates += duplicate
        if ident not in self.texts:
            self._verdict.fault("strange", f"{self._name} got an acknowledgement of {ident}, which it never sent")
            return
        before = self._acked.setdefault(ident, seq)
        if before != seq:
            self._verdict.fault("twice", f"{self._name}'s {ident} was acknowledged as {before} and as {seq}")

    def close(self) -> None:
        self._verdict.acked += len(self._acked) + len(self._stored)
        self._verdict.unsettled += len(self.texts) - len(self._acked) - len(self._stored)
        for ident in self._stored:
            if self.texts[ident] not in self._log.places:
                self._verdict.fault("lost", f"{self._name}'s {self.texts[ident]!r} was stored, and is not there")
        for ident, seq in self._acked.items():
            self._verdict.trimmed += seq < self._first
            if seq < self._first and seq not in self._at:
                continue  # and nobody was shown it: there is nothing to compare it with
            if self._at.get(seq) != self.texts[ident]:
                there = f"is {self._at[seq]!r}" if seq in self._at else "is not there"
                told = f"{self._name}'s {self.texts[ident]!r} was acknowledged as {seq}, which {there}"
                self._verdict.fault("lost", told)


class _Seen:
    """What one client was shown: the log's own order, from where it entered to the log's end."""

    def __init__(self, name: str, verdict: Verdict, at: dict[int, str], log: Log, withheld: _Withheld) -> None:
        self._name = name
        self._verdict = verdict
        self._at = at
        self._log = log
        self._withheld = withheld
        self._after: int | None = None
        self._missing: set[int] = set()

    def take(self, line: Line) -> None:
        match line["do"]:
            case "enter":
                self._enter(line["epoch"], line["after"])
            case "show":
                self._show(line["seq"], line["text"])
                self._withheld.check(line, line["seq"], f"{self._name} was shown")
            case "gap":
                self._gap(line["from"], line["to"], line["why"])

    def _enter(self, epoch: str, after: int) -> None:
        if epoch != self._log.epoch:
            self._verdict.fault("strange", f"{self._name} entered the log {epoch}, this one is {self._log.epoch}")
        if self._after is None:
            self._after = after
        self._pass_over(after)

    def _show(self, seq: int, text: str) -> None:
        self._verdict.shown += 1
        if 0 < seq < self._log.first:
            self._at.setdefault(seq, text)  # not kept any more: what one was shown, all must be shown
        if seq not in self._at:
            self._verdict.fault("foreign", f"{self._name} was shown {seq}, which is not in the log: {text!r}")
        elif self._at[seq] != text:
            self._verdict.fault("altered", f"{self._name} was shown {seq} as {text!r}, it is {self._at[seq]!r}")
        if self._after is None:
            self._verdict.fault("strange", f"{self._name} was shown {seq} before it was in")
            self._after = seq
        elif seq > self._after:
            self._pass_over(seq - 1)
            self._after = seq
        elif seq in self._missing:
            self._missing.discard(seq)
            self._verdict.fault("reordered", f"{self._name} was shown {seq} after {self._after}")
        else:
            self._verdict.fault("twice", f"{self._name} was shown {seq} again, after {self._after}")

    def _pass_over(self, to: int) -> None:
        """Take note that all up to ``to`` was passed over without a word."""
        assert self._after is not None
        self._missing.update(range(self._after + 1, to + 1))
        self._after = max(self._after, to)

    def _gap(self, start: int, to: int, why: str) -> None:
        self._verdict.gaps += 1
        if why == "lost" and to in self._at:
            self._verdict.fault("strange", f"{self._name} was told that {start} to {to} are lost, and they are there")
        if self._after is not None:
            self._pass_over(start - 1)
            self._after = max(self._after, to)

    def close(self, last: int) -> None:
        if self._after is None:
            return
        self._pass_over(last)
        for seq in sorted(self._missing):
            self._verdict.fault("holes", f"{self._name} was not shown {seq}, and not told of it")


class _Read:
    """What one client was shown without numbers: the log's own order, without holes, from the first entry that came."""

    def __init__(self, name: str, verdict: Verdict, log: Log, withheld: _Withheld) -> None:
        self._name = name
        self._verdict = verdict
        self._log = log
        self._withheld = withheld
        self._ascii = False
        self._after: int | None = None
        self._missing: set[int] = set()
        self._until: str | None = None

    def take(self, line: Line) -> None:
        match line["do"]:
            case "listen":
                self._ascii = line["ascii"]
                self._after = None
            case "read":
                self._read(line)
            case "missed":
                self._miss(line["count"], line["why"])
            case "until":
                self._until = line["text"]

    def _read(self, line: Line) -> None:
        self._verdict.shown += 1
        text = line["text"]
        seqs = (self._log.ascii_places if self._ascii else self._log.places).get(text, ())
        if not seqs:
            self._verdict.fault("foreign", f"{self._name} read what is not in the log: {text!r}")
        elif self._after is None:
            self._after = seqs[0] if len(seqs) == 1 else None
        else:
            seq = next((seq for seq in seqs if seq > self._after), seqs[-1])
            self._withheld.check(line, seq, f"{self._name} read")
            self._place(seq)
        if text == self._until:
            self._until = None

    def _place(self, seq: int) -> None:
        assert self._after is not None
        if seq > self._after:
            self._missing.update(range(self._after + 1, seq))
            self._after = seq
        elif seq in self._missing:
            self._missing.discard(seq)
            self._verdict.fault("reordered", f"{self._name} read {seq} after {self._after}")
        else:
            self._verdict.fault("twice", f"{self._name} read {seq} again, after {self._after}")

    def _miss(self, count: int, why: str) -> None:
        self._verdict.gaps += 1
        if why == "lost":
            self._verdict.fault("strange", f"{self._name} was told that {count} are lost, and nothing is")
        elif self._after is not None:
            self._after += count

    def close(self) -> None:
        if self._until is not None and self._after is not None:
            self._missing.update(range(self._after + 1, self._log.places.get(self._until, [0])[-1] + 1))
        for seq in sorted(self._missing):
            self._verdict.fault("holes", f"{self._name} did not read {seq}, and was not told of it")


# --- several servers


@dataclass(slots=True)
class _Holding:
    """A name that one client had, from when to when it is sure of that."""

    by: str
    name: str
    since: float
    until: float


def _judge_holdings(verdict: Verdict, holdings: Iterable[_Holding]) -> None:
    before: dict[str, _Holding] = {}
    for one in sorted(holdings, key=lambda holding: holding.since):
        other = before.get(one.name)
        if other is not None and other.by != one.by and other.until > one.since + GRACE:
            seconds = other.until - one.since
            verdict.fault("owners", f"{other.by} had {one.name} for {seconds:.1f} s after {one.by} was given it")
        if other is None or one.until > other.until or one.by == other.by:
            before[one.name] = one


def _judge_acts(verdict: Verdict, acts: Iterable[tuple[str, str]]) -> None:
    gone: set[str] = set()
    down: set[str] = set()
    for what, sid in acts:
        match what:
            case "down":
                down.add(sid)
            case "up":
                down.discard(sid)
            case "went":
                gone.add(sid)
                if sid not in down:
                    verdict.fault("swept", f"the server {sid} was taken for dead, and nothing was done to it")
            case "changed" | "claimed":
                if sid in gone:
                    verdict.fault("fenced", f"the server {sid} {what} something after it was taken for dead")


# --- reading


def read_log(path: Path, room: str = "lobby") -> Log:
    """Read a room's log from a database that no server has open; a WAL beside it is taken in."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        checked = [row[0] for row in db.execute("PRAGMA integrity_check")]
        [(number, epoch, first)] = db.execute("SELECT id, epoch, first FROM rooms WHERE name = ?", (room,))
        entries = list(db.execute("SELECT seq, text FROM messages WHERE room = ? ORDER BY seq", (number,)))
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
        acts = list(db.execute("SELECT what, sid FROM acts ORDER BY number")) if "acts" in tables else []
        withheld = list(db.execute("SELECT since, until, last FROM withheld")) if "withheld" in tables else []
    return Log(epoch, entries, first, [] if checked == ["ok"] else checked, acts, withheld)


def read_diary(path: Path) -> Iterator[Line]:
    """Read one client's diary."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def verify_folder(folder: Path) -> Verdict:
    """Verify what an ordeal left behind."""
    diaries = {path.stem: read_diary(path) for path in sorted(folder.glob("*.jsonl"))}
    return verify(read_log(folder / "rooms.db"), diaries)


def describe(verdict: Verdict) -> str:
    """Return a verdict in words, a line each."""
    told = (
        "attempted",
        "again",
        "acked",
        "duplicates",
        "refused",
        "unsettled",
        "trimmed",
        "logged",
        "lines",
        "shown",
        "gaps",
        "given",
    )
    names = {
        "again": "sent again",
        "lines": "  of these, lines",
        "given": "given a name",
        "duplicates": "answered as duplicate",
        "holes": "unannounced holes",
    }
    rows = [f"{names.get(name, name):<22}{getattr(verdict, name):>12,}" for name in told + _FAULTS]
    verdict_line = "BROKEN" if verdict.broken else "every promise was kept"
    return "\n".join([*rows, verdict_line, *verdict.faults])


if __name__ == "__main__":
    found = verify_folder(Path(sys.argv[1]))
    print(describe(found))
    sys.exit(bool(found.broken))
