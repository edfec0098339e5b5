"""``chatctl serve``: where it listens, how it stops, what it logs, whom it lets in."""

from __future__ import annotations

import json
import re
import secrets
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.first_version import FirstVersionClient
from tests.support.fixture_types import Run, Start
from tests.support.needs import need
from tests.support.processes import err_line
from tests.support.server_process import Server
from tests.support.wire import Wire

Serve = Callable[..., Server]


def test_the_first_line_says_which_port_was_picked(serve: Serve) -> None:
    """Scripts start it with port 0 and read where it is."""
    server = serve()
    assert re.fullmatch(r"chatctl \S+ listening on 127\.0\.0\.1:[1-9]\d*\n", server.first_line)
    server.member("nadia").say("hello").frame("msg")


def test_a_port_in_use_is_one_clear_line(house: Server, run: Run) -> None:
    done = run("serve", port=house.port)
    assert done.returncode == 1
    assert "the port is in use" in err_line(done)
    assert f"127.0.0.1:{house.port}" in err_line(done)
    assert done.stdout == b""


def test_a_host_that_is_none_is_one_clear_line(run: Run) -> None:
    done = run("serve", "--host", "no.such.host.invalid", port=0)
    assert done.returncode == 1
    assert "cannot listen on no.such.host.invalid" in err_line(done)


def test_ipv6(serve: Serve, run: Run) -> None:
    need("IPv6")
    server = serve("--host", "::1")
    assert server.first_line.strip().endswith(f"listening on [::1]:{server.port}")
    assert run("send", "hello", "--host", "::1", port=server.port).returncode == 0


def test_unix_socket(serve: Serve, run: Run, tmp_path: Path) -> None:
    """It is there while the server runs, and gone after; TCP stays closed with --no-tcp."""
    path = tmp_path / "room.sock"
    server = serve("--unix", str(path), "--no-tcp", port=None)
    assert str(path) in server.first_line
    with Wire(str(path)) as wire:
        wire.greeted().enter("nadia")
        assert run("send", "over unix", "--unix", str(path)).returncode == 0
        assert wire.frame("msg")["text"] == "over unix"
        assert b"nadia" in run("who", "--unix", str(path)).stdout
    taken = run("serve", "--unix", str(path), "--no-tcp")
    assert taken.returncode == 1
    assert "another server is there (choose another path with --unix)" in err_line(taken)
    server.stop()
    assert not path.exists()


def test_a_socket_that_a_killed_server_left_is_taken_over(serve: Serve, start: Start, tmp_path: Path) -> None:
    path = tmp_path / "room.sock"
    killed = start("serve", "--unix", str(path), "--no-tcp")
    assert killed.stdout is not None
    killed.stdout.readline()
    killed.kill()
    killed.wait()
    assert path.exists()
    serve("--unix", str(path), "--no-tcp", port=None)
    with Wire(str(path)) as wire:
        wire.greeted()


def test_no_tcp_needs_a_unix_socket(run: Run) -> None:
    assert run("serve", "--no-tcp").returncode == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_says_bye_to_everyone_and_ends_with_0(serve: Serve, number: int) -> None:
    """What was said before is flushed first; nobody is left to guess whether the network broke."""
    server = serve()
    member = server.member("nadia")
    watcher = server.member("", mode="watch")
    typist = server.wire().send(b"typist\n")
    typist.until(b"Connected to server!\n")
    old = FirstVersionClient(server.port, "old")
    old.wait_for("Connected to server!")
    member.say("the last word")
    member.frame("msg")
    silent = server.wire()
    server.signal(number)
    assert member.frame("bye")["why"]
    assert member.rest() == b""
    assert watcher.frame("bye")["why"]
    assert b"Goodbye!" in typist.rest()
    assert silent.rest() == b""
    shown = old.wait_for("Goodbye!")
    assert "nadia: the last word" in shown
    old.close()
    assert server.wait() == 0


def test_a_second_signal_ends_it_at_once(serve: Serve) -> None:
    """The first one waits for a member that does not read; who presses Ctrl-C again does not want to."""
    server = serve("--rate", "off")
    stuck = Wire(("127.0.0.1", server.port), receive_buffer=4096).greeted()
    stuck.enter("stuck")
    poster = server.member("poster", mode="post")
    for _ in range(16):  # far more than kernels keep: the rest waits in the server
        for _ in range(128):
            poster.say("x" * 4000)
        poster.say("so far", id="1")
        poster.frame("ack")
    server.signal(signal.SIGTERM)
    server.wait_for_log("stopping")
    server.signal(signal.SIGTERM)
    assert server.wait() == 128 + signal.SIGTERM


def test_the_text_log_has_the_first_versions_words(serve: Serve) -> None:
    server = serve()
    server.member("nadia").close()
    log = server.wait_for_log("nadia left")
    assert re.search(r"Connected with 127\.0\.0\.1:\d+\n", log)
    assert re.search(r"Nickname is nadia ", log)


