"""The log's thread: who logs is never held up, and where lines are missing stands how many."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator

import pytest

from chatctl.server import log_writer
from chatctl.server.log_writer import LogWriter
from tests.support.environment import DEADLINE


class Output:
    """Takes bytes while it is ``open``; fails as ``plan`` says, a number of bytes for each write."""

    def __init__(self, *plan: int) -> None:
        self.data = b""
        self.plan = list(plan)
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self.writes = 0

    def write(self, data: bytes) -> int:
        self.writes += 1
        self.entered.set()
        assert self.open.wait(DEADLINE)
        take = self.plan.pop(0) if self.plan else len(data)
        if take == 0:
            raise OSError(errno.ENOSPC, "full")
        self.data += data[:take]
        return len(data[:take])

    @property
    def lines(self) -> list[str]:
        return self.data.decode().splitlines()


def writer(output: Output, max_lines: int = 100) -> LogWriter:
    return LogWriter(output, lambda count: b"%d lost\n" % count, max_lines=max_lines)


@pytest.fixture
def stuck() -> Iterator[Output]:
    """Yield an output that takes nothing for now."""
    output = Output()
    output.open.clear()
    yield output
    output.open.set()


def test_lines_are_written_in_order() -> None:
    output = Output()
    log = writer(output)
    for number in range(50):
        log.put(b"%d\n" % number)
    assert log.flush(DEADLINE)
    assert output.lines == [str(number) for number in range(50)]


def test_who_logs_is_not_held_up_and_is_told_what_is_missing_where(stuck: Output) -> None:
    """The lines that waited come first, then how many are missing, then those that had room again."""
    log = writer(stuck, max_lines=3)
    log.put(b"first\n")
    assert stuck.entered.wait(DEADLINE)
    for number in range(10):
        log.put(b"%d\n" % number)
    assert not log.flush(0.01), "a reader that is stuck does not hold up the end"
    stuck.open.set()
    assert log.flush(DEADLINE)
    assert stuck.lines == ["first", "0", "1", "2", "7 lost"]
    log.put(b"last\n")
    assert log.flush(DEADLINE)
    assert stuck.lines[-1] == "last"


def test_memory_is_bounded_while_nobody_reads(stuck: Output) -> None:
    log = writer(stuck, max_lines=3)
    for _ in range(1000):
        log.put(b"x\n")
    assert log._queue.qsize() <= 3 + 1


def test_a_full_disk_is_tried_again_and_the_loss_told() -> None:
    output = Output(0, 0, 0)
    log = writer(output)
    for _ in range(3):
        log.put(b"lost\n")
        assert log.flush(DEADLINE)
    assert output.data == b""
    log.put(b"there is room\n")
    assert log.flush(DEADLINE)
    assert output.lines == ["3 lost", "there is room"]
    log.put(b"next\n")
    assert log.flush(DEADLINE)
    assert output.lines[2:] == ["next"], "it is told once"


def test_a_line_that_was_cut_short_counts_as_lost_and_is_ended() -> None:
    """The disk was full in the middle of it: the next line must not begin on the same one."""
    output = Output(3, 0)
    log = writer(output)
    log.put(b"a long line\n")
    assert log.flush(DEADLINE)
    log.put(b"next\n")
    assert log.flush(DEADLINE)
    assert output.lines == ["a l", "1 lost", "next"]


def test_a_short_write_is_no_loss() -> None:
    output = Output(1, 2, 1)
    log = writer(output)
    log.put(b"a long line\n")
    assert log.flush(DEADLINE)
    assert output.lines == ["a long line"]


def test_a_loss_is_told_though_nothing_is_logged_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "RETRY_SECONDS", 0.01)
    output = Output(0)
    told = threading.Event()

    class Telling(Output):
        def write(self, data: bytes) -> int:
            count = output.write(data)
            if b"1 lost" in output.data:
                told.set()
            return count

    writer(Telling()).put(b"lost\n")
    assert told.wait(DEADLINE)


def test_an_output_that_breaks_in_other_ways_does_not_end_the_thread() -> None:
    class Broken(Output):
        def write(self, data: bytes) -> int:
            self.writes += 1
            if self.writes == 1:
                raise RuntimeError("a fault of ours")
            return super().write(data)

    output = Broken()
    log = writer(output)
    log.put(b"first\n")
    assert log.flush(DEADLINE)
    log.put(b"second\n")
    assert log.flush(DEADLINE)
    assert output.lines == ["1 lost", "second"]


def test_a_line_without_end_is_cut() -> None:
    output = Output()
    log = writer(output)
    log.put(b"x" * 1_000_000 + b"\n")
    assert log.flush(DEADLINE)
    assert len(output.data) == log_writer.MAX_LINE_BYTES
    assert output.data.endswith(b"x\n")


def test_many_lines_are_one_write(stuck: Output) -> None:
    """A storm of newcomers must not cost a switch of threads for each line."""
    log = writer(stuck)
    log.put(b"first\n")
    assert stuck.entered.wait(DEADLINE)
    for _ in range(50):
        log.put(b"x\n")
    stuck.open.set()
    assert log.flush(DEADLINE)
    assert stuck.writes == 2


def test_a_place_that_two_threads_lose_lines_at_is_told_of(stuck: Output) -> None:
    """Neither may take the other's line for the first one that is lost, or none of them would ever be told of."""
    log = writer(stuck, max_lines=1)
    log.put(b"1\n")
    assert stuck.entered.wait(DEADLINE)
    log.put(b"2\n")
    log._dropped = 1  # the other thread has counted its line, and has not looked yet
    log.put(b"3\n")
    stuck.open.set()
    assert log.flush(DEADLINE)
    assert stuck.lines == ["1", "2", "2 lost"]


def test_all_that_is_lost_is_counted_also_after_it_was_told(stuck: Output) -> None:
    log = writer(stuck, max_lines=2)
    log.put(b"taken\n")
    assert stuck.entered.wait(DEADLINE)
    stuck.plan = [6, 0]
    for _ in range(5):
        log.put(b"line\n")
    stuck.open.set()
    assert log.flush(DEADLINE)
    log.put(b"after\n")
    assert log.flush(DEADLINE)
    assert stuck.lines == ["taken", "5 lost", "after"]
    assert log.lost == 5
