"""Every naughty string, through every field, on every command's output: the terminal is as it was before."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pexpect
import pytest

from chatctl.bench.workload import Workload
from chatctl.core.limits import ServerLimits
from tests.support.environment import CHATCTL, DEADLINE, ROOT
from tests.support.in_process_server import in_process_server
from tests.support.naughty import ESCAPED, NAUGHTY, RAW
from tests.support.scripted_peer import Peer
from tests.support.server_process import Server
from tests.support.wire import Wire
from tests.system.security.conftest import Here, Put
from tests.system.security.outputs import ROWS
from tests.system.security.rogues import HARMLESS, SAYABLE, STRINGS, agree, leave, rave, refuse, speak
from tests.system.security.screen import assert_inert


@pytest.fixture(autouse=True)
def close_wires() -> Iterator[None]:
    yield
    Wire.close_all()


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


def test_what_was_said_does_not_act(full: Server, here: Here) -> None:
    for number, text in enumerate(SAYABLE):
        here("admin", "ban", "--", f"guest{number}", text, port=full.port)
    here("admin", "ban", "--", "omar", "that was all", port=full.port)
    for call in (call for row in ROWS.values() if isinstance(row.members, tuple) for call in row.members):
        seen = here(*shlex.split(call), port=full.port).out
        if call.startswith("admin"):
            assert "that was all" in seen, call
            assert "owned" in seen
        if call.startswith(("tail", "export")):
            assert "that was all" in seen, call
            assert all(kept in seen for kept in HARMLESS), "what harms nobody is shown as it is"
            assert "html" in call or "-0" in call or not re.search(r"^Rajat", seen, re.MULTILINE), (
                "no second line speaks for somebody else"
            )


def test_what_nc_and_the_first_version_see_does_not_act() -> None:
    with in_process_server(ServerLimits(rate=0)) as port:
        _read_by_hand(lambda: Wire(("127.0.0.1", port)).greeted())


def _read_by_hand(connect: Callable[[], Wire]) -> None:
    nadia = connect().enter("nadia")
    text, classic = connect().send(b"reader\n"), connect().send(b"Old")
    text.until(b"Connected to server!\n")
    classic.until(b"Connected to server!")
    for said in SAYABLE:
        nadia.say(said)
        nadia.say_frame(type="whisper", to="reader", text=said)
    nadia.say("that was all")
    seen = b"\n".join(line.encode() for line in text.lines_until("that was all"))
    seen_by_nc = assert_inert(seen, "text")
    assert not re.search(r"^Rajat", seen_by_nc, re.MULTILINE)
    old = classic.until(b"that was all")
    assert old.isascii()
    assert_inert(old, "classic")


# --- from a server that is not to be trusted


@pytest.mark.parametrize("server", [speak, agree, leave, refuse, rave], ids=lambda server: server.__name__)
def test_no_server_acts_through_a_command(
    rogue: Put,
    here: Here,
    monkeypatch: pytest.MonkeyPatch,
    server: Callable[[Peer], None],
) -> None:
    """What ends well shows what there is, and shows it harmless."""
    monkeypatch.setattr("chatctl.bench.workload.Workload", partial(Workload, settle_seconds=0.05, quiet_seconds=0.05))
    port = rogue(server)
    for command, row in ROWS.items():
        for call in row.server if isinstance(row.server, tuple) else ():
            if server is not agree or command in ("send", "ask", "run"):
                seen = here(*shlex.split(call), port=port).out
                if server is speak and call.startswith(("tail", "export", "who --json", "who --watch --json")):
                    assert all(kept in seen for kept in HARMLESS), call


def test_who_comes_and_goes_does_not_act_on_a_terminal(rogue: Put, env: dict[str, str]) -> None:
    program, *words = [*CHATCTL, "who", "--watch", "--port", str(rogue(speak))]
    with pexpect.spawn(program, words, env=env, cwd=ROOT, timeout=DEADLINE, dimensions=(50, 200)) as child:  # type: ignore[arg-type]
        child.expect_exact(b"join that-was-all\r\n")
        assert_inert(child.before.replace(b"\r\n", b"\n"), "who --watch")
        child.close(force=True)


def test_a_program_that_exec_runs_gets_nothing_that_acts(rogue: Put, env: dict[str, str], tmp_path: Path) -> None:
    """Its environment as well as its stdin."""
    script = tmp_path / "show"
    script.write_text('#!/bin/sh\nprintf "%s %s " "$CHATCTL_AUTHOR" "$CHATCTL_ROOM"; cat\n')
    script.chmod(0o755)
    some = [NAUGHTY[name] for name in ("osc title", "csi mode", "c1", "bidi override", "zalgo", "shell")]

    def say_some(peer: Peer) -> None:
        peer.let_in(last=0)
        for number, text in enumerate(some, 1):
            peer.send(type="msg", seq=number, time=1.0, nick=text, text=text)

    argv = [*CHATCTL, "tail", "--count", str(len(some)), "--exec", str(script), "--port", str(rogue(say_some))]
    done = subprocess.run(argv, capture_output=True, timeout=2 * DEADLINE, env=env, cwd=tmp_path, check=False)
    assert done.stdout.count(b"$(touch") == 2
    assert_inert(done.stdout, "exec")
    assert_inert(done.stderr, "exec")
