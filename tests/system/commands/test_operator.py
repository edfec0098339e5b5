"""An operator by key in a real room: a kick, and clients that do not come back by themselves."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatctl import protocol as p
from chatctl.client.security.key_files import make_key
from chatctl.common.fingerprints import of_key
from chatctl.common.key_proof import place_of_tcp, statement
from tests.support.environment import DEADLINE
from tests.support.key_holders import OWNER
from tests.support.server_process import Server
from tests.support.wire import Wire

Serve = Callable[..., Server]
Start = Callable[..., "subprocess.Popen[bytes]"]


def operator(server: Server) -> Wire:
    """Return nadia's connection, who has proved an operator's key."""
    wire = server.wire()
    hello = OWNER.hello("nadia")
    wire.send(p.encode(hello))
    nonce = b64decode(wire.frame("challenge")["nonce"])
    signature = OWNER.secret.sign(statement(hello, nonce, place_of_tcp(*wire.sock.getpeername())))
    wire.send(p.encode(p.Proof(signature=b64encode(signature).decode())))
    wire.frame("welcome")
    wire.frame("join", where=lambda frame: "nadia" in frame["nicks"])
    return wire


def order(wire: Wire, **fields: Any) -> dict[str, Any]:
    wire.send(json.dumps({"type": "admin", "id": "1"} | fields).encode() + b"\n")
    return wire.frame("done")


def test_who_was_kicked_ends_and_may_join_again(serve: Serve, start: Start) -> None:
    """A client that came back by itself would make a kick a flicker."""
    server = serve("--operator", OWNER.fingerprint)
    nadia = operator(server)
    rajat = start("join", "--nick", "Rajat", port=server.port)
    assert nadia.frame("join")["nicks"] == ["Rajat"]
    assert order(nadia, verb="kick", target="rajat", text="spam")["text"] == "Rajat was kicked by nadia: spam"
    assert rajat.wait(DEADLINE) == 6  # by itself: its stdin is open still
    _, err = rajat.communicate(timeout=DEADLINE)
    assert err.decode() == "chatctl: you were kicked by nadia: spam\n"
    server.wait_for_log("ordered verb=kick by=nadia target=rajat")
    again = start("join", "--nick", "Rajat", port=server.port)
    assert nadia.frame("join")["nicks"] == ["Rajat"]
    again.kill()


def test_an_operator_types_it_in_join(serve: Serve, start: Start, tmp_path: Path) -> None:
    """Two real programs, with a key in a file: what a person would do."""
    own = make_key(tmp_path / "key")
    server = serve("--operator", of_key(own.public))
    rajat = server.member("Rajat", "lobby")
    nadia = start("join", "--nick", "nadia", "--key", str(tmp_path / "key"), port=server.port)
    out, _ = nadia.communicate(b"/topic deploy freeze\n/ban RAJAT 2h spam\n/bans\n", timeout=DEADLINE)
    assert rajat.frame("room")["topic"] == "deploy freeze"
    assert rajat.frame("bye") == {"type": "bye", "why": "you were banned by nadia for 2h: spam", "final": True}
    shown = out.decode()
    assert "! the topic was set to 'deploy freeze' by nadia" in shown
    assert "! Rajat was banned by nadia for 2h: spam" in shown
    assert "1 ban:" in shown.splitlines()


def test_the_same_key_without_the_servers_word_orders_nothing(serve: Serve) -> None:
    server = serve()
    nadia = operator(server)
    nadia.send(b'{"type":"admin","verb":"topic","text":"mine","id":"1"}\n')
    error = nadia.frame("error")
    assert (error["code"], error["id"]) == ("forbidden", "1")


@pytest.mark.parametrize("dialect", ["text", "json"])
def test_a_muted_one_is_refused_in_its_own_words(serve: Serve, dialect: str) -> None:
    server = serve("--operator", OWNER.fingerprint)
    nadia = operator(server)
    is_json = dialect == "json"
    rajat = server.member("Rajat", "lobby") if is_json else server.wire().send(b"Rajat\n")
    nadia.frame("join")
    order(nadia, verb="mute", target="Rajat", seconds=60)
    if is_json:
        rajat.frame("notice")
        rajat.say("hi")
        assert rajat.frame("error")["code"] == "forbidden"
    else:
        rajat.send(b"hi\n")
        rajat.until(b"! you are muted for another ")
    nadia.send(p.encode(p.Ping(t=1.0)))
    assert nadia.frame("pong")["last"] == 0
