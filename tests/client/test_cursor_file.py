"""The file with a reader's position: a broken one is told, not taken for a fresh one."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatctl.client.cursor_file import CursorFile
from chatctl.errors import ChatError
from chatctl.protocol import Resume


def cursor_file(path: Path, server: str = "here:5500", room: str | None = None) -> CursorFile:
    file = CursorFile(path, server)
    if room is not None:
        file.load()
        file.enter(room, lost=False)
    return file


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "cursor"
    cursor_file(path).save(Resume("e", 7))
    cursor_file(path).save(Resume("e", 8))
    assert cursor_file(path).load() == Resume("e", 8)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_draft_that_a_killed_reader_has_left_does_not_stay(tmp_path: Path) -> None:
    """Its name is one that the next reader, which has the lock, writes to."""
    (tmp_path / "cursor.new").write_bytes(b"half of i")
    file = cursor_file(tmp_path / "cursor")
    file.lock()
    file.save(Resume("e", 7))
    file.release()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cursor", "cursor.lock"]


@pytest.mark.parametrize("content", [None, b"", b"\n"])
def test_a_missing_or_empty_file_is_no_position(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "cursor"
    if content is not None:
        path.write_bytes(content)
    assert cursor_file(path).load() is None


@pytest.mark.parametrize("content", [b"[", b"{}", b'{"epoch":"e","after":"x"}', b"\xff", b"[" * 5000])
def test_another_file_is_not_read_over(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(ChatError, match="is not a cursor file"):
        cursor_file(path).load()


def test_a_file_that_can_not_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(ChatError, match="cannot read the cursor file"):
        cursor_file(tmp_path).load()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ChatError, match="cannot keep the cursor"):
        cursor_file(tmp_path / "file" / "cursor").save(Resume("e", 1))


# --- whose place it is


def test_it_knows_its_room_and_server(tmp_path: Path) -> None:
    """The number of a message in one room means nothing in another."""
    path = tmp_path / "seen"
    cursor_file(path, room="ops").save(Resume("e", 7))
    again = cursor_file(path)
    assert again.load() == Resume("e", 7)
    again.enter("ops", lost=True)  # its own log is gone: the reader is told of that
    with pytest.raises(ChatError, match="is of room ops on here:5500, and this is room lobby on here:5500"):
        again.enter("lobby", lost=False)


def test_a_server_with_a_new_address_is_known_by_its_log(tmp_path: Path) -> None:
    path = tmp_path / "seen"
    cursor_file(path, room="ops").save(Resume("e", 7))
    moved = cursor_file(path, "there:1", room="ops")
    with pytest.raises(ChatError, match="is of room ops on here:5500, and this is room ops on there:1"):
        moved.enter("ops", lost=True)
    moved.save(Resume("e", 8))
    cursor_file(path, "there:1", room="ops").enter("ops", lost=True)


def test_a_file_of_an_earlier_chatctl_is_read_and_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "seen"
    path.write_text('{"epoch":"e","after":7}\n')
    old = cursor_file(path)
    assert old.load() == Resume("e", 7)
    old.enter("ops", lost=True)
    old.save(Resume("e", 7))
    assert json.loads(path.read_text()) == {"epoch": "e", "after": 7, "room": "ops", "server": "here:5500"}


# --- the lock

LOCKED = """
import sys
from pathlib import Path
from chatctl.client.cursor_file import CursorFile
CursorFile(Path(sys.argv[1]), "").lock()
print("locked", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def other_reader(path: Path) -> Iterator[int]:
    """Yield the pid of a process that has the file."""
    with subprocess.Popen(
        [sys.executable, "-c", LOCKED, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        yield process.pid


def test_the_second_reader_is_told_who_has_it(tmp_path: Path) -> None:
    """Two would each run every message, and set the place back. By whatever name they call it."""
    (tmp_path / "link").symlink_to("seen")
    with other_reader(tmp_path / "seen") as pid:
        for name in ("seen", "link"):
            file = cursor_file(tmp_path / name)
            with pytest.raises(ChatError, match=rf"{name} is in use by pid {pid}: two readers need two files"):
                file.lock()
        cursor_file(tmp_path / "another").lock()
    cursor_file(tmp_path / "seen").lock()


def test_the_lock_survives_that_the_file_is_replaced(tmp_path: Path) -> None:
    with other_reader(tmp_path / "seen"):
        cursor_file(tmp_path / "seen").save(Resume("e", 1))
        with pytest.raises(ChatError, match="is in use"):
            cursor_file(tmp_path / "seen").lock()


@pytest.mark.parametrize("what", ["pipe", "device", "folder", "link to a device"])
def test_what_is_no_regular_file_is_left_alone(tmp_path: Path, what: str) -> None:
    path = tmp_path / "seen"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to("/proc/self/fd/1" if what == "device" else os.devnull)
    with pytest.raises(ChatError, match="is not a regular file"):
        cursor_file(path).lock()
    assert [file.name for file in tmp_path.iterdir()] == ["seen"]
