"""Presence: who is here at which server, as calls that block.

Lives here: the statements of a directory, and its values as the engine has them. Does not live here: the functions that
they call (presence_layout.py), the thread that makes these calls (directory_thread.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import psycopg
from msgspec import Struct

from chatctl.common.journal_uri import PostgresPlace
from chatctl.directory import Came, Changed, Given, News, Place, Remote, Renamed, Went, Wish
from chatctl.journal.postgres.connection import ANSWERS_AT_ONCE, connect, inspect
from chatctl.journal.postgres.registering import Registration, application_name
from chatctl.journal.postgres.session import Session
from chatctl.journal.postgres.standby_wait import check_standby
from chatctl.journal.postgres.texts import to_engine

NEWS_PIECE = 10_000
"""News that are read at once."""


class _Member(Struct, omit_defaults=True):
    """A member as servers tell each other of it: a ``Remote`` without its place."""

    nick: str
    token: str | None = None
    key: str | None = None
    since: float = 0.0
    host: str = ""


_decode = msgspec.json.Decoder(_Member).decode


class Claimed(NamedTuple):
    """What came of wishes."""

    sid: str
    """The incarnation that has what was given."""
    at: int
    """The newest of the news at that time."""
    facts: int
    """The version of the facts at that time."""
    verdicts: Sequence[Given | Changed]
    versions: Sequence[int]
    """Those that own facts got."""


class Snapshot(NamedTuple):
    """All who are here, and the newest of the news by then."""

    last: int
    members: dict[int, Remote]
    """By the number of their place."""


class Heads(NamedTuple):
    """How far everything is that servers tell each other, beside the news."""

    facts: int
    """The version of the facts."""
    rooms: Mapping[str, int]
    """The last entry of each."""


class NewsLost(Exception):
    """Some news is not kept any more: what is missing has to be found out from a snapshot."""


class Presence(Session):
    """A connection to who is here. Every method blocks."""

    def __init__(self, place: PostgresPlace, me: Registration) -> None:
        """Not connected yet."""
        super().__init__(place)
        self._me = me

    def reconnect(self) -> None:
        """Connect again.

        Raises:
            EngineUnfit: it can't be used now.
            psycopg.Error: the engine can't be reached, or refuses; or the journal has not seen yet where its log is.
        """
        self.disconnect()
        db = connect(self.place, application_name(self._me.sid))
        try:
            check_standby(db, self._me.sid)
            engine = inspect(db, self.place.schema)
            if engine.mark != self._me.mark:
                raise psycopg.OperationalError("the journal has not checked it yet")
        except BaseException:
            db.close()
            raise
        self._db, self.durability = db, engine.durability

    def claim(self, sid: str, number: int, wishes: Sequence[Wish], facts: int, own: Collection[int]) -> Claimed:
        """Commit what is still possible of wishes, under a number.

        Args:
            sid: the incarnation that asks.
            number: of the call; called again under it, it gets the same answer.
            wishes: what was decided.
            facts: the version of the facts by which it was.
            own: later versions that are this server's own.

        Raises:
            psycopg.Error: nothing was committed; or, if the connection is lost, that is unknown: call it again.
        """
        asked = msgspec.json.encode([_row(wish) for wish in wishes]).decode()
        values, call = (sid, number, asked, facts, list(own)), "{}.claim(%s, %s, %s::jsonb, %s, %s::bigint[])"
        if len(wishes) <= ANSWERS_AT_ONCE:
            [(answer,)] = self._run(f"SELECT {call}", *values)
        else:
            self._run(f"SELECT FROM {call}", *values)
            [(answer,)] = self._run("SELECT answer FROM {}.claimed WHERE sid = %s", sid)
        given_at, at, version, rows = answer
        verdicts: list[Given | Changed] = []
        versions: list[int] = []
        for row in rows:
            if row is None:
                verdicts.append(Changed())
                continue
            place, own_version = row
            verdicts.append(Given(None if place is None else Place(given_at, place)))
            versions += [] if own_version is None else [own_version]
        return Claimed(given_at, at, version, verdicts, versions)

    def release(self, sid: str, numbers: Collection[int], after: int) -> None:
        """Give places up, which others are told once entry ``after`` is shown."""
        self._run("SELECT {}.release(%s, %s::bigint[], %s)", sid, list(numbers), after)

    def leave_behind(self, sid: str) -> None:
        """Have this server be taken for dead: its journal finds out, and goes on as another one."""
        self._run("SELECT {}.sweep(%s, NULL)", sid)

    def snapshot(self) -> Snapshot:
        """Return all who are here."""
        query = "SELECT h.last, p.sid, p.number, p.room, p.member FROM {}.presence h LEFT JOIN {}.places p ON true"
        rows = self._run(query).fetchall()
        members = {row[2]: _remote(*row[1:]) for row in rows if row[1] is not None}
        return Snapshot(rows[0][0], members)

    def news(self, after: int) -> Iterator[tuple[int, str, News | None]]:
        """Yield what follows number ``after``: its number, at which server it was (empty: it was swept), what it is.

        None: of a kind that only newer servers know.

        Raises:
            NewsLost: not all of it is kept.
        """
        columns = "number, by_sid, old_sid, old_number, new_sid, new_number, room, member, after"
        query = f"SELECT {columns} FROM {{}}.news WHERE number > %s ORDER BY number LIMIT %s"  # noqa: S608 — ours
        for number, by_sid, *row in self._run(query, after, NEWS_PIECE):
            if number != after + 1:
                raise NewsLost
            after = number
            yield number, by_sid, _news(*row)

    def heads(self, rooms: Collection[str]) -> Heads:
        """Return the version of the facts, and the last entry of each of these rooms that there is."""
        query = "SELECT h.version, r.name, r.last FROM {}.house h LEFT JOIN {}.rooms r ON r.name = ANY (%s)"
        rows = self._run(query, [to_engine(room) for room in rooms]).fetchall()
        return Heads(rows[0][0], {row[1]: row[2] for row in rows if row[1] is not None})

    def notify(self, payloads: Sequence[str], to: Place | None = None) -> bool:
        """Notify all servers; if ``to`` is given, only if somebody has that place. Return whether it was done."""
        there = "true" if to is None else "EXISTS (SELECT FROM {}.places WHERE number = %s AND sid = %s)"
        query = f"SELECT pg_notify(%s, one) FROM unnest(%s::text[]) AS n (one) WHERE {there}"  # noqa: S608 — ours
        place = () if to is None else (to.number, to.server)
        return bool(self._run(query, self.place.schema, list(payloads), *place).fetchall())


def _row(wish: Wish) -> Mapping[str, object]:
    token = wish.token.hex() if wish.token is not None else None
    member = _Member(wish.nick, token, wish.key, wish.since, wish.host)
    place = None if wish.place is None else wish.place.number
    return {
        "room": wish.room,
        "fold": wish.fold,
        "looks": sorted(wish.looks),
        "seen": sorted(seen.number for seen in wish.seen if seen.number != place),
        "place": place,
        "member": msgspec.json.encode(member).decode(),
        "facts": [[to_engine(k), to_engine(v), w and to_engine(w)] for (k, v), w in wish.facts.items()],
    }


def _remote(sid: str, number: int, room: str, member: str) -> Remote:
    one = _decode(member)
    token = bytes.fromhex(one.token) if one.token is not None else None
    return Remote(Place(sid, number), room, one.nick, token, one.key, one.since, one.host)


def _news(
    old_sid: str | None,
    old_number: int | None,
    new_sid: str | None,
    new_number: int | None,
    room: str | None,
    member: str | None,
    after: int,
) -> News | None:
    old = None if old_sid is None or old_number is None else Place(old_sid, old_number)
    if new_sid is None or new_number is None:
        return None if old is None else Went(old, after)
    now = _remote(new_sid, new_number, room or "", member or "")
    return Came(now) if old is None else Renamed(old, now)
