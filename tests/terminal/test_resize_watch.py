"""When the width is quiet, and what is known about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest
from prompt_toolkit.data_structures import Size

from chatctl.terminal.reflow import Resize
from chatctl.terminal.resize_watch import ANSWER_SECONDS, QUIET_SECONDS, ResizeWatch


class FakeLoop:
    """A loop whose time is set by hand."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], None], list[bool]]] = []
        self.now = 0.0

    def call_later(self, delay: float, call: Callable[[], None]) -> FakeLoop:
        self.timers.append((self.now + delay, call, []))
        return self

    def cancel(self) -> None:
        self.timers.pop()

    def forward(self, seconds: float) -> None:
        self.now += seconds
        for timer in [timer for timer in self.timers if timer[0] <= self.now]:
            self.timers.remove(timer)
            timer[1]()


class Watched:
    def __init__(self) -> None:
        self.loop = FakeLoop()
        self.size = Size(24, 80)
        self.quiet = 0
        self.watch = ResizeWatch(cast(asyncio.AbstractEventLoop, self.loop), lambda: self.size, self._count)

    def _count(self) -> None:
        self.quiet += 1

    def resize(self, columns: int) -> None:
        self.size = Size(24, columns)
        self.watch.changed()


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_nothing_is_painted_before_the_width_is_quiet(watched: Watched) -> None:
    assert watched.watch.may_paint()
    for columns in (79, 78, 77):
        watched.resize(columns)
        watched.loop.forward(QUIET_SECONDS * 0.9)
        assert not watched.watch.may_paint()
    assert not watched.quiet
    watched.loop.forward(QUIET_SECONDS * 0.2)
    assert watched.watch.may_paint()
    assert watched.quiet == 1


def test_a_change_that_was_not_signalled_yet_counts(watched: Watched) -> None:
    watched.size = Size(24, 50)
    assert not watched.watch.may_paint()


def test_a_signal_without_a_change_does_not(watched: Watched) -> None:
    watched.watch.changed()
    assert watched.watch.may_paint()


def test_the_least_width_is_remembered_until_the_next_paint(watched: Watched) -> None:
    watched.watch.reports.ask_columns()
    watched.watch.painted()
    watched.watch.reports.reported(80)
    assert watched.watch.resize is None
    watched.resize(40)
    watched.resize(60)
    assert watched.watch.resize == Resize(40, 60, certain=False), "it is not quiet"
    watched.loop.forward(1)
    assert watched.watch.resize == Resize(40, 60, certain=True)
    watched.watch.painted()
    assert watched.watch.resize is None


@pytest.mark.parametrize("reported", [None, 60])
def test_it_is_uncertain_unless_the_width_of_the_paint_was_reported(watched: Watched, reported: int | None) -> None:
    watched.watch.reports.ask_columns()
    watched.watch.painted()
    watched.resize(60)
    if reported:
        watched.watch.reports.reported(reported)
    watched.loop.forward(1)
    assert watched.watch.resize == Resize(60, 60, certain=False)
    watched.watch.stop()


def test_where_the_cursor_is_has_to_be_known_first(watched: Watched) -> None:
    asked: list[float] = []
    watched.watch.ask_place = lambda: asked.append(watched.loop.now)
    watched.resize(60)
    watched.loop.forward(QUIET_SECONDS)
    assert len(asked) == 1
    assert not watched.watch.may_paint()
    watched.watch.reports.reported(7)
    assert watched.watch.may_paint()
    assert watched.quiet == 1
    assert watched.watch.reports.place == 7


def test_a_terminal_that_does_not_answer_is_not_waited_for(watched: Watched) -> None:
    watched.watch.ask_place = lambda: None
    watched.resize(60)
    watched.loop.forward(QUIET_SECONDS)
    watched.loop.forward(ANSWER_SECONDS)
    assert watched.quiet == 1
    assert not watched.watch.reports.place


def test_an_answer_from_before_another_change_does_not_count(watched: Watched) -> None:
    watched.watch.ask_place = lambda: None
    watched.resize(60)
    watched.loop.forward(QUIET_SECONDS)
    watched.resize(50)
    watched.watch.reports.reported(7)
    assert not watched.quiet
    watched.loop.forward(QUIET_SECONDS)
    assert not watched.quiet
    watched.watch.reports.reported(8)
    assert watched.quiet == 1
    assert watched.watch.reports.place == 8
