"""``chatctl search``: what is found, in the order of the log, and how to go on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chatctl.protocol import MAX_SEARCH
from tests.support.fixture_types import PutStub
from tests.support.in_process import InProcess, wrong_usage
from tests.support.naughty import NAUGHTY
from tests.support.scripted_peer import Peer
from tests.support.server_process import Server
from tests.support.wire import say_all


@pytest.fixture
def run(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> InProcess:
    """Run commands in this process: there are many of them here."""
    return InProcess(env, tmp_path, monkeypatch, capfd)


@pytest.fixture
def talk(house: Server, room: str) -> str:
    """Return a room in which something was said."""
    say_all(house.member("nadia", room), ["Deploy started", "lunch?", "deploy failed", "two\nlines, one DEPLOY"])
    return room


STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def test_the_last_of_it_stands_below_with_its_numbers(house: Server, run: InProcess, talk: str) -> None:
    done = run("search", "--room", talk, "deploy", port=house.port)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert [re.sub(STAMP, "", line) for line in lines] == [
        " #1 nadia: Deploy started",
        " #3 nadia: deploy failed",
        " #4 nadia: two",
        " #4 nadia: lines, one DEPLOY",
    ]
    assert all(re.match(STAMP, line) for line in lines)


def test_words_are_one_text_with_a_space_between(house: Server, run: InProcess, talk: str) -> None:
    assert b"#3" in run("search", "--room", talk, "DEPLOY", "FAILED", port=house.port).stdout
    assert run("search", "--room", talk, "failed", "deploy", port=house.port).returncode == 8


def test_nothing_found_is_8_and_one_line(house: Server, run: InProcess, talk: str) -> None:
    done = run("search", "--room", talk, "nobody", port=house.port)
    assert (done.returncode, done.stdout, done.stderr) == (8, b"", b"chatctl: nothing found\n")


def test_a_limit_says_how_to_go_on(house: Server, run: InProcess, talk: str) -> None:
    done = run("search", "--room", talk, "--limit", "1", "deploy", port=house.port)
    assert done.stdout.count(b"#4") == 2
    told = re.fullmatch(rf"looked back to #4 \({STAMP}\): --before (\d+) continues\n", done.stderr.decode())
    assert told
    done = run("search", "--room", talk, "--before", told[1], "deploy", port=house.port)
    assert re.findall(rb"#\d", done.stdout) == [b"#1", b"#3"]
    assert done.stderr == b""


def test_authors_and_times(house: Server, run: InProcess, talk: str) -> None:
    say_all(house.member("Omar", talk), ["deploy it again"])
    found = run("search", "--room", talk, "--from", "OMAR", "--json", "deploy", port=house.port).stdout.splitlines()
    assert [json.loads(line)["seq"] for line in found] == [5]
    both = run("search", "--room", talk, "--from", "omar", "--from", "nadia", "--json", "deploy", port=house.port)
    assert [json.loads(line)["seq"] for line in both.stdout.splitlines()] == [1, 3, 4, 5]
    assert run("search", "--room", talk, "--since", "1h", "deploy", port=house.port).returncode == 0
    assert run("search", "--room", talk, "--since", "2100-01-01", "deploy", port=house.port).returncode == 8


def test_json_is_the_message_as_the_wire_has_it(house: Server, run: InProcess, talk: str) -> None:
    [line] = run("search", "--room", talk, "lunch", "--json", port=house.port).stdout.splitlines()
    frame = json.loads(line)
    assert (frame["type"], frame["seq"], frame["nick"], frame["text"]) == ("msg", 2, "nadia", "lunch?")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Missing argument 'WORDS...'"),
        (("",), "an empty text"),
        (("x" * (MAX_SEARCH + 1),), f"at most {MAX_SEARCH} characters"),
        (("x" * 4096,), "and this one has 4096"),
        (("--since", "soon", "x"), "is not a moment"),
        (("--limit", "0", "x"), "0 is not in the range"),
        (("--before", "0", "x"), "0 is not in the range"),
        ((*(f"--from=n{n}" for n in range(11)), "x"), "at most 10 nicknames"),
    ],
)
def test_what_makes_no_search_is_wrong_usage(arguments: tuple[str, ...], told: str) -> None:
    assert told in wrong_usage("search", *arguments)


@pytest.mark.parametrize("text", NAUGHTY.values(), ids=NAUGHTY)
def test_what_annoys_is_found_and_acts_on_nothing(house: Server, run: InProcess, room: str, text: str) -> None:
    """Also as what is searched for: our own words come back in no line."""
    wanted = text[:100].replace("\0", "").encode("utf-8", "replace").decode()
    if not wanted.strip():
        return
    say_all(house.member("nadia", room), [f"x{wanted}y"])
    where = ("--room", room, "--port", str(house.port))
    done = run("search", *where, "--json", "--", wanted)
    assert json.loads(done.stdout)["text"] == f"x{wanted}y"
    shown = run("search", *where, "--", wanted)
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", shown.stdout + shown.stderr)


def test_an_older_server_is_told(run: InProcess, stub: PutStub) -> None:
    done = run("search", "x", port=stub(lambda sock: Peer(sock).let_in()).port)
    assert (done.returncode, done.stdout) == (6, b"")
    assert b"a search takes a newer server" in done.stderr


def test_what_was_found_before_the_deadline_is_printed(run: InProcess, stub: PutStub) -> None:
    def slow(peer: Peer) -> None:
        peer.let_in(features=["search"])
        peer.frame("search")
        entry = {"seq": 7, "time": 1.7e9, "nick": "nadia", "text": "deploy"}
        peer.send(type="found", entries=[entry], before=5, more=True, time=1.7e9)
        peer.frame("search")

    done = run("search", "deploy", "--timeout", "500ms", port=stub(lambda sock: slow(Peer(sock))).port)
    assert done.returncode == 8
    assert b"#7 nadia: deploy" in done.stdout
    assert b"--before 5 continues" in done.stderr
    assert b"did not answer in time" in done.stderr
