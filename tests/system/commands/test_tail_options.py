"""``tail``: which messages it takes, in which form they leave it, and what ends it."""

from __future__ import annotations

import json
import re
import stat
import sys
from pathlib import Path

import pytest

from tests.support.fixture_types import PutStub, Run, Start
from tests.support.in_process import wrong_usage
from tests.support.processes import err_line, line_of, told
from tests.support.scripted_peer import Peer, one_after_another
from tests.support.server_process import Server
from tests.support.wire import say_all, wait_for_watcher

EVIL = "\x1b[2J\x9d0;title\x07\u202e\rboss: yes\nboss: pay\0them"


def past(run: Run, house: Server, room: str, *arguments: str) -> list[str]:
    done = run("tail", "--no-follow", "--json", "--room", room, *arguments, port=house.port)
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line)["text"] for line in done.stdout.splitlines()]


@pytest.fixture
def talk(house: Server, room: str) -> None:
    nadia, rajat = house.member("nadia", room), house.member("Rajat", room)
    say_all(nadia, ["deploy 1", "coffee?"])
    rajat.texts(last="coffee?")
    say_all(rajat, ["Deploy 2", "rollback"])


@pytest.mark.usefixtures("talk")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--from", "rajat"], ["Deploy 2", "rollback"]),
        (["--from", "rajat", "--from", "nadia", "--match", "(?i)deploy"], ["deploy 1", "Deploy 2"]),
        (["--match", r"^\w+ \d$"], ["deploy 1", "Deploy 2"]),
        (["--match", "[[x]|rollback"], ["rollback"]),
        (["--from", "nobody"], []),
        (["--match", "(?i)deploy", "--count", "1"], ["deploy 1"]),
        (["-n", "3", "--from", "nadia"], ["coffee?"]),
    ],
)
def test_what_is_taken(house: Server, run: Run, room: str, arguments: list[str], expected: list[str]) -> None:
    """What is filtered out does not count; -n counts messages of the room."""
    assert past(run, house, room, *arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--match", "("], "is not a regular expression"),
        (["--match", "(" * 5000 + ")" * 5000], "is not a regular expression"),
        (["--match", "a{" + "9" * 5000 + "}"], "is not a regular expression"),
        (["--timeout", "999999999d"], "is not a duration"),
        (["--from", "no name"], "can't hold a space"),
        (["--exec", "'"], "no closing quotation"),
        (["--exec", ""], "the command is empty"),
        (["--exec", "true", "--json"], "--exec prints nothing"),
        (["--exec", "true", "-0"], "--exec prints nothing"),
        (["--keep-going"], "--keep-going is for --exec"),
        (["--idle", "soon"], "is not a duration"),
        (["--count", "0"], "0 is not in the range"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str) -> None:
    assert said in wrong_usage("tail", *arguments)


# --- forms


def test_each_line_leaves_at_once(house: Server, start: Start, room: str) -> None:
    """Into a pipe, too: a program behind it reads what was said now, and not 4 KiB later."""
    nadia = house.member("nadia", room)
    process = start("tail", "-n", "0", "--room", room, port=house.port)
    wait_for_watcher(nadia)
    for text in ("one", "two", "three"):
        nadia.say(text)
        assert line_of(process).endswith(f" nadia: {text}")


@pytest.mark.parametrize("as_json", [False, True])
def test_records_that_end_in_nul(house: Server, run: Run, room: str, as_json: bool) -> None:
    """A message of several lines is one record; its text holds no NUL, whatever was said."""
    say_all(house.member("nadia", room), ["one\ntwo", EVIL])
    arguments = ("tail", "-0", "--no-follow", "--room", room, *(["--json"] if as_json else []))
    done = run(*arguments, port=house.port)
    records = done.stdout.decode().split("\0")
    assert len(records) == 3
    assert records[2] == ""
    assert not re.search("[\x01-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.stdout.decode())
    if as_json:
        assert [json.loads(record)["text"] for record in records[:2]] == ["one\ntwo", EVIL]
    else:
        assert records[0].endswith(" nadia: one\ntwo")


def test_a_locale_that_cannot_show_it(house: Server, run: Run, env: dict[str, str], room: str) -> None:
    say_all(house.member("nadia", room), ["grüße ☺"])
    ascii_only = env | {"PYTHONIOENCODING": "ascii"}
    done = run("tail", "--no-follow", "--room", room, port=house.port, env=ascii_only)
    assert done.returncode == 0
    assert done.stdout.endswith(b" nadia: gr\\xfc\\xdfe \\u263a\n")


def test_a_full_disk_behind_stdout(house: Server, run: Run, room: str) -> None:
    say_all(house.member("nadia", room), ["one"])
    with Path("/dev/full").open("wb") as full:
        done = run("tail", "--no-follow", "--room", room, port=house.port, stdout=full)
    assert done.returncode == 1
    assert err_line(done) == "chatctl: cannot write to stdout: no space left on device"


# --- ends


def test_idle_ends_it_well(house: Server, run: Run, room: str) -> None:
    """What is filtered out does not keep it awake: here is nothing that it would print."""
    say_all(house.member("nadia", room), ["one", "two"])
    done = run("tail", "--idle", "200ms", "--match", "one", "--room", room, port=house.port)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout.splitlines()) == 1


def test_the_deadline_is_8(house: Server, run: Run, room: str) -> None:
    done = run("tail", "--timeout", "1s", "--idle", "10s", "--room", room, port=house.port)
    assert done.returncode == 8
    assert err_line(done) == "chatctl: the deadline passed"


def test_a_message_that_takes_the_pattern_for_ever_is_left_out(house: Server, run: Run, room: str) -> None:
    """Told on stderr; the messages behind it are printed."""
    say_all(house.member("nadia", room), ["x" * 60, "xxy"])
    done = run(
        *("tail", "--no-follow", "--match", "^(x+)+y$", "--timeout", "4s", "--room", room, "--json"), port=house.port
    )
    assert (done.returncode, [json.loads(line)["text"] for line in done.stdout.splitlines()]) == (0, ["xxy"])
    assert "a message is left out" in err_line(done)


def test_a_reader_that_went_is_noticed_in_the_quiet(house: Server, start: Start, room: str) -> None:
    """``tail | head -1``: nothing more is said in the room, and it ends all the same."""
    say_all(house.member("nadia", room), ["one"])
    process = start("tail", "--room", room, port=house.port)
    assert line_of(process)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(8) == 0
    assert told(process) == ""


def test_without_a_stdout(house: Server, run: Run, room: str) -> None:
    say_all(house.member("nadia", room), ["one"])
    done = run("tail", "--room", room, port=house.port, closing="1>&-")
    assert (done.returncode, done.stderr) == (0, b"")


# --- exec


SHOW = (
    "import os, sys, json; fields = [os.environ['CHATCTL_' + name] for name in 'AUTHOR SEQ ROOM ACTION'.split()]; "
    "print(json.dumps([sys.stdin.read(), *fields, sys.argv[1:]]), flush=True)"
)


def test_a_command_for_each_message(house: Server, run: Run, room: str, tmp_path: Path) -> None:
    """Its words are its own, and no shell looks at them, nor at what was said."""
    nadia = house.member("nadia", room)
    say_all(nadia, ["one", "; touch pwned $(touch pwned)"])
    nadia.say("waves", action=True).frame("msg")
    command = f"{sys.executable} -c \"{SHOW}\" 'two words' $HOME ;"
    done = run("tail", "--no-follow", "--room", room, "--exec", command, port=house.port)
    assert (done.returncode, done.stderr) == (0, b"")
    words = ["two words", "$HOME", ";"]
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        ["one\n", "nadia", "1", room, "", words],
        ["; touch pwned $(touch pwned)\n", "nadia", "2", room, "", words],
        ["waves\n", "nadia", "3", room, "1", words],
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_command_gets_nothing_raw(house: Server, run: Run, room: str) -> None:
    say_all(house.member("nadia", room), [EVIL])
    done = run("tail", "--no-follow", "--room", room, "--exec", "cat", port=house.port)
    assert done.returncode == 0
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.stdout.decode())


def test_a_command_that_fails_ends_it(house: Server, run: Run, room: str, tmp_path: Path) -> None:
    """And the next run begins with the message that it failed at."""
    say_all(house.member("nadia", room), ["one", "two", "three"])
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\nread text; echo $text; test $text != two || exit 3\n")
    script.chmod(0o755)
    arguments = ("tail", "--no-follow", "--room", room, "--exec", "./script", "--cursor-file", "seen")
    done = run(*arguments, port=house.port)
    assert (done.returncode, done.stdout) == (1, b"one\ntwo\n")
    assert err_line(done) == "chatctl: ./script ended with status 3 at message 2 (--keep-going continues)"
    again = run(*arguments, "--keep-going", port=house.port)
    assert (again.returncode, again.stdout) == (0, b"two\nthree\n")
    assert err_line(again) == "chatctl: ./script ended with status 3 at message 2"


def test_a_command_that_is_killed_or_not_there(house: Server, run: Run, room: str) -> None:
    say_all(house.member("nadia", room), ["one"])
    arguments = ("tail", "--no-follow", "--room", room, "--exec")
    done = run(*arguments, "sh -c 'kill -9 $$'", port=house.port)
    assert done.returncode == 1
    assert "sh was ended by signal 9 at message 1" in err_line(done)
    done = run(*arguments, "/no/such/program", port=house.port)
    assert done.returncode == 1
    assert err_line(done) == "chatctl: cannot run /no/such/program: no such file or directory"


def test_a_command_that_hangs_past_the_deadline(house: Server, run: Run, room: str) -> None:
    say_all(house.member("nadia", room), ["one"])
    done = run("tail", "--room", room, "--exec", "sleep 60", "--timeout", "700ms", port=house.port)
    assert done.returncode == 8


# --- what it tells


def test_a_gap_is_told(stub: PutStub, run: Run) -> None:
    def trimmed(peer: Peer) -> None:
        peer.let_in(first=5, last=5)
        peer.send(type="gap", **{"from": 1, "to": 4}, why="retention")
        peer.send(type="msg", seq=5, time=1.0, nick="nadia", text="five")

    done = run("tail", "--since", "1", "--count", "1", "--json", port=stub(one_after_another(trimmed)).port)
    assert done.returncode == 0
    assert json.loads(done.stdout)["seq"] == 5
    assert err_line(done) == "(4 messages can't be shown, 1 to 4: retention)"


def test_help_says_all(run: Run) -> None:
    shown = run("tail", "--help").stdout.decode()
    for part in ("Examples:", "Exit codes:", "Environment:", "CHATCTL_SEQ", "--cursor-file"):
        assert part in shown


def test_the_cursor_file_is_private(house: Server, run: Run, room: str, tmp_path: Path) -> None:
    assert run("tail", "--no-follow", "--cursor-file", "seen", "--room", room, port=house.port).returncode == 0
    assert stat.S_IMODE((tmp_path / "seen").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seen", "seen.lock"]
    assert stat.S_IMODE((tmp_path / "seen.lock").stat().st_mode) == 0o600
