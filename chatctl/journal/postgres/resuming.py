"""Resuming: a server that has connected again finds out what became of the log meanwhile.

Lives here: whether the engine has lost what it had committed, where the log then goes on, which server notices it
first. Does not live here: the first opening (opening.py), new epochs (layout.py), what the rooms' members are told
(hub/cutting.py).

Where messages are lost, rooms get new epochs, and each server goes on from the last entry that it has shown and that
is still there. All facts are told again then, and where changes of them are lost, under a version that nobody has seen:
every server learns them, and what was decided by what is lost is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError
from chatctl.journal import FactKey
from chatctl.journal.postgres.connection import Connection, Engine, inspect, run
from chatctl.journal.postgres.layout import LAYOUT
from chatctl.journal.postgres.opening import House, epoch_of, has_house, load_ends, load_house, new_generation
from chatctl.journal.postgres.registering import (
    Registration,
    changing_alone,
    is_registered,
    lock,
    register,
    register_anew,
    tell_level,
)
from chatctl.journal.postgres.texts import to_engine
from chatctl.journal.records import RoomRecord
from chatctl.journal.work import JournalLost

UNSURE = "the engine was moved, and may have lost messages that another server has shown"
RENEWED = "another server has given the log new epochs: the engine has lost messages"


@dataclass(frozen=True, slots=True)
class Known:
    """What a server has told of a house."""

    generation: str
    version: int
    """Of the newest change of facts."""
    facts: Collection[FactKey]
    """Those that have a value."""
    rooms: Mapping[str, RoomRecord]
    """As their newest transaction of the server left them."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What is not as it was told."""

    why: str
    """For people."""
    facts: bool
    """Whether changes of facts were lost."""
    renewed: bool
    """Whether rooms have other epochs."""
    generation: str
    """Of which the epochs of new rooms are made."""
    rooms: Mapping[str, RoomRecord]
    """Those that were known, up to the last entry that is still the same. One that is missing is new."""
    ends: Mapping[tuple[str, str], int]
    """The last entry that each earlier epoch shares with the log, by room and epoch."""

    def room(self, name: str) -> RoomRecord:
        """Return where a room's log goes on."""
        return self.rooms.get(name) or RoomRecord(0, name, epoch_of(self.generation, name))


@dataclass(frozen=True, slots=True)
class Certain:
    """What is certainly as it was when it was told."""

    rooms: Mapping[str, int]
    """The last entry, by room."""
    version: int
    """Of the facts."""


def resume_house(db: Connection, place: PostgresPlace, me: Registration, known: Known) -> tuple[Engine, Cut | None]:
    """Take a schema again after a connection was lost, this server was taken for dead, or the log got new epochs.

    Args:
        db: the new connection.
        place: the schema.
        me: this server. It gets another id if it was swept.
        known: what it has told.

    Returns:
        The engine, and what is not as it was told, if anything.

    Raises:
        EngineUnfit: nothing can be stored there now.
        JournalLost: another server has taken over, or it can't be told what the engine has lost.
        psycopg.Error: the engine refuses, or does not answer.
    """
    engine = inspect(db, place.schema)
    try:
        lock(db, place, me)
    except ChatError as error:
        raise JournalLost(error.text) from None
    if not has_house(db, place.schema):
        raise JournalLost("its schema is gone")
    has_moved = me.mark != engine.mark
    with db.transaction():
        changing_alone(db, place.schema)
        _check_layout(db, place)
        run(db, "SELECT {}.move(%s)", place.schema, engine.mark)
        house = load_house(db, place.schema, engine)
        certain, cut = _certain(db, place.schema, house, me), None
        if certain is not None:
            cut = _find_cut(db, place.schema, house, known, certain, me)
        else:
            _renew(db, place.schema, house, known, at_base=True)
            shown = [room.epoch for room in known.rooms.values()]
            run(db, "DELETE FROM {}.ends WHERE epoch = ANY (%s)", place.schema, shown)  # who comes back is told "lost"
    if certain is None:
        raise JournalLost("the engine was moved or restarted several times, and may have lost its last messages")
    if not is_registered(db, place.schema, me):
        if me.shared:
            register_anew(db, place.schema, me, has_moved=has_moved)
        elif _has_grown(house, known):
            raise JournalLost("another server has written meanwhile")
        else:
            register(db, place.schema, me)
    tell_level(db, place.schema, me, engine.durability)
    me.mark = engine.mark
    return engine, cut


