"""The drawings in docs/ show the code as it is: docs/diagrams.py writes them, and nobody else does."""

from __future__ import annotations

import pytest

from chatctl.core.session import State
from docs import diagrams


def test_the_drawings_are_up_to_date() -> None:
    """When this fails: ``python docs/diagrams.py``."""
    stale = [file.name for file, text in diagrams.pages().items() if file.read_text(encoding="utf-8") != text]
    assert stale == []


def test_every_state_has_a_place_and_a_way_in() -> None:
    found = diagrams.transitions()
    assert set(diagrams.PLACES) == set(State)
    assert {end for _, end in found} == set(State) - {State.FRESH}
    assert {start for start, _ in found} == set(State) - {State.CLOSED}


def test_a_change_of_state_that_no_event_makes_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a new one would be missing from the drawing, and nobody would notice."""
    start = (State.FRESH, State.GREETING)
    monkeypatch.setattr(diagrams, "EVENTS", [row for row in diagrams.EVENTS if row[0] in start])
    with pytest.raises(LookupError, match="set a state: accept, await_proof"):
        diagrams.transitions()


def test_the_path_of_a_message_goes_from_the_socket_to_all_sockets() -> None:
    lines = diagrams.path().splitlines()
    assert "Connection.data_received" in lines[0]
    assert any("Journal.append" in line for line in lines)
    assert any("Connection.send" in line for line in lines[len(lines) // 2 :])
