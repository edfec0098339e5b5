"""The verifier: decides from the clients' diaries and the server's log at rest whether a promise was broken.

Lives here: nothing but that. It shares no code with chatctl, nor with the clients that wrote the diaries; all it knows
is the form of a diary, below, and two tables of the database. Standard library only. It can be run on its own:

    python tests/system/chaos/verifier.py FOLDER     a folder with rooms.db and one diary of each client, NAME.jsonl

A diary is JSON lines, in the order in which things happened to its client:

    {"do": "attempt", "id": .., "text": ..}             about to say this for the first time; every text is unique
    {"do": "again", "id": ..}                           about to say it again, for its outcome is unknown
    {"do": "ack", "id": .., "seq": .., "duplicate": ..} the server has it
    {"do": "refused", "id": .., "code": ..}             the server says that it has not
    {"do": "enter", "epoch": .., "after": ..}           in the room: shown next is the entry behind ``after``
    {"do": "show", "seq": .., "text": ..}               an entry came
    {"do": "gap", "from": .., "to": .., "why": ..}      the server says that these will not come
    {"do": "stored", "id": ..}                          the server has it; under which number was not told
    {"do": "say", "text": ..}                           about to say this once, as a line whose end may be lost
    {"do": "hold", "name": .., "at": ..}                let in under a name, at a time of a clock that all clients have
    {"do": "held", "name": .., "at": ..}                the server says that it was still a member then
    {"do": "roster", "nicks": [..]}                     whom a server showed when all members had left

Several servers have one more table, ``acts``, of what was done in their order: by servers, each under an id that it has
until others take it for dead (``came``, ``changed``, ``claimed``, ``went``), and to them (``down``, and ``up`` again).
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]

_FAULTS_KEPT = 20

GRACE = 5.0
"""Seconds within which a server that was taken for dead finds out, once it runs again."""

_FAULTS = (
    "lost", "twice", "reordered", "holes", "altered", "foreign", "sparse", "strange", "fenced", "swept", "owners",
    "ghosts",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
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
        self._attempted: set[str] = set()
        self._said: list[str] = []  # by lines that may be cut off on their way
        self._holdings: list[_Holding] = []
        self._inspect(log)
        _judge_acts(self.verdict, log.acts)

    def run(self, diaries: Mapping[str, Iterable[Line]]) -> Verdict:
        for name, lines in diaries.items():
            self._diary(name, lines)
        cut = {text for text in self._at.values() if any(said.startswith(text) and said != text for said in self._said)}
        for seq, text in self._at.items():
            if text not in self._attempted | cut:
                self.verdict.fault("foreign", f"entry {seq} was never attempted: {text!r}")
        first_at: dict[str, int] = {}
        for seq, text in self._log.entries:
            if first_at.setdefault(text, seq) != seq and text not in cut:
                self.verdict.fault("twice", f"entries {first_at[text]} and {seq} are the same: {text!r}")
        _judge_holdings(self.verdict, self._holdings)
        return self.verdict

    def _inspect(self, log: Log) -> None:
        for trouble in log.troubles:
            self.verdict.fault("strange", trouble)
        for seq in range(log.first, self._last + 1):
            if seq not in self._at:
                self.verdict.fault("sparse", f"the log has no entry {seq}")

    def _diary(self, name: str, lines: Iterable[Line]) -> None:
        sent, seen = (
            _Sent(name, self.verdict, self._at, self._log.first),
            _Seen(name, self.verdict, self._at, self._log),
        )
        for line in lines:
            match line["do"]:
                case "attempt" | "again" | "ack" | "refused" | "stored":
                    sent.take(line)
                case "say":
                    self._attempted.add(line["text"])
                    self._said.append(line["text"])
                case "hold":
                    self.verdict.given += 1
                    self._holdings.append(_Holding(name, line["name"].casefold(), line["at"], line["at"]))
                case "held":
                    self._holdings[-1].until = line["at"]
                case "roster":
                    for nick in line["nicks"]:
                        self.verdict.fault("ghosts", f"{nick} was shown as a member, and had left")
                case _:
                    seen.take(line)
        sent.close()
        seen.close(self._last)
        self._attempted |= set(sent.texts.values())


class _Sent:
    """What one client said, and what it was told of it."""

    def __init__(self, name: str, verdict: Verdict, at: Mapping[int, str], first: int) -> None:
        self._name = name
        self._verdict = verdict
        self._at = at
        self._first = first
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
        there_are = set(self._at.values()) if self._stored else set()
        for ident in self._stored:
            if self.texts[ident] not in there_are:
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

    def __init__(self, name: str, verdict: Verdict, at: dict[int, str], log: Log) -> None:
        self._name = name
        self._verdict = verdict
        self._at = at
        self._log = log
        self._after: int | None = None
        self._missing: set[int] = set()

    def take(self, line: Line) -> None:
        match line["do"]:
            case "enter":
                self._enter(line["epoch"], line["after"])
            case "show":
                self._show(line["seq"], line["text"])
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
        several = db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'acts'").fetchone()
        acts = list(db.execute("SELECT what, sid FROM acts ORDER BY number")) if several else []
    return Log(epoch, entries, first, [] if checked == ["ok"] else checked, acts)


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
        "shown",
        "gaps",
        "given",
    )
    names = {
        "again": "sent again",
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