def test_the_json_log_is_one_object_a_line(serve: Serve) -> None:
    server = serve("--log-format", "json")
    server.member("nadia").close()
    server.wait_for_log('"left"')
    events = [json.loads(line) for line in server.stop().splitlines()]
    assert [event["event"] for event in events] == ["connected", "nickname", "left", "stopping"]
    assert all({"time", "level"} <= event.keys() for event in events)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_byte_of_a_client_reaches_the_log_raw(serve: Serve, form: str) -> None:
    """An operator's terminal is a terminal, too."""
    server = serve("--log-format", form)
    evil = "\x1b]0;owned\x07\u202ename\n2026 fake line\x9b"
    with server.wire() as wire:
        wire.say_frame(type="hello", v=1, nick=evil)
        wire.frame("error")
    with server.wire() as wire:
        wire.send(b"\x1b[2Jname\r\n").until(b"NAME\n")
    with server.wire() as wire:
        wire.say_frame(type="hello", v=1, nick="nadia", room=evil)
        wire.frame("error")
    server.wait_for_log("efused", times=2)
    log = server.stop()
    assert "␛" in log
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", log)
    assert not any(line.startswith("2026 fake") for line in log.splitlines())


def test_quiet_logs_nothing_on_a_good_day(serve: Serve) -> None:
    server = serve("-q")
    with server.member("nadia") as wire:
        wire.say("hello").frame("msg")
    assert server.stop() == ""


def test_the_room_goes_on_when_nobody_reads_the_log(start: Start) -> None:
    """``chatctl serve 2>&1 | head`` must not end the room."""
    process = start("serve", "--port", "0")
    assert process.stdout is not None
    assert process.stderr is not None
    port = int(process.stdout.readline().decode().rpartition(":")[2])
    process.stderr.close()
    for nick in ("nadia", "rajat"):
        with Wire(("127.0.0.1", port)) as wire:
            wire.greeted().enter(nick).say("hello").frame("msg")
    process.terminate()
    assert process.wait(8) == 0


def test_rooms_that_were_named(serve: Serve, run: Run) -> None:
    """Each has its own log and roster; lobby is always there; what is not there says what is."""
    server = serve("--room", "ops", "--room", "builds")
    mine = secrets.token_hex(16)
    ops, lobby = server.member("nadia", "ops", token=mine), server.member("nadia", token=mine)
    ops.say("in ops")
    lobby.say("in lobby")
    assert ops.frame("msg")["text"] == "in ops"
    assert (frame := lobby.frame("msg"))["text"] == "in lobby"
    assert frame["seq"] == 1
    assert run("send", "hi", "--room", "builds", port=server.port).returncode == 0
    refused = run("send", "hi", "--room", "other", port=server.port)
    assert refused.returncode == 6
    assert "builds, lobby, ops" in err_line(refused)


def test_open_rooms(house: Server, run: Run, room: str) -> None:
    assert run("send", "hi", "--room", room, port=house.port).returncode == 0
    assert run("send", "hi", "--room", "No Room", port=house.port).returncode == 6


def test_a_rooms_name_is_checked_at_the_start(run: Run) -> None:
    done = run("serve", "--room", "no room", port=0)
    assert done.returncode == 2
    assert "no room can be called 'no room'" in err_line(done)


def test_max_clients(serve: Serve, run: Run) -> None:
    """Who finds it full is told so, and when to come back; a place that becomes free can be had."""
    server = serve("--max-clients", "2")
    first, second = server.member("nadia"), server.member("rajat")
    third = server.wire().say_frame(type="hello", v=1, nick="third")
    error = third.frame("error")
    assert (error["code"], error["retry_after"] > 0) == ("server_full", True)
    assert third.rest() == b""
    assert run("send", "hi", port=server.port).returncode == 6
    first.close()
    second.frame("leave")
    assert run("send", "hi", port=server.port).returncode == 0


def test_loopback_is_exempt_from_the_limit_per_address(serve: Serve) -> None:
    server = serve("--max-per-address", "1")
    members = [server.member(f"member{number}") for number in range(3)]
    assert members[-1].welcome["count"] == 3


def test_everything_chosen_is_advertised(serve: Serve) -> None:
    server = serve("--name", "ours", "--rate", "5:7", "--ring-entries", "9", "--max-clients", "11")
    welcome = server.member("nadia").welcome
    assert welcome["server"] == "ours"
    limits = welcome["limits"]
    assert (limits["rate"], limits["burst"], limits["ring_entries"], limits["clients"]) == (5, 7, 9, 11)
    assert welcome["durability"] == "memory"


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "x", "5:0", "1e12"])
def test_a_rate_that_is_none(run: Run, rate: str) -> None:
    done = run("serve", "--rate", rate, port=0)
    assert done.returncode == 2
    assert b"is not a rate" in done.stderr


def test_two_servers_do_not_share_a_port(serve: Serve, start: Start) -> None:
    """SO_REUSEADDR lets a restart bind at once; it must not let a second server in."""
    server = serve()
    second = start("serve", port=server.port, stdin=subprocess.DEVNULL)
    assert second.wait(8) == 1
