"""Ranges as monitoring plugins have them, and numbers without exponents."""

from __future__ import annotations

import re

import pytest

from chatctl.commands.probe.ranges import parse_range, plain


@pytest.mark.parametrize(
    ("text", "fine", "alert"),
    [
        ("10", [0, 5, 10], [-1, 11]),
        ("10:", [10, 1e9], [0, 9]),
        ("~:10", [-1e9, 10], [11]),
        ("10:20", [10, 20], [9, 21]),
        ("@10:20", [9, 21], [10, 15, 20]),
        ("0", [0], [1]),
        ("1.5:2.5", [2], [1, 3]),
    ],
)
def test_ranges_are_those_of_the_plugins(text: str, fine: list[float], alert: list[float]) -> None:
    """Monitoring Plugins Development Guidelines, "Threshold and Ranges"."""
    found = parse_range(text)
    assert [found.alerts(value) for value in fine] == [False] * len(fine)
    assert [found.alerts(value) for value in alert] == [True] * len(alert)


@pytest.mark.parametrize("value", [1e-6, 1e-9, 0.0, 1e6, 123456789.25, 12])
def test_no_number_has_an_exponent(value: float) -> None:
    assert re.fullmatch(r"\d+(\.\d+)?", plain(value))
