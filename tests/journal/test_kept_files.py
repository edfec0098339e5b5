"""Journals that earlier versions of chatctl made: who updates loses nothing. A dump for each schema."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from chatctl.common.names import fold_nick
from chatctl.core.bans import Person
from chatctl.core.moderation import Rules
from chatctl.core.name_claims import NameClaims
from chatctl.errors import Forbidden
from chatctl.journal.offline import read_offline
from chatctl.journal.schema import MIGRATIONS
from tests.support.journals import draft, opened, run, say

DUMPS = sorted(Path(__file__).with_name("kept").glob("version_*.sql"))
NADIAS_KEY = "SHA256:/frv61UW0BvjOhuKnPDTN3m4+p6rL1lLb+Iy7pU/zMo"
TOKEN = bytes.fromhex("9ff3b94b55cd6532257d419bff8304f03985239fc55d07fffb6316b7060d296c")
SAID = [("nadia", "hi there"), ("nadia", "waves"), ("ci", "deploy done ✓")]


@pytest.fixture(params=DUMPS, ids=lambda dump: dump.stem)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    journal = tmp_path / "rooms.db"
    with contextlib.closing(sqlite3.connect(journal)) as db:
        db.executescript(request.param.read_text(encoding="utf-8"))
    return journal


def test_there_is_one_of_today() -> None:
    """A new migration wants a new dump: of a server that was used, with ``iterdump`` of Python's sqlite3."""
    assert DUMPS[-1].stem == f"version_{len(MIGRATIONS)}"


def test_what_was_said_and_set_is_there(path: Path) -> None:
    assert [(entry.nick, entry.text) for entry in read_offline(path, "lobby")] == SAID

    async def main() -> None:
        async with opened(path) as journal:
            assert [(entry.nick, entry.text) for entry in await journal.read("lobby", 0, 10)] == SAID
            [receipt] = await say(journal, draft("deploy done ✓", token=TOKEN, id="once"))
            assert (receipt.seq, receipt.duplicate) == (3, True)
            [receipt] = await say(journal, draft("new", room="ops"))
            assert receipt.seq == 2
            check(journal.facts())

    run(main())


def check(facts: dict[tuple[str, str], str]) -> None:
    rules, claims = Rules(facts), NameClaims(facts)
    for person in (Person(name="mallory"), Person(host="192.0.2.7")):
        with pytest.raises(Forbidden, match="banned"):
            rules.check_entry(person, now=2e9)
    with pytest.raises(Forbidden, match="muted"):
        rules.speak(Person(name="rajat"), "lobby", now=2e9)
    assert (rules.room("ops").topic, rules.room("ops").slow) == ("freeze", 5.0)
    assert rules.is_operator(NADIAS_KEY)
    assert [(fold_nick(claim.nick), claim.key) for claim in claims] == [("nadia", NADIAS_KEY)]
