"""Keys in a real terminal: early ones, those of newer protocols, sequences that are none, bytes that are no text."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL
from tests.support.server_process import Server
from tests.support.stub import Stub
from tests.support.wire import Wire
from tests.system.terminal.term import Start, Term

Other = Callable[..., Wire]


def test_keys_before_the_first_prompt_are_kept_in_order(join: Start) -> None:
    """An early Enter sends its own line, not the next one with it."""
    term = join(ready=False)
    term.keys("first\rsecond\rand a dr")
    term.wait_for("nadia: first", "nadia: second")
    term.keys("aft")
    term.wait_input("and a draft")


def test_keys_while_it_connects_are_not_echoed_among_its_lines(start: Start) -> None:
    """The terminal is ours from the first moment, and goes back as it was."""

    def silent(client: socket.socket) -> None:
        client.recv(1)

    stub = Stub(silent)
    term = start(*CHATCTL, "join", "--port", str(stub.port), "--nick", "nadia")
    term.wait(lambda: stub._open, "connection")
    assert not term.cooked
    term.keys("too early\r")
    term.keys("\x03")
    assert term.wait_end() == 130
    assert "too early" not in term.text()
    term.assert_restored()
    stub.close()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM])
def test_a_signal_while_it_connects_restores_the_terminal(start: Start, number: int) -> None:
    """It is raw by then."""

    def silent(client: socket.socket) -> None:
        client.recv(1)

    stub = Stub(silent)
    term = start(*CHATCTL, "join", "--port", str(stub.port), "--nick", "nadia")
    term.wait(lambda: stub._open, "connection")
    term.child.send_signal(number)
    assert term.wait_end() == 128 + number
    term.assert_restored()
    stub.close()


@pytest.mark.parametrize("newline", ["\x1b[13;2u", "\x1b[27;2;13~", "\x1bOM", "\x1b\r"])
def test_shift_enter_is_a_new_line(join: Start, other: Other, newline: str) -> None:
    """Whatever the terminal sends for it: it never sends what is not finished."""
    omar = other()
    term = join()
    term.keys(f"one{newline}two")
    term.wait_input("one\ntwo")
    term.keys("\r")
    assert omar.frame("msg")["text"] == "one\ntwo"


def test_what_is_no_key_is_not_typed(join: Start) -> None:
    """Focus events, kitty's keys, late replies to a program that has ended."""
    term = join()
    term.keys("a\x1b[Ib\x1b[Oc\x1b[5;2~d\x1b]11;rgb:0/0/0\x07e\x1bP>|XTerm(379)\x1b\\f\x1b[?62cg\x1b[97;5:3uh")
    term.wait_input("abcdefgh")
    term.keys("\x1b[117;5u")  # Ctrl-U in kitty's protocol
    term.wait_input("")


def test_bytes_that_are_no_text_are_told(join: Start, other: Other) -> None:
    """A keyboard that types Latin-1: what is shown is what is sent."""
    omar = other()
    term = join()
    term.keys(b"gr\xfc\xdfe\r")
    term.wait_for(
        "! your terminal has sent bytes that are no text in utf-8 (fc df): \ufffd stands for each in the line"
    )
    assert omar.frame("msg")["text"] == "gr\ufffd\ufffde"


def test_stopped_and_continued(join: Start) -> None:
    """Another program has had the terminal meanwhile, and left it as it likes it."""
    term = join()
    term.keys("a dr")
    term.wait_input("a dr")
    term.child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, term.child.pid, os.WSTOPPED | os.WNOWAIT)
    termios.tcsetattr(term._tty, termios.TCSANOW, term._modes)
    with term._news:
        term._stream.feed(b"\x1b[?2004l")
    assert term.cooked
    term.child.send_signal(signal.SIGCONT)
    term.wait_ready()
    term.keys("aft")
    term.wait_input("a draft")
    assert not term.cooked
    term.keys("\r")
    term.wait_for("nadia: a draft")


def test_stopped_and_brought_back_by_a_shell(start: Start, house: Server, room: str) -> None:
    """``kill -STOP``, then ``fg``: the prompt is there, keys are keys."""
    term = _join_from_shell(start, house, room)
    os.kill(_child(term), signal.SIGSTOP)
    term.wait_shell("Stopped")
    term.keys("fg\r")
    # Both at once: a message that comes just then may be painted before the terminal is taken back.
    term.wait(lambda: not term.cooked and term.holds(""), "prompt, and keys that are read one by one")
    term.keys("back\r")
    term.wait_for("nadia: back")
    term.keys("\x04")
    term.wait_for("come back with")
    term.keys("exit\r")
    term.wait_end()


def test_each_ctrl_z_and_fg_leaves_one_prompt(start: Start, house: Server, room: str, other: Other) -> None:
    """None of the rows of a draft stays above, however often, and whatever happens to the job meanwhile."""
    omar, term = other(), _join_from_shell(start, house, room)
    rows = ["the first row", "the second row", "the third row"]
    term.keys("\n".join(rows))
    stops = 0
    for number, (command, columns) in enumerate([("", 80), ("", 80), ("bg", 80), ("", 70)]):
        term.wait_input("\n".join(rows))
        term.keys("\x1a")
        stops = _wait_stopped(term, stops + 1)
        term.wait_shell("Stopped")
        if command == "bg":  # it is stopped again as it sets the terminal's modes
            term.keys("set -b; bg\r")
            stops = _wait_stopped(term, stops + 1)
        term.resize(columns)
        term.keys("fg\r")
        term.wait_input("\n".join(rows))
        omar.say(f"message {number}")
        term.wait_for(f"omar: message {number}")
        term.wait_input("\n".join(rows))
        shown = [line.partition("> ")[2] or line.strip() for line in term.lines()]
        assert [shown.count(row) for row in rows] == [1, 1, 1], "\n".join(term.lines())


def _join_from_shell(start: Start, house: Server, room: str) -> Term:
    term = start("bash", "--norc", "--noprofile", "-i", HISTFILE="/dev/null")
    term.wait_shell()
    term.keys(shlex.join([*CHATCTL, "join", "--port", str(house.port), "--room", room, "--nick", "nadia"]) + "\r")
    term.wait_ready()
    return term


def _wait_stopped(term: Term, times: int) -> int:
    term.wait(lambda: "\n".join(term.screen.all_lines()).count("]+  Stopped") == times, f"stop {times}")
    return times


def _child(term: Term) -> int:
    pid = term.child.pid
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
