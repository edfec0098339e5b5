"""Several rooms in one ``join``: on a screen, over broken connections, through pipes."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL, DEADLINE, clean_env
from tests.support.needs import need
from tests.support.server_process import Server
from tests.support.wire import log_of
from tests.system.terminal.flood import message
from tests.system.terminal.multiplexer import Tmux, wait
from tests.system.terminal.term import Start, Term

ALT_1, ALT_2, ALT_3 = "\x1b1", "\x1b2", "\x1b3"
UP = "\x1b[A"

Serve = Callable[..., Server]


@pytest.fixture
def den(room: str) -> str:
    """Return the name of a second room."""
    return f"{room}den"


@pytest.fixture
def both(join: Start, den: str) -> Start:
    """Join the test's room and the second one; the first is shown, and both are entered."""

    def both(*options: str, **more: object) -> Term:
        term = join("--room", den, *options, **more)
        term.wait(lambda: (f"@{den}" not in str(term.prompt())) and term.prompt(), "prompt")
        term.keys(ALT_2)
        term.wait_for(f"in {den}")
        term.keys(ALT_1)
        term.wait(lambda: "den" not in str(term.prompt()), "first room")
        return term

    return both


def shown(term: Term) -> list[str]:
    return [line for line in term.lines() if line]


def wait_line_of(term: Term, room: str) -> None:
    term.wait(lambda: f"@{room}(" in (term.prompt() or (0, ""))[1], f"prompt of {room}")


def test_lines_of_another_room_wait_until_it_is_shown(both: Start, house: Server, room: str, den: str) -> None:
    term, omar, bob = both(), house.member("omar", den), house.member("bob", room)
    omar.say("first in the den")
    omar.say("nadia: second")
    term.wait_for(f"[2 {den}: 2 (1 for you)]")
    bob.say("here")
    term.wait_for("bob: here")
    assert "first in the den" not in term.text()
    term.wait(lambda: term.screen.bells == 1, "a bell for what is for us there")
    term.keys("/2\r")
    term.wait_for("omar: nadia: second")
    lines = shown(term)
    at = lines.index(f"— {den}: 2 unread, 1 for you —")
    assert lines[at - 1].endswith("bob: here")
    assert [line[6:] for line in lines[at + 1 :] if "omar: " in line] == [
        "omar: first in the den",
        "omar: nadia: second",
    ]
    assert "unread" not in str(lines[at + 1 :]), "nothing is unread any more"
    term.keys("answer\r")
    assert omar.texts("answer")[-1] == "answer"
    assert "answer" not in log_of(bob)


def test_each_room_has_its_draft_and_its_history(both: Start, den: str, state: Path) -> None:
    """Over a switch, and over ``kill -9``: there, each is announced in its room."""
    term = both()
    term.keys("said in the first\r")
    term.wait_for("nadia: said in the first")
    term.keys("half in the first" + ALT_2)
    wait_line_of(term, den)
    term.wait_input("")
    term.keys(UP)
    term.wait_input("")
    term.keys("said in the den\r")
    term.wait_for("nadia: said in the den")
    term.keys("half in the den" + "\x1b[D" * 3 + ALT_1)
    term.wait_input("half in the first")
    term.keys(ALT_2)
    term.wait_input("half in the den", cursor=12)
    term.keys("\x05, longer")
    term.wait_input("half in the den, longer")
    term.keys(f"{ALT_1}\x15/2\r")
    term.wait_input("half in the den, longer")
    term.keys(f"{ALT_1}half in the first")
    term.wait_input("half in the first")
    term.keys(ALT_2)
    term.wait_input("half in the den, longer")
    term.wait(
        lambda: "half in the den, longer" in [path.read_text() for path in state.glob("rooms/*/*/nadia/draft")],
        "both drafts in their files",
    )
    term.child.kill()
    term.wait_end()
    back = both()
    back.wait_for("Up brings it back: half in the first")
    back.keys(UP)
    back.wait_input("half in the first")
    back.keys(UP + UP)
    back.wait_input("said in the first")
    back.keys(ALT_2)
    back.wait_for("Up brings it back: half in the den, longer")
    back.keys(UP)
    back.wait_input("half in the den, longer")


