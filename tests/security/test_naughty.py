"""Every naughty string, through every field, on every command's output: the terminal is as it was before."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.naughty import ESCAPED, NAUGHTY, RAW
from tests.scripts.common import Peer
from tests.security.screen import assert_inert
from tests.support import CHATCTL, DEADLINE, ROOT, Server, Stub, Wire, clean_env

STRINGS = list(NAUGHTY.values())
SAYABLE = [text for text in STRINGS if text.strip()]


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return clean_env(tmp_path_factory.mktemp("state"), NO_COLOR="1")


@pytest.fixture(autouse=True)
def close_wires() -> Iterator[None]:
    yield
    Wire.close_all()


def run(
    env: dict[str, str], *arguments: str, port: int, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*CHATCTL, *arguments, "--port", str(port)],
        capture_output=True, timeout=2 * DEADLINE, env=env, cwd=ROOT, check=False, input=stdin or b"",
    )  # fmt: skip


def answer(wire: Wire, *kinds: str) -> dict[str, Any]:
    while (frame := wire.next_frame())["type"] not in kinds:
        pass
    return frame


# --- through a real server


@pytest.fixture(scope="module")
def full(env: dict[str, str]) -> Iterator[Server]:
    """A server in which everybody has said everything, in every dialect and every field."""
    server = Server("--rate", "off", "--log-format", "json", "--verbose", env=env)
    try:
        _say_everything(server)
        yield server
    finally:
        log = server.stop()
    for line in log.splitlines():
        json.loads(line)
    assert_inert(log.encode(), "the log")


def _say_everything(server: Server) -> None:
    nadia = server.member("nadia")
    for number, text in enumerate(SAYABLE):
        answer(nadia.say(text, id=f"{number} {text}"[:128]), "ack", "error")
        nadia.say(text, action=True)
    for text in STRINGS:
        _every_field(server, nadia, text)
    for spelt in ESCAPED:
        wire = server.member("escaped", mode="post")
        answer(wire.send(b'{"type":"say","id":"1","text":%s}\n' % spelt.encode()), "ack", "error")
        wire.close()
    _by_hand(server)
    nadia.say("that was all", id="end").frame("ack")


def _every_field(server: Server, nadia: Wire, text: str) -> None:
    """Names, rooms, tokens, recipients: refused or cleaned, and the connection or the server lives."""
    answer(nadia.say_frame(type="whisper", to=text, text=text or "x", id="w"), "error", "ack")
    answer(nadia.say_frame(type="whois", nick=text), "error", "whois")
    nadia.say_frame(type="ping", t=text).frame("pong")
    answer(nadia.say_frame(type=text, nick=text), "error")
    hello: dict[str, Any] = {"type": "hello", "v": 1, "nick": "x"}
    for more in (
        {"nick": text},
        {"room": text},
        {"token": text},
        {"mode": text},
        {"resume": {"epoch": text, "after": 1}},
    ):
        wire = server.wire().say_frame(**(hello | more))
        assert wire.next_frame()["type"] in ("error", "welcome")
        wire.reset()


def _by_hand(server: Server) -> None:
    """nc: names and lines, with bytes that are no text at all."""
    wires = []
    for number, data in enumerate([*(text.encode() for text in STRINGS), *RAW.values()]):
        line = data.replace(b"\n", b" ")
        wire = server.wire().send(
            line + b"\n" + b"guest%d\n" % number + line + b"\n/me " + line + b"\n/" + line + b"\n/quit\n"
        )
        wires.append(wire)
    for wire in wires:
        assert_inert(wire.rest().replace(b"\r", b""), "what nc sees of its own")


@pytest.mark.parametrize(
    "command",
    [
        "tail -n 1000 --no-follow",
        "tail -n 1000 --no-follow --json",
        "who",
        "who --json",
        "export --format text",
        "export --format html",
        "export --format jsonl",
        "probe",
    ],
)
def test_what_was_said_does_not_act(full: Server, env: dict[str, str], command: str) -> None:
    done = run(env, *command.split(), port=full.port)
    shown = assert_inert(done.stdout, command)
    assert_inert(done.stderr, command)
    if not command.startswith(("who", "probe")):
        assert "that was all" in shown
        for kept in ("emoji", "scripts", "rtl", "persian"):
            assert NAUGHTY[kept] in shown, "what harms nobody is shown as it is"
        assert "html" in command or not re.search(r"^Rajat", shown, re.MULTILINE), (
            "no second line speaks for somebody else"
        )


def test_what_nc_and_the_first_version_see_does_not_act(full: Server) -> None:
    nadia = full.member("nadia2")
    text, classic = full.wire().send(b"reader\n"), full.wire().send(b"Old")
    text.until(b"Connected to server!\n")
    classic.until(b"Connected to server!")
    for said in SAYABLE:
        nadia.say(said)
        nadia.say_frame(type="whisper", to="reader", text=said)
    nadia.say("that was all")
    seen = b"\n".join(line.encode() for line in text.lines_until("that was all"))
    shown = assert_inert(seen, "text")
    assert not re.search(r"^Rajat", shown, re.MULTILINE)
    old = classic.until(b"that was all")
    assert old.isascii()
    assert_inert(old, "classic")


# --- from a server that is not to be trusted


@pytest.fixture
def rogue() -> Iterator[Callable[[Callable[[Peer], None]], int]]:
    stubs: list[Stub] = []

    def put(handle: Callable[[Peer], None]) -> int:
        stubs.append(Stub(lambda sock: handle(Peer(sock))))
        return stubs[-1].port

    yield put
    for stub in stubs:
        stub.close()


def everything(peer: Peer) -> None:
    """Put every string into every field of a server's frames."""
    for number, text in enumerate(STRINGS, 1):
        peer.send(type="msg", seq=number, time=1.0, nick=text, text=text)
        peer.send(type="join", nicks=[text], count=number)
        peer.send(type="rename", old=text, new=text)
        peer.send(type="leave", nicks=[text], count=1, why=text)
        peer.send(type="whisper", **{"from": text, "time": 1.0, "text": text})
        peer.send(type="ack", id=text or "x", time=1.0, duplicate=False, seq=number)
        peer.send(type="error", code=text, text=text, id=text)
        peer.send(type="pong", t=text)
        peer.send(type=text or "x")
        peer.send(type="gap", **{"from": number, "to": number, "why": "slow"})
    peer.send(type="bye", why="\n".join(STRINGS))


