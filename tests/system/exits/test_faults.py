"""A few of the faults of faults.py: a write that fails, a signal at a line, interrupted system calls."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.environment import DEADLINE, ROOT, clean_env
from tests.support.server_process import Server
from tests.system.exits import faults
from tests.system.exits.injection import Fault, Interruptions, Lines, Writes
from tests.system.exits.verdicts import JOBS, End, complaints

LINES = 8
"""Lines of each command at which a signal comes; ``--all`` of faults.py takes every one."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield the server that all runs talk to. It must live through them."""
    server = Server("--open-rooms", "--rate", "off", env=clean_env(tmp_path_factory.mktemp("house")))
    yield server
    server.stop()


@pytest.mark.parametrize("command", JOBS)
def test_faults_end_as_they_should(house: Server, tmp_path: Path, command: str) -> None:
    """Each end is told by its code, in one line at most, and the room is not left waiting."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.system.exits.faults", "--port", str(house.port), "--most", str(LINES), command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=10 * DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


GOOD = End(0, '{"done"}', "", ["done"])


@pytest.mark.parametrize(
    ("fault", "end", "wrong"),
    [
        (Writes(1, "EIO"), End(1, "", "chatctl: why\n", ["done"]), []),
        (Writes(1, "EIO"), End(0, "", "", []), ["0, and it was not done"]),
        (Writes(1, "EPIPE"), End(0, "", "", [], hit="socket"), ["0, and it was not done"]),
        (Writes(1, "EIO"), End(3, "", "chatctl: why\n", ["done"]), ["3, and something was said"]),
        (Writes(1, "EIO"), End(120, "", "", []), ["the end of the interpreter failed"]),
        (Writes(1, "EIO"), End(1, "", "Traceback\n", []), ["stderr has 'Traceback'"]),
        (Writes(1, "EIO"), End(1, "", "one\ntwo\n", []), ["stderr has more than one line"]),
        (Writes(1, "EIO"), End(137, "", "", []), ["it does not end"]),
        (Lines(1), End(130, "", "", []), []),
        (Lines(1), End(143, "", "", []), ["another code than the signal's and its own"]),
        (Lines(1), End(0, "", "", []), ["its own code, and it was not done"]),
        (Interruptions(), End(4, "", "", ["done"]), ["another code, only since it was interrupted"]),
    ],
)
def test_what_is_wrong_is_seen(fault: Fault, end: End, wrong: list[str]) -> None:
    """A judge that finds nothing would make the runs above a test that cannot fail."""
    assert list(complaints(JOBS["send"], fault, GOOD, end)) == wrong


@pytest.mark.parametrize(
    ("command", "end", "whole"),
    [
        ("ask", End(143, "", "", []), True),
        ("ask", End(143, "", "", ["now?  [1] yes"]), False),
        ("ask", End(143, "", "", ["now?  [1] yes", "now?  -> withdrawn"]), True),
        ("ask", End(143, "", "", ["now?  [1] yes", "now?  -> withdrawn", "yes"]), True),
        ("ask", End(143, "", "", ["now?  [1] yes", "yes"]), False),
        ("ask", End(143, "", "", ["now?  [1] yes", "yes"], ["question a3 is withdrawn: ci is gone"]), True),
        ("run", End(143, "", "", ["started: echo"]), False),
        ("run", End(0, "", "chatctl: can't post to the room: x\n", ["started: echo"]), True),
        ("run", End(143, "", "", ["started: echo", "done in 0.1 s: echo"]), True),
    ],
)
def test_a_room_that_is_left_in_the_middle_is_seen(command: str, end: End, whole: bool) -> None:
    assert JOBS[command].whole(end) is whole


def test_of_each_line_the_first_and_the_last_time_are_taken() -> None:
    assert faults.chosen(["x", "x", "a", "b", "a", "a", "b"], None) == [3, 4, 6, 7]
    assert faults.chosen(["x", "x", "a", "b", "a", "a", "b"], 2) == [3, 6]
