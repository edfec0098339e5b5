"""Registering: which servers have a schema open, alone or together.

Lives here: the lock that the engine keeps for a connection, a server's row, and its new one after it was taken for
dead. Does not live here: who is dead (sharing.py), what is in the schema (opening.py).
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError
from chatctl.journal.postgres.connection import Connection, run
from chatctl.journal.work import JournalLost

_WAIT_SECONDS = 3.0
"""How long to wait for the server that has the schema: one that is just ending, or whose connection just broke."""

_KEY = "hashtextextended('chatctl ' || %s, 0)"

_HOLDERS = f"""
SELECT l.pid, a.application_name AS name FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::bigint << 32 | l.objid::bigint) = {_KEY}
"""  # noqa: S608 — constants


LEFT = "s"
"""The first word of the hint of a server that has left the schema."""

_NAME = "chatctl "

_LAST = "done", "claimed"
"""Tables that have what came of each server's last change."""


_GONE = f"""
WITH holders AS ({_HOLDERS})
SELECT sid, beat FROM {{}}.servers WHERE NOT EXISTS (SELECT FROM holders WHERE name = %s || sid)
    AND NOT EXISTS (SELECT FROM holders WHERE coalesce(name, '') NOT LIKE %s)
"""  # noqa: S608 — constants

_RUNNING = f"""
WITH holders AS ({_HOLDERS})
SELECT FROM {{}}.servers WHERE EXISTS (
    SELECT FROM holders WHERE name = %s || sid OR (coalesce(name, '') NOT LIKE %s AND pid <> pg_backend_pid()))
"""  # noqa: S608 — constants

_REGISTER = """
WITH me AS (
    INSERT INTO {}.servers (sid, label, version) SELECT %s, %s, version FROM {}.house RETURNING sid
), changes AS (
    INSERT INTO {}.done (sid, number) SELECT sid, 0 FROM me
)
INSERT INTO {}.claimed (sid, number) SELECT sid, 0 FROM me
"""

_REGISTER_ANEW = """
WITH changes AS (
    UPDATE {}.done SET sid = %s, swept = NULL WHERE sid = ANY (%s) RETURNING sid
), claims AS (
    UPDATE {}.claimed SET sid = %s, swept = NULL WHERE sid = ANY (%s) RETURNING sid
)
INSERT INTO {}.servers (sid, label) SELECT sid, %s FROM changes JOIN claims USING (sid)
"""


_HAND_OVER = """
SELECT pg_notify(%s, %s) FROM {}.places WHERE sid = %s AND EXISTS (SELECT FROM {}.servers WHERE sid <> %s) LIMIT 1
"""
"""Only tells that a server leaves, if it has members and is not alone."""


def _new_sid() -> str:
    return secrets.token_hex(8)


@dataclass(slots=True)
class Registration:
    """One server in a schema. Its writer's thread changes it, others read it."""

    shared: bool = False
    """Whether other servers may have the schema open, too."""
    label: str = ""
    """What people call it."""
    sid: str = field(default_factory=_new_sid)
    """Its id in the schema; another one after it was swept."""
    mark: str = ""
    """Where the log was when it was opened last (``Engine.mark``)."""
    replicated: bool = False
    """Whether all that this server has shown is on a standby, too, whoever wrote it."""
    tried: list[str] = field(default_factory=list)
    """Ids that it may have got as well, since the engine's answer was lost."""
    others: frozenset[str] = frozenset()
    """The servers beside it, as it knows them."""
    watchers: str = "{}"
    """How many watch each room here, as JSON; goes with its next beat."""
    hands_over: bool = False
    """Whether it ends, and its members go on at the other servers: they have as long for it as those of a dead one."""


def application_name(sid: str) -> str:
    """Return the name under which a server's connections are seen in the engine."""
    return f"{_NAME}{sid}"


def lock(db: Connection, place: PostgresPlace, me: Registration) -> None:
    """Take the schema's lock, which the engine keeps for as long as the connection lives. Raises ChatError.

    Those that share it keep out those that want it alone, and the other way round.
    """
    until = time.monotonic() + _WAIT_SECONDS
    take = f"SELECT pg_try_advisory_lock{'_shared' if me.shared else ''}({_KEY})"
    while db.execute(take, (place.schema,)).fetchone() != (True,):
        holder = db.execute(_HOLDERS, (place.schema,)).fetchone()
        if holder is not None and holder[1] == application_name(me.sid):  # our lost connection, as the engine sees it
            db.execute("SELECT pg_terminate_backend(%s)", (holder[0],))
        if time.monotonic() >= until:
            raise ChatError(
                f"the journal {place} is in use by another server: stop that one, or use another --journal-schema"
            )
        time.sleep(0.05)


