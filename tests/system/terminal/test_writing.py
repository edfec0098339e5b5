"""Keys and commands."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl.terminal.slash_commands import COMMANDS
from tests.support.wire import Wire
from tests.system.terminal.term import Start, Term

Other = Callable[..., Wire]


COMPLETIONS = {
    "oma": "omar: ",
    "OM": "omar: ",
    "hi oma": "hi omar ",
    "@oma": "@omar: ",
    "/st": "/status",
    ":rock": "🚀",
    "well :coff": "well ☕",
    "nobody": "nobody",
}


def test_tab(join: Start, other: Other) -> None:
    """One that fits is taken at once."""
    other()
    term = join()
    term.wait(lambda: "(2)> " in (term.prompt() or (0, ""))[1], "omar")
    for typed, becomes in COMPLETIONS.items():
        term.keys(f"{typed}\t")
        term.wait_input(becomes)
        term.keys("\x03")
        term.wait_input("")


def test_tab_between_several(join: Start) -> None:
    """A menu; Tab goes through it, and Enter takes what is chosen without sending it."""
    term = join()
    term.keys("/m\t")
    term.wait_for("/me", "/msg")
    term.keys("\t\t\r")
    term.wait_input("/msg ")


def test_a_menu_goes_without_a_trace(join: Start, other: Other) -> None:
    """Also when messages come while it is open."""
    omar, term = other(), join()
    term.keys("/\t")
    term.wait_for("/help", "/msg")
    omar.say("in between")
    term.wait_for("omar: in between")
    term.keys("\x03")
    term.wait_input("")
    assert not any(line.strip().startswith(("/help", "/msg")) for line in term.lines())


@pytest.mark.parametrize("newline", ["\x1b\r", "\n"])
def test_a_message_of_several_lines(join: Start, other: Other, newline: str) -> None:
    """Alt-Enter and Ctrl-J add a line; Enter sends them all as one."""
    omar, term = other(), join()
    term.keys(f"one{newline}two")
    term.wait_input("one\ntwo")
    term.keys("\r")
    assert omar.frame("msg")["text"] == "one\ntwo"
    term.wait_for("nadia: one", "    | two")


def test_over_the_limit_nothing_is_cut(join: Start, other: Other) -> None:
    """It is said before sending, and the text stays."""
    omar, term = other(), join()
    text = "é" * 2049  # 4,098 bytes: the line of a command may have more than the message in it
    term.paste(f"//{text}")
    term.keys("\r")
    term.wait_for("! this message has 4099 bytes, at most 4096 can be sent: shorten it")
    term.keys("\x7f\x7f\r")
    assert omar.frame("msg")["text"] == f"/{text[:-2]}"


def test_a_paste_over_the_limit_is_refused_at_once(join: Start) -> None:
    """With its size, however large; the line stays as it was."""
    term = join()
    term.keys("before ")
    term.paste("0123456789\n" * 20_000)
    term.wait_for("! this paste has 219999 bytes and the line 7, at most 4096 can be sent: not taken")
    term.keys("and after")
    term.wait_input("before and after")


def test_what_is_shown_is_what_is_sent(join: Start, other: Other) -> None:
    """Backspace takes a family as a whole, as it is seen."""
    omar, term = other(), join()
    term.keys("a👨\u200d👩\u200d👧\u200d👦\x7f ok")
    term.wait_input("a ok")
    term.keys("\r")
    assert omar.frame("msg")["text"] == "a ok"


def test_a_pasted_end_of_line_is_no_line(join: Start, other: Other) -> None:
    omar, term = other(), join()
    term.paste("one\ntwo\n")
    term.wait_input("one\ntwo\n")
    term.keys("\r")
    assert omar.frame("msg")["text"] == "one\ntwo"


def test_commands(join: Start, other: Other, room: str) -> None:
    omar, term = other(), join()
    omar.say("an old word")
    term.wait_for("omar: an old word")
    term.keys("/help\r")
    term.wait_for("Ctrl-D leaves", *(f"  /{name}" for name in COMMANDS))
    term.keys("/who\r")
    term.wait_for("2 here:", "  omar")
    term.keys("/me waves\r")
    term.wait_for("* nadia waves")
    term.keys("/msg omar psst\r")
    assert omar.frame("whisper")["text"] == "psst"
    term.wait_for("you -> omar (privately): psst")
    term.keys("/status\r")
    term.wait_for(f"room {room} on 127.0.0.1:", "connected; 2 here")
    term.keys("/nick nadine\r")
    term.wait_for("nadia is now nadine")
    term.keys("/history 1\r")
    term.wait_for("— the last message again —", "— until here —")
    term.keys("/clear\r")
    term.wait(lambda: term.prompt() == (0, f"nadine@{room}(2)> "), "an empty screen")
    term.keys("/quit\r")
    assert term.wait_end() == 0


def test_what_is_not_sent(join: Start, other: Other) -> None:
    """A mistyped command stays in the line and is told; two slashes say it."""
    omar, term = other(), join()
    term.keys("/hlep me\r")
    term.wait_for("! there is no command /hlep: /help lists them (//hlep sends it as text)")
    term.wait_input("/hlep me")
    term.keys("\x15/history x\r")
    term.wait_for("! usage: /history [WHEN] [N]")
    term.keys("\x15//etc/hosts\r")
    assert omar.frame("msg")["text"] == "/etc/hosts"


@pytest.mark.parametrize(
    ("keys", "wanted"), [("hi", "hi"), ("\x1b[200~hi\x1b[201~", "hi"), ("\x7f", ""), ("\n-", "\n-")]
)
def test_the_next_key_replaces_a_refused_command(join: Start, keys: str, wanted: str) -> None:
    """It is selected, and Up brings it back; an arrow goes on in it."""
    term = join()
    term.keys("/hlep me\r")
    term.wait_for("! there is no command /hlep")
    term.wait(lambda: term.drawn() and all(cell.reverse for cell in term.style_of("> /hlep me")[2:]), "selection")
    term.keys(keys)
    term.wait_input(wanted)
    term.keys("\x7f\x7f\x7f\x1b[A")  # one by one: Ctrl-U would keep that line for Up, too
    term.wait_input("/hlep me")
    term.keys("\r\x1b[D!")
    term.wait_input("/hlep m!e", 8)


def test_a_whisper_to_nobody_is_given_back(join: Start) -> None:
    """What was written is shown with the reason, and Up brings it back."""
    term = join()
    term.keys("/msg ghost are you there\r")
    term.wait_for("! not sent (", "are you there")
    term.keys("\x1b[A")
    term.wait_input("/msg ghost are you there")


def test_a_whisper_is_in_no_file(join: Start, other: Other, state: Path) -> None:
    """Neither when it is sent, nor half typed, nor cleared, nor in a crash."""
    omar, term = other(), join()
    term.keys("/msg omar a secret\r")
    assert omar.frame("whisper")["text"] == "a secret"
    term.keys("said to all\r")
    term.wait_for("nadia: said to all")
    term.keys("/msg omar a secret that is cleared\x03")
    term.wait_input("")
    term.keys("/msg omar a secret draft")
    term.wait_input("/msg omar a secret draft")
    term.child.send_signal(signal.SIGTERM)
    term.wait_end()
    kept = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    assert any(b"said to all" in data for data in kept.values())
    assert not [path for path, data in kept.items() if b"secret" in data]


def test_ctrl_c_clears_and_then_leaves(join: Start, room: str) -> None:
    """It says before that it would. Leaving says how to come back."""
    term = join()
    term.keys("half a line\x03")
    term.wait_for("[Ctrl-C again leaves]")
    term.wait_input("")
    term.keys("\x03")
    assert term.wait_end() == 0
    assert f"left {room}; come back with: chatctl join --nick nadia --port" in term.text()
    term.assert_restored()


def test_one_ctrl_c_leaves_nothing_and_loses_nothing(join: Start) -> None:
    """On an empty line it only says what a second one does, for two seconds; a cleared line comes back with Up."""
    term = join()
    term.keys("\x03")
    term.wait_for("[Ctrl-C again leaves]")
    term.wait(lambda: "[Ctrl-C" not in "\n".join(term.screen.all_lines()), "end of the announcement")
    term.keys("half a line\x03")
    term.wait_input("")
    term.keys("more\x03x")  # it clears, as there is something to clear
    term.wait_input("x")
    term.keys("\x7f\x1b[A")  # behind the x it would look for lines that begin with one
    term.wait_input("more")
    term.keys("\x1b[A")
    term.wait_input("half a line")


@pytest.mark.parametrize("key", ["\x0f", "\x1b#"])
def test_keys_of_readline_that_accept_a_line_do_not_end_it(join: Start, key: str) -> None:
    """Ctrl-O and Alt-# would, with prompt-toolkit's own bindings."""
    term = join()
    term.keys(f"a{key}b")
    term.wait_input("ab")


def test_ctrl_d_leaves_on_an_empty_line_only(join: Start) -> None:
    term = join()
    term.keys("ab\x1b[D\x04")  # deletes b
    term.wait_input("a")
    term.keys("\x04")
    term.wait_input("a")
    term.keys("\x7f\x04")
    assert term.wait_end() == 0
    term.assert_restored()


def test_a_prompt_in_a_narrow_terminal(join: Start, other: Other) -> None:
    """Thirty columns are enough to type in."""
    other()
    term: Term = join(columns=30)
    term.keys("a line that needs more than one row here")
    term.wait_input("a line that needs more than one row here")
