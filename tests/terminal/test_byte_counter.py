"""How much of a message is used up."""

from __future__ import annotations

import pytest

from chatctl.terminal.byte_counter import counter
from chatctl.terminal.draft import COMMAND_BYTES


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", ""),
        ("x" * 80, ""),
        ("x" * 81, "81 of 100 bytes"),
        ("é" * 41, "82 of 100 bytes"),
        ("x" * 100, "100 of 100 bytes"),
        ("/" + "x" * 99, ""),
        ("/" + "x" * 299, f"300 of {100 + COMMAND_BYTES} bytes"),
    ],
)
def test_only_near_the_limit(line: str, told: str) -> None:
    assert counter(line, 100) == told


def test_large_numbers_can_be_read() -> None:
    assert counter("x" * 4000, 4096) == "4,000 of 4,096 bytes"