def test_what_is_typed_ahead_of_a_switch_goes_where_it_is_meant(
    both: Start, house: Server, room: str, den: str
) -> None:
    """All keys of one read: between two of them nothing else runs."""
    term, omar, bob = both(), house.member("omar", den), house.member("bob", room)
    term.keys(f"one\r/2\rtwo\r{ALT_1}three\r/next\rfour\r")
    assert omar.texts("four") == ["two", "four"]
    assert bob.texts("three") == ["one", "three"]
    wait_line_of(term, den)
    term.wait_input("")


def test_a_flood_in_one_room_leaves_the_line_of_the_other_alone(
    both: Start, house: Server, room: str, den: str, flood: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """The last 1,000 messages wait; nothing of them stands in the other room."""
    term = both()
    term.keys(ALT_2)
    wait_line_of(term, den)
    running = flood(2000, 3000)  # in the first room, which is hidden
    for number in range(40):
        term.keys(f"word{number} ")
    typed = "".join(f"word{number} " for number in range(40))
    term.wait_input(typed)
    assert running.wait(DEADLINE * 2) == 0
    term.wait_for(f"[1 {room}: 3,000]")
    term.wait_input(typed)
    assert not re.search(r"<\d{6} ", term.text())
    term.keys(ALT_1)
    term.wait_for(message(2999, "short").split("\n")[0])
    term.wait_for("— 2,000 before these: /history shows them —")
    assert re.findall(r"<(\d{6}) ", term.text()) == [f"{number:06d}" for number in range(2000, 3000)]
    term.keys(ALT_2)
    term.wait_input(typed)


def test_what_was_not_shown_is_shown_by_the_next_run(both: Start, join: Start, house: Server, den: str) -> None:
    """How far a room is read is saved when it was shown, not when it came."""
    term, omar = both(), house.member("omar", den)
    omar.say("never looked at")
    term.wait_for(f"[2 {den}: 1]")
    term.keys("\x04")
    assert term.wait_end() == 0
    assert "never looked at" not in term.text()
    back = join("--room", den)
    back.wait_for(f"[2 {den}: 1]")
    back.keys(ALT_2)
    back.wait_for("— 1 message while you were away —", "omar: never looked at")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_restarted_server_brings_all_rooms_back(
    both: Start, serve: Serve, room: str, den: str, number: signal.Signals
) -> None:
    """Killed, or drained. Each room sends what waited in it, once."""
    server = serve()
    term = both(port=server.port)
    server.signal(number)
    server.wait()
    term.wait_for("reconnecting")
    term.keys(f"for the first\r{ALT_2}for the den\r")
    term.wait_for("… for the den", "1 unsent")
    again = serve(port=server.port)
    term.wait_for("connected again", "nadia: for the den")
    term.keys(ALT_1)
    term.wait_for("nadia: for the first")
    for name, text in ((room, "for the first"), (den, "for the den")):
        judge = again.member(f"judge-{name}", name, history=50)
        judge.say("end")
        assert judge.texts("end") == [text, "end"]


def test_join_and_part(join: Start, house: Server, room: str, den: str, state: Path) -> None:
    """What is typed right behind ``/join`` is said there; a room that is left gives its files back."""
    omar, term = house.member("omar", den), join()
    term.keys(f"/join #{den}\rtyped ahead\r")
    assert omar.texts("typed ahead") == ["typed ahead"]
    wait_line_of(term, den)
    term.wait(lambda: term.screen.title == f"nadia@{den}", "title")
    term.keys("/part\r")
    wait_line_of(term, room)
    omar.frame("leave")
    term.wait(lambda: b"\x1b[23;2t" in term.raw, "the old title")
    term.keys("/rooms\r")
    term.wait_for(f"* 1 {room}  1 here", f"    {den}  1 here, 1 message")
    term.keys(f"/join {den}\r")
    wait_line_of(term, den)
    term.keys(UP + UP)
    term.wait_input("typed ahead")
    term.keys(f"\x15/part {room}\r/part\r")
    assert term.wait_end() == 0
    assert f"chatctl join --nick nadia --port {house.port} --room {den}" in term.text()
    term.assert_restored()


def test_a_room_that_is_not_there_costs_nothing_that_was_typed(serve: Serve, start: Start, tmp_path: Path) -> None:
    server = Server("--room", "ops", env=clean_env(tmp_path / "closed"))
    term = start(*CHATCTL, "join", "--port", str(server.port), "--nick", "nadia")
    term.wait_ready()
    term.keys("/join attic\rhalf a li")
    term.wait_for("! cannot join attic: there is no room 'attic'; rooms: lobby, ops")
    wait_line_of(term, "lobby")
    term.wait_input("half a li")
    server.stop()


def test_a_nickname_is_one_rooms(both: Start, house: Server, room: str, den: str) -> None:
    """Changed in one, it is what it was in the other, also after the connection has broken."""
    term, omar = both(), house.member("omar", room)
    term.keys("/nick nadine\r")
    term.wait_for("nadia is now nadine")
    term.wait(lambda: (term.prompt() or (0, ""))[1] == f"nadine@{room}(2)> ", "new name")
    term.keys(ALT_2)
    term.wait(lambda: (term.prompt() or (0, ""))[1] == f"nadia@{den}(1)> ", "old name")
    term.keys(f"{ALT_1}hello\r")
    term.wait_for("nadine: hello")
    assert omar.texts("hello") == ["hello"]


def test_an_operator_throws_out_of_one_room(start: Start, room: str, tmp_path: Path, state: Path) -> None:
    """The other goes on; what is typed for the one goes nowhere."""
    server = Server("--open-rooms", env=clean_env(tmp_path / "server"))
    where = ("--port", str(server.port), "--nick", "nadia")
    term = start(*CHATCTL, "join", *where, "--room", "lobby", "--room", "ops")
    term.wait_ready()
    term.keys(ALT_2)
    wait_line_of(term, "ops")
    omar = server.member("omar")
    kick = [*CHATCTL, "admin", "kick", "nadia", "--room", "ops", "--port", str(server.port)]
    done = subprocess.run(kick, env=clean_env(tmp_path / "server"), capture_output=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, done.stderr
    term.wait_for("! ops: ", "you are not in this room any more")
    term.keys("a secret\r")
    term.wait_for("you are not in ops any more: /join ops joins it again")
    term.keys(f"\x15{ALT_1}")
    wait_line_of(term, "lobby")
    term.keys("still here\r")
    assert omar.texts("still here") == ["still here"]
    term.keys("/join ops\r")
    wait_line_of(term, "ops")
    server.stop()


def test_a_password_is_asked_for_once(start: Start, serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "word"
    file.touch(0o600)
    file.write_text("correct horse\n")
    server = serve("--password-file", str(file))
    where = ("--port", str(server.port), "--nick", "nadia", "--room", "lobby", "--room", "ops")
    term = start(*CHATCTL, "join", *where)
    term.wait_for("password of the room:")
    term.keys("correct horse\r")
    term.wait_ready()
    term.keys(ALT_2)
    wait_line_of(term, "ops")
    term.keys("/join den\r")
    wait_line_of(term, "den")
    assert term.text().count("password of the room:") == 1


def test_the_title_of_the_window_tells_what_is_unread(both: Start, house: Server, room: str, den: str) -> None:
    """And is what it was when it is over."""
    term, omar = both(), house.member("omar", den)
    term.wait(lambda: term.screen.title == f"nadia@{room}", "title")
    omar.say("nadia: look")
    term.wait(lambda: term.screen.title == f"1 unread, 1 for you: nadia@{room}", "counts in the title")
    term.keys(ALT_2)
    term.wait(lambda: term.screen.title == f"nadia@{den}", "no counts")
    term.keys("\x04")
    assert term.wait_end() == 0
    assert term.raw.count(b"\x1b[22;2t") == term.raw.count(b"\x1b[23;2t") == 1
    assert term.raw.rindex(b"\x1b[23;2t") > term.raw.rindex(b"\x1b]2;")


def test_in_one_room_the_title_is_left_alone_and_a_digit_is_how_often(join: Start) -> None:
    term = join()
    term.keys(f"{ALT_3}x")
    term.wait_input("xxx")
    term.keys("\x15\x04")
    term.wait_end()
    assert b"\x1b]" not in term.raw
    assert b";2t" not in term.raw


def test_a_linear_screen_shows_all_rooms_and_says_which(join: Start, house: Server, room: str, den: str) -> None:
    omar, bob = house.member("omar", den), house.member("bob", room)
    term = join("--room", den, "--plain", ready=False)
    term.wait_for(f"[{den}] You are nadia in {den}")
    omar.say("in the den")
    bob.say("in the first")
    term.wait(lambda: f"[{den}]" in next((line for line in term.screen.all_lines() if "in the den" in line), ""), "den")
    term.wait(
        lambda: f"[{room}]" in next((line for line in term.screen.all_lines() if "in the first" in line), ""), "1st"
    )
    term.keys("to the first\r/2\rto the den\r")
    assert bob.texts("to the first")[-1] == "to the first"
    assert omar.texts("to the den")[-1] == "to the den"
    assert b"\x1b" not in term.raw


Script = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def script(house: Server, room: str, state: Path) -> Script:
    """Run ``join`` with these lines in a pipe, first in ``room``."""

    def script(
        lines: bytes, *options: str, room: str = room, port: int = house.port
    ) -> subprocess.CompletedProcess[bytes]:
        argv = [*CHATCTL, "join", "--port", str(port), "--nick", "ci", "--room", room, *options]
        return subprocess.run(
            argv, input=lines, capture_output=True, timeout=DEADLINE, env=clean_env(state), check=False
        )

    return script


def test_a_script_speaks_in_the_first_of_its_rooms(script: Script, house: Server, room: str, den: str) -> None:
    done = script(b"one\ntwo\n", "--room", den)
    assert (done.returncode, done.stderr) == (0, b"")
    assert log_of(house.member("", room, mode="watch")) == ["one", "two"]
    assert log_of(house.member("", den, mode="watch")) == []


def test_a_script_goes_on_once_it_is_in_the_room_that_it_joins(script: Script, house: Server, den: str) -> None:
    """A command right after ``/join`` finds a connection, and is about that room."""
    done = script(f"/join {den}\n/who\nfirst\n".encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"[{den}] 1 here:".encode() in done.stdout
    assert log_of(house.member("", den, mode="watch")) == ["first"]


def test_a_script_ends_with_why_it_may_not_join(script: Script, tmp_path: Path) -> None:
    """And not with what became of lines that were never sent."""
    server = Server(env=clean_env(tmp_path / "server"))
    done = script(b"/join ops\nsecret\n/rooms\n", room="lobby", port=server.port)
    assert (done.returncode, done.stderr) == (6, b"chatctl: there is no room 'ops'; rooms: lobby\n")
    assert done.stdout == "— ops: joining —\n".encode()
    server.stop()


@pytest.fixture
def tmux(house: Server, room: str, den: str, state: Path) -> Iterator[Tmux]:
    need("tmux")
    where = ("--port", str(house.port), "--nick", "nadia", "--room", room, "--room", den)
    pane = Tmux(("sh", "-c", '"$@"; echo over; exec cat', "sh", *CHATCTL, "join", *where), state)
    yield pane
    pane.close()


def test_in_a_real_tmux(tmux: Tmux, house: Server, room: str, den: str) -> None:
    """Alt and a digit, whole messages, and its own stack of titles."""
    wait(lambda: f"nadia@{room}(1)>" in tmux.lines(), "prompt", tmux.lines)
    wait(lambda: tmux.title() == f"nadia@{room}", "title", tmux.lines)
    omar = house.member("omar", den)
    tmux.keys("a draft")
    wait(lambda: f"nadia@{room}(1)> a draft" in tmux.lines(), "draft", tmux.lines)
    for number in range(30):
        omar.say(f"number {number} " + "x" * 90)
    wait(lambda: f"[2 {den}: 30]" in tmux.lines(), "counts", tmux.lines)
    assert not any("number" in line for line in tmux.lines())
    tmux.keys(ALT_2)
    wait(lambda: any("number 29" in line for line in tmux.lines()), "messages", tmux.lines)
    assert [n for n in range(30) if not any(line.endswith(f"number {n} " + "x" * 90) for line in tmux.lines())] == []
    tmux.resize(40)
    tmux.keys(ALT_1)
    wait(lambda: any(line.endswith("a draft") for line in tmux.lines()), "draft again", tmux.lines)
    assert sum(line.startswith(f"nadia@{room}(1)>") for line in tmux.lines()) == 1
    tmux.keys("\x15\x04")
    wait(lambda: "over" in tmux.lines(), "end", tmux.lines)
    assert "nadia@" not in tmux.title()
