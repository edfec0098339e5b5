"""A thread that others hand work to: nothing is lost or waits for ever, whenever its end comes."""

from __future__ import annotations

import threading

import pytest

from chatctl.errors import StorageFailed
from chatctl.journal.writer_thread import WriterThread
from tests.support.environment import DEADLINE


class Recorder(WriterThread[str]):
    """Keeps items in a list, and does each call at once, until the end comes; then it waits to be told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str | None] = []
        self.is_ending = threading.Event()
        self.may_end = threading.Event()
        self._start()

    def _run(self) -> None:
        while None not in self.found:
            self._take(DEADLINE)
            while self._jobs and None not in self.found:
                self._jobs.popleft().run(self.found)
        self.is_ending.set()
        self.may_end.wait(DEADLINE)
        self._drop_jobs()

    def _sort(self, item: str | None) -> None:
        self.found.append(item)

    def join(self) -> None:
        self.may_end.set()
        self._thread.join(DEADLINE)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_what_is_put_comes_in_order_and_calls_in_between(recorder: Recorder) -> None:
    recorder.put("one")
    assert recorder.submit(lambda found: list(found)).result(DEADLINE) == ["one"]
    recorder.put("two")
    recorder.stop()
    recorder.join()
    assert recorder.found == ["one", "two", None]


def test_a_call_is_refused_however_close_to_the_end_it_comes(recorder: Recorder) -> None:
    """Before, in the middle of it, and after it: whoever waits for its outcome gets one."""
    recorder.stop()
    assert recorder.is_ending.wait(DEADLINE)
    meanwhile = recorder.submit(lambda _: "done")
    recorder.join()
    for call in (meanwhile, recorder.submit(lambda _: "done")):
        with pytest.raises(StorageFailed, match="the journal is closed"):
            call.result(DEADLINE)


def test_a_call_that_fails_fails_for_whoever_asked(recorder: Recorder) -> None:
    with pytest.raises(ZeroDivisionError):
        recorder.submit(lambda _: 1 / 0).result(DEADLINE)
    assert recorder.submit(len).result(DEADLINE) == 0
    recorder.stop()
    recorder.join()
