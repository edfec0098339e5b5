"""Nothing is lost: dropped connections, restarted servers, killed programs."""

from __future__ import annotations

import json
import re
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.server_process import Server
from tests.support.wire import Wire
from tests.system.terminal.term import DEADLINE, Start, Term, wait_kept

BACK_OFF = "from chatctl.client.core import retry\nretry.FIRST_SECONDS = retry.MAX_SECONDS = 300.0"
"""Once a connection is lost, the next try by itself comes later than any test lasts."""
Other = Callable[..., Wire]
Serve = Callable[..., Server]


def kept(state: Path, name: str) -> Path:
    """Return the file that is kept under that name."""
    (path,) = state.glob(f"rooms/*/*/nadia/{name}")
    return path


def restart(server: Server, serve: Serve) -> Server:
    """Start a server anew where one was."""
    return serve(port=server.port)


def cut(server: Server) -> None:
    """End a server as a power cut would."""
    server.signal(signal.SIGKILL)
    server.wait()


def test_a_restarted_server_costs_nothing(join: Start, serve: Serve, room: str) -> None:
    """The draft stays, the status tells, what is said meanwhile waits in order and arrives once."""
    server = serve()
    term = join(port=server.port)
    term.keys("before\r")
    term.wait_for("nadia: before")
    term.keys("a draft")
    cut(server)
    term.wait_for("disconnected:", "reconnecting")
    term.wait_input("a draft")
    term.keys("\x15first offline\rsecond offline\r")
    term.wait_for("… first offline", "… second offline", "2 unsent")
    assert all(cell.bold is False for cell in term.style_of("… first offline"))
    term.keys("another draft")
    again = restart(server, serve)
    term.wait_for("connected again", "nadia: second offline")
    term.wait_input("another draft")
    texts = again.member("judge", room, history=50)
    texts.say("end")
    assert texts.texts("end") == ["first offline", "second offline", "end"]
    shown = [line for line in term.lines() if "offline" in line]
    assert [line[6:] for line in shown] == ["nadia: first offline", "nadia: second offline"], shown


def test_enter_on_an_empty_line_tries_at_once(join: Start, serve: Serve) -> None:
    """Nobody has to wait for the back-off."""
    server = serve()
    term = join(port=server.port, first=BACK_OFF)
    cut(server)
    wait_for_back_off(term)
    restart(server, serve)
    term.keys("\r")
    term.wait_for("connected again")


def wait_for_back_off(term: Term) -> None:
    """Wait until it tells how long it waits: for minutes."""
    term.wait(lambda: re.search(r"reconnecting in \d{3} s", term_text(term)), "a long wait")


def term_text(term: Term) -> str:
    return "\n".join(term.screen.all_lines())


def test_what_a_new_log_holds_is_shown(join: Start, serve: Serve, room: str) -> None:
    """A restarted server has forgotten the old messages, but not those that others said before we were back."""
    server = serve()
    term = join(port=server.port, first=BACK_OFF)
    cut(server)
    wait_for_back_off(term)
    again = restart(server, serve)
    omar = again.member("omar", room)
    omar.say("you were not here yet", id="1")
    omar.frame("msg")
    term.keys("\r")
    term.wait_for("— the server began a new log —", "omar: you were not here yet")
    omar.say("now you are")
    term.wait_for("omar: now you are")
    assert sum("not here yet" in line for line in term.lines()) == 1


def test_resuming_shows_once_what_was_missed(join: Start, other: Other, start: Start, state: Path) -> None:
    """A killed program knows where it stood: what was said since comes under a line, after what came before it."""
    omar = other()
    term = join("--history", "2")
    for number in range(4):
        omar.say(f"seen {number}")
    term.wait_for("seen 3")
    wait_kept(term, state, "cursor.json", '"after":4')
    term.child.kill()
    term.wait_end()
    for number in range(3):
        omar.say(f"missed {number}", id=str(number))
        omar.frame("msg", where=lambda frame, number=number: frame["text"] == f"missed {number}")  # type: ignore[misc]
    back = join("--history", "2")
    back.wait_for("missed 2")
    shown = [line.removeprefix("— ").removesuffix(" —")[-26:].split(": ")[-1] for line in back.lines() if line]
    wanted = ["seen 2", "seen 3", "messages while you were away", "missed 0", "missed 1", "missed 2"]
    assert [line for line in shown if not line.startswith("r")][:6] == [line[-26:] for line in wanted]
    assert "— 3 messages while you were away —" in back.lines()


