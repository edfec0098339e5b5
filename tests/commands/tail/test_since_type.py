"""The forms of ``--since``: a number, a time, or so long ago."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from chatctl.commands.tail.since_type import parse_since
from tests.support.in_process import wrong_usage

NOON = datetime(2026, 8, 1, 12).timestamp()


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("10m", NOON - 600),
        ("1.5h", NOON - 5400),
        ("11:30", NOON - 1800),
        ("11:30:30", NOON - 1770),
        ("12:30", NOON - 86400 + 1800),
        ("2026-08-01T11:00", NOON - 3600),
        ("2026-08-01 11:00:00.5", NOON - 3599.5),
        ("2026-08-01", NOON - 43200),
        ("2026-08-01T12:00+00:00", datetime(2026, 8, 1, 12, tzinfo=UTC).timestamp()),
        ("yesterday", NOON - 129_600),
        ("@1785592800", 1_785_592_800),
        ("2026-08-01T12:00Z", datetime(2026, 8, 1, 12, tzinfo=UTC).timestamp()),
    ],
)
def test_the_forms_of_a_time(value: str, moment: float) -> None:
    """A time of day is the last one that was."""
    assert parse_since(value, now=NOON).time == pytest.approx(moment)


@pytest.mark.parametrize("value", ["1234", "20261301", "202608", "1795773292", "0"])
def test_bare_digits_are_a_number(value: str) -> None:
    assert parse_since(value, NOON).seq == int(value)


def test_eight_digits_may_be_a_date() -> None:
    """As ``date +%Y%m%d`` prints it."""
    assert parse_since("20260801", NOON).time == NOON - 43200


@pytest.mark.parametrize("value", ["soon", "", "-5", "25:00", "2026-13-01", "²", "1" * 30])
def test_what_is_no_place(value: str) -> None:
    said = wrong_usage("tail", "--since", value)
    assert "is not a place in a log: write 1234, 10m, 14:30, 2026-08-01T14:30 or @UNIX" in said


def test_time_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        moment = parse_since("2026-08-01T21:00", time.time()).time
    finally:
        monkeypatch.undo()
        time.tzset()
    assert moment == datetime(2026, 8, 1, 12, tzinfo=UTC).timestamp()
