"""Where lines of the log end: stderr in all its states, files that logrotate moves and cuts."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from chatctl.errors import ChatError
from chatctl.server.log_output import STDERR, Descriptor, LogFile, is_journal
from tests.support.environment import DEADLINE


def test_a_descriptor_that_somebody_made_non_blocking_is_waited_for() -> None:
    """It is shared with whoever started the server: a terminal's other programs do that."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    data = b"x" * 300_000  # more than a pipe holds
    output, got = Descriptor(writer), bytearray()

    def write() -> None:
        left = data
        while left:
            left = left[output.write(left) :]
        os.close(writer)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    while piece := os.read(reader, 65536):
        got += piece
    thread.join(DEADLINE)
    os.close(reader)
    assert bytes(got) == data


def test_a_file_that_logrotate_moved_is_made_anew(tmp_path: Path) -> None:
    path, old = tmp_path / "log", tmp_path / "log.1"
    log = LogFile(path)
    log.write(b"one\n")
    path.rename(old)
    log.write(b"two\n")
    assert (old.read_bytes(), path.read_bytes()) == (b"one\n", b"two\n")
    assert path.stat().st_mode & 0o077 == 0
    path.unlink()
    log.write(b"three\n")
    assert path.read_bytes() == b"three\n"


def test_a_file_that_logrotate_copied_and_cut_goes_on_at_its_start(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(path)
    log.write(b"one\n")
    os.truncate(path, 0)
    log.write(b"two\n")
    assert path.read_bytes() == b"two\n"


def test_what_is_in_a_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    LogFile(path).write(b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


def test_no_other_directory_is_meant_after_a_chdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = LogFile(Path("log"))
    monkeypatch.chdir("/")
    Path(tmp_path / "log").unlink()
    log.write(b"one\n")
    assert (tmp_path / "log").read_bytes() == b"one\n"


@pytest.mark.parametrize("later", ["hard link", "pipe", "folder", "no folder"])
def test_a_name_that_became_something_else_is_not_written_to(later: str, tmp_path: Path) -> None:
    """The lines go where they went before: whoever can put a link there must not choose where root's server writes."""
    folder = tmp_path / "logs"
    folder.mkdir()
    folder.chmod(0o777)
    path, other = folder / "log", tmp_path / "other"
    other.write_bytes(b"")
    log = LogFile(path)
    kept = path.with_suffix(".old") if later != "no folder" else tmp_path / "kept" / "log"
    if later == "no folder":
        folder.rename(kept.parent)
    else:
        path.rename(kept)
    if later == "hard link":
        path.hardlink_to(other)
    elif later == "pipe":
        os.mkfifo(path)
    elif later == "folder":
        path.mkdir()
    log.write(b"one\n")
    assert (kept.read_bytes(), other.read_bytes()) == (b"one\n", b"")


@pytest.mark.parametrize("kind", ["hard link", "pipe", "read pipe", "folder", "device", "no folder"])
def test_only_a_regular_file_of_our_own_is_opened(kind: str, tmp_path: Path) -> None:
    path, reader = tmp_path / "log", -1
    if kind == "hard link":
        tmp_path.chmod(0o777)
        (tmp_path / "other").touch()
        path.hardlink_to(tmp_path / "other")
    if "pipe" in kind:
        os.mkfifo(path)
    if kind == "read pipe":
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if kind == "folder":
        path.mkdir()
    path = {"device": Path("/dev/null"), "no folder": tmp_path / "none" / "log"}.get(kind, path)
    with pytest.raises(ChatError, match=r"cannot write the log in .*: .* \(name another file with --log-file\)"):
        LogFile(path)
    if reader >= 0:
        os.close(reader)


def test_stderr_is_the_journal_if_systemd_says_so() -> None:
    found = os.fstat(STDERR)
    assert is_journal({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
    assert not is_journal({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"}), "stderr was redirected since"
    assert not is_journal({"JOURNAL_STREAM": ""})
    assert not is_journal({})
