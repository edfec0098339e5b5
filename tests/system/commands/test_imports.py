"""Commands start fast: what one does not need is not imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chatctl import __version__
from tests.support.environment import ROOT
from tests.support.fixture_types import Run
from tests.support.server_process import Server

HEAVY = {"asyncio", "prompt_toolkit", "msgspec", "uvloop", "precis_i18n", "platformdirs", "ssl", "psycopg"}

TELL = """
import atexit, sys
atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))
from chatctl.main import main
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


LIBRARIES = "import click, gettext, locale, msgspec, select, signal, socket, struct"
OURS = {
    *("__main__", "main", "errors", "protocol", "common", "common.dead_peers"),
    *(
        "common.durations",
        "common.files",
        "common.file_reads",
        "common.framing",
        "common.names",
        "common.nesting",
        "common.paths",
        "common.text",
        "client",
        "client.identity",
    ),
    *("client.core", "client.io", "cli", "commands"),
    *(f"client.core.{name}" for name in ("address", "connection", "deadline", "outbox", "remedies", "retry")),
    *("client.core.sender", "client.core.servers"),
    *(
        f"client.io.{name}"
        for name in ("blocking_connection", "blocking_socket", "blocking_transport", "clock", "resolver")
    ),
    *(f"cli.{name}" for name in ("completers", "config_defaults", "config_file", "credential_options", "options")),
    *(
        "cli.help_pages",
        "cli.message_command",
        "cli.output",
        "cli.param_types",
        "cli.password_variable",
        "cli.server_option",
    ),
    *("commands.send", "commands.send.command", "commands.send.delivery", "commands.send.message_source"),
}
REST = {"chatctl", "getpass", "termios", "pwd"}


def test_send_loads_what_it_needs_and_no_more(house: Server, env: dict[str, str], room: str) -> None:
    """Each costs every message of every script; the dear ones that creep in are pathlib, dataclasses and json."""
    base = subprocess.run(
        [sys.executable, "-c", f"{LIBRARIES}, atexit, sys; print(*sys.modules)"], capture_output=True, check=True
    )
    more = modules_after(env, "send", "hi", "--room", room, "--port", str(house.port))
    more -= set(base.stdout.decode().split())
    assert "chatctl.client.core.sender" in more
    assert more <= {f"chatctl.{name}" for name in OURS} | REST


def test_a_configuration_file_costs_its_reader_alone(
    house: Server, env: dict[str, str], room: str, tmp_path: Path
) -> None:
    """What it says about other commands is checked all the same, with their modules; about named servers without."""
    file = tmp_path / "config.toml"
    env = env | {"CHATCTL_CONFIG": str(file)}
    arguments = ("send", "hi", "--room", room, "--port", str(house.port))
    file.write_text("[default]\nnick = 'ci'\n[server.work]\nhost = 'x'\n[send]\ntimeout = '9s'\n")
    loaded = modules_after(env, *arguments)
    assert "tomllib" in loaded
    assert not {"chatctl.commands.who.command", "chatctl.commands.tail.command"} & loaded
    file.write_text("[who]\ntimeout = '9s'\n")
    loaded = modules_after(env, *arguments)
    assert "chatctl.commands.who.command" in loaded
    assert "chatctl.commands.tail.command" not in loaded


def test_version(run: Run) -> None:
    assert run("--version").stdout.decode() == f"chatctl {__version__}\n"


def test_no_command_is_help(run: Run) -> None:
    done = run()
    assert b"chatctl serve" in done.stdout + done.stderr
