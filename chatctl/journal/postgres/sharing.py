"""Sharing: what one server learns of the others that have the same schema.

Lives here: whether the others live, by their beats; what they said, changed and redacted since this one looked last.
Does not live here: the thread that asks (watcher.py), what is done with the answers (writer.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from chatctl.journal import Facts
from chatctl.journal.postgres.connection import Connection, run
from chatctl.journal.postgres.registering import Registration
from chatctl.journal.postgres.texts import from_engine
from chatctl.journal.records import RoomRecord
from chatctl.protocol import Msg

LOOKS = 5
"""A server whose beat stood still in so many looks in a row, each of them answered, is dead. No clock is compared."""

Fate = Literal["joined", "left", "dead"]
"""What became of another server; dead: others have declared it so."""

_AT_ONCE = "WITH s AS (SELECT set_config('synchronous_commit', 'off', true)) UPDATE {}.servers SET"
_OF_SERVER = "FROM s WHERE sid = %s"
"""What may be lost with the engine is told without a wait for its disk, or for a standby: servers that wait for that
are not dead. The setting ends with the transaction."""


class Changes(NamedTuple):
    """What was changed after a version of the facts."""

    version: int
    facts: Facts
    redacted: Mapping[str, Sequence[int]]
    """Entries that were emptied, by room."""


class Fenced(Exception):
    """Others have taken this server for dead. ``reconnect`` makes it another one."""


class Renewed(Exception):
    """Another server has given the log new epochs. ``reconnect`` goes by them."""


@dataclass(slots=True)
class Seen:
    """What other servers did since a store looked last."""

    found: list[RoomRecord] = field(default_factory=list)
    """Rooms that were not known."""
    trimmed: list[RoomRecord] = field(default_factory=list)
    entries: dict[str, list[Msg]] = field(default_factory=dict)
    """New ones, by room."""
    changes: Changes | None = None
    """None: nobody asked."""


def changes_since(db: Connection, schema: str, version: int, own: Collection[int] = ()) -> Changes:
    """Return what was changed after ``version``, except under ``own`` versions: the last value of each fact.

    Changes are committed in the order of their versions, so all up to the newest one are there. What comes while this
    reads is left for the next time: a redaction must not be taken for known without the facts that came with it.
    """
    [(newest,)] = run(db, "SELECT version FROM {}.house", schema)
    between = "WHERE version > %s AND version <= %s ORDER BY version"
    facts: dict[tuple[str, str], str | None] = {}
    query = f"SELECT kind, key, value, version FROM {{}}.facts {between}"  # noqa: S608 — a constant
    for kind, key, value, changed in run(db, query, schema, version, newest):
        if changed in own:
            continue
        facts[from_engine(kind), from_engine(key)] = None if value is None else from_engine(value)
    redacted: dict[str, list[int]] = {}
    query = f"SELECT room, seqs, version FROM {{}}.redactions {between}"  # noqa: S608 — a constant
    for room, seqs, changed in run(db, query, schema, version, newest):
        if changed in own:
            continue
        redacted.setdefault(room, []).extend(seqs)
    return Changes(newest, facts, redacted)


class Beaten(NamedTuple):
    """What all servers tell with their beats."""

    beats: Mapping[str, int]
    """By server."""
    watchers: Mapping[str, str]
    """Of the other servers: how many watch each room there, as JSON."""
    labels: Mapping[str, str]
    """Of the other servers: what people call them."""


class Beats:
    """Who is alive, as one server sees it."""

    def __init__(self) -> None:
        """Begin to look."""
        self._seen: dict[str, tuple[int, int]] = {}  # beat, and in how many looks it was this one

    def look(self, own: str, beats: Mapping[str, int]) -> dict[str, int]:
        """Take the beats of all servers, from one answer; return those of the dead, who can be swept under them.

        ``own`` is the server that looks.
        """
        seen: dict[str, tuple[int, int]] = {}
        for sid, beat in beats.items():
            before, looks = self._seen.get(sid, (None, 0))
            seen[sid] = (beat, looks + 1 if beat == before else 1)
        self._seen = seen
        return {sid: beat for sid, (beat, looks) in seen.items() if looks > LOOKS and sid != own}


class Peers:
    """The other servers, as one server sees them come and go."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._here: Mapping[str, str] | None = None
        self._gone: dict[str, str] = {}
        self._left: set[str] = set()

    def hear(self, sid: str) -> None:
        """Note that a server has told that it leaves."""
        self._left.add(sid)

    def look(self, here: Mapping[str, str]) -> list[tuple[Fate, str]]:
        """Take the labels of the others, by server; return what became of whom since the last look.

        Those that were gone then are told of: by now it was heard if they have left.
        """
        before = here if self._here is None else self._here
        told: list[tuple[Fate, str]] = [("joined", label) for sid, label in here.items() if sid not in before]
        told += [("left" if sid in self._left else "dead", label) for sid, label in self._gone.items()]
        self._left -= self._gone.keys()
        self._gone = {sid: label for sid, label in before.items() if sid not in here}
        self._here = here
        return told


def beat(db: Connection, schema: str, sid: str, me: Registration) -> Beaten:
    """Add one to this server's beat, and tell what is new of it; return all beats, without its own if it was swept."""
    run(db, f"{_AT_ONCE} beat = beat + 1, watchers = %s, label = %s {_OF_SERVER}", schema, me.watchers, me.label, sid)
    rows: list[tuple[Any, ...]] = run(db, "SELECT sid, beat, watchers, label FROM {}.servers", schema).fetchall()
    others = [row for row in rows if row[0] != sid]
    beats = {row[0]: row[1] for row in rows}
    return Beaten(beats, {row[0]: row[2] for row in others}, {row[0]: row[3] for row in others})


def report(db: Connection, schema: str, sid: str, version: int) -> None:
    """Tell other servers the version of the facts that a server goes by."""
    run(db, f"{_AT_ONCE} version = %s {_OF_SERVER}", schema, version, sid)


def fallen_behind(db: Connection, schema: str, sid: str, version: int) -> list[str]:
    """Return what people call the servers, apart from ``sid``, that do not go by a version of the facts yet."""
    rows = run(db, "SELECT label FROM {}.servers WHERE sid <> %s AND version < %s ORDER BY 1", schema, sid, version)
    return [row[0] for row in rows]
