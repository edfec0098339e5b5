"""Moving messages to a sink: the cursor follows what the sink has taken."""

from __future__ import annotations

import pytest

from chatctl.client.core.cursor import Cursor
from chatctl.client.core.deadline import Deadline
from chatctl.client.core.message_filter import MessageFilter
from chatctl.commands.tail.pump import gap_line, pump, report
from chatctl.errors import ChatError
from chatctl.protocol import Gap, Msg, Resume


class FakeFollower:
    """Returns entries, and moves its cursor before each."""

    def __init__(self, *entries: Msg | Gap) -> None:
        self.cursor = Cursor(Resume("e", 0))
        self.idle_restarts = 0
        self._entries = list(entries)

    async def next(self, deadline: Deadline, *, follow: bool) -> Msg | Gap | None:
        if not self._entries:
            return None
        entry = self._entries.pop(0)
        self.cursor.take(entry)
        return entry

    def restart_idle(self) -> None:
        self.idle_restarts += 1


class FakeFile:
    def __init__(self) -> None:
        self.saved: list[int] = []

    def save(self, position: Resume) -> None:
        self.saved.append(position.after)


def msg(seq: int, nick: str = "omar") -> Msg:
    return Msg(seq=seq, time=0.0, nick=nick, text=f"m{seq}")


def run(
    follower: FakeFollower, *, least: int = 0, count: int | None = None, breaks_at: int = 0
) -> tuple[list[int], list[int]]:
    """Return what the sink took, and each position that was saved."""
    taken: list[int] = []
    kept = FakeFile()

    def sink(entry: Msg) -> None:
        if entry.seq == breaks_at:
            raise ChatError("nobody reads it")
        taken.append(entry.seq)

    wanted, deadline = MessageFilter(["omar"]), Deadline(None, lambda: 0.0)
    try:
        pump(follower, sink, wanted, kept, deadline, least=least, follow=True, count=count)  # type: ignore[arg-type]
    except ChatError:
        assert breaks_at
    return taken, kept.saved


def test_the_position_is_saved_after_each_entry_and_at_the_start() -> None:
    """Others' messages count for it, too: they need not be read again."""
    follower = FakeFollower(msg(1), msg(2, "nadia"), msg(3))
    assert run(follower) == ([1, 3], [0, 1, 2, 3])
    assert follower.idle_restarts == 2


def test_what_the_sink_did_not_take_is_not_remembered() -> None:
    assert run(FakeFollower(msg(1), msg(2), msg(3)), breaks_at=2) == ([1], [0, 1])


@pytest.mark.parametrize(("least", "count", "taken"), [(2, None, [2, 3]), (0, 2, [1, 2]), (2, 1, [2]), (9, None, [])])
def test_from_which_on_and_how_many(least: int, count: int | None, taken: list[int]) -> None:
    assert run(FakeFollower(msg(1), msg(2), msg(3)), least=least, count=count)[0] == taken


def test_a_gap_is_told_and_is_no_message(capsys: pytest.CaptureFixture[str]) -> None:
    gap = Gap(from_=2, to=4, why="retention")
    assert run(FakeFollower(msg(1), gap, msg(5)), count=2) == ([1, 5], [0, 1, 4, 5])
    assert capsys.readouterr().err == f"{gap_line(gap)}\n" == "(3 messages can't be shown, 2 to 4: retention)\n"


def test_another_log_is_told_in_other_words() -> None:
    """What was read and is gone was not skipped: it goes on with what is there in its place."""
    assert "went back: messages 3 to 5 are others now" in gap_line(Gap(from_=3, to=5, why="lost"))


def test_another_log_that_is_empty_has_no_other_messages() -> None:
    """The server announces it with a gap from 1 to 0: nothing was skipped."""
    gap = Gap(from_=1, to=0, why="lost")
    assert gap_line(gap) == "(the log is not the one that was read before: going on with 1)"


@pytest.mark.parametrize("kept", [True, False])
def test_who_keeps_a_cursor_learns_by_the_exit_code_that_something_was_skipped(
    kept: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    gap = Gap(from_=1, to=9, why="lost")
    if kept:
        with pytest.raises(ChatError, match="not the one that was read before"):
            report(gap, skipped=True, kept=True)
    else:
        report(gap, skipped=True, kept=False)
        assert "going on at its end" in capsys.readouterr().err
    report(gap, skipped=False, kept=kept)
