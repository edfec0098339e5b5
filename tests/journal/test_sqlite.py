"""The journal's promises on a real file: numbers, order, ids, callbacks, opening and closing."""

from __future__ import annotations

import asyncio
import stat
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chatctl.errors import ChatError, StorageFailed
from chatctl.journal.sqlite import SqliteJournal
from chatctl.journal.store import Store
from chatctl.journal.writer import Batch
from chatctl.protocol import Msg
from tests.support.journals import (
    ALICE,
    BOB,
    ROOM,
    draft,
    held,
    on_thread,
    opened,
    reopen,
    run,
    say,
    send,
    seqs,
    texts,
    trim,
    write,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "rooms.db"


def test_each_room_counts_from_1_and_goes_on_after_a_restart(path: Path) -> None:
    async def main() -> None:
        async with opened(path) as journal:
            assert await seqs(journal, draft(), draft(room="ops"), draft()) == [1, 1, 2]
            assert await seqs(journal, draft()) == [3]
        async with opened(path) as journal:
            assert await seqs(journal, draft(room="ops"), draft()) == [2, 4]

    run(main())


def test_what_was_said_comes_back_as_it_was(path: Path) -> None:
    said = draft("a\0b 👩‍👩‍👧 \u2028 é", nick="Zoë", time=1_700_000_000.123456, action=True)

    async def main() -> Sequence[Msg]:
        async with opened(path) as journal:
            await say(journal, said)
        async with opened(path) as journal:
            return await journal.read(ROOM, 0, 10)

    assert run(main()) == [Msg(1, said.time, said.nick, said.text, action=True)]


def test_followers_get_every_entry_before_its_receipt_on_the_loops_thread(path: Path) -> None:
    """Committed first, shown after, acknowledged last; and nothing of the loop's is touched from another thread."""
    events: list[tuple[str, list[int | None], int]] = []

    def note(kind: str, items: Sequence[object]) -> None:
        events.append((kind, [item.seq for item in items], threading.get_ident()))

    async def main() -> None:
        async with opened(path) as journal:
            head = journal.follow(ROOM, lambda entries: note("entries", entries))
            assert (head.first, head.last) == (1, 0)
            for _ in range(3):
                journal.append([draft(), draft()], lambda receipts: note("receipts", receipts))

    run(main())
    assert {thread for _, _, thread in events} == {threading.get_ident()}
    shown: list[int | None] = []
    for kind, numbers, _ in events:
        if kind == "entries":
            shown += numbers
        else:
            assert shown[-1] is not None
            assert set(numbers) <= set(shown)
    assert shown == [1, 2, 3, 4, 5, 6]
    assert [number for kind, numbers, _ in events if kind == "receipts" for number in numbers] == shown


def test_a_follower_gets_what_comes_after_its_head_and_nothing_twice(path: Path) -> None:
    """``follow`` answers at once, with commits still on their way: head and deliveries have to fit."""

    async def main() -> None:
        async with opened(path) as journal:
            got: list[int] = []
            waiting = []
            for _ in range(50):
                waiting.append(send(journal, draft()))
                await asyncio.sleep(0)
            head = journal.follow(ROOM, lambda entries: got.extend(entry.seq for entry in entries))
            await asyncio.gather(*waiting)
            assert got == list(range(head.last + 1, 51))
            assert journal.head(ROOM).last == 50

    run(main())


def test_all_that_waits_is_one_transaction_and_one_call_of_the_loop(path: Path) -> None:
    """Group commit: a hundred senders share one fsync."""

    async def main() -> None:
        async with opened(path) as journal:
            statements: list[str] = []
            await on_thread(journal, lambda db: db.set_trace_callback(statements.append))
            calls: list[int] = []
            posted: list[object] = []
            post = journal._writer._post
            journal._writer._post = lambda call, *args: (posted.append(call), post(call, *args))
            async with held(journal):
                for number in range(100):
                    journal.append([draft(), draft(room="ops")], lambda _, number=number: calls.append(number))
            await on_thread(journal, lambda db: db.set_trace_callback(None))
            assert statements.count("COMMIT") == 1
            assert calls == list(range(100))
            assert posted == [journal._dispatcher.committed]

    run(main())


def test_a_repeat_is_answered_with_its_first_number(path: Path) -> None:
    """In the same batch, in a later one, and after a restart."""

    async def main() -> None:
        first = draft("once", token=ALICE, id="k", time=5.0)
        again = draft("once", token=ALICE, id="k", time=9.0)
        async with opened(path) as journal:
            shown: list[Msg] = []
            journal.follow(ROOM, shown.extend)
            receipts = await say(journal, first, again, draft("next"))
            assert [(r.seq, r.time, r.duplicate) for r in receipts] == [
                (1, 5.0, False),
                (1, 5.0, True),
                (2, 1_700_000_000.5, False),
            ]
            assert (await say(journal, again))[0].duplicate
            assert [entry.text for entry in shown] == ["once", "next"]
        async with opened(path) as journal:
            [receipt] = await say(journal, again)
            assert (receipt.seq, receipt.time, receipt.duplicate) == (1, 5.0, True)
            assert await texts(journal) == ["once", "next"]

    run(main())


def test_an_id_counts_for_one_token_in_one_room(path: Path) -> None:
    """Nobody can suppress another's message by guessing its id, and a room's log is its own."""

    async def main() -> None:
        async with opened(path) as journal:
            drafts = [
                draft(token=ALICE, id="k"),
                draft(token=BOB, id="k"),
                draft(token=ALICE, id="k", room="ops"),
                draft(id="k"),
                draft(id="k"),
            ]
            assert [(r.seq, r.duplicate) for r in await say(journal, *drafts)] == [
                (1, False),
                (2, False),
                (1, False),
                (3, False),
                (4, False),
            ]
            [(stored,)] = await on_thread(journal, lambda db: db.execute("SELECT count(*) FROM ids").fetchall())
            assert stored == 3

    run(main())


def test_an_id_of_another_message_is_refused(path: Path) -> None:
    """In the same batch, in a later one, after a restart, and for one who may not speak: nothing takes its place."""

    async def main() -> None:
        first = draft("full", token=ALICE, id="k")
        others = [draft("OK", token=ALICE, id="k"), replace(first, action=True)]
        async with opened(path) as journal:
            receipts = await say(journal, first, *others, replace(first, nick="Ana"))
            assert [(r.seq, r.duplicate, r.reused) for r in receipts] == [
                (1, False, False),
                (1, False, True),
                (1, False, True),
                (1, True, False),
            ]
        async with opened(path) as journal:
            for other in (*others, replace(others[0], append=False)):
                [receipt] = await say(journal, other)
                assert (receipt.seq, receipt.duplicate, receipt.reused) == (1, False, True)
            assert await texts(journal) == ["full"]

    run(main())


@pytest.mark.parametrize("how", ["redacted", "deleted"])
def test_what_is_not_kept_any_more_can_not_be_compared(path: Path, how: str) -> None:
    """Its id is known all the same: whatever comes with it was said, as far as anybody can tell."""

    async def main() -> None:
        async with opened(path, keep_messages=1) as journal:
            await say(journal, draft("full", token=ALICE, id="k", time=time.time()), draft())
            if how == "redacted":
                await journal.redact(ROOM, [1], {})
            else:
                await trim(journal)
            [receipt] = await say(journal, draft("OK", token=ALICE, id="k"))
            assert (receipt.seq, receipt.duplicate, receipt.reused) == (1, True, False)

    run(main())


def test_what_may_not_be_said_anew_is_looked_for_and_not_added(path: Path) -> None:
    """A repeat of one who was muted since: it was said, or it is not. In the same transaction, too."""

    async def main() -> None:
        async with opened(path) as journal:
            drafts = [
                draft(token=ALICE, id="k"),
                draft(token=ALICE, id="k", append=False),
                draft("?", token=ALICE, id="l", append=False),
                draft("?", token=BOB, id="k", append=False),
            ]
            receipts = await say(journal, *drafts)
            assert [(r.seq, r.duplicate) for r in receipts] == [(1, False), (1, True), (None, False), (None, False)]
            assert [(r.seq, r.duplicate) for r in await say(journal, *drafts[1:3])] == [(1, True), (None, False)]
            assert await seqs(journal, draft(token=ALICE, id="l")) == [2]
            assert await texts(journal) == ["hi", "hi"]

    run(main())


def test_a_probe_is_really_committed_and_leaves_nothing(path: Path) -> None:
    """A probe that skips the disk would call a dead disk healthy."""

    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, draft())
            wal = path.with_name(path.name + "-wal")
            before = wal.stat().st_size
            [receipt] = await say(journal, draft(persist=False, token=ALICE, id="k"))
            assert (receipt.seq, receipt.duplicate) == (None, False)
            assert wal.stat().st_size > before
            assert await texts(journal) == ["hi"]
            assert await seqs(journal, draft(token=ALICE, id="k")) == [2]

    run(main())


