"""The linear screen in a real terminal: every byte that is written is looked at."""

from __future__ import annotations

import codecs
import os
import re
import shlex
import signal
import termios
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL
from tests.support.server_process import Server
from tests.support.wire import Wire
from tests.system.terminal.term import Start, Term

Other = Callable[..., Wire]


def assert_linear(term: Term) -> None:
    """Text, the ends of rows and bells: nothing that moves, erases or colours."""
    text = bytes(term.raw).decode().replace("\r\n", "\n")
    found = {
        char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co") and char not in "\n\a\u200d"
    }
    assert not found, f"{sorted(found)!r} in {text!r}"


@pytest.fixture
def linear(join: Start, house: Server, room: str) -> Iterator[Callable[..., Term]]:
    """Join on a linear screen; at the end, look at all that was written."""
    terms: list[Term] = []

    def linear(*options: str, **more: object) -> Term:
        watch = house.member("watcher", room, mode="watch")
        terms.append(join("--linear", *options, ready=False, **more))
        watch.frame("join")
        terms[-1].wait(lambda: not terms[-1].cooked, "raw mode")
        return terms[-1]

    yield linear
    for term in terms:
        assert_linear(term)


def written(term: Term) -> str:
    """Return all that has come, as text: what was read may end in the middle of a character."""
    return codecs.utf_8_decode(term.raw)[0].replace("\r\n", "\n")


def wait_written(term: Term, text: str) -> None:
    term.wait(lambda: text in written(term), repr(text))


def test_a_message_waits_until_the_line_is_entered(linear: Start, other: Other) -> None:
    """It is never written into it, and what is said is what was typed."""
    omar, term = other(), linear()
    omar.say("before")
    wait_written(term, "omar: before\n")
    term.keys("half a li")
    wait_written(term, "\nhalf a li")
    omar.say("nadia: in between")
    wait_written(term, "half a li\a")  # the bell of a mention does not wait
    term.keys("ne\r")
    wait_written(term, "nadia: half a line\n")
    assert re.search(
        r"\nhalf a li\ane\n\d\d:\d\d omar: nadia: in between\n\d\d:\d\d nadia: half a line\n", written(term)
    )
    assert omar.texts("half a line")[-1] == "half a line"


def test_what_waits_can_be_asked_for(linear: Start, other: Other) -> None:
    """Ctrl-R writes it, and the line again; so does an empty line."""
    omar, term = other(), linear()
    term.keys("half")
    wait_written(term, "half")
    omar.say("nadia: one")
    wait_written(term, "half\a")
    term.keys("\x12")
    wait_written(term, "nadia: one\nhalf")
    omar.say("nadia: two")
    wait_written(term, "one\nhalf\a")
    term.keys("\x7f" * 4)
    wait_written(term, "\\flah\n")
    wait_written(term, "nadia: two\n")
    assert "two\nhalf" not in written(term)


def test_editing_writes_no_byte_that_moves_the_cursor(linear: Start, other: Other) -> None:
    """Backspace, words, history, completion, arrows that have nothing to do, a long line, other scripts, a new size."""
    omar, term = other(), linear()
    term.keys("helo\x7flo 漢字👨\u200d👩\u200d👧\x7f wor\x17x\x1b[D\x1b[H\x1b[3~\x1b[15~\x1bb")
    wait_written(term, "\\wor/x")
    term.keys("\r\x1b[A\x1b[A\x1b[B\x15/w\t\toma\t" + "y" * 200)
    term.resize(40)
    term.keys("\x03")
    wait_written(term, "Ctrl-C again leaves\n")
    assert omar.frame("msg")["text"] == "hello 漢字 x"
    omar.say("\x1b[2J\x9b2J\b\r evil \u202e\n" * 30)
    wait_written(term, "more lines: /show")
    term.keys("/help\r/who\r/status\r/clear\r/show 2\r/nick nadine\r")
    wait_written(term, "nadia is now nadine")


