"""Times as people write and read them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from chatctl.common.times import local, parse_moment

NOON = datetime(2026, 8, 1, 12).timestamp()


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("10m", NOON - 600),
        ("11:30", NOON - 1800),
        ("12:00", NOON),
        ("12:30", NOON - 86400 + 1800),
        ("2026-08-01T12:30", NOON + 1800),
        ("2026-08-01", NOON - 43200),
        ("20260801", NOON - 43200),
        ("today", NOON - 43200),
        ("yesterday", NOON - 129_600),
        ("1h30m", NOON - 5400),
        ("2w", NOON - 1_209_600),
        ("@1795773292", 1_795_773_292),
        ("@0.5", 0.5),
        ("20261301", NOON - 20_261_301),
    ],
)
def test_a_time_of_day_is_the_last_one_that_was(text: str, moment: float) -> None:
    assert parse_moment(text, NOON) == moment


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-13-01", "@", "@-5", "@1e9", "@" + "9" * 30, "tomorrow"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_moment(text, NOON)


@pytest.mark.usefixtures("tokyo")
def test_times_are_those_of_this_machine() -> None:
    assert local("%Y-%m-%d %H:%M", 0.0) == "1970-01-01 09:00"
    assert parse_moment("1970-01-01T09:00", NOON) == 0.0


@pytest.mark.parametrize("seconds", [1e300, float("nan"), float("inf"), -1e18])
def test_a_time_that_no_calendar_has_is_question_marks(seconds: float) -> None:
    """A server may say anything."""
    assert local("%Y-%m-%d %H:%M", seconds) == "????-??-?? ??:??"
