"""``chatctl send``: what it reads, what it prints, and the truth in its exit code."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL
from tests.support.first_version import FirstVersionServer
from tests.support.fixture_types import PutStub, Run, Start
from tests.support.processes import err_line
from tests.support.scripted_peer import Peer, let_in
from tests.support.server_process import Server
from tests.support.stub import closed_port

# --- what it reads


def test_said_and_nothing_printed(house: Server, run: Run, room: str) -> None:
    with house.member("nadia", room) as wire:
        done = run("send", "deploy done", "--nick", "ci", "--room", room, port=house.port)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        msg = wire.frame("msg")
        assert (msg["nick"], msg["text"]) == ("ci", "deploy done")


def test_a_sender_is_neither_announced_nor_listed(house: Server, run: Run, room: str) -> None:
    """``echo hi | chatctl send`` shows the message, not its author's coming and going."""
    with house.member("nadia", room) as wire:
        assert run("send", "hi", "--nick", "ci", "--room", room, port=house.port).returncode == 0
        assert wire.next_frame()["type"] == "msg"
        wire.say_frame(type="who")
        assert [row["nick"] for row in wire.next_frame()["members"]] == ["nadia"]


def test_with_text_stdin_is_not_touched(house: Server, env: dict[str, str], room: str, tmp_path: Path) -> None:
    """In ``while read line; do chatctl send …; done < list`` it would eat the list."""
    source = tmp_path / "list"
    source.write_text("one\ntwo\n")
    with source.open("rb", buffering=0) as stdin:
        done = subprocess.run(
            [*CHATCTL, "send", "hi", "--room", room, "--port", str(house.port)], stdin=stdin, env=env, check=False
        )
        assert done.returncode == 0
        assert os.lseek(stdin.fileno(), 0, os.SEEK_CUR) == 0


@pytest.mark.parametrize("arguments", [["send"], ["send", "-"]])
def test_all_of_stdin_is_one_message(house: Server, run: Run, room: str, arguments: list[str]) -> None:
    with house.member("nadia", room) as wire:
        assert run(*arguments, "--room", room, stdin="one\n\ntwö\n".encode(), port=house.port).returncode == 0
        assert wire.frame("msg")["text"] == "one\n\ntwö"


def test_lines_are_acknowledged_in_order(serve: Callable[..., Server], run: Run) -> None:
    server = serve("--rate", "off")
    lines = [f"line {number}" for number in range(300)]
    with server.member("nadia") as wire:
        done = run("send", "--lines", "--json", stdin="\n".join(lines).encode(), port=server.port)
        assert done.returncode == 0
        acks = [json.loads(line) for line in done.stdout.splitlines()]
        assert [ack["seq"] for ack in acks] == list(range(1, 301))
        assert wire.texts(last=lines[-1]) == lines


def test_lines_go_out_as_they_come(house: Server, start: Start, room: str) -> None:
    """``tail -f build.log | chatctl send --lines`` is of no use if it waits for the end."""
    with house.member("nadia", room) as wire:
        process = start("send", "--lines", "--room", room, port=house.port)
        assert process.stdin is not None
        for text in ("one", "two"):
            process.stdin.write(text.encode() + b"\n")
            process.stdin.flush()
            assert wire.frame("msg")["text"] == text
        process.stdin.write(b"no line end")
        process.stdin.close()
        assert process.wait(8) == 0
        assert wire.frame("msg")["text"] == "no line end"


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        (b"caf\xe9\n", "stdin is not UTF-8 (byte 0xe9 at 3)"),
        (b"", "nothing to send"),
        (b"\n", "nothing to send"),
        (b"  \t\n\n", "nothing to send"),
    ],
)
def test_what_can_not_be_a_message_is_wrong_usage(run: Run, stdin: bytes, said: str) -> None:
    """It is found out before anything is connected: there is no server here."""
    done = run("send", stdin=stdin, port=1)
    assert done.returncode == 2
    assert said in done.stderr.decode()


@pytest.mark.parametrize(
    "arguments", [["send", ""], ["send", "   "], ["send", "TEXT", "--lines"], ["send", "--timeout", "soon", "x"]]
)
def test_wrong_usage(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).returncode == 2


def test_no_text_on_a_terminal_is_wrong_usage(env: dict[str, str]) -> None:
    """It must not sit there and wait for a Ctrl-D that nobody knows of."""
    ours, theirs = os.openpty()
    try:
        done = subprocess.run([*CHATCTL, "send"], stdin=theirs, env=env, capture_output=True, timeout=8, check=False)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert b"give TEXT" in done.stderr


def test_json_prints_the_acknowledgement(house: Server, run: Run, room: str) -> None:
    done = run("send", "hi", "--json", "--room", room, port=house.port)
    ack = json.loads(done.stdout)
    assert (ack["type"], ack["seq"], ack["duplicate"]) == ("ack", 1, False)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--id", "one", "another text"], "id_reused"),
        (["x" * 5000], "too_long"),
        (["--nick", "nadia", "hi"], "nick_taken"),
    ],
)
def test_json_prints_why_it_was_refused(house: Server, run: Run, room: str, more: list[str], code: str) -> None:
    """The exit codes do not tell what was said already from what was not."""
    house.member("nadia", room)
    if code == "id_reused":
        assert run("send", "--id", "one", "hi", "--room", room, port=house.port).returncode == 0
    done = run("send", "--json", "--room", room, *more, port=house.port)
    refusal = json.loads(done.stdout)
    assert (refusal["type"], refusal["code"]) == ("error", code)
    assert done.stderr.decode() == f"chatctl: {refusal['text']}\n"
    assert done.returncode == (5 if code == "nick_taken" else 6)


