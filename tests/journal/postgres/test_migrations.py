"""Schemas that earlier versions of chatctl made: who updates loses nothing. A dump for each layout."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError
from chatctl.journal.postgres.connection import connect
from chatctl.journal.postgres.layout import LAYOUT
from chatctl.journal.postgres.registering import Registration, lock
from chatctl.journal.postgres.store import Store
from chatctl.journal.postgres.transfer import read_schema
from tests.support.engine import Engine
from tests.support.journals import draft, opened, run, say

DUMPS = sorted(Path(__file__).with_name("kept").glob("layout_*.sql"))
TOKEN = bytes.fromhex("9ff3b94b55cd6532257d419bff8304f03985239fc55d07fffb6316b7060d296c")
SAID = [("nadia", "hi there"), ("", ""), ("ci", "deploy done ✓")]

_COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = %s ORDER BY table_name, ordinal_position
"""
_FUNCTIONS = "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = %s::regnamespace ORDER BY proname"
_INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = %s ORDER BY indexdef"
_CONSTRAINTS = """
SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = %s::regnamespace ORDER BY 1, 2
"""


@pytest.fixture(params=DUMPS, ids=lambda dump: dump.stem)
def place(request: pytest.FixtureRequest, engine: Engine) -> PostgresPlace:
    house = engine.place()
    dump = re.sub(r"\bkept(?=[.;])", house.schema, request.param.read_text(encoding="utf-8"))
    with engine.connect("chat") as db:
        db.execute("SET ROLE chat")
        db.execute(dump.encode())
    return house


def test_there_is_one_of_the_layout_before() -> None:
    """A new layout wants a dump of the one before: of a server that was used, with ``pg_dump --inserts``."""
    assert DUMPS[-1].stem == f"layout_{LAYOUT - 1}"


def test_what_was_said_and_set_is_there(place: PostgresPlace) -> None:
    """Also for who reads it before any server has opened it."""
    assert [(entry.nick, entry.text) for entry in read_schema(place, "lobby")] == SAID, (
        "before any server has opened it"
    )

    async def main() -> None:
        async with opened(place, shared=True) as journal:
            assert [(entry.nick, entry.text) for entry in await journal.read("lobby", 0, 10)] == SAID
            [receipt] = await say(journal, draft("deploy done ✓", token=TOKEN, id="once"))
            assert (receipt.seq, receipt.duplicate) == (3, True)
            [receipt] = await say(journal, draft("new", room="ops"))
            assert receipt.seq == 2
            assert set(journal.facts()) == {("operator", "SHA256:abc"), ("room", "lobby")}

    run(main())


def test_it_becomes_what_a_new_one_is(engine: Engine, place: PostgresPlace) -> None:
    """Or a later version would find two kinds of schemas."""

    def described(schema: str) -> str:
        rows = [engine.sql(query, schema, database="chat") for query in (_COLUMNS, _FUNCTIONS, _INDEXES, _CONSTRAINTS)]
        return repr(rows).replace(f"{schema}.", "").replace(f"'{schema}'", "").replace(f"''{schema}''", "")

    new = engine.place()
    for house in (place, new):
        with closing(Store(house, shared=True)):
            pass
    assert described(place.schema) == described(new.schema)
    with closing(Store(place)):
        pass


def test_one_that_servers_of_the_older_chatctl_use_is_refused(place: PostgresPlace) -> None:
    """Its functions would change under them."""
    with connect(place, "chatctl older") as db:
        lock(db, place, Registration(shared=True))
        with pytest.raises(ChatError, match="of an older chatctl, whose servers use it: stop all of them"):
            Store(place, shared=True)
        assert db.execute(f"SELECT layout FROM {place.schema}.house").fetchone() != (LAYOUT,)
    with closing(Store(place, shared=True)):
        pass


def test_one_of_no_version_of_ours_is_refused(engine: Engine, place: PostgresPlace) -> None:
    for layout in (0, LAYOUT + 1):
        engine.sql(f"UPDATE {place.schema}.house SET layout = {layout}", database="chat")
        with pytest.raises(ChatError, match=f"has the layout {layout}, and this chatctl knows {LAYOUT}"):
            Store(place)
