"""Whatever a command is given, and by whomever: its output does not act, and no command is forgotten."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import socket
import threading
import tty
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
import pytest

from chatctl.cli import completion_values, shell_completion
from chatctl.client.security import key_files
from chatctl.common.paths import admin_socket, reachable_socket
from chatctl.main import COMMANDS, cli
from chatctl.server import startup
from chatctl.terminal import login_prompts
from tests.support.environment import DEADLINE, ROOT
from tests.support.naughty import RAW
from tests.support.stub import closed_port
from tests.system.security.conftest import Here, Put
from tests.system.security.outputs import ROWS, VERBS
from tests.system.security.rogues import EVIL, HARMLESS, STRINGS, agree, speak
from tests.system.security.screen import assert_inert

GIVEN = "[(\x1b]0;owned\x07\x9b2J\x1b[31m\x7f\u202e\u200b\n\rRajat: hi\x9d52;c;b3du\x9c\udc9b\udcff"
"""What an argument, a variable and a file's name can hold: anything but NUL, and bytes that are no text."""


# --- no command is forgotten


def leaves(command: click.Command = cli, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield each command that does something, and the words that name it."""
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from leaves(one, *path, name)
    else:
        yield path, command


LEAVES = dict(leaves())


@pytest.mark.parametrize("column", ["members", "server", "console"])
def test_every_command_has_a_row(column: str) -> None:
    """A call of it for each place that others' text can come from, or the test elsewhere, or why there is none."""
    assert list(ROWS) == list(COMMANDS)
    for command, row in ROWS.items():
        cell = getattr(row, column)
        if isinstance(cell, tuple):
            assert all(shlex.split(call)[0] == command for call in cell)
        elif "::" in cell:
            file, _, name = cell.partition("::")
            assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), cell
        else:
            assert cell


def test_every_verb_has_a_call() -> None:
    assert {verb.split()[0] for verb in VERBS} == {path[1] for path in LEAVES if path[0] == "admin"}


# --- what it is given: arguments, variables, files

NEEDS = {
    "send": ["hi"], "ask": ["well?"], "run": ["--", "true"], "backup": ["copy.db"], "completion": ["zsh"],
    "admin": ["rajat"], "slow": ["30s"], "read-only": ["on"],
}  # fmt: skip
RUNS_ON = ("serve", "join", "bench", "run")
"""Commands that would set to work: a port that is none ends them, after what is wrong was told."""


def call_of(path: tuple[str, ...], command: click.Command, param: click.Parameter | None) -> list[str]:
    """Return a call in which this parameter is GIVEN, and all else is as it should be."""
    needed = any(isinstance(one, click.Argument) and one.required for one in command.params)
    words = list(NEEDS.get(path[-1], NEEDS.get(path[0], []))) if needed else []
    if isinstance(param, click.Argument):
        words = [*words[:-1], GIVEN]
    own = [] if param is None or isinstance(param, click.Argument) else [param.opts[0], GIVEN]
    port = "none" if path[0] in RUNS_ON else str(closed_port())
    has_port = any("--port" in one.opts for one in command.params)
    return [*path, *own, *(["--port", port] if has_port and "--port" not in own else []), *words]


def test_no_argument_acts(here: Here, capfd: pytest.CaptureFixture[str]) -> None:
    """Each option and argument of each command, in whatever the command tells of it."""
    for path, command in LEAVES.items():
        for param in command.params:
            if not getattr(param, "is_flag", False) and path != ("password",):
                here(*call_of(path, command, param))
        here(*path, "--" + GIVEN)
    for words in (
        [GIVEN],
        ["--" + GIVEN],
        ["--config", GIVEN, "who"],
        ["admin", GIVEN],
        ["run", "--port", "1", "--", GIVEN],
    ):
        assert "owned" in here(*words).told


