"""Outbox, keep, back-off: what must survive, without a connection."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chatctl.client.core.address import Address
from chatctl.client.core.outbox import Message, Outbox, OutboxFull
from chatctl.client.saved_state import SavedState, saved_outbox
from chatctl.protocol import Resume, Say

HERE = Address("127.0.0.1", 5500)


def test_the_outbox_is_on_disk_before_anything_is_sent(tmp_path: Path) -> None:
    """Started again, it holds the same messages with the same ids, in order."""
    path = tmp_path / "outbox.json"
    first = saved_outbox(path)
    says = [Message(Say("one", id="1")), Message(Say("two", id="2", action=True))]
    for say in says:
        first.add(say)
    assert list(saved_outbox(path)) == says
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first.settle(says[0].id) == says[0]
    assert list(saved_outbox(path)) == says[1:]
    assert first.settle(says[0].id) is None
    assert first.settle("nobody's") is None


@pytest.mark.parametrize("broken", [b"", b"[", b"{}", b'[{"type":"say"}]', b"\xff", b"[" * 5000 + b"]" * 5000])
def test_a_broken_outbox_is_an_empty_one(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "outbox.json"
    path.write_bytes(broken)
    assert len(saved_outbox(path)) == 0


def test_a_full_outbox_says_so() -> None:
    outbox = Outbox()
    for number in range(1000):
        outbox.add(Message(Say("x", id=str(number))))
    with pytest.raises(OutboxFull, match="1000 messages wait"):
        outbox.add(Message(Say("x", id="one more")))
    assert len(outbox) == 1000


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_draft_and_cursor(state: Path) -> None:
    keep = SavedState.open(HERE, "lobby", "nadia")
    keep.save_draft("half a\nline é")
    keep.save_cursor(Resume("epoch", 12))
    again = SavedState(next(state.glob("rooms/*/*/nadia")))
    assert again.draft() == "half a\nline é"
    assert again.cursor() == Resume("epoch", 12)
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in state.rglob("*"))


def test_what_has_not_changed_is_not_written_again(state: Path) -> None:
    keep = SavedState.open(HERE, "lobby", "nadia")
    keep.save_draft("same")
    (path,) = state.glob("rooms/*/*/nadia/draft")
    path.unlink()
    keep.save_draft("same")
    assert not path.exists()
    keep.save_draft("other")
    assert path.read_text() == "other"


def test_one_process_at_a_time_has_a_keep(state: Path) -> None:
    """A second one keeps nothing, rather than to mix two drafts. Another nickname or room is another keep."""
    first = SavedState.open(HERE, "lobby", "nadia")
    first.save_draft("first")
    second = SavedState.open(HERE, "lobby", "Nadia")
    second.save_draft("second")
    assert first.draft() == "first"
    assert second.draft() == ""
    assert SavedState.open(HERE, "ops", "nadia").history_file is not None


def test_no_place_to_keep_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing is kept, and nothing fails."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "file"))
    keep = SavedState.open(HERE, "lobby", "nadia")
    keep.save_draft("x")
    assert keep.draft() == ""
    assert keep.cursor() is None
    assert keep.history_file is None
    keep.outbox.add(Message(Say("said", id="1")))
    assert len(keep.outbox) == 1
