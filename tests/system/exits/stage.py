"""Running a cell: a shell that gets what the cell says is typed, something at the port, and what comes of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.environment import CHATCTL, DEADLINE, clean_env
from tests.support.processes import kill
from tests.system.exits.peers import OF_SITUATION, PEERS, Scene, Stage
from tests.system.exits.table import Cell

IN_A_SHELL = """#!/bin/sh
exec {command} "$@"
"""


class End(NamedTuple):
    """What came of it."""

    code: int
    out: str
    err: str


def install(folder: Path) -> Path:
    """Make a folder in which a shell finds ``chatctl``: the one under test, whatever else is installed."""
    program = folder / "chatctl"
    program.write_text(IN_A_SHELL.format(command=" ".join(CHATCTL)))
    program.chmod(0o755)
    return folder


def paste(command: str, env: Mapping[str, str], folder: Path, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run what somebody pastes into a shell in ``folder``, with ``chatctl`` on its PATH."""
    search = os.pathsep.join((str(install(folder)), os.environ["PATH"]))
    return subprocess.run(
        ["sh", "-c", command],
        input=stdin,
        capture_output=True,
        timeout=2 * DEADLINE,
        env={**env, "PATH": search},
        cwd=folder,
        check=False,
    )


def environment(here: Path, stage: Stage, scene: Scene, path: Path) -> dict[str, str]:
    """Return the options for server, room and nickname, which no cell has to repeat."""
    there = {"CHATCTL_ROOM": stage.room, "CHATCTL_NICK": "ci", "CHATCTL_JOURNAL": str(scene.journal or stage.journal)}
    port = {"CHATCTL_PORT": str(scene.port)} if scene.port else {}
    search = os.pathsep.join((str(path), str(Path(sys.executable).parent), os.environ["PATH"]))
    env = clean_env(
        here / ".state", HOME=str(here), XDG_CONFIG_HOME=str(here / ".config"), PATH=search, **there, **port
    )
    return {name: value for name, value in (env | scene.env).items() if value}


@contextmanager
def scene_of(cell: Cell, stage: Stage) -> Iterator[Scene]:
    """Put there what the cell wants at its port."""
    with PEERS[cell.peer or OF_SITUATION.get(cell.situation, "room")](stage) as scene:
        yield scene


def play(cell: Cell, env: dict[str, str], scene: Scene, here: Path, **ends: int) -> End:
    """Run it to its end. ``ends`` are other ends than pipes."""
    wanted = cell.signal or (cell.situation if cell.situation.startswith("SIG") else "")
    stdin = subprocess.PIPE if wanted else subprocess.DEVNULL
    simple = re.match(r"chatctl [^|&]*(?:[<>]&-)?$", cell.typed)  # a signal to the shell would be none to it
    process = subprocess.Popen(
        ["sh", "-c", f"exec {cell.typed}" if simple else cell.typed],
        cwd=here,
        env=env,
        start_new_session=True,  # ``run`` takes a SIGINT for a typed one where the tests run at a terminal
        **({"stdin": stdin, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | ends),
    )
    try:
        if wanted:
            scene.reached(process)
            for name in wanted.split():
                process.send_signal(getattr(signal, name))
            process.wait(DEADLINE)  # its stdin stays open until then
        out, err = process.communicate(timeout=2 * DEADLINE)
        code = process.returncode
        return End(code if code >= 0 else 128 - code, (out or b"").decode(), err.decode())
    finally:
        kill(process)