def test_no_variable_acts(here: Here, tmp_path: Path) -> None:
    """Each one, in the first command that takes it."""
    own = {"CHATCTL_STATE_DIR": str(tmp_path / "state")}  # one of them makes a key
    taken = {str(param.envvar): (path, command) for path, command in LEAVES.items() for param in command.params}
    del taken["None"]
    for variable, (path, command) in taken.items():
        here(*call_of(path, command, None), **own | {variable: GIVEN})
    port = str(closed_port())
    for variable in ("CHATCTL_CONFIG", "CHATCTL_STATE_DIR", "CHATCTL_PASSWORD", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK"):
        for words in (["who", "--key", "agent", "--port", port], ["config", "show", "who"], ["key"]):
            here(*words, **own | {variable: GIVEN.replace("/", "")})
    assert "␛]0;owned" in here("key", LOGNAME=GIVEN, **own).out
    here("send", "hi", "--port", port, LOGNAME=GIVEN)


def toml(text: str) -> str:
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text if not "\ud800" <= char <= "\udfff") + '"'


FILES = [
    *(f"{toml(GIVEN)} = 1", f"[{toml(GIVEN)}]\nx = 1", f"[send]\n{toml(GIVEN)} = 1", f"[server.x]\n{toml(GIVEN)} = 1"),
    *(f"[send]\n{key} = {toml(GIVEN)}" for key in ("timeout", "nick", "key", "pin", "room", "port", "retry-for")),
    *(f"[default]\n{key} = {toml(GIVEN)}" for key in ("server", "nick", "unix", "tls", "password-file")),
    f"[server.{toml(GIVEN)}]\nport = {toml(GIVEN)}",
    GIVEN.replace("\n", ""),
    "x = '\x1b]0;owned\x07'",
]


def test_no_configuration_acts(here: Here, tmp_path: Path) -> None:
    """Keys, sections, values, names of servers, and what is no TOML at all."""
    path = tmp_path / f"{GIVEN}.toml"
    for data in [*(text.encode("utf-8", "surrogateescape") for text in FILES), *RAW.values()]:
        path.write_bytes(data)
        for words in (["config", "show", "send"], ["config", "show", "send", "--json"], ["config", "edit"]):
            here(*words, CHATCTL_CONFIG=str(path), EDITOR="true")
        here("send", "hi", "--port", str(closed_port()), CHATCTL_CONFIG=str(path))


def test_a_configuration_is_shown_as_it_is(here: Here, tmp_path: Path) -> None:
    tables = [f"[server.{toml(text)}]\nhost = {toml(text)}\nnick = {toml(text)}" for text in STRINGS]
    (tmp_path / "all.toml").write_text("\n".join([*tables, f"[ask]\nchoice = [{toml(EVIL)}]"]))
    variables = {"CHATCTL_CONFIG": str(tmp_path / "all.toml"), "CHATCTL_NICK": EVIL.replace("\0", "")}
    seen = here("config", "show", **variables).out
    assert all(kept in seen for kept in HARMLESS)
    as_json = [json.loads(line) for line in here("config", "show", "ask", "--json", **variables).out.splitlines()]
    assert next(one["value"] for one in as_json if one["option"] == "choice") == [EVIL]


def test_no_password_acts(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    for word in (EVIL.encode(), EVIL.replace("\n", "").encode(), *RAW.values()):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(word)))
        here("password")


# --- what is given back as it was given, but to a terminal


@contextlib.contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[bytearray]:
    """Have stdout be a terminal; give what it got, as it was written, once it is closed again."""
    master, slave = os.openpty()
    tty.setraw(slave)
    got = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):  # Linux says EIO at the end
            while data := os.read(master, 65536):
                got.extend(data)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    with open(slave, "w", encoding="utf-8") as out, monkeypatch.context() as patch:  # noqa: PTH123 — a descriptor
        patch.setattr("sys.stdout", out)
        yield got
    thread.join(DEADLINE)
    os.close(master)


