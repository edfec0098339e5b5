"""``chatctl serve`` with few file descriptors: who comes too late is told, and operators get in."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL, DEADLINE
from tests.support.fixture_types import Run
from tests.support.processes import kill
from tests.support.wire import Wire


@pytest.fixture
def small(env: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a server that may have 64 files open, and was told to take a thousand clients."""
    arguments = ("serve", "--port", "0", "--journal", "rooms.db", "--max-clients", "1000", "--rate", "off")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *CHATCTL, *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            env=env,
            cwd=tmp_path,
        )
        yield process
        kill(process)


def test_newcomers_are_told_and_operators_are_heard(small: subprocess.Popen[bytes], run: Run, tmp_path: Path) -> None:
    assert small.stdout is not None
    port = int(small.stdout.readline().decode().rpartition(":")[2])
    members = [Wire(("127.0.0.1", port)).greeted().enter(f"n{number}") for number in range(24)]
    late = [Wire(("127.0.0.1", port)).greeted().say_frame(type="hello", v=1, nick="late") for _ in range(30)]
    assert [wire.frame("error")["code"] for wire in late[:8]] == ["server_full"] * 8
    silent = [Wire(("127.0.0.1", port)) for _ in range(100)]
    for verb in ("ops", "bans"):
        assert run("admin", verb, "--journal", str(tmp_path / "rooms.db")).returncode == 0
    assert run("backup", str(tmp_path / "copy.db"), "--journal", str(tmp_path / "rooms.db")).returncode == 0
    assert members[0].say("still here").frame("msg")["text"] == "still here"
    assert silent
    small.terminate()
    assert small.wait(DEADLINE) == 0
    log = (tmp_path / "log").read_text()
    assert "--max-clients is more than the limit of open files allows" in log
    assert "can't accept" not in log
    assert "Traceback" not in log
