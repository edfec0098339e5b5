"""A unix socket takes a path where nobody listens, and gives back nothing but its own."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chatctl.errors import ChatError
from chatctl.server import unix_socket
from chatctl.server.unix_socket import UnixSocket


def listen(path: Path, mask: int = 0o077) -> UnixSocket:
    return UnixSocket(path, "--unix", mask)


def dead(path: Path) -> Path:
    """Leave the file of a socket, as a killed server does."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
    return path


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        try:
            sock.connect(str(path))
        except OSError:
            return False
    return True


def test_it_listens_with_the_mode_that_the_mask_leaves_and_goes_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "s"
    sock = listen(path, 0o117)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert answers(path)
    sock.close()
    sock.close()
    assert not path.exists()


def test_what_a_killed_server_left_is_replaced(tmp_path: Path) -> None:
    path = dead(tmp_path / "s")
    with contextlib.closing(listen(path)):
        assert answers(path)
    assert list(tmp_path.iterdir()) == []


def test_nobody_elses_socket_is_taken(tmp_path: Path) -> None:
    """Two servers with one --admin-socket: operators would talk to the wrong one, and then to none."""
    with contextlib.closing(listen(tmp_path / "s")):
        with pytest.raises(ChatError, match=r"another server is there \(choose another path with --unix\)"):
            listen(tmp_path / "s")
        assert answers(tmp_path / "s")


def test_nor_one_that_is_too_busy_to_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unix_socket, "BACKLOG", 0)
    with contextlib.closing(listen(tmp_path / "s")), contextlib.ExitStack() as waiting:
        for _ in range(3):
            sock = waiting.enter_context(socket.socket(socket.AF_UNIX))
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect(str(tmp_path / "s"))
        with pytest.raises(ChatError, match="another server is there"):
            listen(tmp_path / "s")


def make_file(path: Path) -> None:
    path.write_text("notes")


def make_link_to_a_socket(path: Path) -> None:
    path.symlink_to(dead(path.parent / "target"))


@pytest.mark.parametrize("make", [make_file, make_link_to_a_socket, Path.mkdir, os.mkfifo])
def test_what_is_no_socket_is_left_alone(tmp_path: Path, make: object) -> None:
    """``--admin-socket notes.txt`` deleted the notes."""
    path = tmp_path / "notes.txt"
    assert callable(make)
    make(path)
    before = sorted((one.name, one.lstat().st_ino) for one in tmp_path.iterdir())
    with pytest.raises(ChatError, match="a file that is not a socket is there"):
        listen(path)
    assert sorted((one.name, one.lstat().st_ino) for one in tmp_path.iterdir()) == before


def test_at_the_end_another_ones_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "s"
    first = listen(path)
    path.rename(tmp_path / "aside")
    with contextlib.closing(listen(path)):
        first.close()
        assert answers(path)


def test_of_many_that_start_at_once_over_a_dead_one_no_two_listen(tmp_path: Path) -> None:
    """None removes the socket that another one has just made."""
    path = dead(tmp_path / "s")
    count, started = 8, []
    go = threading.Barrier(count)

    def start(_: int) -> str:
        go.wait()
        try:
            started.append(listen(path))
        except ChatError as error:
            return error.text
        return "listens"

    with ThreadPoolExecutor(count) as pool:
        outcomes = list(pool.map(start, range(count)))
    try:
        assert len(started) <= 1, outcomes
        assert all("listens" in one or "another server" in one or "no such file" in one.lower() for one in outcomes)
        assert not started or answers(path)
    finally:
        for sock in started:
            sock.close()


def test_a_long_path(tmp_path: Path) -> None:
    """Longer than a socket's name may be."""
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    with contextlib.closing(listen(folder / "s")) as sock:
        assert (folder / "s").is_socket()
        assert sock.path == folder / "s"
    assert not (folder / "s").exists()