def wait_until_unused(db: Connection, place: PostgresPlace, *, patient: bool) -> None:
    """Wait until no server has a schema open: none that registered, and still has its connection. Raises ChatError."""
    until = time.monotonic() + (_WAIT_SECONDS if patient else 0.0)
    while run(db, _RUNNING, place.schema, place.schema, _NAME, f"{_NAME}%").rowcount:
        if time.monotonic() >= until:
            raise ChatError(
                f"the journal {place} is in use by servers of an older chatctl: stop them all, then start this one, "
                "which brings the journal up to date"
            )
        time.sleep(0.05)


def changing_alone(db: Connection, schema: str) -> None:
    """Have servers that share a schema wait for each other until the end of the transaction."""
    db.execute(f"SELECT pg_advisory_xact_lock({_KEY} + 1)", (schema,))


def register(db: Connection, schema: str, me: Registration) -> None:
    """Give a server its rows, before it reads what the schema holds."""
    run(db, _REGISTER, schema, me.sid, me.label)
    _look_for_others(db, schema, me)


def tell_level(db: Connection, schema: str, me: Registration, level: str) -> None:
    """Tell others what a server's changes survive, before it makes any, and learn whether all that is there does."""
    [(me.replicated,)] = run(db, "SELECT {}.tell_level(%s, %s)", schema, me.sid, level == "replica")


def sweep_disconnected(db: Connection, schema: str) -> None:
    """Take servers out of the schema that have no connection to the engine: they were killed, most likely.

    One that has only lost it goes on as another one. A server that starts anew after it was killed must not find its
    members' names taken by itself. Where the engine does not tell whose the connections are, nothing is done.
    """
    for sid, beat in run(db, _GONE, schema, schema, _NAME, f"{_NAME}%").fetchall():
        sweep(db, schema, sid, beat)


def sweep(db: Connection, schema: str, sid: str, beat: int | None) -> bool:
    """Take a dead server out of the schema, unless it has beaten again meanwhile; return whether it was there.

    One alone in a transaction: a claim locks what is its server's first, and then what this locks for all of them.
    """
    return run(db, "SELECT {}.sweep(%s, %s)", schema, sid, beat).fetchone() == (True,)


def end_sessions(db: Connection, sid: str) -> None:
    """End what a server has under way in the engine: it may be stopped in the middle of that, with locks."""
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
    db.execute(ended, (application_name(sid),))


def register_anew(db: Connection, schema: str, me: Registration, *, has_moved: bool = False) -> None:
    """Give a server that was swept new rows, and another id. What came of its last change is known under that one.

    Args:
        db: its connection.
        schema: where.
        me: the server.
        has_moved: the engine may have lost the server's rows, and then its last change, too.

    Raises:
        JournalLost: nobody knows any more what came of it.
    """
    before, sid = [me.sid, *me.tried], _new_sid()
    me.tried.append(sid)
    if run(db, _REGISTER_ANEW, schema, sid, before, sid, before, me.label).rowcount != 1:
        if not has_moved:
            raise JournalLost("the other servers declared this one dead, too long ago to continue")
        run(db, _REGISTER, schema, sid, me.label)
    me.sid = sid
    me.tried.clear()
    _look_for_others(db, schema, me)
    db.execute("SELECT set_config('application_name', %s, false)", (application_name(me.sid),))


def leave(db: Connection, schema: str, me: Registration) -> None:
    """Take a server out of the schema, with all that it had there, and tell the others so.

    One that hands its members over stays until the others sweep it, if it has any and is not alone.
    """
    if me.hands_over and run(db, _HAND_OVER, schema, schema, f"{LEFT} {me.sid}", me.sid, me.sid).rowcount:
        return
    run(db, "SELECT {}.sweep(%s, NULL), pg_notify(%s, %s)", schema, me.sid, schema, f"{LEFT} {me.sid}")
    for table in _LAST:
        run(db, f"DELETE FROM {{}}.{table} WHERE sid = %s", schema, me.sid)  # noqa: S608 — ours


def _look_for_others(db: Connection, schema: str, me: Registration) -> None:
    me.others = frozenset(row[0] for row in run(db, "SELECT sid FROM {}.servers WHERE sid <> %s", schema, me.sid))


def is_registered(db: Connection, schema: str, me: Registration) -> bool:
    """Return whether a server has its row: nobody has swept it."""
    return run(db, "SELECT 1 FROM {}.servers WHERE sid = %s", schema, me.sid).fetchone() is not None
