"""Every cell of the table, run as a stranger would type it: the code, stdout and stderr are what the table says.

The documentation (docs/exit-codes.md) is made of the same table, so what it promises is what happens.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from chatctl.main import cli
from tests.support.environment import ROOT, clean_env
from tests.support.needs import need
from tests.support.server_process import Server
from tests.support.web import port_of
from tests.support.wire import Wire
from tests.system.chaos.disk import small_disk
from tests.system.exits import render
from tests.system.exits.peers import Scene, Stage
from tests.system.exits.stage import End, environment, install, play, scene_of
from tests.system.exits.table import SITUATIONS, Cell, example, pattern
from tests.system.exits.whole import CELLS, COMMANDS, NOTHING

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which a shell finds ``chatctl``."""
    return install(tmp_path_factory.mktemp("bin"))


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("house") / "rooms.db"


@pytest.fixture(scope="module")
def house(journal: Path) -> Iterator[Server]:
    """Yield the server in which each cell has a room of its own. It must live through all of them."""
    options = ("--web", "0", "--open-rooms", "--rate", "off", "--durability", "os", "--journal", str(journal))
    server = Server(*options, env=clean_env(journal.parent))
    yield server
    assert server.process.poll() is None, server.stderr_text()
    server.stop()


@pytest.fixture(scope="module")
def small(journal: Path) -> Iterator[Server]:
    """Yield a server that has one room."""
    server = Server("--web", "0", env=clean_env(journal.parent))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def web_ports(house: Server, small: Server) -> tuple[int, int]:
    return port_of(house), port_of(small)


@pytest.fixture(scope="module")
def full_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Mount a file system that has not one byte of room left."""
    need("mount")
    folder = tmp_path_factory.mktemp("full")
    with small_disk(folder, 1) as disk:
        assert disk is not None
        disk.fill(None)  # type: ignore[arg-type]  # it needs no process
        yield folder


@pytest.fixture
def stage(
    house: Server,
    small: Server,
    web_ports: tuple[int, int],
    journal: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Stage]:
    engine = partial(request.getfixturevalue, "engine")
    yield Stage(house, small, f"room{next(_numbers)}", tmp_path, journal, engine, *web_ports)
    Wire.close_all()


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_a_cell(cell: Cell, stage: Stage, path: Path, request: pytest.FixtureRequest) -> None:
    known = {"here": str(stage.here), "room": stage.room, "journal": str(stage.journal)}
    if "{disk}" in cell.typed:
        known["disk"] = str(request.getfixturevalue("full_disk"))
    typed = cell.typed.replace("{disk}", known.get("disk", "")).replace("{room}", stage.room)
    with scene_of(cell, stage) as scene:
        env = environment(stage.here, stage, scene, path)
        end = play(dataclasses.replace(cell, typed=at_port(typed, scene)), env, scene, stage.here)
        compare_said(cell, scene, known)
    compare(cell, end, known | {"port": str(scene.port)})


@pytest.mark.parametrize(
    "cell", [cell for cell in CELLS if cell.situation == "closed stdout"], ids=lambda cell: cell.name
)
def test_a_pipe_that_nobody_reads_is_as_good_as_no_stdout(cell: Cell, stage: Stage, path: Path) -> None:
    """``| head -1`` is how most people close a stdout."""
    reading, writing = os.pipe()
    os.close(reading)
    with scene_of(cell, stage) as scene:
        env = environment(stage.here, stage, scene, path)
        typed = at_port(cell.typed.removesuffix(" >&-").replace("{room}", stage.room), scene)
        whole = dataclasses.replace(cell, typed=typed)
        try:
            end = play(whole, env, scene, stage.here, stdout=writing)
        finally:
            os.close(writing)
        compare_said(cell, scene, {})
    compare(cell, end, {"port": str(scene.port), "here": str(stage.here)})


def at_port(typed: str, scene: Scene) -> str:
    return typed.replace("{port:5580}", str(scene.port))


def compare(cell: Cell, end: End, known: dict[str, str]) -> None:
    """Hold what happened against the table."""
    told = f"{cell.typed} ended with {end.code}\nstdout: {end.out!r}\nstderr: {end.err!r}"
    assert end.code == cell.code, told
    assert pattern(cell.out, known).fullmatch(end.out), f"{told}\nwanted: {cell.out!r}"
    assert pattern(cell.err, known).fullmatch(end.err), f"{told}\nwanted: {cell.err!r}"
    assert cell.lines or end.err.count("\n") <= 1, told
    assert "Traceback" not in end.err


def compare_said(cell: Cell, scene: Scene, known: dict[str, str]) -> None:
    """Hold what the room heard against the table: nothing, where the table says nothing."""
    if scene.said is not None and cell.said is not None:
        said = "".join(f"{text}\n" for text in scene.said())
        assert pattern(cell.said, known).fullmatch(said), f"the room heard {said!r}\nwanted: {cell.said!r}"


def test_the_table_is_whole() -> None:
    """Every command in every situation, or a reason why it can't be in it; and no command that the table forgot."""
    assert sorted(COMMANDS) == sorted(cli.commands)
    there = {(cell.command, cell.situation) for cell in CELLS}
    not_there = {(cell.command, cell.situation) for cell in NOTHING}
    assert there | not_there == set(itertools.product(COMMANDS, SITUATIONS))
    assert not there & not_there
    assert all(cell.why for cell in NOTHING)


def test_no_cell_stands_twice() -> None:
    names = [(cell.command, cell.situation, cell.typed, cell.peer) for cell in CELLS]
    assert len(set(names)) == len(names)


def test_the_documentation_is_current() -> None:
    """It is made of this table: ``python -m tests.system.exits.render --write``."""
    assert (ROOT / "docs" / "exit-codes.md").read_text() == render.page()


def test_writing_it_says_when_it_is_stale(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.system.exits.render"], cwd=ROOT, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("expected", "output", "fits"),
    [
        ("", "", True),
        ("", "x\n", False),
        ("a", "a\n", True),
        ("a", "a", False),
        ("a", "a\nb\n", False),
        ("{any}", "a\nb\n", False),
        ("took {n:0.8} ms", "took 12.5 ms\n", True),
        ("took {n:0.8} ms", "took x ms\n", False),
        ("{date} {time}", "2026-11-22 22:44:02\n", True),
        ("at {port}", "at 5501\n", False),
        ("at {port}", "at 5500\n", True),
        ("it (says) [no]", "it says no\n", False),
    ],
)
def test_what_matches(expected: str, output: str, fits: bool) -> None:
    """A pattern that takes everything would make the whole table a test that cannot fail."""
    assert bool(pattern(expected, {"port": "5500"}).fullmatch(output)) is fits


def test_the_documentation_has_examples_for_what_differs() -> None:
    assert example("took {n:0.8} ms at {time} on {port}") == "took 0.8 ms at 22:44:02 on 5500"
    assert not [cell for cell in CELLS if "{" in example(cell.err)]
