"""Every byte or an error: a stdout that fails, at once or in the middle, is told and is no 0, whatever the command.

A limit on the size of files stands for the disk that fills up: the kernel takes what fits, and refuses the rest. A
terminal whose other end was closed gives EIO, as a broken disk does.
"""

from __future__ import annotations

import os
import pty
import re
import resource
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import pytest

from tests.support import forked
from tests.support.environment import CHATCTL, DEADLINE
from tests.support.server_process import Server
from tests.support.wire import say_all
from tests.system.exits.whole import COMMANDS

PRINTS = {
    "send": "send hello --json",
    "tail": "tail --json --count 3",
    "search": "search o",
    "who": "who",
    "run": "run -- printf twenty-two-characters-long",
    "probe": "probe",
    "join": "join --plain --nick zoe",
    "serve": "serve --help",
    "export": "export --format html",
    "backup": "backup --help",
    "admin": "admin bans --help",
    "bench": "bench --room {room} --members 1 --duration 10ms",
    "config": "config show",
    "completion": "completion bash",
    "key": "key show",
    "journal": "journal copy --help",
    "password": "password",
}
"""How each command prints something. ``ask`` prints as the others do, by ``emit``; the table has it on a full disk."""

FAILS = 3
"""The code of a probe that could not tell; of all others it is 1."""

EXECUTED = {"PYTHONUNBUFFERED": ""}
"""A variable that a command is not forked with (tests/support/forked.py): the interpreter's own end counts here."""

_BEFORE = 1 << 20
"""Bytes in the file already: other files, which a command keeps for itself, stay far below the limit."""

Play = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def play(house: Server, room: str, env: dict[str, str], tmp_path: Path) -> Play:
    """Run a command in a room where something was said and somebody is, with a key and a password at hand."""
    say_all(house.member("nadia", room), ["one", "two", "three"])
    state = {
        "CHATCTL_PORT": str(house.port),
        "CHATCTL_ROOM": room,
        "CHATCTL_JOURNAL": str(tmp_path / "none.db"),
        "CHATCTL_STATE_DIR": str(tmp_path / "state"),
    }

    def call(typed: str, stdout: int | IO[bytes], more: Mapping[str, str], limit: int | None = None) -> object:
        def set_limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        words = [*CHATCTL, *typed.format(room=room).split()]
        return forked.run(
            words,
            seconds=2 * DEADLINE,
            stdin=b"secret\n" if typed == "password" else b"",
            stdout=stdout,
            env={**env, **state, **more},
            cwd=tmp_path,
            **({} if limit is None else {"preexec_fn": set_limit}),
        )

    forked.run([*CHATCTL, "key"], seconds=DEADLINE, stdin=None, env={**env, **state}).check_returncode()
    return call  # type: ignore[return-value]


def test_no_command_is_left_out() -> None:
    assert {*PRINTS, "ask"} == set(COMMANDS)


@pytest.mark.parametrize("command", PRINTS)
def test_what_can_not_be_written_is_told(play: Play, command: str) -> None:
    """By a disk that fills up in the middle, and by one that is broken; whether or not Python is told to buffer."""
    typed = PRINTS[command]
    whole = play(typed, subprocess.PIPE, {})
    assert whole.returncode == 0 or (command, whole.returncode) == ("probe", FAILS), whole.stderr
    assert len(whole.stdout) > 4
    left = len(whole.stdout) // 4  # bench prints half as much when a busy machine leaves it no time for a message
    with tempfile.TemporaryFile() as file:
        file.truncate(_BEFORE)
        file.seek(_BEFORE)
        ended = play(typed, file, {"PYTHONUNBUFFERED": "1"}, limit=_BEFORE + left)
        assert file.seek(0, os.SEEK_END) == _BEFORE + left, "what fits was written"
    _insist_that_it_told(command, ended, "file too large")
    main_end, end = pty.openpty()
    os.close(main_end)
    try:
        broken = play(typed, end, EXECUTED)
    finally:
        os.close(end)
    if command != "join":  # a terminal that has gone is no error there: it ends as after a hang-up
        _insist_that_it_told(command, broken, "input/output error")


def _insist_that_it_told(command: str, ended: subprocess.CompletedProcess[bytes], why: str) -> None:
    told = ended.stderr.decode()
    assert ended.returncode == (FAILS if command == "probe" else 1), told
    assert re.search(rf"^chatctl: .*(cannot write to stdout|could not be written): {why}$", told, re.MULTILINE), told


@pytest.mark.parametrize("typed", ["--help", "probe --help", "--version"])
def test_the_help_that_can_not_be_printed(play: Play, typed: str) -> None:
    """Click prints it, not we. That nobody reads it, as behind ``| head -1``, is no error."""
    usual = FAILS if "probe" in typed else 0
    with Path("/dev/full").open("wb") as full:
        ended = play(typed, full, EXECUTED)
    assert (ended.returncode, ended.stderr) == (
        usual or 1,
        b"chatctl: cannot write to stdout: no space left on device\n",
    )
    reading, writing = os.pipe()
    os.close(reading)
    try:
        unread = play(typed, writing, EXECUTED)
    finally:
        os.close(writing)
    assert (unread.returncode, unread.stderr) == (usual, b"")


@pytest.mark.parametrize("typed", ["--help", "completion bash", "export --format html"])
def test_a_pipe_that_is_full_for_now_gets_everything(play: Play, typed: str) -> None:
    """Somebody who shares the pipe made it non-blocking: it takes a piece, and the rest once that was read."""
    whole = play(typed, subprocess.PIPE, {}).stdout
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    os.write(writing, b"x" * (1 << 20))
    with subprocess.Popen(["cat"], stdin=reading, stdout=subprocess.PIPE) as reader:
        os.close(reading)
        try:
            ended = play(typed, writing, EXECUTED)
        finally:
            os.close(writing)
        assert reader.stdout is not None
        got = reader.stdout.read()
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert got.lstrip(b"x")[-4000:] == whole[-4000:]
