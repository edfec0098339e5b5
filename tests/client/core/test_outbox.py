"""The outbox: what is on disk before it is sent, and what a broken file is."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chatctl.client.core.outbox import Message, Outbox, OutboxFull
from chatctl.client.saved_state import saved_outbox
from chatctl.protocol import Say


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
