"""How the user is told of a mention or a whisper while they look elsewhere: by a command, or by the terminal."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL
from tests.support.needs import need
from tests.support.server_process import Server
from tests.support.wire import Wire
from tests.system.terminal.multiplexer import Tmux, wait
from tests.system.terminal.term import Start, Term

Other = Callable[..., Wire]

NOTE = """
import os, sys
fields = [os.environ[f"CHATCTL_{name}"] for name in ("EVENT", "AUTHOR", "ROOM")]
print(*fields, sys.stdin.read(), file=open(sys.argv[1], "a"))
"""


def command(tmp_path: Path) -> str:
    return shlex.join([sys.executable, "-c", NOTE, str(tmp_path / "notes")])


def wait_notes(term: Term, tmp_path: Path, notes: list[str]) -> None:
    def found() -> list[str]:
        path = tmp_path / "notes"
        return sorted(path.read_text().strip().split("\n\n")) if path.exists() else []

    term.wait(lambda: found() == sorted(notes), f"notes {notes}")


@pytest.mark.parametrize("screen", ["", "--linear", "--plain"])
def test_a_command_for_a_mention_and_a_whisper(
    join: Start, other: Other, room: str, tmp_path: Path, screen: str
) -> None:
    """On each screen; what is not for the user runs nothing."""
    omar = other()
    term = join("--notify-command", command(tmp_path), *filter(None, [screen]), ready=False)
    omar.frame("join")
    omar.say("hello all")
    omar.say("nadia: a\x1b[2J b")
    omar.say_frame(type="whisper", to="nadia", text="psst $HOME")
    wait_notes(term, tmp_path, [f"mention omar {room} nadia: a␛[2J b", f"whisper omar {room} psst $HOME"])
    bells = 0 if screen == "--plain" else 2  # which the command does not wait for
    term.wait(lambda: term.screen.bells == bells, f"{bells} bells")


def test_in_the_configuration_file_and_wrong(join: Start, other: Other, room: str, tmp_path: Path) -> None:
    """A command that fails is told once; one that can't be split is wrong usage."""
    (tmp_path / "config.toml").write_text('[join]\nnotify-command = "false"\n')
    omar, term = other(), join(CHATCTL_CONFIG=str(tmp_path / "config.toml"))
    for _ in range(3):
        omar.say("nadia!")
    term.wait_for("! --notify-command: false ended with status 1 (told once)")
    omar.say("end")
    term.wait_for("omar: end")
    assert term.text().count("told once") == 1
    wrong = join("--notify-command", "notify-send 'x", ready=False)
    assert wrong.wait_end() == 2
    assert "'--notify-command'" in wrong.text()


def test_the_terminal_notifies(join: Start, other: Other) -> None:
    """Where it is asked for; the text can't leave the sequence, and the bell is as it was."""
    omar, term = other(), join("--notify-osc", "777")
    omar.say("nadia: a;b\x1b\\\x07")
    term.wait(
        lambda: "\x1b]777;notify;chatctl;omar mentions you: nadia: a,b␛\\␇\x1b\\".encode() in term.raw, "notification"
    )
    assert term.screen.bells == 1


def test_through_tmux(start: Start, house: Server, room: str, state: Path) -> None:
    """tmux passes on what is wrapped for it, where its option allows that."""
    need("tmux")
    omar = house.member("omar", room)
    where = ("--port", str(house.port), "--room", room, "--nick", "nadia")
    mux = Tmux((*CHATCTL, "join", "--notify-osc", "9", *where), state)
    try:
        base = [str(part) for part in mux._base]
        subprocess.run([*base, "set", "-g", "allow-passthrough", "on"], check=True)
        outside = start(*base, "attach")
        wait(lambda: mux.lines()[-1].endswith("(2)>"), "prompt", mux.lines)
        outside.wait_for("(2)>")
        omar.say("nadia: look")
        outside.wait(lambda: b"\x1b]9;chatctl: omar mentions you: nadia: look\x1b\\" in outside.raw, "notification")
    finally:
        mux.close()