def _check_layout(db: Connection, place: PostgresPlace) -> None:
    row = run(db, "SELECT layout FROM {}.house", place.schema).fetchone()
    if row is not None and row[0] != LAYOUT:
        raise JournalLost(f"its layout is {row[0]} now, and this chatctl knows {LAYOUT}: update chatctl")


def _certain(db: Connection, schema: str, house: House, me: Registration) -> Certain | None:
    """Return what is certain; None: nothing.

    Where the log was moved, others may have written since: what was there when it was moved is what counts.
    """
    if me.mark == house.engine.mark:
        return Certain({name: room.last for name, room in house.rooms.items()}, house.version)
    [(was, base, sure)] = run(db, "SELECT was, base, sure FROM {}.house", schema)
    if not has_missed_no_loss(me, was, sure):
        return None
    return Certain(dict(run(db, "SELECT name, base FROM {}.rooms", schema).fetchall()), base)


def has_missed_no_loss(me: Registration, was: str, sure: Collection[str]) -> bool:
    """Return whether what is missing of a log that was moved is missing since its newest move.

    Args:
        me: this server, as it was when it was connected last.
        was: where the log was before its newest move.
        sure: from where each move until now has lost nothing that was written while standbys were waited for.
    """
    return me.mark == was or (me.replicated and me.mark in sure)


def _has_grown(house: House, known: Known) -> bool:
    lasts = {name: room.last for name, room in known.rooms.items()}
    return house.version > known.version or any(room.last > lasts.get(room.name, 0) for room in house.rooms.values())


# --- what was lost


def _find_cut(
    db: Connection, schema: str, house: House, known: Known, certain: Certain, me: Registration
) -> Cut | None:
    has_moved = me.mark != house.engine.mark
    # Another server may have shown more than this one, and not be here any more to notice that it is lost.
    unsure = has_moved and bool(me.others) and not me.replicated
    missing = sum(max(0, room.last - certain.rooms.get(name, 0)) for name, room in known.rooms.items())
    facts = certain.version < known.version
    if missing or unsure:
        house = _renew(db, schema, house, known, at_base=has_moved)
    if missing or facts:  # those that are kept with a message are lost with it
        _tell_all_facts(db, schema, certain.version, known)
    others = any(room.epoch != house.rooms[name].epoch for name, room in known.rooms.items() if name in house.rooms)
    renewed = others or house.generation != known.generation
    if not (renewed or facts):
        return None
    rooms = {
        name: replace(house.rooms[name], last=min(room.last, certain.rooms[name]))
        for name, room in known.rooms.items()
        if name in house.rooms
    }
    return Cut(_why(missing, facts, unsure), facts, renewed, house.generation, rooms, load_ends(db, schema))


def _why(missing: int, facts: bool, unsure: bool) -> str:
    lost = [f"messages ({missing} of them)"] if missing else []
    lost += ["changes of names and rules"] if facts else []
    if lost:
        return f"the engine has lost its last {' and its last '.join(lost)}"
    return UNSURE if unsure else RENEWED


def _renew(db: Connection, schema: str, house: House, known: Known, *, at_base: bool) -> House:
    """Give the rooms new epochs, unless another server was faster."""
    if house.generation != known.generation:
        return house
    run(db, "SELECT {}.renew(%s, %s, %s, %s)", schema, *new_generation(house.engine), at_base)
    _have_all_look(db, schema)
    return load_house(db, schema, house.engine)


def _have_all_look(db: Connection, schema: str) -> None:
    db.execute("SELECT pg_notify(%s, 'f 0')", (schema,))  # until then they show new entries under the earlier epoch


def _tell_all_facts(db: Connection, schema: str, base: int, known: Known) -> None:
    """Make all facts, those that are gone, and redactions since version ``base`` newer than any that was told."""
    [(version,)] = run(db, "SELECT version FROM {}.house FOR UPDATE", schema)
    newest = max(version, known.version)
    run(db, "UPDATE {}.redactions SET version = version + %s WHERE version > %s", schema, newest - base, base)
    anew = newest + (version - base) + 1
    run(db, "UPDATE {}.facts SET version = %s", schema, anew)
    keys = [to_engine(kind) for kind, _ in known.facts], [to_engine(key) for _, key in known.facts]
    query = "SELECT kind, key, NULL, %s::bigint FROM unnest(%s::text[], %s::text[]) AS k (kind, key)"
    run(db, f"INSERT INTO {{}}.facts {query} ON CONFLICT DO NOTHING", schema, anew, *keys)
    run(db, "UPDATE {}.house SET version = %s", schema, anew)
    _have_all_look(db, schema)
