"""Ctrl-X Ctrl-E: the line in an editor, in a real terminal. Messages wait, and the line is never lost."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL, ROOT
from tests.support.needs import need
from tests.support.server_process import Server
from tests.support.wire import Wire
from tests.system.terminal.multiplexer import Tmux, wait
from tests.system.terminal.term import Start, Term

Other = Callable[..., Wire]
CTRL_X_CTRL_E = "\x18\x05"
EDITOR = f"{sys.executable} {ROOT / 'tests/system/terminal/stub_editor.py'}"
BACK = b"\x1b[?1049l"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return the folder for the editor's files."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def open_editor(join: Start, work: Path, draft: str = "half a li", **environ: str) -> Term:
    """Open a half-typed line in an editor."""
    term = join(EDITOR=EDITOR, TMPDIR=str(work), **environ)
    term.keys(draft)
    term.wait_input(draft)
    term.keys(CTRL_X_CTRL_E)
    term.wait_for(f"EDITING '{draft}\\n'")
    return term


def obey(term: Term, line: str) -> None:
    term.keys(f"{line}\n")
    term.wait_for(f"DONE {line.split()[0]}")


def test_messages_wait_while_the_line_is_edited(join: Start, other: Other, work: Path) -> None:
    """They are shown afterwards, all of them, and the text stands in the line; nothing is sent before Enter."""
    omar = other()
    term = open_editor(join, work)
    assert term.cooked
    for number in range(30):
        omar.say(f"meanwhile {number}", id=str(number))
    omar.frame("ack", where=lambda frame: frame["id"] == "29")
    obey(term, "modes")
    term.wait_for("600 700")
    obey(term, "write one line, whole")
    assert b"meanwhile" not in term.raw
    term.keys("end\n")
    term.wait_for("omar: meanwhile 29")
    shown = [line.partition("omar: ")[2] for line in term.lines() if "omar: " in line]
    assert shown == [f"meanwhile {number}" for number in range(30)]
    assert term.raw.index(BACK) < term.raw.index(b"meanwhile 0")
    term.wait_input("one line, whole")
    assert not term.cooked
    assert list(work.iterdir()) == []
    term.keys("!\r")
    assert omar.texts("one line, whole!")[-1] == "one line, whole!"


@pytest.mark.parametrize(("order", "told"), [("end 3", " ended with status 3"), ("die", " was ended by signal 9")])
def test_an_editor_that_fails(join: Start, work: Path, order: str, told: str) -> None:
    """The line is as it was, and what was saved comes back with Up; keys are keys."""
    term = open_editor(join, work)
    obey(term, "write saved before")
    term.keys(f"{order}\n")
    term.wait_for(f"{told}: the line is as it was; Up brings back what was saved")
    term.wait_input("half a li")
    term.keys("ne\x15\x1b[A\x1b[A")
    term.wait_input("saved before")
    term.keys("\x15\x04")
    assert term.wait_end() == 0
    term.assert_restored()


@pytest.mark.parametrize("editor", ["there-is-none", "vi 'x"])
def test_an_editor_that_cannot_be_run(join: Start, editor: str) -> None:
    term = join(EDITOR=editor)
    term.keys(f"half a li{CTRL_X_CTRL_E}")
    term.wait_for("! cannot run your editor: ")
    term.keys("ne")
    term.wait_input("half a line")


def test_a_text_that_is_too_long_is_kept(join: Start, work: Path) -> None:
    """The file stays until it has been made shorter, and is opened again."""
    term = open_editor(join, work)
    obey(term, f"write {'x' * 3000}")
    for _ in range(2):
        obey(term, "double")
    term.keys("end\n")
    term.wait_for(
        "! the text has 12000 bytes, at most 4096 can be sent: it is kept in ", "Ctrl-X Ctrl-E opens it again"
    )
    (folder,) = work.iterdir()
    assert len((folder / "message.txt").read_text()) == 12_001
    term.keys(CTRL_X_CTRL_E)
    term.wait(lambda: term.text().count("EDITING") == 2, "editor")
    obey(term, "write short")
    term.keys("end\n")
    term.wait_input("short")
    assert list(work.iterdir()) == []


def test_ctrl_c_in_the_editor_is_the_editors(join: Start, work: Path) -> None:
    """The terminal's driver sends SIGINT to both."""
    term = open_editor(join, work)
    term.keys("\x03")
    term.wait_for("INTERRUPTED")
    term.keys("end\n")
    term.wait_input("half a li")
    term.keys("ne\r")
    term.wait_for("nadia: half a line")


def test_ended_while_the_line_is_edited(join: Start, work: Path, state: Path) -> None:
    """The editor ends, too; what was saved there stays, and so does the draft."""
    term = open_editor(join, work)
    obey(term, "write saved before")
    term.child.send_signal(signal.SIGTERM)
    assert term.wait_end() == 143
    term.wait_for("your editor was ended: what was written is in ")
    (folder,) = work.iterdir()
    assert (folder / "message.txt").read_text() == "saved before\n"
    assert [path.read_text() for path in state.rglob("draft")] == ["half a li"]
    term.assert_restored()


def test_stopped_and_brought_back_with_the_editor(start: Start, house: Server, room: str, work: Path) -> None:
    """Ctrl-Z stops both, ``fg`` continues both, and the terminal is the editor's again."""
    term = start("bash", "--norc", "--noprofile", "-i", HISTFILE="/dev/null", EDITOR=EDITOR, TMPDIR=str(work))
    term.wait_shell()
    term.keys(shlex.join([*CHATCTL, "join", "--port", str(house.port), "--room", room, "--nick", "nadia"]) + "\r")
    term.wait_ready()
    term.keys(f"half a li{CTRL_X_CTRL_E}")
    term.wait_for("EDITING 'half a li\\n'")
    term.keys("\x1a")
    term.wait_shell("Stopped")
    term.keys("fg\r")
    obey(term, "write whole")
    assert term.cooked
    term.keys("end\n")
    term.wait_input("whole")
    term.keys("\r")
    term.wait_for("nadia: whole")


def test_in_tmux_nothing_above_is_lost(house: Server, room: str, work: Path, state: Path) -> None:
    """The editor is killed on its own screen: the messages are there again, and the prompt below them, once."""
    need("tmux")
    omar = house.member("omar", room)
    where = ("--port", str(house.port), "--room", room, "--nick", "nadia")
    mux = Tmux(("env", f"EDITOR={EDITOR}", f"TMPDIR={work}", *CHATCTL, "join", *where), state)
    try:
        wait(lambda: mux.lines()[-1].endswith("(2)>"), "prompt", mux.lines)
        for number in range(30):
            omar.say(f"message {number}")
        wait(lambda: "message 29" in "".join(mux.lines()), "messages", mux.lines)
        for end in ("end", "die"):
            mux.keys(f"a draft{CTRL_X_CTRL_E}")
            wait(lambda: "EDITING 'a draft" in "".join(mux.lines()), "editor", mux.lines)
            omar.say(f"before {end}")
            mux.keys(f"{end}\n")
            wait(lambda end=end: f"before {end}" in "".join(mux.lines()), "message", mux.lines)  # type: ignore[misc]
            wait(lambda: mux.lines()[-1].endswith("> a draft"), "prompt", mux.lines)
            mux.keys("\x15")
        said = [line.partition("omar: ")[2] for line in mux.lines() if "omar: " in line]
        assert said == [*(f"message {number}" for number in range(30)), "before end", "before die"]
    finally:
        mux.close()
