"""Talking to one member alone: ``/query`` and ``/r``, and that nothing of it is in a file or goes to the room."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.wire import Wire
from tests.system.terminal.term import Start

Other = Callable[..., Wire]


def test_a_query_and_an_answer(join: Start, other: Other, room: str, state: Path) -> None:
    """The prompt says whom one talks to; a half-typed line is in no file either."""
    omar, bob = other(), other("bob")
    term = join()
    term.keys("said to all\r")
    term.wait_for("nadia: said to all")
    omar.say_frame(type="whisper", to="nadia", text="psst")
    term.wait_for("omar -> you (privately): psst")
    term.keys("/r a secret answer\r")
    assert omar.frame("whisper")["text"] == "a secret answer"
    term.keys("/query omar\r")
    term.wait_for(f"nadia@{room}(3) -> omar>")
    term.keys("a secret line\r")
    assert omar.frame("whisper")["text"] == "a secret line"
    term.wait_for("you -> omar (privately): a secret line")
    term.keys("a secret that is cleared\x15")
    term.keys("a secret draft")
    term.wait_for("-> omar> a secret draft")
    bob.say("end")
    assert bob.texts("end") == ["said to all", "end"]
    term.wait_for("bob: end")
    term.child.send_signal(signal.SIGTERM)
    term.wait_end()
    kept = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    assert any(b"said to all" in data for data in kept.values())
    assert not [path for path, data in kept.items() if b"secret" in data]


def test_help_is_one_screen_and_names_what_is_near(join: Start) -> None:
    """On a terminal of 24 rows nothing of it has scrolled away. A stranger finds the way without a document."""
    term = join()
    term.keys("/clear\r/help\r")
    term.wait_for("More: /help COMMAND, /help keys (Ctrl-D leaves)")
    assert term.screen.row(0).startswith("  /help [TOPIC]")
    term.keys("/help operators\r")
    term.wait_for("You have not proved an operator's key here")
    term.keys("/namse\r")
    term.wait_for("did you mean /names?")
    term.keys("/names\r")
    term.wait_for("1 here:")
    term.keys("/topic\r")
    term.wait_for("topic: none")
    term.keys("/exit\r")
    assert term.wait_end() == 0


def test_whom_one_ignores_is_ignored_in_the_next_run(join: Start, other: Other, state: Path) -> None:
    """Nothing of it is shown or rings, under another nickname in the same run either; others are heard."""
    omar, bob = other(), other("bob")
    term = join()
    term.keys("/ignore omar\r")
    term.wait_for("messages of omar are hidden: /unignore omar ends that")
    omar.say("nadia: one")
    omar.say_frame(type="whisper", to="nadia", text="nadia: two")
    omar.say_frame(type="nick", nick="omar2")
    omar.say("nadia: three")
    assert bob.texts("nadia: three")
    bob.say("end")
    term.wait_for("bob: end")
    term.keys("\x04")
    term.wait_end()
    assert term.screen.bells == 0
    assert not [line for line in term.lines() if "one" in line or "two" in line or "three" in line]
    omar.say_frame(type="nick", nick="omar")
    omar.say("nadia: four")
    bob.texts("nadia: four")
    back = join()
    bob.say("end again")
    back.wait_for("bob: end again")
    assert "four" not in back.text()
    back.keys("/unignore omar\r")
    back.wait_for("new messages of omar are shown again")
    omar.say("five")
    back.wait_for("omar: five")
    (kept,) = state.glob("ignored/*.json")
    assert kept.read_text() == "[]"
    assert kept.stat().st_mode & 0o777 == 0o600