def test_a_gap_is_a_visible_line(join: Start, serve: Serve, room: str, state: Path) -> None:
    """What the server no longer has is announced."""
    server = serve("--ring-entries", "5")
    term = join("--history", "0", port=server.port)
    omar = server.member("omar", room)
    omar.say("first")
    term.wait_for("omar: first")
    wait_kept(term, state, "cursor.json", '"after":1')
    term.child.kill()
    term.wait_end()
    for number in range(20):
        omar.say(f"number {number}", id=str(number))
    omar.frame("ack", where=lambda frame: frame["id"] == "19")
    back = join("--history", "0", port=server.port)
    back.wait_for("messages missing: they are no longer kept", "number 19")


def test_kill_9_loses_neither_draft_nor_outbox(join: Start, serve: Serve, room: str, state: Path) -> None:
    """What was typed is offered again; what was said without a connection is said at the next start, once."""
    server = serve()
    term = join(port=server.port)
    cut(server)
    term.wait_for("reconnecting")
    term.keys("/me says this offline\rand this\rhalf a li")
    term.wait_for("2 unsent")
    wait_kept(term, state, "draft", "half a li")
    term.child.kill()
    term.wait_end()
    for path in state.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert len(json.loads(kept(state, "outbox.json").read_text())) == 2

    again = restart(server, serve)
    back = join(port=server.port)
    back.wait_for("* nadia says this offline", "nadia: and this", "Up brings it back: half a li")
    back.wait_input("")
    back.keys("\x1b[A")
    back.wait_input("half a li")
    judge = again.member("judge", room, history=50)
    judge.say("end")
    assert judge.texts("end") == ["says this offline", "and this", "end"]
    wait_kept(back, state, "outbox.json", "[]")


def test_your_own_ghost_gives_your_name_back(join: Start, other: Other) -> None:
    """A connection that nobody has closed yet holds the name; the same token takes it over at once."""
    judge = other("judge")
    term = join()
    judge.frame("join", where=lambda frame: frame["nicks"] == ["nadia"])
    term.child.send_signal(signal.SIGSTOP)  # as a laptop whose lid was shut
    back = join()
    back.keys("it is me\r")
    back.wait_for("nadia: it is me")
    assert judge.frame("msg")["nick"] == "nadia"
    term.child.send_signal(signal.SIGCONT)
    term.wait_for("chatctl: your nickname joined from elsewhere: you have left the room")
    assert term.wait_end() == 5


def test_a_second_client_takes_over_what_the_first_kept(join: Start, other: Other, state: Path) -> None:
    """The first is thrown out, and ends; its unfinished line and all that is said from then on are the second's."""
    term = join()
    term.keys("from the first\r")
    term.wait_for("nadia: from the first")
    term.keys("half a li")
    term.wait_input("half a li")
    back = join()
    assert term.wait_end() == 5
    back.wait_for("Up brings it back: half a li")
    back.keys("\x1b[A")
    back.wait_input("half a li")
    back.keys("ne\r")
    back.wait_for("nadia: half a line")
    back.keys("\x1b[A" * 3)  # the line, what was brought back for it, and that
    back.wait_input("from the first")
    wait_kept(back, state, "history", "+half a line")
    back.keys("\x15a new draft")
    wait_kept(back, state, "draft", "a new draft")


def test_a_second_client_says_while_it_keeps_nothing(join: Start, state: Path) -> None:
    """The first is stopped and holds the files; once it has ended, all is kept again."""
    term = join()
    term.child.send_signal(signal.SIGSTOP)
    back = join(first="from chatctl.terminal import controller\ncontroller.UNKEPT_SECONDS = 0.5")
    back.keys("said meanwhile\r")
    back.wait_for("no draft, no unsent line and no history is kept: another chatctl has this nickname's files open")
    term.child.kill()
    back.wait_for("draft, unsent lines and history are kept now")
    wait_kept(back, state, "history", "+said meanwhile")


def test_lines_that_are_not_acknowledged_when_it_is_left(join: Start, serve: Serve) -> None:
    """It is said what becomes of them."""
    server = serve()
    term = join(port=server.port)
    cut(server)
    term.wait_for("reconnecting")
    term.keys("one\rtwo\r")
    term.wait_for("2 unsent")
    term.keys("\x04")
    term.wait_for("not acknowledged yet: 2 of your lines; the next join sends them again, once")
    assert term.wait_end() == 0


