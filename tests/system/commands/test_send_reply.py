"""``send --wait-reply``: it subscribes before it speaks, and its own message is no reply."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.support.environment import DEADLINE
from tests.support.fixture_types import Run, Serve, Start
from tests.support.server_process import Server
from tests.support.wire import Wire, say_all, wait_for_watcher


def ask(start: Start, house: Server, room: str, *more: str) -> subprocess.Popen[bytes]:
    waiting = ("--wait-reply", "^(yes|deploy)", *more)
    return start("send", "deploy now? yes", *waiting, "--nick", "ci", "--room", room, port=house.port)


def answer(wire: Wire, *texts: str) -> None:
    wire.frame("msg", where=lambda msg: msg["nick"] == "ci")
    for text in texts:
        wire.say(text)


def test_the_first_match_is_printed(house: Server, start: Start, room: str) -> None:
    """Its own text matches, and is no reply; nor is what was said before."""
    nadia = house.member("nadia", room)
    say_all(nadia, ["yes, before it was asked"])
    process = ask(start, house, room, "--timeout", "10s")
    answer(nadia, "what?", "yes\x1b[2J please\nand soon", "yes")
    out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (0, b"")
    first, second = out.decode().splitlines()
    assert first.endswith(" nadia: yes␛[2J please")
    assert second.endswith(" nadia: and soon")


def test_of_one_member(house: Server, start: Start, room: str) -> None:
    nadia, rajat = house.member("nadia", room), house.member("Rajat", room)
    process = ask(start, house, room, "--from", "rajat", "--json", "--timeout", "10s")
    answer(nadia, "yes")
    nadia.frame("msg", where=lambda msg: msg["nick"] == "nadia")
    rajat.say("yes")
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    ack, reply = map(json.loads, out.splitlines())
    assert (ack["type"], reply["nick"]) == ("ack", "Rajat")
    assert reply["seq"] == ack["seq"] + 2


def test_no_reply_in_time(house: Server, run: Run, room: str) -> None:
    """Not unknown: it was said. Who would have to reply is not there."""
    awaited = ("--wait-reply", "hi", "--from", "nadia")
    done = run("send", "hi", *awaited, "--timeout", "1s", "--room", room, port=house.port)
    assert (done.returncode, done.stdout) == (8, b"")
    absent, end = done.stderr.decode().splitlines()
    assert absent == "(nadia is not in the room)"
    assert "the message was stored, but no reply came in time" in end


def test_a_reply_that_takes_the_pattern_for_ever_does_not_keep_it(house: Server, start: Start, room: str) -> None:
    """Anybody may say that: 2^n steps for n characters. Who says what is asked for is heard all the same."""
    nadia = house.member("nadia", room)
    for texts, timeout, code in ((["x" * 60], "1s", 8), (["x" * 60, "xxy"], "10s", 0)):
        arguments = ("send", "go?", "--wait-reply", "^(x+)+y$", "--nick", "ci", "--timeout", timeout, "--room", room)
        process = start(*arguments, port=house.port)
        answer(nadia, *texts)
        _, err = process.communicate(timeout=DEADLINE)
        assert process.returncode == code, err


def test_the_reply_to_what_an_earlier_run_said(house: Server, run: Run, room: str) -> None:
    """A script that was killed while it waited asks again with the same id: the reply is there already."""
    arguments = ("send", "go?", "--id", "q1", "--room", room)
    assert run(*arguments, port=house.port).returncode == 0
    say_all(house.member("nadia", room), ["hm", "yes", "no"])
    done = run(*arguments, "--wait-reply", "yes|no", port=house.port)
    assert done.returncode == 0
    assert done.stdout.decode().endswith(" nadia: yes\n")


def test_it_waits_through_a_restart(serve: Serve, start: Start, tmp_path: Path) -> None:
    journal = ("--journal", f"{tmp_path}/rooms.db")
    server = serve(*journal)
    nadia = server.member("nadia")
    process = start("send", "go?", "--wait-reply", "yes", "--timeout", "20s", port=server.port)
    nadia.frame("msg")
    wait_for_watcher(nadia)
    server.stop()
    say_all(serve(*journal, port=server.port).member("nadia"), ["yes"])
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert out.endswith(b" nadia: yes\n")
