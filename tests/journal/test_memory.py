"""journal/memory.py: the journal that keeps nothing but the numbers."""

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chatctl.errors import StorageFailed
from chatctl.journal import Draft, Receipt
from chatctl.journal.memory import MemoryJournal
from chatctl.protocol import Msg

ME, OTHER = b"me", b"other"


def draft(text: str = "hi", room: str = "lobby", **more: object) -> Draft:
    return replace(Draft(room=room, time=5.0, nick="a", text=text), **more)  # type: ignore[arg-type]


class Follower:
    """Keeps what a journal tells, in the order in which it tells it."""

    def __init__(self, journal: MemoryJournal, *rooms: str) -> None:
        self.journal = journal
        self.told: list[Msg | str] = []
        self.heads = {room: journal.follow(room, self.told.extend) for room in rooms or ("lobby",)}

    def append(self, *batch: Draft) -> Sequence[Receipt]:
        got: list[Receipt] = []

        def done(outcome: Sequence[Receipt] | StorageFailed) -> None:
            assert not isinstance(outcome, StorageFailed)
            got.extend(outcome)
            self.told.append("done")

        self.journal.append(batch, done)
        return got


def test_entries_are_numbered_from_one_and_told_before_the_receipts() -> None:
    """Committed first, shown after; and an ack never overtakes its message's place in the log."""
    follower = Follower(MemoryJournal())
    assert follower.append(draft("x"), draft("y", action=True)) == [Receipt(1, 5.0), Receipt(2, 5.0)]
    assert follower.told == [Msg(1, 5.0, "a", "x"), Msg(2, 5.0, "a", "y", True), "done"]


def test_each_room_has_its_own_numbers_and_followers() -> None:
    follower = Follower(MemoryJournal())
    receipts = follower.append(draft(room="ops"), draft("x"), draft(room="ops"))
    assert [receipt.seq for receipt in receipts] == [1, 1, 2]
    assert follower.told == [Msg(1, 5.0, "a", "x"), "done"]


def test_a_head_says_where_the_log_stands() -> None:
    journal = MemoryJournal()
    first = Follower(journal)
    first.append(draft(), draft())
    assert (first.heads["lobby"].first, first.heads["lobby"].last) == (None, 0)
    head = Follower(journal).heads["lobby"]
    assert (head.first, head.last) == (None, 2)
    assert head.epoch == first.heads["lobby"].epoch


def test_a_new_process_is_a_new_epoch() -> None:
    """Its numbers begin at 1 again: a cursor of the old one must not be continued."""
    assert Follower(MemoryJournal()).heads["lobby"].epoch != Follower(MemoryJournal()).heads["lobby"].epoch


def test_a_repeat_with_token_and_id_gets_its_first_number() -> None:
    follower = Follower(MemoryJournal())
    mine = draft(token=ME, id="1")
    assert follower.append(mine, mine) == [Receipt(1, 5.0), Receipt(1, 5.0, duplicate=True)]
    assert follower.append(replace(mine, time=9.0)) == [Receipt(1, 5.0, duplicate=True)]
    assert len([told for told in follower.told if told != "done"]) == 1


def test_an_id_of_another_message_is_refused_until_that_is_redacted() -> None:
    follower = Follower(MemoryJournal())
    first = draft("full", token=ME, id="1")
    others = [draft("OK", token=ME, id="1"), replace(first, action=True), draft("OK", token=ME, id="1", append=False)]
    assert follower.append(first, *others) == [Receipt(1, 5.0), *[Receipt(1, 5.0, reused=True)] * 3]
    assert follower.append(replace(first, nick="b")) == [Receipt(1, 5.0, duplicate=True)]
    asyncio.run(follower.journal.redact("lobby", [1], {}))
    assert follower.append(others[0]) == [Receipt(1, 5.0, duplicate=True)]


def test_what_may_not_be_said_anew_is_looked_for_and_not_added() -> None:
    """A repeat of one who was muted since: it was said, or it is not."""
    follower = Follower(MemoryJournal())
    follower.append(draft(token=ME, id="1"))
    asked = [draft(token=ME, id="1", append=False), draft(token=ME, id="2", append=False), draft(id="1", append=False)]
    assert follower.append(*asked) == [Receipt(1, 5.0, duplicate=True), Receipt(None, 5.0), Receipt(None, 5.0)]
    assert follower.append(draft(token=ME, id="2")) == [Receipt(2, 5.0)]


def test_an_id_without_token_or_of_another_token_or_room_is_another() -> None:
    """Nobody can suppress another's message by guessing ids."""
    follower = Follower(MemoryJournal(), "lobby", "ops")
    batch = [draft(token=ME, id="1"), draft(token=OTHER, id="1"), draft(id="1"), draft(id="1"), draft(token=ME)]
    assert [(r.seq, r.duplicate) for r in follower.append(*batch)] == [(n, False) for n in range(1, 6)]
    assert follower.append(draft(room="ops", token=ME, id="1")) == [Receipt(1, 5.0)]


def test_a_probe_takes_no_number_and_leaves_no_trace() -> None:
    follower = Follower(MemoryJournal())
    assert follower.append(draft(), draft("probe", persist=False, token=ME, id="1"), draft()) == [
        Receipt(1, 5.0),
        Receipt(None, 5.0),
        Receipt(2, 5.0),
    ]
    assert [told.text for told in follower.told if isinstance(told, Msg)] == ["hi", "hi"]
    assert follower.append(draft(token=ME, id="1")) == [Receipt(3, 5.0)]


def test_the_memory_for_ids_is_bounded() -> None:
    follower = Follower(MemoryJournal(ids_kept=3))
    follower.append(*(draft(token=ME, id=str(n)) for n in range(100)))
    assert len(follower.journal._receipts) == 3
    assert [r.duplicate for r in follower.append(draft(token=ME, id="99"), draft(token=ME, id="0"))] == [True, False]


def test_nothing_can_be_read_back() -> None:
    journal = MemoryJournal()
    Follower(journal).append(draft())
    assert asyncio.run(journal.read("lobby", 0, 10)) == []
    assert journal.durability == "memory"


drafts = st.builds(
    draft,
    room=st.sampled_from(["lobby", "ops"]),
    token=st.sampled_from([None, ME, OTHER]),
    id=st.sampled_from([None, "1", "2", "3"]),
    persist=st.sampled_from([True, True, True, False]),
)


@given(st.lists(st.lists(drafts, max_size=6), max_size=6))
def test_numbers_are_dense_and_each_id_has_one(batches: list[list[Draft]]) -> None:
    follower = Follower(MemoryJournal(), "lobby")
    firsts: dict[tuple[str, bytes, str], int | None] = {}
    for batch in batches:
        for said, receipt in zip(batch, follower.append(*batch), strict=True):
            assert (receipt.seq is None) is (not said.persist)
            if said.persist and said.token and said.id:
                key = (said.room, said.token, said.id)
                assert receipt.duplicate is (key in firsts)
                assert firsts.setdefault(key, receipt.seq) == receipt.seq
    seqs = [told.seq for told in follower.told if isinstance(told, Msg)]
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_forgotten_room_leaves_nothing_and_begins_again() -> None:
    """Rooms that clients open and leave without a word would fill the memory."""
    journal = MemoryJournal()
    before = Follower(journal, "empty")
    before.append(draft(room="empty", persist=False))
    journal.forget("empty")
    assert (journal._followers, journal._last) == ({}, {})
    after = Follower(journal, "empty")
    assert after.append(draft(room="empty")) == [Receipt(1, 5.0)]
    assert len(before.told) == 1