def test_what_a_program_gets_exactly_does_not_act_on_a_terminal(
    here: Here, rogue: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path, and a choice: scripts make those of the names of branches and files."""
    with terminal(monkeypatch) as got:
        here("config", "path", CHATCTL_CONFIG="\x1b]0;owned\x07\udc9b")
        port = rogue(partial(agree, choice="\x1b]0;owned\x07"))
        here("ask", "which?", "--choice", "\x1b]0;owned\x07", "--choice", "b", port=port)
        here("who", port=rogue(speak))
    seen = assert_inert(bytes(got), "a terminal")
    assert seen.startswith("␛]0;owned␇<U+DC9B>\n␛]0;owned␇\nNICK ")
    assert "日本語" in seen


def test_an_id_does_not_act(here: Here, rogue: Put) -> None:
    port = rogue(agree)
    for form in ([], ["--json"]):
        assert "owned" in here("send", "hi", "--id", "\x9d0;owned\x9c\u202e\x7f", "--print-id", *form, port=port).out


class Person(io.StringIO):
    """Somebody who presses Enter."""

    def isatty(self) -> bool:
        return True


def test_no_question_acts(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """What a person is asked names files and servers; so do the first lines of ``serve``."""
    monkeypatch.setattr("sys.stdin", Person("\n"))
    monkeypatch.setattr("getpass.getpass", lambda prompt: prompt)
    assert_inert(key_files.ask_on_terminal(f"passphrase of {GIVEN}: ").encode(), "a passphrase")
    login_prompts._tell(f"The certificate of {GIVEN} is not known here")
    startup.announce(f"messages are kept in {GIVEN}")
    out, err = capfd.readouterr()
    assert "owned" in assert_inert(out.encode(), "serve")
    assert "owned" in assert_inert(err.encode(), "join")


# --- from the operator's socket

ANSWERS = {
    "done": {"ok": True, "text": EVIL},
    "list": {"ok": True, "list": True, "text": EVIL, "rows": [{EVIL: EVIL, "since": 1e300, "until": 1.0}]},
    "no": {"ok": False, "error": EVIL, "code": EVIL},
    "odd": {"ok": True, "text": [EVIL], "rows": [{}]},
    "noise": EVIL,
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_no_answer_of_the_console_acts(here: Here, tmp_path: Path, kind: str) -> None:
    """Who answers there may be another program than the server that it was."""
    journal = tmp_path / f"{GIVEN}.db"
    calls = [shlex.split(call) for row in ROWS.values() if isinstance(row.console, tuple) for call in row.console]
    reply = json.dumps(ANSWERS[kind]).encode() + b"\n" if kind != "noise" else EVIL.encode()

    def serve() -> None:
        for _ in calls:
            with listener.accept()[0] as client:
                client.recv(4096)
                client.sendall(reply)

    with reachable_socket(admin_socket(journal)) as name, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        for call in calls:
            seen = here(*call, "--journal", str(journal))
            assert "owned" in seen.out + seen.told or kind in ("odd", "noise") or call[0] == "backup", call
        thread.join(DEADLINE)


# --- Tab

SHELLS = {"bash": shell_completion.Bash, "zsh": shell_completion.Zsh, "fish": shell_completion.Fish}


def test_no_name_that_is_offered_acts(here: Here, rogue: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members that a server makes up, servers and rooms of a file: what acts is not offered."""
    monkeypatch.setattr(completion_values, "ASK_SECONDS", DEADLINE)
    shell_completion.install()
    tables = [f"[server.{toml(text)}]\nroom = {toml(text)}" for text in STRINGS]
    (tmp_path / "all.toml").write_text("\n".join(tables))
    monkeypatch.setenv("CHATCTL_CONFIG", str(tmp_path / "all.toml"))
    port = str(rogue(speak))
    for kind in SHELLS.values():
        one = kind(cli, {}, "chatctl", "_CHATCTL_COMPLETE")
        for option in ("--server", "--room", "--to"):
            found = one.get_completions(["send", "--port", port, option], "")
            offered = "\n".join(one.format_completion(item) for item in found)
            assert_inert(offered.encode(), f"{kind.__name__} {option}")
            assert option != "--server" or "日本語" in offered
            assert option != "--to" or "مریم" in offered
