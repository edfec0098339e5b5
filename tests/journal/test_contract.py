"""What every journal promises: numbers, order, ids, callbacks, opening and closing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chatctl.errors import StorageFailed
from chatctl.journal import Draft
from chatctl.journal.work import Batch
from chatctl.protocol import Msg
from tests.support.journals import (
    ALICE,
    BOB,
    ROOM,
    Place,
    draft,
    held,
    ids_stored,
    open_journal,
    opened,
    reopen,
    rooms_stored,
    run,
    say,
    send,
    seqs,
    texts,
    trim,
    write,
)


def stamped(place: Place, said: Draft, found: float) -> float:
    """Return the time that an entry has to have: in a file the draft's; of several servers' clocks, the engine's."""
    if isinstance(place, Path):
        return said.time
    assert abs(found - time.time()) < 60  # the same machine's clock
    return found


def test_each_room_counts_from_1_and_goes_on_after_a_restart(place: Place) -> None:
    async def main() -> None:
        async with opened(place) as journal:
            assert await seqs(journal, draft(), draft(room="ops"), draft()) == [1, 1, 2]
            assert await seqs(journal, draft()) == [3]
        async with opened(place) as journal:
            assert await seqs(journal, draft(room="ops"), draft()) == [2, 4]

    run(main())


def test_what_was_said_comes_back_as_it_was(place: Place) -> None:
    said = draft("a\0b 👩‍👩‍👧 \u2028 é", nick="Zoë", time=1_700_000_000.123456, action=True)

    async def main() -> Sequence[Msg]:
        async with opened(place) as journal:
            await say(journal, said)
        async with opened(place) as journal:
            return await journal.read(ROOM, 0, 10)

    [entry] = run(main())
    assert entry == Msg(1, stamped(place, said, entry.time), said.nick, said.text, action=True)


def test_followers_get_every_entry_before_its_receipt_on_the_loops_thread(any_place: Place) -> None:
    """Committed first, shown after, acknowledged last; and nothing of the loop's is touched from another thread."""
    events: list[tuple[str, list[int | None], int]] = []

    def note(kind: str, items: Sequence[object]) -> None:
        events.append((kind, [item.seq for item in items], threading.get_ident()))

    async def main() -> None:
        async with opened(any_place) as journal:
            head = journal.follow(ROOM, lambda entries: note("entries", entries))
            assert (head.first, head.last) == (None if any_place is None else 1, 0)
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


def test_a_follower_gets_what_comes_after_its_head_and_nothing_twice(any_place: Place) -> None:
    """``follow`` answers at once, with commits still on their way: head and deliveries have to fit."""

    async def main() -> None:
        async with opened(any_place) as journal:
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


def test_a_repeat_is_answered_with_its_first_number(place: Place) -> None:
    """In the same batch, in a later one, and after a restart."""

    async def main() -> None:
        first = draft("once", token=ALICE, id="k", time=5.0)
        again = draft("once", token=ALICE, id="k", time=9.0)
        async with opened(place) as journal:
            shown: list[Msg] = []
            journal.follow(ROOM, shown.extend)
            receipts = await say(journal, first, again, draft("next"))
            at = stamped(place, first, receipts[0].time)
            assert [(r.seq, r.time, r.duplicate) for r in receipts] == [
                (1, at, False),
                (1, at, True),
                (2, stamped(place, draft(), receipts[2].time), False),
            ]
            assert (await say(journal, again))[0].duplicate
            assert [entry.text for entry in shown] == ["once", "next"]
        async with opened(place) as journal:
            [receipt] = await say(journal, again)
            assert (receipt.seq, receipt.time, receipt.duplicate) == (1, at, True)
            assert await texts(journal) == ["once", "next"]

    run(main())


def test_an_id_counts_for_one_token_in_one_room(place: Place) -> None:
    """Nobody can suppress another's message by guessing its id, and a room's log is its own."""

    async def main() -> None:
        async with opened(place) as journal:
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
            assert await ids_stored(journal) == 3

    run(main())


