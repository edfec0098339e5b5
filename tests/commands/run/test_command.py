"""What ``run`` says of how a program ended."""

from __future__ import annotations

import pytest

from chatctl.commands.run.command import ending, run_time


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "done in"), (3, "failed with 3 after"), (143, "ended by SIGTERM after"), (255, "failed with 255 after")],
)
def test_endings(status: int, words: str) -> None:
    assert ending(status) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (12.4, "12 s"), (125, "2 min 5 s"), (3700, "1 h 1 min")]
)
def test_spans(seconds: float, words: str) -> None:
    assert run_time(seconds) == words