def test_a_draft_an_outbox_and_a_restart(linear: Start, state: Path) -> None:
    """As on the full screen: nothing that was written is lost, and the terminal goes back as it was."""
    term = linear()
    term.keys("said before\r")
    wait_written(term, "nadia: said before\n")
    term.keys("half a li")
    wait_written(term, "half a li")
    term.child.send_signal(signal.SIGTERM)
    assert term.wait_end() == 143
    assert "come back with: chatctl join" in term.text()
    term.assert_restored()
    back = linear()
    wait_written(back, "Up brings it back: half a li\n")
    back.keys("\x1b[A")
    wait_written(back, "\nhalf a li")
    back.keys("ne\r")
    wait_written(back, "nadia: half a line\n")
    back.keys("\x1b[A\x15\x04")
    assert back.wait_end() == 0
    back.assert_restored()


def test_two_rooms(linear: Start, other: Other, room: str) -> None:
    """Each line says which room it is of, as there is no prompt; what is typed goes to the one that was opened last."""
    omar, term = other(), linear()
    term.keys(f"/join {room}den\r")
    wait_written(term, f"[{room}den] You are nadia in {room}den")
    omar.say("in the first")
    wait_written(term, f"[{room}] ")
    term.keys("hello\r\x1b[A/1\x17")
    wait_written(term, "nadia: hello\n")
    assert re.search(rf"\n\[{room}den\] \d\d:\d\d nadia: hello\n", written(term))
    term.keys("\x15/1\r\x1b[A\x15back\r")
    assert omar.texts("back")[-1] == "back"


def test_keys_before_it_is_in(join: Start, other: Other) -> None:
    """They are kept, in order."""
    omar, term = other(), join("--linear", ready=False)
    term.keys("first\rsecond\rand a dr")
    assert omar.texts("second") == ["first", "second"]  # shown to nadia once the line is entered, or 10 s later
    term.keys("aft\r")
    wait_written(term, "nadia: second\n")
    wait_written(term, "nadia: and a draft\n")
    assert_linear(term)


def test_stopped_and_brought_back(start: Start, house: Server, room: str) -> None:
    """Ctrl-Z; after ``fg`` the line is written again, and the terminal is ours."""
    term = start("sh", "-i", PS1="$ ", TERM="dumb")
    term.wait_shell()
    where = ("--port", str(house.port), "--room", room, "--nick", "nadia")
    term.keys(shlex.join([*CHATCTL, "join", "--linear", *where]) + "\r")
    term.wait(lambda: not term.cooked, "raw mode")
    term.keys("half a li")
    term.wait_for("half a li")
    term.keys("\x1a")
    term.wait_shell("Stopped")
    term.keys("fg\r")
    term.wait(lambda: written(term).count("half a li") == 2, "the line again")
    term.keys("ne\r")
    term.wait_for("nadia: half a line")
    assert not term.cooked


def test_stopped_and_continued(linear: Start) -> None:
    """Another program has had the terminal meanwhile, and left it as it likes it: Ctrl-C is a key again."""
    term = linear()
    term.keys("half a li")
    wait_written(term, "half a li")
    term.child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, term.child.pid, os.WSTOPPED | os.WNOWAIT)
    termios.tcsetattr(term._tty, termios.TCSANOW, term._modes)
    term.child.send_signal(signal.SIGCONT)
    wait_written(term, "half a li\nhalf a li")
    term.keys("\x03")
    wait_written(term, "^C\nCtrl-C again leaves\n")


def test_in_the_configuration_file_and_where_it_does_not_count(
    join: Start, linear: Start, tmp_path: Path, other: Other
) -> None:
    """A terminal that is dumb is enough; ``--plain`` goes over it."""
    (tmp_path / "config.toml").write_text("[join]\nlinear = true\n")
    environ = {"CHATCTL_CONFIG": str(tmp_path / "config.toml")}
    term = join(ready=False, TERM="dumb", **environ)
    term.wait(lambda: not term.cooked, "raw mode")
    term.keys("hello\r")
    wait_written(term, "nadia: hello\n")
    term.keys("\x04")
    assert term.wait_end() == 0
    assert_linear(term)
    plain = join("--plain", ready=False, **environ)
    plain.keys("plain\n")
    plain.wait_for("nadia: plain")
    assert plain.cooked
