"""Commands start fast: what one does not need is not imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chatctl import __version__
from tests.shells.conftest import Run
from tests.support import ROOT, Server

HEAVY = {"asyncio", "prompt_toolkit", "msgspec", "uvloop", "precis_i18n", "platformdirs", "ssl"}

TELL = """
import atexit, sys
atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))
from chatctl.cli import main
main(sys.argv[1:])
"""


def modules_after(env: dict[str, str], *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", TELL, *arguments],
        capture_output=True,
        timeout=16,
        env=env,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.decode().split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["send", "--help"], ["join", "--help"]])
def test_help_imports_nothing_heavy(env: dict[str, str], arguments: list[str]) -> None:
    assert not HEAVY & modules_after(env, *arguments)


def test_send_uses_no_asyncio(house: Server, env: dict[str, str], room: str) -> None:
    loaded = modules_after(env, "send", "hi", "--room", room, "--port", str(house.port))
    assert "msgspec" in loaded  # else this would not have been a run of it
    assert not {"asyncio", "prompt_toolkit", "uvloop", "ssl"} & loaded


def test_version(run: Run) -> None:
    assert run("--version").stdout.decode() == f"chatctl {__version__}\n"


def test_no_command_is_help(run: Run) -> None:
    done = run()
    assert b"chatctl serve" in done.stdout + done.stderr