def test_what_an_id_means_is_the_same_in_every_journal(any_place: Place) -> None:
    """A repeat, another's id, one of another room, what was said otherwise, and what may not be said any more."""

    async def main() -> None:
        async with opened(any_place) as journal:
            shown: list[Msg] = []
            for room in (ROOM, "ops"):
                journal.follow(room, shown.extend)
            first = draft("once", token=ALICE, id="k")
            drafts = [
                replace(first, append=False),
                first,
                first,
                replace(first, text="other"),
                replace(first, append=False),
                replace(first, token=BOB),
                replace(first, room="ops"),
                replace(first, persist=False),
                replace(first, id=None),
            ]
            expected = [
                (None, False, False),
                (1, False, False),
                (1, True, False),
                (1, False, True),
                (1, True, False),
                (2, False, False),
                (1, False, False),
                (None, False, False),
                (3, False, False),
            ]
            receipts = await say(journal, *drafts)
            assert [(one.seq, one.duplicate, one.reused) for one in receipts] == expected
            again = await say(journal, *drafts[:5])
            assert [(one.seq, one.duplicate, one.reused) for one in again] == [
                (1, True, False),
                (1, True, False),
                (1, True, False),
                (1, False, True),
                (1, True, False),
            ]
            assert sorted(entry.seq for entry in shown) == [1, 1, 2, 3]

    run(main())


def test_who_said_an_entry_with_an_id_is_known_by_their_token(place: Place) -> None:
    """Also after a restart. What had no id, or no token, is nobody's."""

    async def main() -> None:
        async with opened(place) as journal:
            await say(journal, draft(token=ALICE, id="a"), draft(token=BOB, id="a"), draft(token=BOB), draft(id="b"))
            await say(journal, draft(room="ops", token=BOB, id="a"))
        async with opened(place) as journal:
            assert [await journal.token_of(ROOM, seq) for seq in range(1, 6)] == [ALICE, BOB, None, None, None]
            assert await journal.token_of("ops", 1) == BOB

    run(main())


def test_an_id_of_another_message_is_refused(place: Place) -> None:
    """In the same batch, in a later one, after a restart, and for one who may not speak: nothing takes its place."""

    async def main() -> None:
        first = draft("full", token=ALICE, id="k")
        others = [draft("OK", token=ALICE, id="k"), replace(first, action=True)]
        async with opened(place) as journal:
            receipts = await say(journal, first, *others, replace(first, nick="Ana"))
            assert [(r.seq, r.duplicate, r.reused) for r in receipts] == [
                (1, False, False),
                (1, False, True),
                (1, False, True),
                (1, True, False),
            ]
        async with opened(place) as journal:
            for other in (*others, replace(others[0], append=False)):
                [receipt] = await say(journal, other)
                assert (receipt.seq, receipt.duplicate, receipt.reused) == (1, False, True)
            assert await texts(journal) == ["full"]

    run(main())


@pytest.mark.parametrize("how", ["redacted", "deleted"])
def test_what_is_not_kept_any_more_can_not_be_compared(place: Place, how: str) -> None:
    """Its id is known all the same: whatever comes with it was said, as far as anybody can tell."""

    async def main() -> None:
        async with opened(place, keep_messages=1) as journal:
            await say(journal, draft("full", token=ALICE, id="k", time=time.time()), draft())
            if how == "redacted":
                await journal.redact(ROOM, [1], {})
            else:
                await trim(journal)
            [receipt] = await say(journal, draft("OK", token=ALICE, id="k"))
            assert (receipt.seq, receipt.duplicate, receipt.reused) == (1, True, False)

    run(main())


def test_what_may_not_be_said_anew_is_looked_for_and_not_added(place: Place) -> None:
    """A repeat of one who was muted since: it was said, or it is not. In the same transaction, too."""

    async def main() -> None:
        async with opened(place) as journal:
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


def test_a_page_holds_what_was_put_before_it_was_asked_for(place: Place) -> None:
    async def main() -> None:
        async with opened(place) as journal:
            async with held(journal):
                answer = send(journal, draft())
                page = asyncio.ensure_future(journal.read(ROOM, 0, 5))
                await asyncio.sleep(0)  # lets the page be asked for
            await answer
            assert [entry.seq for entry in await page] == [1]

    run(main())


def test_pages_are_read_after_a_number_up_to_a_limit(place: Place) -> None:
    async def main() -> None:
        async with opened(place) as journal:
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