def test_a_closed_stdout_is_quiet(house: Server, start: Start, room: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = start("send", "hi", "--json", "--room", room, port=house.port, stdout=writer)
        assert process.wait(8) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
    finally:
        os.close(writer)


# --- exit codes


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--nick", "no name"], 5, "can't hold a space"),
        (["--nick", ""], 5, "can't be empty"),
        (["--room", "No"], 6, "no room can be called 'No'"),
    ],
)
def test_refused_and_rejected(house: Server, run: Run, arguments: list[str], code: int, said: str) -> None:
    done = run("send", "hi", *arguments, port=house.port)
    assert done.returncode == code
    assert said in err_line(done)


def test_a_name_that_a_member_holds_is_refused(house: Server, run: Run, room: str) -> None:
    """Nor in another spelling: nobody can speak under another's name."""
    with house.member("Nadia", room):
        done = run("send", "hi", "--nick", "nadia", "--room", room, port=house.port)
        assert done.returncode == 5
        assert "somebody else uses the nickname Nadia" in err_line(done)


def test_too_long_is_rejected(house: Server, run: Run, room: str) -> None:
    done = run("send", "--room", room, stdin=b"x" * 4097, port=house.port)
    assert done.returncode == 6
    assert "4097 bytes" in err_line(done)
    assert run("send", "--room", room, stdin=b"x" * 4096, port=house.port).returncode == 0


def test_nobody_there(run: Run) -> None:
    done = run("send", "hi", port=closed_port())
    assert done.returncode == 3
    assert "connection refused (is 'chatctl serve' running there?)" in err_line(done)


def test_nobody_there_unix(run: Run, tmp_path: Path) -> None:
    assert run("send", "hi", "--unix", str(tmp_path / "none")).returncode == 3


def test_a_peer_that_says_nothing(run: Run, stub: PutStub) -> None:
    """Nothing was sent that could have had an effect: not there, rather than unknown."""
    done = run("send", "hi", "--timeout", "700ms", port=stub(lambda _: None).port)
    assert done.returncode == 3
    assert "it accepts connections, but does not answer" in err_line(done)


def test_a_server_that_dies_with_the_message_in_hand(run: Run, stub: PutStub) -> None:
    """The one honest answer is: unknown."""

    def die(sock: socket.socket) -> None:
        peer = Peer(sock)
        peer.let_in()
        peer.frame("say")
        sock.close()

    done = run("send", "hi", "--nick", "ci", port=stub(die).port)
    assert done.returncode == 4
    assert "it may or may not have been stored" in err_line(done)


def test_a_server_that_never_acknowledges(run: Run, stub: PutStub) -> None:
    done = run("send", "hi", "--nick", "ci", "--timeout", "700ms", port=stub(let_in).port)
    assert done.returncode == 4


def test_a_server_that_breaks_the_protocol(run: Run, stub: PutStub) -> None:
    def babble(sock: socket.socket) -> None:
        let_in(sock)
        sock.sendall(b"this is no frame\n")

    assert run("send", "hi", "--nick", "ci", port=stub(babble).port).returncode == 7


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_and_terminated(start: Start, stub: PutStub, number: int, code: int) -> None:
    said = threading.Event()

    def swallow(sock: socket.socket) -> None:
        peer = Peer(sock)
        peer.let_in()
        peer.frame("say")
        said.set()

    process = start("send", "hi", "--nick", "ci", port=stub(swallow).port)
    assert said.wait(8)
    process.send_signal(number)
    assert process.wait(8) == code
    assert process.stderr is not None
    assert process.stderr.read() == b""


# --- the first version's server


def test_classic_speaks_to_the_first_versions_server(first_version: FirstVersionServer, run: Run) -> None:
    done = run("send", "--classic", "hello there", "--nick", "ci", port=first_version.port)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert first_version.heard.get(timeout=8) == b"ci: hello there"


def test_classic_lines_arrive_one_by_one(first_version: FirstVersionServer, run: Run) -> None:
    """Nothing frames a message there: each waits until the one before it came back."""
    assert (
        run("send", "--classic", "--lines", "--nick", "ci", stdin=b"one\ntwo\n", port=first_version.port).returncode
        == 0
    )
    assert [first_version.heard.get(timeout=8) for _ in range(2)] == [b"ci: one", b"ci: two"]


def test_classic_carries_ascii_only(first_version: FirstVersionServer, run: Run) -> None:
    done = run("send", "--classic", "grüße", "--nick", "ci", port=first_version.port)
    assert done.returncode == 6
    assert "ASCII only" in err_line(done)
    assert first_version.heard.empty()


def test_without_classic_the_first_version_is_recognised(first_version: FirstVersionServer, run: Run) -> None:
    done = run("send", "hello", "--nick", "ci", port=first_version.port)
    assert done.returncode == 7
    assert "use --classic" in err_line(done)


def test_classic_to_our_own_server(serve: Callable[..., Server], run: Run) -> None:
    server = serve()
    with server.member("nadia") as wire:
        assert run("send", "--classic", "hello", "--nick", "ci", port=server.port).returncode == 0
        msg = wire.frame("msg")
        assert (msg["nick"], msg["text"]) == ("ci", "hello")
        assert wire.frame("leave")["nicks"] == ["ci"]


def test_classic_with_nobody_there(run: Run) -> None:
    assert run("send", "--classic", "hello", "--nick", "ci", port=closed_port()).returncode == 3
