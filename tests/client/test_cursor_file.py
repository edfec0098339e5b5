"""The file with a reader's position: a broken one is told, not taken for a fresh one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chatctl.client.cursor_file import CursorFile
from chatctl.errors import ChatError
from chatctl.protocol import Resume


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "cursor"
    CursorFile(path).save(Resume("e", 7))
    CursorFile(path).save(Resume("e", 8))
    assert CursorFile(path).load() == Resume("e", 8)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [None, b"", b"\n"])
def test_a_missing_or_empty_file_is_no_position(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "cursor"
    if content is not None:
        path.write_bytes(content)
    assert CursorFile(path).load() is None


@pytest.mark.parametrize("content", [b"[", b"{}", b'{"epoch":"e","after":"x"}', b"\xff", b"[" * 5000])
def test_another_file_is_not_read_over(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(ChatError, match="is no cursor file"):
        CursorFile(path).load()


def test_a_file_that_can_not_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(ChatError, match="cannot read the cursor file"):
        CursorFile(tmp_path).load()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ChatError, match="cannot keep the cursor"):
        CursorFile(tmp_path / "file" / "cursor").save(Resume("e", 1))
