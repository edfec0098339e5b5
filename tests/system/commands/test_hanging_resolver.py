"""A resolver that never answers: every command keeps its deadline, and ends on a signal."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.support.environment import DEADLINE

HANGING = r"""
import os, socket, sys, time
from chatctl.main import main

def hang(host, *_, flags=0, **__):
    if flags:  # whether it is a number
        raise socket.gaierror(socket.EAI_NONAME, "not a number")
    os.write(2, b"asked\n")
    time.sleep(600)

socket.getaddrinfo = hang
main(sys.argv[1:])
"""

COMMANDS = pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["send", "hello"], 3),
        (["send", "--id", "one", "--retry-for", "200ms", "hello"], 3),
        (["who"], 3),
        (["tail", "--no-reconnect"], 3),
        (["ask", "now?"], 3),
        (["run", "--require-room", "--", "true"], 3),
        (["probe"], 2),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)


def start(env: dict[str, str], timeout: str, name: str, *rest: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", HANGING, name, "--host", "chat.example.org", "--timeout", timeout, *rest]
    return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@COMMANDS
def test_the_deadline_holds(env: dict[str, str], arguments: list[str], code: int) -> None:
    with start(env, "200ms", *arguments) as process:
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == code
    assert b"cannot reach chat.example.org:5500: it did not answer in time" in out + err


@COMMANDS
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(env: dict[str, str], arguments: list[str], code: int, number: signal.Signals) -> None:
    with start(env, "600s", *arguments) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"asked\n"
        process.send_signal(number)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 128 + number