def test_one_that_cannot_be_stored_fails_alone(place: Place) -> None:
    """Batches share a transaction, not a fate."""

    async def main() -> None:
        async with opened(place) as journal:
            async with held(journal):
                batches = [draft("a")], [draft("b"), draft("\ud800")], [draft("c")]
                answers = [send(journal, *batch) for batch in batches]
            a, b, c = await asyncio.gather(*answers)
            assert isinstance(b, StorageFailed)
            assert not isinstance(a, StorageFailed)
            assert not isinstance(c, StorageFailed)
            assert await texts(journal) == ["a", "c"]

    run(main())


def test_a_callback_that_fails_keeps_nothing_from_the_others(place: Place) -> None:
    async def main() -> None:
        reported: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        async with opened(place) as journal:
            got: list[Msg] = []
            journal.follow(ROOM, lambda entries: 1 // 0)
            journal.follow(ROOM, got.extend)
            await say(journal, draft())
            assert len(got) == len(reported) == 1

    run(main())


def test_close_commits_what_waits_and_answers_it(place: Place) -> None:
    async def main() -> None:
        journal = open_journal(place)
        answers = [send(journal, draft(str(number))) for number in range(100)]
        await journal.close()
        assert all(answer.done() for answer in answers)
        late = await send(journal, draft("late"))
        assert isinstance(late, StorageFailed)
        with pytest.raises(StorageFailed):
            await journal.read(ROOM, 0, 1)
        await journal.close()

    run(main())
    assert reopen(place)[1] == [str(number) for number in range(100)]
    if isinstance(place, Path):
        assert not place.with_name(place.name + "-wal").exists()


def test_pages_that_were_asked_for_before_the_end_are_answered(place: Place) -> None:
    async def main() -> None:
        journal = open_journal(place)
        await say(journal, draft())
        async with held(journal):
            pages = [asyncio.ensure_future(journal.read(ROOM, 0, 5)) for _ in range(3)]
            closing = asyncio.ensure_future(journal.close())
            await asyncio.sleep(0)  # lets them begin
        await closing
        assert [len(page) for page in await asyncio.gather(*pages)] == [1, 1, 1]

    run(main())


def test_a_room_keeps_its_epoch_and_rooms_have_different_ones(place: Place) -> None:
    """Even one in which nothing was said yet: who resumes there at 0 must not be told that something was lost."""

    async def epochs() -> list[str]:
        async with opened(place) as journal:
            return [journal.follow(room, lambda _: None).epoch for room in (ROOM, "ops")]

    first = run(epochs())
    assert run(epochs()) == first
    assert len(set(first)) == 2


def test_a_batch_that_was_put_after_the_end_is_not_kept(place: Place) -> None:
    """The writer's thread is over; nothing may be left hanging in it."""

    async def main() -> None:
        journal = open_journal(place)
        await journal.close()
        journal._writer.put(Batch([draft()], lambda _: pytest.fail("answered")))
        journal._writer._thread.join(5)
        assert not journal._writer._thread.is_alive()

    run(main())
    assert write(place, "on")


# --- rooms in which nothing was ever said


def test_a_forgotten_room_leaves_nothing_and_begins_again(place: Place) -> None:
    async def main() -> None:
        async with opened(place) as journal:
            journal.follow(ROOM, lambda _: None)
            for stored in (False, True):
                epoch = journal.follow("empty", lambda _: None).epoch
                if stored:
                    assert await rooms_stored(journal) == ["empty", ROOM]
                journal.forget("empty")
                assert await rooms_stored(journal) == [ROOM]
                again = journal.follow("empty", lambda _: None).epoch
                assert again == epoch
                journal.forget("empty")
            journal.forget("never heard of")
            assert await seqs(journal, draft(room="empty")) == [1]
        async with opened(place) as journal:
            assert await texts(journal, "empty") == ["hi"]

    run(main())


def test_a_room_that_goes_while_it_is_due_for_trimming_does_no_harm(place: Place) -> None:
    async def main() -> None:
        async with opened(place, keep_messages=10) as journal:
            journal.follow("empty", lambda _: None)
            await journal._run(lambda _: None)
            retention = journal._writer._retention

            def due_and_gone(store: Any) -> None:
                retention.check(store)
                store.remove_room("empty")

            await journal._run(due_and_gone)
            assert await seqs(journal, draft()) == [1]

    run(main())


def test_a_page_ends_where_it_takes_too_much(place: Place) -> None:
    """The first entries that fit, or the last ones of the same range; one at least."""

    async def main() -> None:
        async with opened(place) as journal:
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
