"""Two servers of one house: whatever the order of events, a name has one owner at both, and both show the same."""

from __future__ import annotations

import pytest

from chatctl.directory.table import Table
from tests.hub.name_walk import Way
from tests.hub.two_server_machine import TwoServersMachine, run


def test_hypothesis_breaks_nothing() -> None:
    """``python -m tests.hub.two_server_machine`` takes hundreds of thousands of steps."""
    before = TwoServersMachine.steps
    run(2000)
    assert TwoServersMachine.steps > before + 500


def test_the_machine_sees_a_directory_that_commits_without_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would prove nothing."""
    monkeypatch.setattr(Table, "fits", lambda _self, wish: wish.place is None)
    machine, stranger = TwoServersMachine(), ("stranger", Way())
    machine.enter(0, stranger, "warren", "lobby", "join")
    machine.enter(1, stranger, "vvarren", "ops", "join")
    machine.servers.settle()
    with pytest.raises(AssertionError, match="vvarren"):
        machine.nobody_has_what_is_somebody_elses()
