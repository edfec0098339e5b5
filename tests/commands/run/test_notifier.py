"""What the room hears of a run; and that a room that can't be told changes nothing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chatctl.commands.run.notifier import FORWARDED, RunNotifier
from chatctl.errors import NickInvalid, Unreachable
from chatctl.protocol import Limits


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Take back what ``finish`` does to the signals."""
    before = {number: signal.getsignal(number) for number in FORWARDED}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class FakeSpeaker:
    """Keeps what it says, or fails; it may wait for a test first."""

    def __init__(self, *, fails: bool = False, waits_for: threading.Event | None = None) -> None:
        self.said: list[str] = []
        self.tried_for: list[float | None] = []
        self.checks = 0
        self._fails = fails
        self._waits_for = waits_for

    async def say(self, text: str | Callable[[Limits], str], *, retry_for: float | None = None) -> None:
        self.tried_for.append(retry_for)
        if self._waits_for is not None:
            self._waits_for.wait(20)
        if self._fails:
            raise Unreachable("nobody there")
        self.said.append(text if isinstance(text, str) else text(Limits()))

    async def check(self) -> None:
        self.checks += 1
        if self._fails:
            raise Unreachable("nobody there")


def notifier(speaker: FakeSpeaker, *, quiet: bool = False) -> RunNotifier:
    made: Any = lambda: speaker  # noqa: E731
    return RunNotifier(made, "backup", quiet_success=quiet, retry_for=30)


@pytest.mark.parametrize(
    ("quiet", "status", "said"),
    [
        (False, 0, ["started: backup", "ended: backup"]),
        (False, 1, ["started: backup", "ended: backup"]),
        (True, 0, []),
        (True, 1, ["ended: backup"]),
    ],
)
def test_what_is_said(quiet: bool, status: int, said: list[str]) -> None:
    speaker = FakeSpeaker()
    run = notifier(speaker, quiet=quiet)
    run.start()
    run.finish(status, "ended", [])
    assert speaker.said == said


@pytest.mark.parametrize("quiet", [False, True])
def test_a_room_that_is_required_is_told_or_asked_before_the_start(quiet: bool) -> None:
    """And not told twice."""
    speaker = FakeSpeaker()
    run = notifier(speaker, quiet=quiet)
    run.require_room()
    run.start()
    run.finish(1, "ended", [])
    assert speaker.checks == quiet
    assert speaker.said == (["ended: backup"] if quiet else ["started: backup", "ended: backup"])
    with pytest.raises(Unreachable):
        notifier(FakeSpeaker(fails=True), quiet=quiet).require_room()


def test_a_room_that_is_not_there_is_told_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    run = notifier(FakeSpeaker(fails=True))
    run.start()
    run.finish(0, "ended", [])
    assert capsys.readouterr().err.count("nobody there") == 1


@pytest.mark.parametrize(("quiet", "tried_for"), [(False, [None, 30]), (True, [30])])
def test_a_server_that_was_there_is_waited_for_at_the_end(quiet: bool, tried_for: list[float | None]) -> None:
    speaker = FakeSpeaker()
    run = notifier(speaker, quiet=quiet)
    run.start()
    run.finish(1, "ended", [])
    assert speaker.tried_for == tried_for


def test_a_server_that_was_away_at_the_start_is_tried_once_at_the_end() -> None:
    """Else each run without a server would end so much later."""
    speaker = FakeSpeaker(fails=True)
    run = notifier(speaker)
    others = threading.enumerate()
    run.start()
    for thread in set(threading.enumerate()) - set(others):
        thread.join()
    run.finish(1, "ended", [])
    assert speaker.tried_for == [None, None]


def test_where_the_first_word_fails_the_last_one_is_not_tried(capsys: pytest.CaptureFixture[str]) -> None:
    """It would take a deadline more, and fail the same."""
    released = threading.Event()
    speaker = FakeSpeaker(fails=True, waits_for=released)
    run = notifier(speaker)
    run.start()
    tried = threading.Timer(0.05, released.set)
    tried.start()
    run.finish(0, "ended", [])
    tried.join()
    assert capsys.readouterr().err.count("nobody there") == 1


def test_a_name_that_can_not_be_changes_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    def no_speaker() -> Any:
        raise NickInvalid("a nickname has no spaces")

    run = RunNotifier(no_speaker, "backup", quiet_success=False)
    run.finish(0, "ended", [])
    assert "a nickname has no spaces" in capsys.readouterr().err


def test_a_signal_ends_the_last_word(capsys: pytest.CaptureFixture[str]) -> None:
    class Interrupted(FakeSpeaker):
        async def say(self, text: object, **_: object) -> None:
            signal.raise_signal(signal.SIGTERM)
            raise AssertionError("it went on")

    notifier(Interrupted()).finish(1, "ended", [])
    assert capsys.readouterr().err == "chatctl: can't post to the room: interrupted\n"
    assert all(signal.getsignal(number) is signal.SIG_IGN for number in FORWARDED)


@pytest.mark.parametrize("quiet", [False, True])
def test_a_signal_between_the_first_word_and_the_start_is_told(quiet: bool) -> None:
    """Else the room waits for the end of what never began; with ``quiet_success`` it heard nothing."""
    speaker = FakeSpeaker()

    def run() -> None:
        with notifier(speaker, quiet=quiet) as telling:
            telling.require_room()
            raise SystemExit(128 + signal.SIGTERM)

    with pytest.raises(SystemExit):
        run()
    told = ["started: backup", "ended by SIGTERM before it started: backup"]
    assert speaker.said == ([] if quiet else told)


def test_the_end_is_told_once() -> None:
    speaker = FakeSpeaker()

    def run() -> None:
        with notifier(speaker) as telling:
            telling.require_room()
            telling.finish(3, "ended", [])
            raise SystemExit(3)

    with pytest.raises(SystemExit):
        run()
    assert speaker.said == ["started: backup", "ended: backup"]


def test_a_signal_right_behind_the_last_word_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until they are ignored the handler raises, and the status would be that of a fault of ours."""
    signalled = list[int]()

    def ignore(numbers: object) -> None:
        if not signalled:
            signalled.append(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("chatctl.commands.run.notifier.ignore", ignore)
    speaker = FakeSpeaker()
    notifier(speaker).finish(1, "ended", [])
    assert speaker.said == ["ended: backup"]
