"""A reader's position in a log: each entry is taken once."""

from __future__ import annotations

import pytest

from chatctl.client.core.cursor import Cursor
from chatctl.protocol import Gap, Limits, Msg, Resume, Welcome, Who


def welcome(epoch: str = "e", first: int = 1, last: int = 100, cut: int | None = None) -> Welcome:
    return Welcome(
        v=1, server="s", room="lobby", nick="", epoch=epoch, first=first, last=last,
        members=[], count=0, watchers=0, durability="memory", limits=Limits(backlog=50), cut=cut,
    )  # fmt: skip


def msg(seq: int) -> Msg:
    return Msg(seq=seq, time=0.0, nick="omar", text="hi")


@pytest.mark.parametrize(
    ("history", "first", "after"),
    [(0, 1, 100), (10, 1, 90), (80, 1, 50), (10, 96, 95)],
    ids=["at the end", "with some history", "no more than the server sends", "no more than there is"],
)
def test_where_a_first_connection_starts(history: int, first: int, after: int) -> None:
    cursor = Cursor()
    cursor.enter(welcome(first=first), history)
    assert cursor.resume == cursor.here == Resume("e", after)
    assert not cursor.lost


def test_history_is_for_the_first_connection_alone() -> None:
    cursor = Cursor(Resume("e", 60))
    cursor.enter(welcome(), history=10)
    assert cursor.after == 60


@pytest.mark.parametrize(
    ("resume", "lost"), [(Resume("e", 100), False), (Resume("e", 101), True), (Resume("f", 1), True)]
)
def test_a_position_in_another_log_or_behind_the_end_is_lost(resume: Resume, lost: bool) -> None:
    """It is kept until the gap has come: a connection that broke before that would hide the loss."""
    cursor = Cursor(resume)
    cursor.enter(welcome())
    assert cursor.lost is lost
    assert cursor.resume == resume
    assert cursor.here == (Resume("e", 100) if lost else resume)
    gap = Gap(from_=1, to=2, why="lost")
    assert cursor.take(gap) is gap
    assert cursor.resume == (Resume("e", 100) if lost else resume)


def test_each_entry_is_taken_once() -> None:
    cursor = Cursor(Resume("e", 10))
    taken = [cursor.take(msg(seq)) for seq in (9, 10, 11, 11, 13, 12)]
    assert [entry.seq for entry in taken if entry is not None] == [11, 13]
    assert cursor.after == 13
    assert cursor.take(Who()) is None  # type: ignore[arg-type]  # a frame of another kind


def test_a_gap_moves_the_position_forwards_only() -> None:
    cursor = Cursor(Resume("e", 10))
    cursor.take(Gap(from_=5, to=8, why="slow"))
    assert cursor.after == 10
    cursor.take(Gap(from_=11, to=20, why="slow"))
    assert cursor.after == 20


def test_a_position_in_an_earlier_epoch_of_the_log_goes_on_where_the_server_says() -> None:
    """The new epoch holds what ours did, up to there: nothing of it is skipped, and nothing shown again.

    The position is kept until the gap has told what of it is gone.
    """
    cursor = Cursor(Resume("old", 60))
    assert cursor.ask == Resume("old", 60, cut=True)
    cursor.enter(welcome(cut=50))
    assert (cursor.resume, cursor.lost, cursor.awaits_gap) == (Resume("old", 60), False, True)
    assert cursor.here == Resume("e", 50)
    assert cursor.take(Gap(from_=51, to=60, why="lost")) is not None
    assert (cursor.resume, cursor.lost, cursor.awaits_gap) == (Resume("e", 50), False, False)
    assert not cursor.skipped
    assert [frame.seq for seq in (50, 51, 52) if isinstance(frame := cursor.take(msg(seq)), Msg)] == [51, 52]


def test_no_server_moves_a_position_forwards() -> None:
    cursor = Cursor(Resume("old", 60))
    cursor.enter(welcome(cut=90))
    assert (cursor.resume, cursor.awaits_gap) == (Resume("e", 60), False)


@pytest.mark.parametrize(("last", "skipped"), [(100, True), (0, False)])
def test_what_is_in_a_log_that_is_another_one_was_skipped(last: int, skipped: bool) -> None:
    """Unless it is empty."""
    cursor = Cursor(Resume("old", 60))
    cursor.enter(welcome(last=last))
    cursor.take(Gap(from_=1, to=last, why="lost"))
    assert cursor.skipped is skipped
    cursor.take(msg(last + 1))
    assert not cursor.skipped
