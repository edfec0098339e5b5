"""docs/scaling.md: what one types to try it, typed as it is printed; the engines are real, and so is their failover."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.engine import NOBODY, programs
from tests.support.environment import DEADLINE, ROOT
from tests.support.needs import need
from tests.support.processes import line_of
from tests.system.cookbook.book import Recipe, recipes, transcript
from tests.system.cookbook.kitchen import Kitchen

PORTS = ("5501", "5502", "5503", "5601", "5602")


@pytest.fixture
def kitchen() -> Iterator[Kitchen]:
    """Yield a home that the engine's user may enter, with the engine's programs on the PATH."""
    need("bash")
    home = Path(tempfile.mkdtemp(prefix="chatctl-try-"))
    found = Kitchen(home, recipes(ROOT / "docs" / "scaling.md")["try_it_on_one_machine"])
    for name in ("initdb", "pg_ctl", "pg_basebackup", "psql"):
        program = home / "bin" / name
        user = f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups " if os.geteuid() == 0 else ""
        program.write_text(f'#!/bin/sh\nexec {user}{programs() / name} "$@"\n')
        program.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(home, NOBODY, NOBODY)
    try:
        yield found
        assert not found.recipe.left(), "all blocks are used"
    finally:
        found.close()
        for data in home.glob("db*/postmaster.pid"):
            found.run(f"pg_ctl -D {data.parent} -m immediate stop")
        shutil.rmtree(home)


def on_free_ports(recipe: Recipe) -> list[str]:
    """Have all blocks name ports that are free here; return these, in the order of ``PORTS``."""
    with ExitStack() as stack:
        bound = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        free = [str(one.getsockname()[1]) for one in bound]
    new = dict(zip(PORTS, free, strict=True))
    recipe.blocks = [
        replace(block, text=re.sub("|".join(PORTS), lambda found: new[found[0]], block.text)) for block in recipe.blocks
    ]
    return free


def type_in(shell: subprocess.Popen[bytes], block: str) -> None:
    """Type the commands of a transcript; each of them succeeds, and prints nothing."""
    assert shell.stdin is not None
    for command, _ in transcript(block):
        shell.stdin.write(f"{command}\necho $?\n".encode())
        shell.stdin.flush()
        assert line_of(shell) == "0", command


def said(member: subprocess.Popen[bytes], last: str) -> Iterator[str]:
    """Yield the messages that a member is shown, up to ``last``, without their times.

    Lines that tell of his own connection are left out: on a slow machine it is lost for longer than a moment.
    """
    line = ""
    while not line.endswith(last):
        line = line_of(member)
        assert line, "it has ended"
        if message := re.fullmatch(r"\d\d:\d\d (.*)", line):
            yield message[1]


def wait_for(log: Path, wanted: str) -> None:
    """Wait until a server has logged something."""
    end = time.monotonic() + DEADLINE
    while wanted not in (text := log.read_text() if log.exists() else ""):  # a shell opens it after it went on
        assert time.monotonic() < end, text
        time.sleep(0.02)


def test_the_third_server_is_killed_and_then_the_primary(kitchen: Kitchen) -> None:
    """One who joined there sees all that is said, at the next server of the list."""
    first, second, third = (kitchen.home / f"{port}.log" for port in on_free_ports(kitchen.recipe)[:3])
    shell = kitchen.start("exec bash", stdin=subprocess.PIPE)
    type_in(shell, kitchen.recipe.take("console").text)
    for log in (first, second, third):
        wait_for(log, "listening on")
        wait_for(log, "durability=replica")
    [(join, _)] = transcript(kitchen.recipe.take("console").text)
    nadia = kitchen.start(join, stdin=subprocess.PIPE)
    wait_for(third, "Nickname is nadia")
    type_in(shell, kitchen.recipe.take("console").text)
    shown = kitchen.recipe.take("text").text.splitlines()
    assert list(said(nadia, shown[-1][6:])) == [line[6:] for line in shown]
    for log in (first, second):
        wait_for(log, "the journal can be used again durability=disk")
    assert "Nickname is nadia" in second.read_text()
    again = kitchen.recipe.take("console").text
    type_in(shell, again)
    [said_last] = re.findall(r'"(on two machines.*)"', again)
    assert list(said(nadia, said_last)) == [f"omar: {said_last}"]
    for log in (first, second):
        wait_for(log, "the journal can be used again durability=replica")
    type_in(shell, kitchen.recipe.take("console").text)