def test_a_whisper_right_before_leaving_is_told_of(join: Start, other: Other) -> None:
    """Its answer comes when the prompt is gone."""
    omar, term = other(), join()
    term.keys("/msg omar the last word\r\x04")
    assert omar.frame("whisper")["text"] == "the last word"
    assert term.wait_end() == 0
    assert "you -> omar (privately): the last word" in term.text()
    term.assert_restored()


def test_a_name_taken_by_somebody_else_meanwhile(join: Start, serve: Serve, room: str) -> None:
    """Once we were in, no refusal throws the person out: it is told, once, and tried again."""
    server = serve()
    term = join(port=server.port, first=BACK_OFF)
    term.keys("a draft")
    term.wait_input("a draft")
    cut(server)
    wait_for_back_off(term)
    again = restart(server, serve)
    thief = again.member("nadia", room)
    term.keys("\x15\r")
    term.wait_for("cannot come back yet: ", "somebody else")
    term.keys("a draft")
    term.wait_input("a draft")
    thief.close()
    term.keys("\x15\r")
    term.wait_for("connected again")
    assert term_text(term).count("cannot come back yet") == 1


def test_history_file_is_private_and_per_room(join: Start, state: Path, house: Server) -> None:
    """Up brings back what was said before, in this room, in the next session, too."""
    term = join()
    term.keys("remember me\r")
    term.wait_for("nadia: remember me")
    term.keys("\x04")
    assert term.wait_end() == 0
    assert stat.S_IMODE(kept(state, "history").stat().st_mode) == 0o600
    back = join("--history", "0")
    back.keys("\x1b[A")
    back.wait_input("remember me")
    back.keys("\x1b[B")
    back.wait_input("")
    back.keys("\x12mem")
    back.wait_for("I-search backward: mem", "> remember me")
    back.keys("\r")
    back.wait(lambda: not any("search" in line for line in back.screen.all_lines()), "end of the search")
    back.keys("\r")
    back.wait_for("nadia: remember me")
    back.wait_input("")


def test_no_history_file(join: Start, state: Path) -> None:
    term = join("--no-history-file")
    term.keys("forget me\r")
    term.wait_for("nadia: forget me")
    term.keys("\x1b[A")
    term.wait_input("forget me")
    term.keys("\x15\x04")
    assert term.wait_end() == 0
    assert not list(state.glob("rooms/*/*/nadia/history"))


def test_a_terminal_that_stops_reading_loses_nothing(join: Start, flood: Callable[..., object]) -> None:
    """After Ctrl-S the program waits, and so does the server; then everything comes, once, in order."""
    term = join()
    running = flood(3000, 6000)
    with term.stopped():
        running.wait(DEADLINE)  # type: ignore[attr-defined]
    term.wait_for("005999>")
    assert re.findall(r"<(\d{6}) ", term.text()) == [f"{number:06d}" for number in range(6000)]
    term.keys("still here")
    term.wait_input("still here")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_terminal_that_lags_and_changes_its_size_loses_nothing(
    join: Start, flood: Callable[..., object], unbuffered: str
) -> None:
    """The signal ends a write(2) that waits; what it had not taken is written all the same, even unbuffered."""
    term = join(PYTHONUNBUFFERED=unbuffered)
    running = flood(3000, 6000)
    with term.stopped():
        running.wait(DEADLINE)  # type: ignore[attr-defined]
        for _ in range(100):
            term.child.send_signal(signal.SIGWINCH)
            time.sleep(0.001)  # each one is to meet a write that waits
    term.wait_for("005999>")
    assert re.findall(r"<(\d{6}) ", term.text()) == [f"{number:06d}" for number in range(6000)]


def test_an_old_draft_waits_until_it_is_brought_back(join: Start, state: Path) -> None:
    """Glued before what is typed, it was sent with it. Two runs that only look do not lose it."""
    term = join()
    term.keys("half a li")
    wait_kept(term, state, "draft", "half a li")
    term.child.kill()
    term.wait_end()
    for _ in range(2):
        back = join()
        back.wait_for("Up brings it back: half a li")
        back.keys("new\r")
        back.wait_for("nadia: new")
        back.wait(lambda back=back: "Up brings it back" not in term_text(back), "no announcement")  # type: ignore[misc]
        back.keys("\x04")
        assert back.wait_end() == 0
    last = join()
    last.keys("\x1b[A")
    last.wait_input("half a li")
    last.keys("ne\r")
    last.wait_for("nadia: half a line")
    last.keys("\x04")
    assert last.wait_end() == 0
    assert kept(state, "draft").read_text() == ""
