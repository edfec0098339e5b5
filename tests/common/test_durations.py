"""common/durations.py: durations as people write and read them."""

from __future__ import annotations

import pytest

from chatctl.common.durations import parse_duration, short_span, span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300ms", 0.3),
        ("5s", 5),
        ("1.5m", 90),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1m500ms", 60.5),
        ("1d", 86400),
        ("2w", 1_209_600),
        ("1w2d3h4m5s", 788_645),
        ("0s", 0),
        ("999999999s", 999_999_999),
    ],
)
def test_what_is_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == parse_duration(text, bare=False) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "-5s",
        "5 s",
        "5S",
        "1e3s",
        ".5s",
        "5.s",
        "\u0665s",
        "30m1h",
        "1h1h",
        "1h30",
        "1h 30m",
        "1000000000s",
        "999999999d",
    ],
)
def test_what_is_none(text: str) -> None:
    """The last two are longer than clocks can count."""
    assert parse_duration(text) is None


def test_a_bare_number_is_seconds_where_nothing_else_can_be_meant() -> None:
    """In ``/ban rajat 3 warnings`` it is a word of the reason."""
    assert parse_duration("1.5") == 1.5
    assert parse_duration("1.5", bare=False) is None


@pytest.mark.parametrize(
    ("seconds", "one", "two"),
    [
        (0.4, "0 s", "0 s"),
        (59.9, "59 s", "59 s"),
        (60, "1 min", "1 min 0 s"),
        (3599, "59 min", "59 min 59 s"),
        (3660, "1 h", "1 h 1 min"),
        (90000, "1 d", "1 d 1 h"),
        (86400 + 59, "1 d", "1 d 0 h"),
        (-5, "0 s", "0 s"),
        (float("inf"), "999 d", "999 d 0 h"),
    ],
)
def test_spans(seconds: float, one: str, two: str) -> None:
    assert span(seconds, parts=1) == one
    assert span(seconds) == two


@pytest.mark.parametrize(
    ("seconds", "short"),
    [
        (0.2, "1s"),
        (1, "1s"),
        (59.6, "1m"),
        (90, "1m 30s"),
        (7199, "1h 59m"),
        (90000, "1d 1h"),
        (3600, "1h"),
        (86460, "1d 1m"),
        (999_999_999, "11574d 1h"),
    ],
)
def test_short_spans(seconds: float, short: str) -> None:
    assert short_span(seconds) == short
