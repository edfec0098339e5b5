"""common/file_reads.py: no named file keeps us waiting, and what others can change is not acted on."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl.common import file_reads
from chatctl.common.file_reads import NO_PIPE, absence, read_file, read_own, read_password, read_private, read_trusted
from chatctl.errors import ChatError

LONG = 20.0
Read = Callable[[Path], bytes]


def private(path: Path) -> bytes:
    return read_private(path, "key", "--key")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a private file in a private folder."""
    path = tmp_path / "file"
    path.touch(0o600)
    path.write_bytes(b"content")
    tmp_path.chmod(0o700)
    return path


@pytest.mark.parametrize("read", [read_file, read_trusted, read_own, private])
def test_a_regular_file_of_ours_is_read(file: Path, read: Read) -> None:
    assert read(file) == b"content"


def test_nothing_is_read_beyond_a_bound(file: Path) -> None:
    assert read_file(file, most=7) == b"content"
    with pytest.raises(OSError, match="more than 6 bytes"):
        read_file(file, most=6)


def test_dev_null_is_an_empty_file() -> None:
    """It is how people say that there is no configuration."""
    assert read_file("/dev/null") == b""


@pytest.mark.parametrize("what", ["/dev/zero", "/dev/tty", "."])
def test_devices_and_folders_are_no_files(what: str) -> None:
    with pytest.raises(OSError, match=r"regular file|directory|device"):
        read_file(what, wait=LONG)


def test_a_pipe_is_read_to_its_end_where_one_may_stand(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[b"x" * 200_000])
    writer.start()
    assert read_file(pipe, wait=LONG) == b"x" * 200_000
    writer.join()


def test_a_shells_pipe_has_no_limit_of_its_own() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"word\nrest")
    os.close(writing)
    assert read_password(Path(f"/dev/fd/{reading}")) == "word"
    os.close(reading)


@pytest.mark.parametrize("wait", [NO_PIPE, 0.01])
def test_a_pipe_that_nobody_writes_to_ends_in_time(tmp_path: Path, wait: float) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="in time" if wait else "not a regular file"):
        read_file(tmp_path / "pipe", wait=wait)
    reading, writing = os.pipe()
    os.write(writing, b"half")
    with pytest.raises(OSError, match="in time" if wait else "not a regular file"):
        read_file(f"/dev/fd/{reading}", wait=wait)
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("wait", [None, LONG])
def test_a_signal_right_before_the_wait_is_handled_soon(monkeypatch: pytest.MonkeyPatch, wait: float | None) -> None:
    """Python's handler runs between two system calls: one that began as the signal came must not last long."""
    seconds: list[float] = []

    def signalled(reading: list[int], _w: list[int], _x: list[int], timeout: float) -> tuple[list[int], ...]:
        seconds.append(timeout)
        if len(seconds) > 2:
            raise SystemExit(143)
        return [], [], []

    reading, writing = os.pipe()
    monkeypatch.setattr(file_reads.select, "select", signalled)
    with pytest.raises(SystemExit):
        read_file(f"/dev/fd/{reading}", wait=wait)
    assert max(seconds) <= 1
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("read", "mode", "error", "why"),
    [
        (read_trusted, 0o646, OSError, "others can change it"),
        (read_own, 0o620, OSError, "others can change it"),
        (read_own, 0o602, OSError, "others can change it"),
        (private, 0o604, ChatError, "others can read or change it"),
        (private, 0o660, ChatError, "others can read or change it"),
    ],
)
def test_what_others_can_change_is_not_acted_on(
    file: Path, read: Read, mode: int, error: type[Exception], why: str
) -> None:
    file.chmod(mode)
    with pytest.raises(error, match=why):
        read(file)
    assert read_file(file) == b"content"


@pytest.mark.parametrize("read", [read_trusted, read_own, private])
def test_nor_what_they_can_put_another_in_the_place_of(file: Path, read: Read) -> None:
    """With the sticky bit, as in /tmp, they can not."""
    file.parent.chmod(0o777)
    with pytest.raises((OSError, ChatError), match="others can put another file there"):
        read(file)
    file.parent.chmod(0o1777)
    assert read(file) == b"content"


def test_what_is_not_there_and_what_can_not_be_looked_at(file: Path) -> None:
    """``Path.exists`` says that the first is so, and raises for the second."""
    assert absence(file) is None
    for path in (file.with_name("none"), file / "below a file"):
        assert isinstance(absence(path), FileNotFoundError)
    error = absence(file.with_name("x" * 300))
    assert error is not None
    assert error.errno == errno.ENAMETOOLONG


def test_a_group_may_keep_what_many_act_on(file: Path) -> None:
    file.chmod(0o664)
    assert read_trusted(file) == b"content"


def test_what_is_kept_for_us_alone_is_not_another_users(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setattr(file_reads, "is_trusted", lambda _: False)
    with pytest.raises(OSError, match="another user's"):
        read_own(file)
