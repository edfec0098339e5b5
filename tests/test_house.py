"""The house: the order of imports, as tests/house.py holds it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import house

ROOT = Path(__file__).parent.parent


def test_every_file_imports_only_what_its_place_allows() -> None:
    assert house.violations(ROOT / "chatctl") == []


def test_it_can_be_run_on_its_own() -> None:
    done = subprocess.run([sys.executable, ROOT / "tests" / "house.py"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0), done.stdout


LAW, PURE, SLOW = "its place does not allow", "sans-I/O", "makes --help slow"
BAD: list[tuple[str, dict[str, str], str]] = [
    ("errors to anything", {"errors": "from chatctl import protocol", "protocol": ""}, LAW),
    ("protocol to what stands on it", {"protocol": "from chatctl.common import text", "common/text": ""}, LAW),
    ("both ends to one end", {"common/x": "from chatctl.core.room import Room", "core/room": ""}, LAW),
    ("in a body", {"core/x": "def f():\n    from chatctl.hub.hub import Hub", "hub/hub": ""}, LAW),
    ("hub to server", {"hub/x": "import chatctl.server.listener", "server/listener": ""}, LAW),
    ("core to a journal", {"core/x": "from chatctl.journal.memory import M", "journal/memory": ""}, LAW),
    ("journal to room", {"journal/x": "from chatctl.core.room import Room", "core/room": ""}, LAW),
    ("client to hub", {"client/x": "from chatctl.hub.hub import Hub", "hub/hub": ""}, LAW),
    ("client to dialects", {"client/x": "from chatctl.core import dialects", "core/dialects": ""}, LAW),
    ("server to client", {"server/x": "from chatctl.client.x import f", "client/x": ""}, LAW),
    ("client core to its shell", {"client/core/x": "import chatctl.client.io.y", "client/io/y": ""}, LAW),
    ("client security to what stands on it", {"client/security/x": "import chatctl.client.y", "client/y": ""}, LAW),
    ("terminal to a command", {"terminal/x": "import chatctl.commands.join", "commands/join": ""}, LAW),
    ("what commands are made of to a command", {"cli/x": "import chatctl.commands.join", "commands/join": ""}, LAW),
    ("main to the server", {"main": "from chatctl.server import x", "server/x": ""}, LAW),
    ("a clock", {"core/session": "import time"}, PURE),
    ("a clock in a body", {"core/session": "def f():\n    from time import sleep"}, PURE),
    ("a file", {"client/core/x": "from pathlib import Path"}, PURE),
    ("a loop", {"core/ring": "import asyncio.events"}, PURE),
    ("a socket", {"protocol": "from socket import socket"}, PURE),
    ("a nonce", {"core/auth": "import secrets"}, PURE),
    ("a log", {"journal/__init__": "import logging"}, PURE),
    ("a clock, one step down", {"core/x": "from chatctl.common.y import f", "common/y": "import time"}, PURE),
    ("heavy, two steps down", {"main": "import chatctl.cli.x", "cli/x": "from chatctl.common.y import f",
                               "common/y": "import msgspec"}, SLOW),
    ("heavy in a command that is loaded by its name",
     {"main": "COMMANDS = {'x': 'Do x.'}", "commands/__init__": "", "commands/x": "import asyncio"}, SLOW),
    ("heavy in a package's head",
     {"main": "from chatctl.commands import x", "commands/__init__": "import asyncio", "commands/x": ""}, SLOW),
    ("a cycle in a package",
     {"client/a": "from chatctl.client import b", "client/b": "def f():\n    import chatctl.client.a"},
     "cycle: client.a -> client.b -> client.a"),
    ("common to Click", {"common/x": "import click"}, LAW),
    ("a socket in the hub", {"hub/x": "def f():\n    import socket"}, LAW),
    ("a command to another", {"commands/x/y": "from chatctl.commands.z import f", "commands/z": ""}, LAW),
    ("a relative import", {"core/x": "from ..hub import hub", "hub/hub": ""}, LAW),
    ("a file, without an import", {"core/x": "def f():\n    return open('y')"}, PURE),
    ("a helper beside the commands",
     {"main": "COMMANDS = {'x': 'Do x.'}", "commands/x": "", "commands/y": ""}, "is no command"),
    ("a new file on the top floor", {"novelty": ""}, "no place"),
    ("a new folder", {"novelty/x": ""}, "no place"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "line"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_the_check_finds(files: dict[str, str], line: str, tmp_path: Path) -> None:
    """A check that can't fail holds nothing."""
    found = check(tmp_path, files)
    assert len(found) == 1, found
    assert line in found[0]


FINE = [
    {"hub/hub": "from chatctl.core.session import Session\nfrom chatctl import __version__", "core/session": ""},
    {
        "main": "import chatctl.commands.x",
        "commands/x": "def f():\n    import asyncio, chatctl.server.y",
        "server/y": "",
    },
    {
        "commands/x": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from chatctl.protocol import Msg",
        "main": "import chatctl.commands.x",
        "protocol": "import msgspec",
    },
    {
        "client/a": "from chatctl.client.b import f\nimport socket",
        "client/b": "import chatctl.protocol",
        "protocol": "",
    },
    {
        "commands/x/y": "from .z import f\nfrom chatctl.commands.x import z",
        "commands/x/z": "",
        "commands/x/__init__": "",
    },
    {"core/x": "from chatctl.journal import Draft", "journal/__init__": "", "journal/sqlite": "import os"},
    {"client/__init__": "def f():\n    import chatctl.client.a", "client/a": "import os", "client/core/x": ""},
]


@pytest.mark.parametrize("files", FINE)
def test_the_check_lets_pass(files: dict[str, str], tmp_path: Path) -> None:
    assert check(tmp_path, files) == []


def test_an_excuse_that_is_not_needed_is_found(tmp_path: Path) -> None:
    files = {"core/x": "import chatctl.hub.y", "hub/y": ""}
    assert check(tmp_path, files, {("core.x", "hub.y"): "because"}) == []
    assert "for nothing" in check(tmp_path, {"core/x": ""}, {("core.x", "hub.y"): "because"})[0]


def check(tmp_path: Path, files: dict[str, str], excused: dict[tuple[str, str], str] | None = None) -> list[str]:
    root = tmp_path / "chatctl"
    for name, source in ({"__init__": ""} | files).items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return house.violations(root, excused or {})
