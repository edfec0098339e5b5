"""Limits that no option sets, against a server with its own: in a thread, on asyncio's loop."""

from __future__ import annotations

import time

import pytest

from chatctl.protocol import Limits
from tests.support import Wire, in_process_server


def wire_to(port: int, receive_buffer: int | None = None) -> Wire:
    return Wire(("127.0.0.1", port), receive_buffer=receive_buffer).greeted()


def test_a_connection_that_says_nothing_is_closed() -> None:
    with in_process_server(Limits(hello_seconds=0.3)) as port:
        member = wire_to(port).enter("nadia")
        silent, half, nameless = wire_to(port), wire_to(port).send(b'{"type":'), wire_to(port).send(b"\n")
        assert b'"code":"not_joined"' in silent.rest()
        assert b"no hello within 0.3 s" in half.rest()
        assert nameless.rest().endswith(b"! no hello within 0.3 s\n")
        assert member.say("not me").frame("msg")["text"] == "not me"


def test_a_peer_that_answers_no_ping_is_gone() -> None:
    """A laptop that was closed sends no FIN. Who answers, or says anything else, stays."""
    with in_process_server(Limits(ping_seconds=0.3)) as port:
        good, dead = wire_to(port).enter("good"), wire_to(port).enter("dead")
        while True:
            frame = good.next_frame()
            if frame["type"] == "ping":
                good.say_frame(type="pong", t=frame["t"])
            elif frame["type"] == "leave":
                break
        assert (frame["nicks"], frame["count"]) == (["dead"], 1)
        assert dead.rest().count(b'"type":"ping"') == 2


def test_a_reader_that_never_reads_again_is_gone() -> None:
    """Its output stood for as long as the limit says: it is closed, and announced as left, once."""
    with in_process_server(Limits(stall_seconds=0.5, rate=0, ring_entries=100)) as port:
        wire_to(port, receive_buffer=4096).enter("stuck")
        watcher = wire_to(port).enter("watcher")
        poster = wire_to(port).enter("poster", mode="post")
        deadline = time.monotonic() + 8
        left = None
        while left is None:
            assert time.monotonic() < deadline
            for _ in range(100):
                poster.say("x" * 4000)
            poster.say("so far", id="1")
            poster.frame("ack")
            while (frame := watcher.next_frame()).get("text") != "so far":
                left = frame if frame["type"] == "leave" else left
        assert (left["nicks"], left["count"]) == (["stuck"], 1)


def test_a_hello_has_a_size() -> None:
    with in_process_server(Limits(hello_bytes=200)) as port:
        for first in (b"{" + b"x" * 300, b'{"type":"who"}\n' * 20, b"\n" * 201, b"x" * 300 + b"\n"):
            wire = wire_to(port).send(first)
            assert b"a hello has at most 200 bytes" in wire.rest()


def test_bytes_have_a_rate_too() -> None:
    """A few large messages wait as many small ones do, and none is lost."""
    with in_process_server(Limits(bytes_per_second=20_000)) as port:
        wire = wire_to(port).enter("nadia")
        started = time.monotonic()
        for number in range(8):
            wire.say(f"{number}" + "x" * 4000)
        assert [wire.frame("msg")["text"][0] for _ in range(8)] == list("01234567")
        assert time.monotonic() - started > 0.3


def test_one_address_has_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """One machine can't take every place. Loopback is exempt, so here everybody comes from elsewhere."""
    monkeypatch.setattr("chatctl.server.describe", lambda *_: ("somebody", "203.0.113.9"))
    with in_process_server(Limits(per_address=2)) as port:
        first, second = wire_to(port).enter("nadia"), wire_to(port).enter("rajat")
        third = wire_to(port).say_frame(type="hello", v=1, nick="abel")
        error = third.frame("error")
        assert error["code"] == "server_full"
        assert "203.0.113.9: at most 2" in error["text"]
        assert third.rest() == b""
        first.close()
        second.frame("leave")
        wire_to(port).enter("abel")
