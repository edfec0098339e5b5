"""Functions of the schema that run against each other: all take their locks in one order, so none waits for ever."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import count

import psycopg
import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.journal import Poster
from chatctl.journal.postgres.connection import Connection, connect, run
from chatctl.journal.postgres.layout import FENCED
from chatctl.journal.postgres.numbering import COLUMN_TYPES, Group
from chatctl.journal.postgres.registering import register, sweep
from chatctl.journal.postgres.store import Store
from tests.support.engine import Engine
from tests.support.journals import ROOM, draft

ROUNDS = 60
ASKED = Group([[draft("?", seq_fact=("asked", "x"), poster=Poster(frozenset("x")))]])
"""What counts a fact, too, and is compared with the members."""

_APPEND = f"SELECT {{}}.append(%s, %s, %s, %s, {', '.join(f'%s::{kind}[]' for kind in COLUMN_TYPES)})"
_CLAIM = """
SELECT {}.claim(%s, %s, jsonb_build_array(jsonb_build_object(
    'room', %s::text, 'fold', %s::text, 'looks', ARRAY[%s::text], 'seen', ARRAY[]::text[], 'member', '',
    'facts', ARRAY[ARRAY['ban', 'x', 'y']])), 0, ARRAY[]::bigint[])
"""


class Calls:
    """The functions that one server, and those that look after it, may call at any time."""

    def __init__(self, place: PostgresPlace, store: Store) -> None:
        self.schema, self.sid, self.me = place.schema, store.sid, store.me
        self._numbers = count(100)

    def claim(self, db: Connection) -> None:
        number = next(self._numbers)
        run(db, _CLAIM, self.schema, self.sid, number, ROOM, f"n{number}", f"n{number}")

    def append(self, db: Connection) -> None:
        run(db, _APPEND, self.schema, self.sid, next(self._numbers), [ROOM], ["e"], *ASKED.columns())

    def change(self, db: Connection) -> None:
        number = next(self._numbers)
        values = self.sid, number, ["ban"], [f"{number}"], ["y"]
        run(db, "SELECT {}.change(%s, %s, %s, %s, %s, NULL, NULL, 0, ARRAY[]::bigint[])", self.schema, *values)

    def trim(self, db: Connection) -> None:
        run(db, "SELECT {}.trim(%s, %s, (SELECT last FROM {}.rooms), 1)", self.schema, self.sid, ROOM)

    def release(self, db: Connection) -> None:
        run(db, "SELECT {}.release(%s, ARRAY(SELECT number FROM {}.places), 0)", self.schema, self.sid)

    def sweep(self, db: Connection) -> None:
        sweep(db, self.schema, self.sid, None)

    def move(self, db: Connection) -> None:
        run(db, "SELECT {}.move(%s)", self.schema, f"mark {next(self._numbers)}")

    def renew(self, db: Connection) -> None:
        run(db, "SELECT {}.renew('g', %s, 10, true)", self.schema, f"mark {next(self._numbers)}")

    def tell_level(self, db: Connection) -> None:
        run(db, "SELECT {}.tell_level(%s, %s)", self.schema, self.sid, next(self._numbers) % 2 == 0)

    def enter(self, db: Connection) -> None:
        for table in ("servers", "done", "claimed"):
            run(db, f"DELETE FROM {{}}.{table}", self.schema)
        register(db, self.schema, self.me)


@pytest.fixture
def calls(place: PostgresPlace) -> Iterator[Calls]:
    with closing(Store(place, shared=True)) as store:
        store.add_room(ROOM, store.epoch_of_new(ROOM))
        store.commit(1, Group([[draft()]]))
        yield Calls(place, store)


def refusal(work: Callable[[Connection], None], db: Connection) -> str | None:
    """Do something; return the SQLSTATE that it was refused with."""
    try:
        work(db)
    except psycopg.Error as error:
        return error.sqlstate
    return None


@pytest.mark.parametrize(
    ("contended", "first", "second", "outcome"),
    [
        ("servers", "sweep", "claim", FENCED),
        ("presence", "claim", "append", None),
        ("house", "move", "append", None),
        ("house", "renew", "append", None),
    ],
)
def test_who_waits_for_a_lock_holds_none_that_comes_later(
    engine: Engine, place: PostgresPlace, calls: Calls, contended: str, first: str, second: str, outcome: str | None
) -> None:
    """The second one waits behind the first one for what both need. What it had by then, the first one needed next."""

    def start(name: str) -> Future[str | None]:
        db = stack.enter_context(connect(place, "test"))
        future = pool.submit(refusal, getattr(calls, name), db)
        waits = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
        while not engine.sql(waits, db.info.backend_pid):
            assert not future.done(), future.result()
        return future

    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor())
        holder = stack.enter_context(psycopg.connect(place.uri))
        holder.execute(f"SELECT FROM {place.schema}.{contended} FOR UPDATE")
        begun = [start(first), start(second)]
        holder.rollback()
        assert [future.result(20) for future in begun] == [None, outcome]


def test_all_of_them_at_once_never_wait_for_each_other(engine: Engine, place: PostgresPlace, calls: Calls) -> None:
    def go(names: tuple[str, ...], seed: int) -> set[str | None]:
        dice = random.Random(seed)
        with connect(place, "test") as db:
            return {refusal(getattr(calls, dice.choice(names)), db) for _ in range(ROUNDS)}

    kinds = (
        ("claim", "release"),
        ("append", "change"),
        ("trim",),
        ("sweep",),
        ("move", "renew"),
        ("tell_level",),
        ("enter",),
    )
    with ThreadPoolExecutor(len(kinds)) as pool:
        refused = set().union(*pool.map(go, kinds, range(len(kinds))))
    assert psycopg.errors.DeadlockDetected.sqlstate not in refused
    assert refused <= {None, FENCED, psycopg.errors.ForeignKeyViolation.sqlstate, psycopg.errors.NoDataFound.sqlstate}
