"""queries.py, searching: SQLite finds the candidates, Python decides, and no look keeps the thread for long."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatctl.common.text_search import Looked, Query
from chatctl.errors import StorageFailed
from chatctl.journal import queries
from chatctl.journal.sqlite import SqliteJournal
from chatctl.protocol import Search
from tests.support.journals import ROOM, draft, opened, run, say, send, trim

ODD = st.text("aAiIkKsSſßİıﬁéÉe\u0301\u0307\u212a語\x00 %_'\"\n", min_size=1, max_size=6)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rooms.db"


async def look(
    journal: SqliteJournal, text: str, after: int = 0, before: int = 99, limit: int = 99, **more: float
) -> Looked:
    return await journal.search(ROOM, Query.of(Search(text, since=more.get("since"))), after, before, limit)


def test_the_newest_come_first_and_it_says_how_far_it_looked(path: Path) -> None:
    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, *[draft(f"m{n}", time=float(n)) for n in range(1, 21)], draft("m1", room="ops"))
            found, before, time = await look(journal, "M1", before=21)
            assert [entry.text for entry in found] == ["m19", *[f"m1{n}" for n in range(8, -1, -1)], "m1"]
            assert (before, time) == (1, 1.0)
            found, before, time = await look(journal, "m1", before=19, limit=2)
            assert ([entry.seq for entry in found], before, time) == ([18, 17], 17, 17.0)
            assert await look(journal, "m2", after=5, before=15) == Looked([], 6, 6.0)
            assert await look(journal, "m", after=5, before=6) == Looked([], 6, None)
            assert await look(journal, "m1", since=19.0) == (await look(journal, "m19"))
            found, _, _ = await journal.search("ops", Query("m1"), 0, 99, 99)
            assert [entry.seq for entry in found] == [1]
            assert await journal.search("nowhere", Query("m1"), 0, 99, 99) == Looked([], 1, None)

    run(main())


@given(st.lists(ODD, max_size=8), ODD)
@example(["a\x00K"], "k")
@example(["\u212a"], "K")
@example(["ſ"], "s")
@example(["İ"], "i")
def test_what_sqlite_leaves_out_is_not_found_by_python_either(texts: list[str], wanted: str) -> None:
    """SQLite knows nothing of case but A to Z: whatever might fold to what is searched for has to come out of it."""

    async def main() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with opened(Path(folder) / "rooms.db", durability="os") as journal:
                await say(journal, *map(draft, texts)) if texts else None
                asked = Query.of(Search(wanted))
                every = [entry for entry in await journal.read(ROOM, 0, 99) if asked.finds(entry)]
                assert (await look(journal, wanted)).found == every[::-1]

    run(main())


def test_what_is_redacted_or_trimmed_is_not_found(path: Path) -> None:
    async def main() -> None:
        async with opened(path, keep_messages=10) as journal:
            await say(journal, *[draft(f"secret {n}") for n in range(30)])
            await journal.redact(ROOM, [25, 26], {})
            await trim(journal)
            found, _, _ = await look(journal, "secret")
            assert [entry.seq for entry in found] == [30, 29, 28, 27, 24, 23, 22, 21]
            assert (await look(journal, "secret", before=21)).found == []
            assert (await look(journal, "Rajat")).found == []

    run(main())


def test_a_look_that_takes_long_stops_after_one_entry_at_the_soonest(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits wait for it meanwhile. It goes on where it stopped, and nothing is left out."""
    monkeypatch.setattr(queries, "SEARCH_SECONDS", 0.0)

    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, *[draft("ä") for _ in range(5)])
            before, steps = 6, []
            while before > 1:
                found, before, _ = await look(journal, "Ä", before=before)
                steps += [entry.seq for entry in found]
                assert len(found) == 1
            assert steps == [5, 4, 3, 2, 1]

    run(main())


def test_a_closed_journal_says_so(path: Path) -> None:
    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, draft())
        with pytest.raises(StorageFailed):
            await look(journal, "hi")

    run(main())


def test_what_is_committed_before_the_search_is_found(path: Path) -> None:
    async def main() -> None:
        async with opened(path) as journal:
            answer = send(journal, draft("just now"))
            assert [entry.text for entry in (await look(journal, "now")).found] == ["just now"]
            await answer

    run(main())