EVIL = "".join(SAYABLE)
NASTY_WELCOME = dict.fromkeys(("server", "room", "nick", "epoch", "durability"), EVIL) | {
    "members": STRINGS,
    "last": 200,
    "count": 99,
}


def speak(peer: Peer) -> None:
    """Welcome, answer whatever is asked for, and say everything."""
    with contextlib.suppress(OSError):
        peer.let_in(**NASTY_WELCOME)
        rows = [{"nick": text, "since": 1.0, "idle": 1.0} for text in STRINGS]
        everything(peer)
        while True:
            asked = peer.frame("say", "who", "history", "ping", "whisper", "bye")
            if asked["type"] == "who":
                peer.send(type="roster", members=rows, count=len(rows), watchers=1)
            elif asked["type"] == "history":
                entries = [{"seq": n, "time": 1.0, "nick": text, "text": text} for n, text in enumerate(STRINGS, 1)]
                peer.send(type="page", entries=entries, more=False)
            elif asked["type"] == "ping":
                peer.send(type="pong", t=asked.get("t"), last=200)
            elif "id" in asked:
                peer.send(type="error", code=EVIL, text=EVIL, id=asked["id"])
            else:
                return peer.close()


def refuse(peer: Peer) -> None:
    """Let nobody in, at length."""
    peer.sock.sendall(b"NAME")
    peer.frame("hello")
    peer.send(type="error", code="room_full", text=EVIL)


def rave(peer: Peer) -> None:
    """Speak no protocol at all."""
    peer.sock.sendall(EVIL.encode())
    peer.close()


COMMANDS = [
    ("send", "hi"),
    ("send", "--wait-reply", "1s", "hi"),
    ("tail", "-n", "5", "--no-follow"),
    ("tail", "--json", "--no-follow"),
    ("who",),
    ("who", "--json"),
    ("who", "--watch"),
    ("ask", "well?"),
    ("probe",),
    ("probe", "--format", "json"),
    ("export", "--format", "text"),
    ("export", "--format", "html"),
    ("run", "--", "true"),
    ("join", "--nick", "nadia"),
    ("bench", "--members", "1", "--duration", "1s"),
]


@pytest.mark.parametrize("server", [speak, refuse, rave], ids=lambda server: server.__name__)
def test_no_server_acts_through_a_command(
    rogue: Callable[[Callable[[Peer], None]], int], env: dict[str, str], server: Callable[[Peer], None]
) -> None:
    """All commands at once: they wait for a deadline here and there."""
    port = rogue(server)
    running = []
    for command in COMMANDS:
        at = command.index("--") if "--" in command else len(command)
        where = ["--port", str(port)] + (["--timeout", "2s"] if command[0] not in ("run", "join", "bench") else [])
        argv = [*CHATCTL, *command[:at], *where, *command[at:]]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        running.append((command, subprocess.Popen(argv, env=env, cwd=ROOT, **pipes)))  # type: ignore[call-overload]
    for command, process in running:
        try:
            out, err = process.communicate(timeout=2 * DEADLINE)
        finally:
            process.kill()
        assert_inert(out, f"{command}: stdout")
        assert_inert(err, f"{command}: stderr")
        assert b"a fault of chatctl's own" not in err, (command, err)


def test_a_program_that_exec_runs_gets_nothing_that_acts(
    rogue: Callable[[Callable[[Peer], None]], int], env: dict[str, str], tmp_path: Path
) -> None:
    """Its environment as well as its stdin."""
    script = tmp_path / "show"
    script.write_text('#!/bin/sh\nprintf "%s %s " "$CHATCTL_AUTHOR" "$CHATCTL_ROOM"; cat\n')
    script.chmod(0o755)
    some = [NAUGHTY[name] for name in ("osc title", "csi mode", "c1", "bidi override", "zalgo", "shell")]

    def say_some(peer: Peer) -> None:
        peer.let_in(last=0)
        for number, text in enumerate(some, 1):
            peer.send(type="msg", seq=number, time=1.0, nick=text, text=text)

    done = run(env, "tail", "--count", str(len(some)), "--exec", str(script), port=rogue(say_some))
    assert done.stdout.count(b"$(touch") == 2
    assert_inert(done.stdout, "exec")
    assert_inert(done.stderr, "exec")