def test_a_page_holds_what_was_put_before_it_was_asked_for(path: Path) -> None:
    async def main() -> None:
        async with opened(path) as journal:
            async with held(journal):
                answer = send(journal, draft())
                page = asyncio.ensure_future(journal.read(ROOM, 0, 5))
                await asyncio.sleep(0)  # lets the page be asked for
            await answer
            assert [entry.seq for entry in await page] == [1]

    run(main())


def test_pages_are_read_after_a_number_up_to_a_limit(path: Path) -> None:
    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, *[draft() for _ in range(10)])
            for after, limit, expected in [
                (0, 3, [1, 2, 3]),
                (8, 5, [9, 10]),
                (10, 5, []),
                (99, 5, []),
                (-5, 2, [1, 2]),
                (0, 0, []),
                (0, -1, []),
            ]:
                assert [entry.seq for entry in await journal.read(ROOM, after, limit)] == expected
            assert await journal.read("nowhere", 0, 5) == []

    run(main())


def test_one_that_cannot_be_stored_fails_alone(path: Path) -> None:
    """Batches share a transaction, not a fate."""

    async def main() -> None:
        async with opened(path) as journal:
            async with held(journal):
                batches = [draft("a")], [draft("b"), draft("\ud800")], [draft("c")]
                answers = [send(journal, *batch) for batch in batches]
            a, b, c = await asyncio.gather(*answers)
            assert isinstance(b, StorageFailed)
            assert not isinstance(a, StorageFailed)
            assert not isinstance(c, StorageFailed)
            assert await texts(journal) == ["a", "c"]

    run(main())


