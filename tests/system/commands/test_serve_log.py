"""The log of ``chatctl serve``: nobody who reads it, or does not, holds up the room."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL, DEADLINE
from tests.support.fixture_types import Run, Start
from tests.support.processes import err_line
from tests.support.server_process import Server
from tests.support.wire import Wire

Serve = Callable[..., Server]


def port_of(process: subprocess.Popen[bytes]) -> int:
    """Wait for a server's first line; return its port."""
    assert process.stdout is not None
    return int(process.stdout.readline().decode().rpartition(":")[2])


def talk(port: int, times: int = 3) -> None:
    """Enter the room and say something, so many times."""
    for number in range(times):
        with Wire(("127.0.0.1", port)) as wire:
            wire.greeted().enter(f"n{number}").say("hello").frame("msg")


def full_pipe() -> tuple[int, int]:
    """Return a pipe that takes no byte more."""
    reader, writer = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"." * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    return reader, writer


def test_a_reader_that_stopped_reading_holds_up_neither_the_room_nor_its_end(start: Start) -> None:
    """``chatctl serve 2>&1 | less``: the log waits, the room goes on, SIGTERM ends it in order."""
    reader, writer = full_pipe()
    process = start("serve", "--port", "0", stderr=writer)
    os.close(writer)
    talk(port_of(process), 20)
    process.terminate()
    assert process.wait(DEADLINE) == 0
    os.close(reader)


def test_what_waited_is_read_later(start: Start) -> None:
    reader, writer = full_pipe()
    process = start("serve", "--port", "0", stderr=writer)
    os.close(writer)
    talk(port_of(process))
    process.send_signal(signal.SIGTERM)
    with os.fdopen(reader, "rb") as log:
        text = log.read().lstrip(b".").decode()
    assert process.wait(DEADLINE) == 0
    assert "Nickname is n0" in text
    assert text.endswith("stopping\n"), "the end is flushed"


def test_an_error_at_the_start_ends_it_though_nobody_reads(house: Server, start: Start) -> None:
    """A service manager can start it again only if it ends."""
    reader, writer = full_pipe()
    process = start("serve", "--port", str(house.port), stderr=writer)
    os.close(writer)
    assert process.wait(DEADLINE) == 1
    os.close(reader)


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize("journal", ["none", "rooms.db"])
def test_without_a_place_for_its_log_it_serves(where: str, journal: str, env: dict[str, str], tmp_path: Path) -> None:
    command = ["sh", "-c", f'exec "$@" {where}', "sh", *CHATCTL, "serve", "--port", "0", "--journal", journal]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=env, cwd=tmp_path)
    try:
        talk(port_of(process))
        process.terminate()
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_the_log_in_a_file_goes_on_after_logrotate(serve: Serve, tmp_path: Path) -> None:
    path, old = tmp_path / "chat.log", tmp_path / "chat.log.1"
    server = serve("--log-file", str(path), "--log-format", "json")
    with server.member("nadia") as wire:
        wire.say("hello").frame("msg")
        path.rename(old)
    assert server.stop() == "", "nothing of it is on stderr"
    before, after = old.read_text().splitlines(), path.read_text().splitlines()
    events = [json.loads(line)["event"] for line in before + after]
    assert events == ["connected", "nickname", "left", "stopping"]
    assert events[-1] in after[-1]


def test_why_it_ended_is_in_the_file_and_on_stderr(house: Server, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "chat.log"
    done = run("serve", "--log-file", str(path), port=house.port)
    assert done.returncode == 1
    assert "the port is in use" in err_line(done)
    assert "error: ended why=cannot listen on" in path.read_text()


def test_a_log_file_that_can_t_be_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    done = run("serve", "--log-file", str(tmp_path), port=0)
    assert done.returncode == 1
    assert "cannot write the log in" in err_line(done)
    assert done.stdout == b""


def test_the_journal_of_systemd_gets_priorities(start: Start, env: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with path.open("wb") as file:
        found = os.fstat(file.fileno())
        stream = f"{found.st_dev}:{found.st_ino}"
        process = start("serve", "--port", "0", stderr=file, env=env | {"JOURNAL_STREAM": stream})
    talk(port_of(process), 1)
    process.terminate()
    assert process.wait(DEADLINE) == 0
    lines = path.read_text().splitlines()
    assert lines
    assert all(line.startswith("<6>2") for line in lines)
