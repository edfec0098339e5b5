"""A command that is forked (tests/support/forked.py) does what one that is executed does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import forked
from tests.support.environment import CHATCTL, DEADLINE
from tests.support.scripted_peer import Peer
from tests.support.stub import Stub

Popen = Callable[..., "subprocess.Popen[bytes]"]
BOTH = pytest.mark.parametrize("popen", [forked.popen, subprocess.Popen])
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


@pytest.mark.parametrize(
    ("words", "stdin", "code"),
    [
        (["send", "--lines", "--port", "1"], "grüße ☺\n".encode(), 3),
        (["send", "--color"], b"", 2),
        (["config", "show", "send", "--json"], b"", 0),
        (["run", "--port", "1", "--", "sh", "-c", "pwd; umask; env; cat; echo no >&2; exit 7"], b"given", 7),
    ],
)
def test_it_prints_and_ends_the_same(
    env: dict[str, str], tmp_path: Path, words: list[str], stdin: bytes, code: int
) -> None:
    """Arguments, variables, folder, mask, and the three ends."""
    ends = []
    for popen in (forked.popen, subprocess.Popen):
        with popen([*CHATCTL, *words], env={**env, "CHATCTL_NICK": "ci"}, cwd=tmp_path, **PIPES) as process:
            out, err = process.communicate(stdin, timeout=DEADLINE)
        ends.append((process.returncode, sorted(out.splitlines()), sorted(err.splitlines())))
    assert ends[0] == ends[1]
    assert ends[0][0] == code


@pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked")
def test_what_an_interpreter_of_its_own_would_make_different_is_executed(env: dict[str, str]) -> None:
    for more in ({"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C"}, {"PYTHONPATH": "/"}):
        with forked.popen([*CHATCTL, "--version"], env=env | more, stdout=subprocess.PIPE) as process:
            process.communicate(timeout=DEADLINE)
        assert not isinstance(process, forked.Forked)
    with forked.popen([*CHATCTL, "--version"], env=env, stdout=subprocess.PIPE) as process:
        process.communicate(timeout=DEADLINE)
    assert isinstance(process, forked.Forked)


@BOTH
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_signals_reach_it_and_it_is_our_child(env: dict[str, str], popen: Popen, number: signal.Signals) -> None:
    """And no descriptor of ours, nor of the process that was forked, is one of its own."""
    read, write = os.pipe()

    def let_in(sock: object) -> None:
        Peer(sock).let_in()  # type: ignore[arg-type]
        os.write(write, b"x")

    stub = Stub(let_in)
    try:
        with popen([*CHATCTL, "tail", "--port", str(stub.port)], env=env, **PIPES) as process:
            assert os.read(read, 1) == b"x"
            assert len(list(Path(f"/proc/{process.pid}/fd").iterdir())) == 4  # its ends, and its connection
            process.send_signal(number)
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            out, err = process.communicate(timeout=DEADLINE)
    finally:
        stub.close()
        os.close(read)
        os.close(write)
    assert (process.returncode, out, err) == (-9 if number == signal.SIGKILL else 128 + number, b"", b"")
