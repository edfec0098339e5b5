"""The store: one open schema and each change of it, as calls that block.

Lives here: the statements. Does not live here: the functions that they call (layout.py), opening (opening.py), the
thread that makes these calls and what follows from their errors (writer.py), when to trim (retention.py).
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

import psycopg

from chatctl.common.journal_uri import PostgresPlace
from chatctl.common.sizes import ENTRY_OVERHEAD, fitting
from chatctl.common.text_search import Looked, Query, look_through
from chatctl.errors import ChatError
from chatctl.journal import FactKey, Facts
from chatctl.journal.postgres.connection import ANSWERS_AT_ONCE, Connection, connect, run
from chatctl.journal.postgres.engine_errors import EngineUnfit, is_lost, open_error
from chatctl.journal.postgres.numbering import Answer, Group
from chatctl.journal.postgres.opening import epoch_of, load_ends, load_facts, open_house
from chatctl.journal.postgres.registering import Registration, application_name, is_registered, leave
from chatctl.journal.postgres.resuming import Cut, Known, resume_house
from chatctl.journal.postgres.sharing import LEFT, Changes, changes_since, fallen_behind, report
from chatctl.journal.postgres.texts import from_engine, to_engine
from chatctl.journal.records import Committed, RoomRecord
from chatctl.journal.trimming import Aged, Trimming
from chatctl.journal.work import JournalLost
from chatctl.protocol import Msg

LEVELS = ("memory", "os", "disk", "replica")
"""Durabilities, each of which includes those before it."""

_REMEDIES = {
    "os": "set synchronous_commit = on",
    "disk": "set fsync = on and synchronous_commit = on",
    "replica": "set synchronous_standby_names, and synchronous_commit = on",
}

_READ = """
SELECT seq, time, nick, text, action FROM (
    SELECT *, sum(%s + octet_length(text)) OVER (
        ORDER BY seq {order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM (SELECT * FROM {{}}.entries WHERE room = %s AND seq > %s AND seq <= %s ORDER BY seq {order} LIMIT %s) AS near
) AS page WHERE before IS NULL OR before < %s ORDER BY seq {order}
"""
"""A page: what stands behind as many bytes as it may have is not sent to us."""

SEARCH_SECONDS = 0.02
"""How long one look through a part of a log may keep the thread from committing."""

SEARCH_PIECE = 1_000
"""Entries that one statement of it looks at: 1 ms."""

_CANDIDATES = """
SELECT seq, time, nick, text, action FROM {}.entries WHERE room = %s AND seq > %s AND seq < %s
    AND (position(%s IN lower(text COLLATE "C")) > 0 OR octet_length(text) <> char_length(text)) ORDER BY seq DESC
"""
"""Entries that a search may find: this collation folds ASCII alone, so Python looks at all that is none."""

YOUNG_SECONDS = 30.0
"""Entries of the last so many seconds are not deleted where there are several servers: one that has not shown them in
this time was swept."""

_FIRST_YOUNG = """
SELECT seq FROM {}.entries WHERE room = %s AND seq >= %s AND seq < %s
    AND time > extract(epoch FROM clock_timestamp()) - %s ORDER BY seq LIMIT 1
"""

COLUMN_TYPES = "text", "text", "text", "boolean", "bytea", "text", "boolean", "integer", "text", "text", "text"
"""Of the columns of drafts that ``append`` takes (numbering.py)."""

_FOREVER = 1 << 62


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


class Store(Trimming):
    """An open journal. Every method blocks; one thread at a time may use it."""

    def __init__(
        self, place: PostgresPlace, asked: str | None = None, *, shared: bool = False, label: str = ""
    ) -> None:
        """Connect, and open the schema.

        Args:
            place: of the journal.
            asked: the durability that the engine has to have at least; None: any.
            shared: whether other servers may have it open, too.
            label: what people call this server.

        Raises:
            ChatError: it can't be opened; the text says why, and what to do.
        """
        self.place = place
        self.me = Registration(shared, label)
        self.backend = 0
        """The engine's process that serves this store."""
        self._asked = asked
        self._db: Connection | None = None
        self._unsaved: dict[str, str] = {}
        self._gone: list[str] = []
        try:
            self._db = connect(place, application_name(self.sid))
            self.backend = self._db.info.backend_pid
            house = open_house(self._db, place, self.me)
            self.durability = self._checked(house.engine.durability)
            self.facts = load_facts(self._db, place.schema)
            self.ends = load_ends(self._db, place.schema)
        except (psycopg.Error, EngineUnfit) as error:
            self.disconnect()
            raise open_error(place, error) from None
        except ChatError:
            self.disconnect()
            raise
        self.known_facts: set[FactKey] = set(self.facts)
        """Facts that have a value, as this server knows. The directory adds its own."""
        self.cuts: list[Cut] = []
        """What ``reconnect`` has found to be lost, for its user to take."""
        self.rooms = house.rooms
        self.version = house.version
        """Of the facts: all changes up to this one are known."""
        self._own_version = house.version
        self.own_changes: deque[int] = deque(maxlen=10_000)
        """Versions of the facts that are of this server's newest changes. The directory adds its own (from its
        thread)."""
        self._reported = house.version
        self.generation = house.generation
        self.renewed = house.renewed

    # --- the connection

    @property
    def is_connected(self) -> bool:
        """Whether the connection was good when it was last used."""
        return not is_lost(self._db)

    @property
    def sid(self) -> str:
        """This server's id in the schema."""
        return self.me.sid

    def reconnect(self) -> None:
        """Connect again, and see what is still there. If this server was swept, it gets another id.

        Raises:
            EngineUnfit: nothing can be stored there now.
            JournalLost: it can't be told what is there, or another server is.
            psycopg.Error: the engine can't be reached, or refuses.
        """
        self.disconnect()
        db = connect(self.place, application_name(self.sid))
        try:
            version = max(self.version, self._own_version)
            known = Known(self.generation, version, list(self.known_facts), self._saved(), self.durability)
            engine, cut = resume_house(db, self.place, self.me, known)
            self._reported = 0  # it may be another one than before
            if cut is not None:
                self._go_by(cut)
            try:
                self.durability = self._checked(engine.durability)
            except ChatError as error:
                raise EngineUnfit(error.text) from None
        except BaseException:
            db.close()
            raise
        self._db = db
        self.backend = db.info.backend_pid

    def _go_by(self, cut: Cut) -> None:
        self.cuts.append(cut)
        if cut.renewed:
            self.generation = cut.generation
            for name in self.rooms:
                self.rooms[name] = replace(cut.room(name))
                if name not in cut.rooms:
                    self._unsaved[name] = self.rooms[name].epoch

    def disconnect(self) -> None:
        """Close the connection, if there is one."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def close(self) -> None:
        """Take this server out of the schema, and disconnect."""
        if self._db is not None and self.is_connected:
            with contextlib.suppress(psycopg.Error):  # then another server does it
                leave(self._db, self.place.schema, self.me)
                self._db.execute("SELECT pg_notify(%s, %s)", (self.place.schema, f"{LEFT} {self.sid}"))
        self.disconnect()

    def _checked(self, level: str) -> str:
        if self._asked is not None and LEVELS.index(level) < LEVELS.index(self._asked):
            raise ChatError(
                f"--durability {self._asked}, and the engine of {self.place} gives {level} only: "
                f"{_REMEDIES[self._asked]}, or ask for less"
            )
        return level

    def _db_or_fail(self) -> Connection:
        if self._db is None:
            raise psycopg.OperationalError("not connected")
        return self._db

    def _run(self, query: str, *values: object) -> psycopg.Cursor[tuple[object, ...]]:
        return run(self._db_or_fail(), query, self.place.schema, *values)

    def _saved(self) -> dict[str, RoomRecord]:
        return {name: room for name, room in self.rooms.items() if name not in self._unsaved}

    # --- writing

    def epoch_of_new(self, room: str) -> str:
        """Return the epoch that a new room gets."""
        return epoch_of(self.generation, room)

    def epoch(self, room: str) -> str | None:
        """Return a room's epoch; None: it is not known."""
        return self.rooms[room].epoch if room in self.rooms else None

    def add_room(self, name: str, epoch: str) -> None:
        """Add a room; the next successful commit stores it."""
        self.rooms[name] = RoomRecord(0, name, epoch)
        self._unsaved[name] = epoch

    def remove_room(self, name: str) -> None:
        """Remove a room without entries; the next successful commit forgets it."""
        self.rooms.pop(name)
        if self._unsaved.pop(name, None) is None:
            self._gone.append(name)

    def commit(self, number: int, group: Group) -> Committed:
        """Commit a group of batches, and the rooms that were added, under a number. Their rooms must be known.

        Raises:
            UnicodeError: a text can't be stored.
            psycopg.Error: nothing was stored; or, if the connection is lost, that is unknown: call it again under the
                same number.
        """
        columns = group.columns()
        if self._gone:
            for table, name in (("ends", "room"), ("rooms", "name")):
                only = " AND last = 0" if table == "rooms" else ""
                self._run(f"DELETE FROM {{}}.{table} WHERE {name} = ANY (%s){only}", self._gone)  # noqa: S608
            self._gone.clear()
        if group.new_rooms is None:
            group.new_rooms = self._unsaved | {name: self.rooms[name].epoch for name in group.rooms}
        new = list(group.new_rooms), list(group.new_rooms.values())
        types = ", ".join(f"%s::{kind}[]" for kind in COLUMN_TYPES)
        values, call = (self.sid, number, *new, *columns), f"{{}}.append(%s, %s, %s::text[], %s::text[], {types})"
        if len(columns[0]) <= ANSWERS_AT_ONCE:
            row = self._run(f"SELECT seqs, times, kinds FROM {call}", *values).fetchone()  # noqa: S608 — ours
        else:
            self._run(f"SELECT FROM {call}", *values)
            row = self._run("SELECT seqs, times, kinds FROM {}.done WHERE sid = %s", self.sid).fetchone()
        answer: Answer = row  # type: ignore[assignment]
        for name in group.new_rooms:
            self._unsaved.pop(name, None)
        result = group.result(answer)
        for name, entries in result.entries.items():
            record = self.rooms[name]
            if entries[0].seq > record.last + 1:  # others have spoken meanwhile
                entries[:0] = self._following(record, entries[0].seq - 1)
        for name, entries in result.entries.items():
            self.rooms[name].last = entries[-1].seq
        self.known_facts |= group.facts
        return result

    def change(
        self,
        number: int,
        facts: Facts,
        room: str | None = None,
        seqs: Sequence[int] = (),
        *,
        seen: int | None = None,
    ) -> None:
        """Change facts, and empty entries of a room, in one transaction under a number. Raises as ``commit``.

        ``seen`` is the version of the facts by which it was decided; None: the newest that is known here.
        """
        kinds = [to_engine(kind) for kind, _ in facts]
        keys = [to_engine(key) for _, key in facts]
        values = [None if value is None else to_engine(value) for value in facts.values()]
        call = "SELECT {}.change(%s, %s, %s::text[], %s::text[], %s::text[], %s, %s::bigint[], %s, %s::bigint[])"
        known = self.version if seen is None else seen
        own = [version for version in tuple(self.own_changes) if version > known]
        columns = kinds, keys, values, room, list(seqs), known, own
        row = self._run(call, self.sid, number, *columns).fetchone()
        assert row is not None
        self._own_version = int(str(row[0]))
        if self._own_version == self.version + 1:
            self.version = self._own_version
        self.own_changes.append(self._own_version)
        self._note(facts)

    def _note(self, facts: Facts) -> None:
        for key, value in facts.items():
            (self.known_facts.discard if value is None else self.known_facts.add)(key)

    # --- what other servers did

    def look(self, names: Collection[str] | None) -> Seen:
        """Return what is new in rooms, by name; None: in all rooms and among the facts.

        Nothing of it is known here before all of it was read: what a lost connection interrupts is looked for again.

        Raises:
            Fenced: this server was swept.
            Renewed: the log has other epochs.
            JournalLost: some of it was deleted before it was seen here.
        """
        seen = Seen()
        if names is None and not is_registered(self._db_or_fail(), self.place.schema, self.me):
            raise Fenced
        query = "SELECT name, epoch, first, last, time FROM {}.rooms"
        rows = self._run(query) if names is None else self._run(f"{query} WHERE name = ANY (%s)", list(names))
        for row in rows.fetchall():
            there = RoomRecord(0, *row)  # type: ignore[arg-type]
            record = self.rooms.get(there.name)
            if there.name in self._gone:
                continue
            if record is None:
                seen.found.append(there)
                continue
            if there.epoch != record.epoch:
                raise Renewed
            if there.first > record.first:
                seen.trimmed.append(there)
            if there.last > record.last:
                seen.entries[there.name] = self._following(record, there.last)
        if names is None:
            seen.changes = changes_since(self._db_or_fail(), self.place.schema, self.version, tuple(self.own_changes))
        self._learn(seen)
        return seen

    def _learn(self, seen: Seen) -> None:
        for there in seen.found:
            self.rooms[there.name] = there
        for there in seen.trimmed:
            self.rooms[there.name].first = there.first
        for name, entries in seen.entries.items():
            self.rooms[name].last = entries[-1].seq
        if seen.changes is not None:
            self.version = seen.changes.version
            self._note(seen.changes.facts)

    def last(self, room: str) -> int:
        """Return the number of a room's newest entry, whether it is known here or not."""
        row = self._run("SELECT last FROM {}.rooms WHERE name = %s", room).fetchone()
        return int(str(row[0])) if row is not None else 0

    def has_to_report(self, version: int) -> bool:
        """Return whether other servers do not know yet that this one goes by a version of the facts."""
        return self.me.shared and version > self._reported

    def report(self, version: int) -> None:
        """Tell other servers the version of the facts that this one goes by."""
        if self.has_to_report(version):
            report(self._db_or_fail(), self.place.schema, self.sid, version)
            self._reported = version

    def fallen_behind(self) -> list[str]:
        """Return what people call the other servers that do not go by the newest change of this one yet."""
        return fallen_behind(self._db_or_fail(), self.place.schema, self.sid, self._own_version)

    def _following(self, record: RoomRecord, to: int) -> list[Msg]:
        """Return the entries that follow a room's cursor, up to a number. Raises JournalLost: some are deleted."""
        query = "SELECT seq, time, nick, text, action FROM {}.entries WHERE room = %s AND seq > %s AND seq <= %s"
        entries = [entry_of(row) for row in self._run(f"{query} ORDER BY seq", record.name, record.last, to)]
        if len(entries) != to - record.last:
            raise JournalLost(f"messages of {record.name} were deleted before this server had seen them")
        return entries

    # --- reading

    def read(self, room: str, after: int, limit: int, most: int | None = None, newest: bool = False) -> Sequence[Msg]:
        """Return entries as ``Journal.read``. Raises psycopg.Error."""
        record = self.rooms.get(room)
        if record is None or limit <= 0:
            return []
        last = min(limit + (after if newest else max(after, record.first - 1)), record.last)
        query = _READ.format(order="DESC" if newest else "")
        rows = self._run(query, ENTRY_OVERHEAD, room, after, last, limit, _FOREVER if most is None else most)
        entries = fitting(map(entry_of, rows), most)
        return entries[::-1] if newest else entries

    def search(self, room: str, query: Query, after: int, before: int, limit: int) -> Looked:
        """Look through a part of a log as ``Journal.search``, a piece of it in each statement."""
        record = self.rooms.get(room)
        if record is None:
            return Looked([], after + 1, None)
        until, found = time.monotonic() + SEARCH_SECONDS, list[Msg]()
        above = min(before, record.last + 1)
        while above > max(after + 1, record.first):
            below = max(after, above - 1 - SEARCH_PIECE)
            rows = self._run(_CANDIDATES, room, below, above, to_engine(query.text))
            more, stopped = look_through(map(entry_of, rows), query, limit - len(found), lambda: False)
            found += more
            if stopped is not None:
                return Looked(found, stopped.seq, stopped.time)
            above = below + 1
            if time.monotonic() >= until:
                break
        looked = above if above > max(after + 1, record.first) else after + 1
        oldest = "SELECT time FROM {}.entries WHERE room = %s AND seq >= %s AND seq < %s ORDER BY seq LIMIT 1"
        row = self._run(oldest, room, looked, before).fetchone()
        return Looked(found, looked, None if row is None else float(str(row[0])))

    def authors(self, room: str, after: int, limit: int) -> list[tuple[int, str]]:
        """Return seq and nickname of at most ``limit`` kept entries that follow number ``after``."""
        query = "SELECT seq, nick FROM {}.entries WHERE room = %s AND seq > %s ORDER BY seq LIMIT %s"
        return [(int(str(seq)), from_engine(str(nick))) for seq, nick in self._run(query, room, after, limit)]

    def token_of(self, room: str, seq: int) -> bytes | None:
        """Return the hash of the token that an entry was said with, as ``Journal.token_of``."""
        row = self._run("SELECT token FROM {}.ids WHERE room = %s AND seq = %s", room, seq).fetchone()
        return row[0] if row is not None else None  # type: ignore[return-value]

    # --- trimming

    def trim(
        self,
        record: RoomRecord,
        keep_from: int,
        older: float | None,
        ids_older: float,
        limit: int,
        latest: float = float("inf"),
    ) -> bool:
        """Delete as ``Trimming.trim``; nothing that another server may not have shown yet."""
        if self.me.shared:
            row = self._run(_FIRST_YOUNG, record.name, record.first, record.first + limit, YOUNG_SECONDS).fetchone()
            if row is not None:
                limit = int(str(row[0])) - record.first
        return limit > 0 and super().trim(record, keep_from, older, ids_older, limit, latest)

    def count_older(self, record: RoomRecord, older: float) -> int:
        """Return how many entries of a room have a time (Unix seconds) before ``older``."""
        query = "SELECT count(*) FROM {}.entries WHERE room = %s AND time < %s"
        row = self._run(query, record.name, older).fetchone()
        return int(str(row[0])) if row is not None else 0

    def _times(
        self, table: Aged, record: RoomRecord, before: int, latest: float, limit: int
    ) -> Iterable[tuple[int, float]]:
        query = f"SELECT seq, time FROM {{}}.{table} WHERE room = %s AND seq < %s AND time <= %s ORDER BY seq LIMIT %s"  # noqa: S608
        return self._run(query, record.name, before, latest, limit).fetchall()  # type: ignore[return-value]

    def _delete(self, record: RoomRecord, first: int, ids_first: int, limit: int) -> None:
        self._run("SELECT {}.trim(%s, %s, %s, %s)", self.sid, record.name, first, ids_first)


def entry_of(row: Sequence[object]) -> Msg:
    """Return the entry that a row of seq, time, nick, text and action holds."""
    seq, time, nick, text, action = row
    assert isinstance(seq, int)
    assert isinstance(time, float)
    nick = from_engine(str(nick))
    return Msg(seq, time, nick, from_engine(str(text)), bool(action), redacted=not nick)  # nobody has an empty name
