"""``--server A,B``: each command goes to the first server that can be reached."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.fixture_types import Run
from tests.support.in_process import InProcess
from tests.support.processes import err_line
from tests.support.server_process import Server
from tests.support.stub import closed_port


@pytest.fixture
def servers(house: Server) -> str:
    """Return a list whose first server is away."""
    return f"127.0.0.1:{closed_port()},127.0.0.1:{house.port}"


@pytest.fixture
def in_process(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> InProcess:
    return InProcess(env, tmp_path, monkeypatch, capfd)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("send hello", 0),
        ("send hello --wait-reply never --timeout 1s", 8),
        ("ask well? --timeout 1s", 8),
        ("tail -n 1 --no-follow", 0),
        ("tail --since 1 --no-follow", 0),
        ("who", 0),
        ("search said", 0),
        ("export", 0),
        ("probe", 0),
    ],
)
def test_the_first_that_can_be_reached_answers(
    in_process: InProcess, house: Server, servers: str, room: str, command: str, code: int
) -> None:
    with house.member("omar", room) as omar:
        omar.say("said before")
        omar.frame("msg")
        done = in_process(*command.split(), "--server", servers, "--room", room)
    assert done.returncode == code, done.stderr


def test_a_run_and_its_lock(run: Run, servers: str, room: str) -> None:
    command = (sys.executable, "-c", "print('done')")
    done = run("run", "--server", servers, "--room", room, "--lock", "deploy", "--require-room", "--", *command)
    assert (done.returncode, done.stdout) == (0, b"done\n"), done.stderr


def test_where_none_can_be_reached_it_says_so_of_each(in_process: InProcess) -> None:
    first, second = closed_port(), closed_port()
    done = in_process("who", "--server", f"127.0.0.1:{first},127.0.0.1:{second}")
    assert done.returncode == 3
    assert f"127.0.0.1:{first}" in err_line(done)
    assert f"127.0.0.1:{second}" in err_line(done)
