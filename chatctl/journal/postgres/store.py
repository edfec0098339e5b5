"""The store: one open schema and each change of it, as calls that block.

Lives here: the statements. Does not live here: the functions that they call (layout.py), opening (opening.py), pages
and searches (reading.py), what is deleted (trimming.py), the thread that makes these calls and what follows from their
errors (writer.py).
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import psycopg

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError
from chatctl.journal import FactKey, Facts
from chatctl.journal.postgres.connection import ANSWERS_AT_ONCE, connect
from chatctl.journal.postgres.durability import check_level
from chatctl.journal.postgres.engine_errors import EngineUnfit, open_error
from chatctl.journal.postgres.numbering import COLUMN_TYPES, Answer, Group
from chatctl.journal.postgres.opening import epoch_of, load_ends, load_facts, open_house
from chatctl.journal.postgres.registering import Registration, application_name, is_registered, leave
from chatctl.journal.postgres.resuming import Cut, Known, resume_house
from chatctl.journal.postgres.sharing import Fenced, Renewed, Seen, changes_since, fallen_behind, report
from chatctl.journal.postgres.standby_wait import check_standby, why_silent
from chatctl.journal.postgres.texts import to_engine
from chatctl.journal.postgres.trimming import Trimmer
from chatctl.journal.records import Committed, RoomRecord


class Store(Trimmer):
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
        super().__init__(place, Registration(shared, label))
        self.backend = 0
        """The engine's process that serves this store."""
        self._asked = asked
        self._unsaved: dict[str, str] = {}
        self._gone: list[str] = []
        try:
            self._db = connect(place, application_name(self.sid), end_by=lambda: self.end_by)
            self.backend = self._db.info.backend_pid
            house = open_house(self._db, place, self.me)
            self.durability = check_level(house.engine.durability, asked)
            self.facts = load_facts(self._db, place.schema)
            self.ends = load_ends(self._db, place.schema)
        except (psycopg.Error, EngineUnfit) as error:
            self.disconnect()
            raise open_error(place, why_silent(place, self.sid, error)) from None
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
        db = connect(self.place, application_name(self.sid), end_by=lambda: self.end_by)
        try:
            check_standby(db, self.sid)
            version = max(self.version, self._own_version)
            known = Known(self.generation, version, list(self.known_facts), self._saved())
            engine, cut = resume_house(db, self.place, self.me, known)
            self._reported = 0  # it may be another one than before
            if cut is not None:
                self._go_by(cut)
            self.durability = check_level(engine.durability, self._asked)
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

    def close(self) -> None:
        """Take this server out of the schema, and disconnect."""
        if self._db is not None and self.is_connected:
            with contextlib.suppress(psycopg.Error):  # then another server does it
                leave(self._db, self.place.schema, self.me)
        self.disconnect()

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
        self._forget_rooms()
        if group.new_rooms is None:
            group.new_rooms = self._unsaved | {name: self.rooms[name].epoch for name in group.rooms}
        result = group.result(self._append(number, group.new_rooms, columns))
        for name in group.new_rooms:
            self._unsaved.pop(name, None)
        for name, entries in result.entries.items():
            record = self.rooms[name]
            if entries[0].seq > record.last + 1:  # others have spoken meanwhile
                entries[:0] = self._following(record, entries[0].seq - 1)
        for name, entries in result.entries.items():
            self.rooms[name].last = entries[-1].seq
        self.known_facts |= group.facts
        return result

    def _forget_rooms(self) -> None:
        if self._gone:
            for table, name in (("ends", "room"), ("rooms", "name")):
                only = " AND last = 0" if table == "rooms" else ""
                self._run(f"DELETE FROM {{}}.{table} WHERE {name} = ANY (%s){only}", self._gone)  # noqa: S608
            self._gone.clear()

    def _append(self, number: int, new_rooms: Mapping[str, str], columns: Sequence[Sequence[object]]) -> Answer:
        types = ", ".join(f"%s::{kind}[]" for kind in COLUMN_TYPES)
        values = self.sid, number, list(new_rooms), list(new_rooms.values()), *columns
        call = f"{{}}.append(%s, %s, %s::text[], %s::text[], {types})"
        if len(columns[0]) <= ANSWERS_AT_ONCE:
            row = self._run(f"SELECT seqs, times, kinds FROM {call}", *values).fetchone()  # noqa: S608 — ours
        else:
            self._run(f"SELECT FROM {call}", *values)
            row = self._run("SELECT seqs, times, kinds FROM {}.done WHERE sid = %s", self.sid).fetchone()
        return row  # type: ignore[return-value]

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
            EngineUnfit: commits of this server wait for a standby.
            Fenced: this server was swept.
            Renewed: the log has other epochs.
            JournalLost: some of it was deleted before it was seen here.
        """
        seen = Seen()
        if names is None:
            check_standby(self._connection(), self.sid)
            if not is_registered(self._connection(), self.place.schema, self.me):
                raise Fenced
        query = "SELECT name, epoch, first, last, time, replicated FROM {}.rooms CROSS JOIN {}.house"
        rows = self._run(query) if names is None else self._run(f"{query} WHERE name = ANY (%s)", list(names))
        for *row, self.me.replicated in rows.fetchall():
            there = RoomRecord(0, *row)
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
            seen.changes = changes_since(self._connection(), self.place.schema, self.version, tuple(self.own_changes))
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

    def has_to_report(self, version: int) -> bool:
        """Return whether other servers do not know yet that this one goes by a version of the facts."""
        return self.me.shared and version > self._reported

    def report(self, version: int) -> None:
        """Tell other servers the version of the facts that this one goes by."""
        if self.has_to_report(version):
            report(self._connection(), self.place.schema, self.sid, version)
            self._reported = version

    def fallen_behind(self) -> list[str]:
        """Return what people call the other servers that do not go by the newest change of this one yet."""
        return fallen_behind(self._connection(), self.place.schema, self.sid, self._own_version)