def test_a_callback_that_fails_keeps_nothing_from_the_others(path: Path) -> None:
    async def main() -> None:
        reported: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        async with opened(path) as journal:
            got: list[Msg] = []
            journal.follow(ROOM, lambda entries: 1 // 0)
            journal.follow(ROOM, got.extend)
            await say(journal, draft())
            assert len(got) == len(reported) == 1

    run(main())


def test_close_commits_what_waits_and_answers_it(path: Path) -> None:
    async def main() -> None:
        journal = SqliteJournal(path)
        answers = [send(journal, draft(str(number))) for number in range(100)]
        await journal.close()
        assert all(answer.done() for answer in answers)
        late = await send(journal, draft("late"))
        assert isinstance(late, StorageFailed)
        with pytest.raises(StorageFailed):
            await journal.read(ROOM, 0, 1)
        await journal.close()

    run(main())
    assert reopen(path)[1] == [str(number) for number in range(100)]
    assert not path.with_name(path.name + "-wal").exists()


def test_pages_that_were_asked_for_before_the_end_are_answered(path: Path) -> None:
    async def main() -> None:
        journal = SqliteJournal(path)
        await say(journal, draft())
        async with held(journal):
            pages = [asyncio.ensure_future(journal.read(ROOM, 0, 5)) for _ in range(3)]
            closing = asyncio.ensure_future(journal.close())
            await asyncio.sleep(0)  # lets them begin
        await closing
        assert [len(page) for page in await asyncio.gather(*pages)] == [1, 1, 1]

    run(main())


def test_a_room_keeps_its_epoch_and_rooms_have_different_ones(path: Path) -> None:
    """Even one in which nothing was said yet: who resumes there at 0 must not be told that something was lost."""

    async def epochs() -> list[str]:
        async with opened(path) as journal:
            return [journal.follow(room, lambda _: None).epoch for room in (ROOM, "ops")]

    first = run(epochs())
    assert run(epochs()) == first
    assert len(set(first)) == 2


def test_the_file_is_0600_in_a_folder_made_0700(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "rooms.db"

    async def main() -> list[int]:
        async with opened(path) as journal:
            await say(journal, draft())
            files = [path.with_name(path.name + suffix) for suffix in ("", "-wal", ".stamp")]
            return [stat.S_IMODE(file.stat().st_mode) for file in [*files, path.parent, path.parent.parent]]

    before = tmp_path.stat().st_mode
    assert run(main()) == [0o600, 0o600, 0o600, 0o700, 0o700]
    assert tmp_path.stat().st_mode == before
    path.chmod(0o644)
    assert run(main())[0] == 0o600


@pytest.mark.parametrize(("durability", "synchronous"), [("os", 1), ("disk", 2)])
def test_durability_is_what_the_file_is_told(path: Path, durability: str, synchronous: int) -> None:
    async def main() -> None:
        async with opened(path, durability=durability) as journal:
            assert journal.durability == durability
            for name, expected in {
                "synchronous": synchronous,
                "journal_mode": "wal",
                "locking_mode": "exclusive",
                "mmap_size": 0,
                "application_id": 0x63687463,
                "user_version": 3,
                "wal_autocheckpoint": 0,
            }.items():
                query = f"PRAGMA {name}"
                row = await on_thread(journal, lambda db, query=query: db.execute(query).fetchone())
                assert row == (expected,), name

    run(main())


def test_the_wal_is_written_back_and_starts_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would grow for as long as the server runs."""
    monkeypatch.setattr("chatctl.journal.store.CHECKPOINT_AFTER", 50)

    async def main() -> None:
        async with opened(path, durability="os") as journal:
            sizes = []
            for _ in range(200):
                await say(journal, draft("x" * 1000))
                sizes.append(path.with_name(path.name + "-wal").stat().st_size)
            assert max(sizes) == sizes[-1] < 1_000_000

    run(main())
    assert path.stat().st_size > 150_000
    assert len(reopen(path)[1]) == 200


def test_a_batch_that_was_put_after_the_end_is_not_kept(path: Path) -> None:
    """The writer's thread is over; nothing may be left hanging in it."""

    async def main() -> None:
        journal = SqliteJournal(path)
        await journal.close()
        journal._writer.put(Batch([draft()], lambda _: pytest.fail("answered")))
        journal._writer._thread.join(5)
        assert not journal._writer._thread.is_alive()

    run(main())
    assert write(path, "on")


def test_every_commit_is_checked_to_go_to_the_file_that_has_the_name(path: Path) -> None:
    """A journal whose file was removed would go on acknowledging into nothing."""
    fatal: list[ChatError] = []

    async def main() -> None:
        told = asyncio.Event()
        journal = SqliteJournal(path, on_fatal=lambda error: (fatal.append(error), told.set()))
        await say(journal, draft())
        await asyncio.to_thread(path.rename, path.with_name("elsewhere.db"))
        journal.append([draft()], lambda _: pytest.fail("answered"))
        await told.wait()
        await journal.close()

    run(main())
    assert "removed or replaced" in fatal[0].text


# --- rooms in which nothing was ever said


async def rooms_stored(journal: SqliteJournal) -> list[str]:
    rows = await on_thread(journal, lambda db: db.execute("SELECT name FROM rooms ORDER BY id").fetchall())
    return [name for (name,) in rows]


def test_a_forgotten_room_leaves_nothing_in_the_file_and_begins_again(path: Path) -> None:
    async def main() -> None:
        async with opened(path) as journal:
            journal.follow(ROOM, lambda _: None)
            for stored in (False, True):
                epoch = journal.follow("empty", lambda _: None).epoch
                if stored:
                    assert await rooms_stored(journal) == [ROOM, "empty"]
                journal.forget("empty")
                assert await rooms_stored(journal) == [ROOM]
                assert journal.follow("empty", lambda _: None).epoch == epoch
                journal.forget("empty")
            journal.forget("never heard of")
            assert await seqs(journal, draft(room="empty")) == [1]
        async with opened(path) as journal:
            assert await texts(journal, "empty") == ["hi"]

    run(main())


def test_a_room_that_goes_while_it_is_due_for_trimming_does_no_harm(path: Path) -> None:
    async def main() -> None:
        async with opened(path, keep_messages=10) as journal:
            journal.follow("empty", lambda _: None)
            await on_thread(journal, lambda _: None)
            retention = journal._writer._retention

            def due_and_gone(store: Store) -> None:
                retention.check(store)
                store.remove_room("empty")

            await journal._run(due_and_gone)
            assert await seqs(journal, draft()) == [1]

    run(main())


def test_a_page_ends_where_it_takes_too_much(path: Path) -> None:
    """The first entries that fit, or the last ones of the same range; one at least."""

    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, *[draft("x" * 1000) for _ in range(10)])

            async def read(after: int, limit: int, **more: Any) -> list[int]:
                return [entry.seq for entry in await journal.read(ROOM, after, limit, **more)]

            assert await read(2, 6, most=3000) == [3, 4, 5]
            assert await read(2, 6, most=3000, newest=True) == [6, 7, 8]
            assert await read(2, 6, most=1) == [3]
            assert await read(2, 6, most=1, newest=True) == [8]
            assert await read(8, 6, newest=True) == [9, 10]
            assert await read(0, 1 << 62) == [*range(1, 11)]

    run(main())
