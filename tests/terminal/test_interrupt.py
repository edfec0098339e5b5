"""Ctrl-C, once and twice."""

from __future__ import annotations

from chatctl.terminal.interrupt import AGAIN_SECONDS, Interrupt


def test_the_second_one_within_the_time_leaves() -> None:
    """One that comes later, or has cleared what was typed since, is a first one again."""
    keys = Interrupt()
    assert not keys.announced(100.0)
    assert not keys.leaves(100.0, cleared=False)
    assert keys.announced(101.9)
    assert not keys.announced(100.0 + AGAIN_SECONDS)
    assert not keys.leaves(103.0, cleared=False)
    assert not keys.leaves(104.9, cleared=True)
    assert keys.leaves(106.8, cleared=False)
