"""The house: the order of imports, as tests/house.py holds it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import house

ROOT = Path(__file__).parent.parent.parent


def test_every_file_imports_only_what_its_place_allows() -> None:
    assert house.violations(ROOT / "chatctl") == []


def test_it_can_be_run_on_its_own() -> None:
    done = subprocess.run([sys.executable, ROOT / "tests" / "house.py"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0), done.stdout


BAD: list[tuple[str, dict[str, str], str]] = [
    ("up the order", {"protocol": "from chatctl import session", "session": ""}, "its place does not allow"),
    ("beside it", {"text": "import chatctl.core.token_bucket", "bucket": ""}, "its place does not allow"),
    ("in a body", {"text": "def f():\n    from chatctl.hub.hub import Hub", "hub": ""}, "its place does not allow"),
    ("client to server", {"client/x": "from chatctl.hub.hub import Hub", "hub": ""}, "its place does not allow"),
    ("client to dialects", {"client/x": "from chatctl import dialects", "dialects": ""}, "its place does not allow"),
    ("server to client", {"server": "from chatctl.client.x import f", "client/x": ""}, "its place does not allow"),
    ("journal to room", {"journal/x": "from chatctl.core.room import Room", "room": ""}, "its place does not allow"),
    ("command to hub", {"commands/x": "def f():\n    import chatctl.hub.hub", "hub": ""}, "its place does not allow"),
    ("a clock", {"session": "import time"}, "sans-I/O"),
    ("a clock in a body", {"session": "def f():\n    from time import sleep"}, "sans-I/O"),
    ("a loop", {"ring": "import asyncio.events"}, "sans-I/O"),
    ("a socket", {"protocol": "from socket import socket"}, "sans-I/O"),
    (
        "heavy, two steps down",
        {
            "cli": "from chatctl.commands import x",
            "commands/x": "from chatctl.common.text import f",
            "text": "import msgspec",
        },
        "makes --help slow",
    ),
    (
        "heavy in a command that is loaded by its name",
        {"cli": "COMMANDS = {'x': 'Do x.'}", "commands/__init__": "", "commands/x": "import asyncio"},
        "makes --help slow",
    ),
    (
        "heavy in a package's head",
        {"cli": "from chatctl.commands import x", "commands/__init__": "import asyncio", "commands/x": ""},
        "makes --help slow",
    ),
    (
        "a cycle in a package",
        {"client/a": "from chatctl.client import b", "client/b": "def f():\n    import chatctl.client.a"},
        "cycle: client.a -> client.b -> client.a",
    ),
    ("a new file", {"novelty": ""}, "no place"),
]


@pytest.mark.parametrize(("files", "line"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_the_check_finds(files: dict[str, str], line: str, tmp_path: Path) -> None:
    """A check that can't fail holds nothing."""
    found = check(tmp_path, files)
    assert len(found) == 1, found
    assert line in found[0]


FINE = [
    {"hub": "from chatctl.core.session import Session\nfrom chatctl import __version__", "session": ""},
    {
        "cli": "from chatctl.commands import x",
        "commands/x": "def f():\n    import asyncio, chatctl.server.program",
        "serving": "",
    },
    {
        "commands/x": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from chatctl.protocol import Msg",
        "cli": "import chatctl.commands.x",
        "protocol": "import msgspec",
    },
    {
        "client/a": "from chatctl.client.b import f\nimport socket",
        "client/b": "from chatctl.protocol import g",
        "protocol": "",
    },
]


@pytest.mark.parametrize("files", FINE)
def test_the_check_lets_pass(files: dict[str, str], tmp_path: Path) -> None:
    assert check(tmp_path, files) == []


def test_an_excuse_that_is_not_needed_is_found(tmp_path: Path) -> None:
    files = {"text": "import chatctl.core.token_bucket", "bucket": ""}
    assert check(tmp_path, files, {("text", "bucket"): "because"}) == []
    assert "for nothing" in check(tmp_path, {"text": ""}, {("text", "bucket"): "because"})[0]


def check(tmp_path: Path, files: dict[str, str], excused: dict[tuple[str, str], str] | None = None) -> list[str]:
    root = tmp_path / "chatctl"
    for name, source in ({"__init__": ""} | files).items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return house.violations(root, excused or {})
