"""Two servers of one house: whatever the order of events, a name has one owner at both, and both show the same."""

from __future__ import annotations

import pytest

from chatctl.directory.table import Table
from tests.hub.two_server_machine import TwoServersMachine, run


def test_hypothesis_breaks_nothing() -> None:
    """``python -m tests.hub.two_server_machine`` takes hundreds of thousands of steps."""
    before = TwoServersMachine.steps
    run(2000)
    assert TwoServersMachine.steps > before + 500


def test_a_directory_that_commits_without_looking_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would prove nothing."""
    monkeypatch.setattr(Table, "fits", lambda _self, wish: wish.place is None)
    with pytest.raises((AssertionError, ExceptionGroup, ValueError)):
        run(20_000, shrink=False)
