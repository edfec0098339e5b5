"""The line of one room: its draft and its history, over a switch of rooms and over a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatctl.client.core.address import Address
from chatctl.client.saved_state import SavedState
from chatctl.terminal.room_line import RoomLine


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SavedState:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    return SavedState.open(Address("a-server", 1), "lobby", "nadia")


def reopened(saved: SavedState) -> SavedState:
    saved.close()
    return SavedState.open(Address("a-server", 1), "lobby", "nadia")


def test_a_draft_is_announced_by_the_next_run(opened: SavedState) -> None:
    RoomLine(opened, history_file=True).save("half a li")
    line = RoomLine(reopened(opened), history_file=True)
    assert line.old_draft.announcement(0.0).endswith(": half a li")
    line.save("")
    assert RoomLine(opened, history_file=True).document.text == ""


def test_an_entered_line_is_no_draft_any_more(opened: SavedState) -> None:
    line = RoomLine(opened, history_file=True)
    line.save("half a line")
    line.entered("half a line")
    line.entered("half a line")
    again = RoomLine(reopened(opened), history_file=True)
    assert again.old_draft.announcement(0.0) == ""
    assert list(again.history.load_history_strings()) == ["half a line"]


def test_a_whisper_is_no_draft_in_a_file(opened: SavedState) -> None:
    RoomLine(opened, history_file=True).save("/msg omar psst")
    assert reopened(opened).draft() == ""


def test_files_that_another_client_had(opened: SavedState) -> None:
    """Its unfinished line comes back with Up."""
    RoomLine(opened, history_file=True).save("half a li")
    second = SavedState.open(Address("a-server", 1), "lobby", "nadia")
    line = RoomLine(second, history_file=True)
    assert not second.kept
    assert not line.take_over()
    opened.close()
    assert second.try_again()
    assert line.take_over()
    assert not line.take_over()
    assert line.history.get_strings() == ["half a li"]
    assert line.old_draft.announcement(0.0).endswith(": half a li")


def test_a_line_that_is_private_is_in_no_file(opened: SavedState, tmp_path: Path) -> None:
    """Whatever it looks like: in a query it is text. Up brings it back in this run."""
    line = RoomLine(opened, lambda text: text.startswith("secret"), history_file=True)
    line.save("secret draft")
    line.entered("secret said", was_private=True)
    line.entered("said to all")
    assert line.history.get_strings() == ["secret said", "said to all"]
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any(b"said to all" in data for data in kept.values())
    assert not any(b"secret" in data for data in kept.values())
