"""Every limit is gone over once: against a server of its own in a thread, on asyncio's loop, or a real one."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from chatctl.core.limits import ServerLimits, advertised
from chatctl.hub.history import fitting
from chatctl.protocol import MAX_SERVER_LINE, Msg, Page, encode
from tests.support.environment import CHATCTL, DEADLINE
from tests.support.in_process_server import from_elsewhere, in_process_server
from tests.support.server_process import Server
from tests.support.wire import Wire


def wire_to(port: int, receive_buffer: int | None = None) -> Wire:
    return Wire(("127.0.0.1", port), receive_buffer=receive_buffer).greeted()


def test_a_connection_that_says_nothing_is_closed() -> None:
    with in_process_server(ServerLimits(hello_seconds=0.3)) as port:
        member = wire_to(port).enter("nadia")
        silent, half, nameless = wire_to(port), wire_to(port).send(b'{"type":'), wire_to(port).send(b"\n")
        assert b'"code":"not_joined"' in silent.rest()
        assert b"no hello within 0.3 s" in half.rest()
        assert nameless.rest().endswith(b"! no hello within 0.3 s\n")
        assert member.say("not me").frame("msg")["text"] == "not me"


def test_a_peer_that_answers_no_ping_is_gone() -> None:
    """A laptop that was closed sends no FIN. Who answers, or says anything else, stays."""
    with in_process_server(ServerLimits(ping_seconds=0.3)) as port:
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
    with in_process_server(ServerLimits(stall_seconds=2, rate=0, ring_entries=100)) as port:
        wire_to(port, receive_buffer=4096).enter("stuck")
        poster = wire_to(port).enter("poster", mode="post")
        for _ in range(1000):  # 4 MB: more than any buffer on the way
            poster.say("x" * 4000)
        poster.say("so far", id="1")
        poster.frame("ack")
        watcher = wire_to(port).enter("watcher")  # not before: in a flood it may be too full to be told
        left = watcher.frame("leave")
        assert (left["nicks"], left["count"]) == (["stuck"], 1)


def test_a_hello_has_a_size() -> None:
    with in_process_server(ServerLimits(hello_bytes=200)) as port:
        for first in (
            b"{" + b"x" * 300,
            b'{"type":"who"%s}\n' % (b" " * 60) * 3,
            b"%s\n" % (b" " * 60) * 4,
            b"x" * 300 + b"\n",
        ):
            wire = wire_to(port).send(first)
            assert b"a hello has at most 200 bytes" in wire.rest()


def test_bytes_have_a_rate_too() -> None:
    """A few large messages wait as many small ones do, and none is lost."""
    with in_process_server(ServerLimits(bytes_per_second=20_000)) as port:
        wire = wire_to(port).enter("nadia")
        started = time.monotonic()
        for number in range(8):
            wire.say(f"{number}" + "x" * 4000)
        assert [wire.frame("msg")["text"][0] for _ in range(8)] == list("01234567")
        assert time.monotonic() - started > 0.3


def test_many_connections_of_one_address_have_the_bytes_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight times 20,000 bytes at 80,000 a second, of which as many come at once: a second, however many send."""
    limits = ServerLimits(bytes_per_address=80_000, connect_rate=0)
    with from_elsewhere(monkeypatch, limits) as port:
        speakers = [wire_to(port).enter(f"s{number}") for number in range(8)]
        begun = time.monotonic()
        for wire in speakers:
            wire.push(b"".join(b'{"type":"say","text":"%s"}\n' % (b"x" * 3975) for _ in range(5)))
        for wire in speakers:
            wire.say("last", id="1").frame("ack")
        assert time.monotonic() - begun >= 0.9


def test_one_address_has_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """One machine can't take every place. Loopback is exempt, so here everybody comes from elsewhere."""
    monkeypatch.setattr("chatctl.server.server.describe", lambda *_: ("somebody", "203.0.113.9"))
    with in_process_server(ServerLimits(per_address=2, connect_rate=0)) as port:
        first, second = wire_to(port).enter("nadia"), wire_to(port).enter("rajat")
        third = wire_to(port).say_frame(type="hello", v=1, nick="abel")
        error = third.frame("error")
        assert error["code"] == "server_full"
        assert "203.0.113.9: at most 2" in error["text"]
        assert third.rest() == b""
        first.close()
        second.frame("leave")
        wire_to(port).enter("abel")


OPTIONS: dict[str, tuple[str, dict[str, float]]] = {
    "--max-clients": ("11", {"clients": 11}),
    "--max-per-address": ("7", {"per_address": 7}),
    "--rate": ("5:6", {"rate": 5, "burst": 6}),
    "--ring-entries": ("99", {"ring_entries": 99}),
    "--max-line": ("5000", {"line": 5000}),
    "--max-text": ("321", {"text": 321}),
    "--max-nick": ("9", {"nick": 9}),
    "--hello-timeout": ("2.5", {"hello_seconds": 2.5}),
    "--max-hello": ("777", {"hello_bytes": 777}),
    "--ping": ("31", {"ping_seconds": 31}),
    "--stall": ("32", {"stall_seconds": 32}),
    "--byte-rate": ("33333", {"bytes_per_second": 33333}),
    "--address-byte-rate": ("44444", {"bytes_per_address": 44444}),
    "--out-buffer": ("4444", {"out_buffer": 4444}),
    "--ring-bytes": ("55555", {"ring_bytes": 55555}),
    "--backlog": ("3", {"backlog": 3}),
    "--page": ("4", {"page": 4}),
    "--connect-rate": ("8", {"connect_rate": 8}),
    "--max-greeting": ("21:22:23", {"greeting_start": 21, "greeting_percent": 22, "greeting_full": 23}),
}


def test_each_limit_has_an_option_and_is_advertised(serve: Callable[..., Server]) -> None:
    fixed = {"nick_bytes", "id", "memory"}  # the protocol's own; and no client's business
    assert {field for _, fields in OPTIONS.values() for field in fields} == {*ServerLimits.__struct_fields__} - fixed
    server = serve(*(word for option, (value, _) in OPTIONS.items() for word in (option, value)))
    limits = server.member("nadia").welcome["limits"]
    assert {option: fields for option, (_, fields) in OPTIONS.items() if not fields.items() <= limits.items()} == {}


@pytest.mark.parametrize("value", ["1:2", "0:30:10", "20:30:10", "1:101:2", "a:b:c"])
def test_a_crowd_that_is_none(value: str) -> None:
    done = subprocess.run(
        [*CHATCTL, "serve", "--max-greeting", value], capture_output=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 2
    assert b"is not START:PERCENT:FULL" in done.stderr


# --- lines, texts, names


def test_a_line_a_text_and_a_name_have_their_length() -> None:
    with in_process_server(ServerLimits(line=300, text=20, nick=5)) as port:
        nadia = wire_to(port).enter("nadia")
        assert nadia.say("é" * 11, id="1").frame("error")["code"] == "too_long"
        assert nadia.say("é" * 10, id="2").frame("ack")["id"] == "2"
        assert nadia.say_frame(type="nick", nick="nadia2").frame("error")["code"] == "nick_invalid"
        assert wire_to(port).say_frame(type="hello", v=1, nick="longer").frame("error")["code"] == "nick_invalid"
        assert nadia.send(b"x" * 301).frame("error")["code"] == "too_long"
        assert nadia.rest() == b""


# --- time


def test_a_byte_now_and_then_does_not_put_the_hello_off() -> None:
    """Slow-loris: the time is for the whole of it, whatever comes meanwhile."""
    with in_process_server(ServerLimits(hello_seconds=0.5)) as port:
        slow = wire_to(port)
        slow.sock.settimeout(0.05)
        seen, sent = b"", 0
        deadline = time.monotonic() + DEADLINE
        while b"no hello within" not in seen:
            assert time.monotonic() < deadline
            with contextlib.suppress(OSError):
                slow.sock.sendall(b'{"type":"hello",            '[sent % 28 :][:1] if sent < 28 else b" ")
                sent += 1
            with contextlib.suppress(TimeoutError):
                seen += slow.sock.recv(4096)
        assert sent > 2


# --- rates


def test_a_pasted_text_of_four_lines_is_never_held_up() -> None:
    with in_process_server(ServerLimits(rate=0.001, burst=30)) as port:
        nadia = wire_to(port).enter("nadia")
        nadia.send(b"".join(b'{"type":"say","text":"%d"}\n' % number for number in range(4)))
        assert nadia.texts(last="3") == ["0", "1", "2", "3"]


def test_a_hundred_lines_at_once_arrive_whole_in_order_and_late() -> None:
    """Delayed by not reading, which TCP makes the client feel; none is refused."""
    with in_process_server(ServerLimits(rate=200, burst=10)) as port:
        nadia = wire_to(port).enter("nadia")
        started = time.monotonic()
        nadia.send(b"".join(b'{"type":"say","text":"%d"}\n' % number for number in range(100)))
        assert nadia.texts(last="99") == [str(number) for number in range(100)]
        assert time.monotonic() - started > 0.3


# --- the ring, the backlog, pages


def test_the_ring_has_a_number_of_entries_and_of_bytes() -> None:
    for limits in (ServerLimits(rate=0, ring_entries=5), ServerLimits(rate=0, ring_bytes=5_000)):
        with in_process_server(limits) as port:
            nadia = wire_to(port).enter("nadia")
            for number in range(20):
                nadia.say(f"{number}" + "x" * 900, id=str(number))
            while nadia.frame("ack")["id"] != "19":
                pass
            first = wire_to(port).enter("late", mode="watch").welcome["first"]
            assert 15 < first < 20


def test_the_past_on_entering_and_in_a_page_is_limited() -> None:
    with in_process_server(ServerLimits(rate=0, backlog=3, page=4)) as port:
        nadia = wire_to(port).enter("nadia")
        for number in range(10):
            nadia.say(str(number))
        nadia.texts(last="9")
        late = wire_to(port).enter("late", mode="watch", history=9)
        assert late.texts(last="9") == ["7", "8", "9"]
        page = late.say_frame(type="history", before=100, limit=9).frame("page")
        assert [entry["text"] for entry in page["entries"]] == ["6", "7", "8", "9"]
        assert page["more"]


@pytest.mark.parametrize("newest", [True, False])
def test_a_page_fits_into_a_line_whatever_was_said(newest: bool) -> None:
    """A control character takes a byte on the way in from nc, and six in JSON. A client refuses a longer line, so a
    page of a thousand such messages would have kept everybody from reading the past.
    """
    entries = [Msg(seq, 1.0, "x" * 32, "\x01" * 4096) for seq in range(1, 1001)]
    kept = fitting(entries, newest=newest)
    assert 0 < len(encode(Page(entries=list(kept), more=True))) <= MAX_SERVER_LINE
    assert len(kept) > 300
    assert kept[-1 if newest else 0] is entries[-1 if newest else 0]
    huge = [msgspec.structs.replace(entries[0], text="x" * 9_000_000)] * 2
    assert len(fitting(huge, newest=newest)) == 1
    assert fitting(entries[:10], newest=newest) == entries[:10]


# --- many connections


def test_a_network_of_ipv6_is_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has one has 2**64 addresses."""
    with from_elsewhere(monkeypatch, ServerLimits(per_address=2, connect_rate=0)) as port:
        wire_to(port).enter("nadia"), wire_to(port).enter("rajat")
        error = wire_to(port).say_frame(type="hello", v=1, nick="abel").frame("error")
        assert error["code"] == "server_full"
        assert "2001:db8::/64: at most 2" in error["text"]


def test_those_refused_for_their_address_can_not_take_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is kept until its hello, to be told; only so many of them are."""
    with from_elsewhere(monkeypatch, ServerLimits(per_address=2, connect_rate=0)) as port:
        silent = [Wire(("127.0.0.1", port)) for _ in range(14)]
        heard = [_greeting(wire) for wire in silent]
        assert heard == [b"NAME"] * 10 + [b""] * 4


def test_who_connects_too_often_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    with from_elsewhere(monkeypatch, ServerLimits(per_address=3, connect_rate=0.001)) as port:
        answer = {"type": "none"}
        for number in range(6):  # a little of a place may have come back by then
            wire = wire_to(port).say_frame(type="hello", v=1, nick=f"guest{number}")
            answer = wire.next_frame()
            if answer["type"] == "error":
                break
            assert number < 5
            wire.close()
        error = answer
        assert error["code"] == "server_full"
        assert "connects too often" in error["text"]
        assert error["retry_after"] >= 1


def test_of_many_who_say_nothing_newcomers_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the full number all are, and those who are in notice nothing. When it empties, it is open again."""
    crowd = ServerLimits(connect_rate=0, greeting_start=4, greeting_percent=0, greeting_full=6)
    monkeypatch.setattr("chatctl.server.server.random.random", lambda: 0.9)
    with from_elsewhere(monkeypatch, crowd) as port:
        member = wire_to(port).enter("nadia")
        silent = [Wire(("127.0.0.1", port)) for _ in range(9)]
        assert [_greeting(wire) for wire in silent] == [b"NAME"] * 6 + [b""] * 3
        assert member.say("still here", id="1").frame("ack")["id"] == "1"
        for wire in silent:
            wire.reset()
        deadline = time.monotonic() + DEADLINE
        while _greeting(again := Wire(("127.0.0.1", port))) == b"":
            assert time.monotonic() < deadline
        again.enter("rajat")


def test_without_chance_some_get_through(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = ServerLimits(connect_rate=0, greeting_start=1, greeting_percent=50, greeting_full=1000)
    drawn = iter([0.1, 0.9, 0.1, 0.9])
    monkeypatch.setattr("chatctl.server.server.random.random", lambda: next(drawn))
    with from_elsewhere(monkeypatch, crowd) as port:
        assert [_greeting(Wire(("127.0.0.1", port))) for _ in range(5)] == [b"NAME", b"", b"NAME", b"", b"NAME"]


def _greeting(wire: Wire) -> bytes:
    try:
        return wire.sock.recv(4)
    except ConnectionResetError:
        return b""


# --- floods of questions, and no descriptor left


@pytest.mark.parametrize(
    "question", [b'{"type":"who"}\n', b'{"type":"history","before":9999,"limit":1000}\n', b'{"type":"ping"}\n']
)
def test_a_client_that_asks_and_does_not_read(serve: Callable[..., Server], question: bytes) -> None:
    """What it is owed stays bounded, because it is not read from any more; others are served."""
    server = serve("--rate", "off")
    nadia = server.member("nadia")
    for number in range(400):
        nadia.say(f"{number} " + "x" * 2000)
    nadia.say("said", id="1").frame("ack")
    flooder = Wire(("127.0.0.1", server.port), receive_buffer=4096).greeted().enter("flooder", mode="watch")
    before, asked = _resident(server), 0
    flooder.sock.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while asked < 100 << 20:
            asked += flooder.sock.send(question * 1000)
    assert asked < 100 << 20, "it was read from without end"
    assert _resident(server) - before < 40 << 20
    assert nadia.say("and now?", id="2").frame("ack")["id"] == "2"


def _resident(server: Server) -> int:
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_out_of_descriptors_members_notice_nothing(env: dict[str, str]) -> None:
    """The limit was lowered under it, or the whole machine has no more. It says so once a second at most, and accepts
    again soon after a descriptor is free."""
    command = [*CHATCTL, "serve", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    assert process.stdout is not None
    port = int(re.search(rb":(\d+)$", process.stdout.readline().strip())[1])  # type: ignore[index]
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (40, 4096))
    started = time.monotonic()
    try:
        member = wire_to(port).enter("nadia")
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
        waiting = Wire(("127.0.0.1", port))
        begun = time.monotonic()
        for number in range(20):
            assert member.say(f"{number}", id=str(number)).frame("ack")["id"] == str(number)
        usual = time.monotonic() - begun
        waiting.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            waiting.sock.recv(4)
        relieved = time.monotonic()
        for one in crowd:
            one.close()
        waiting.sock.settimeout(DEADLINE)
        waiting.greeted().enter("rajat")
        assert time.monotonic() - relieved < 5 + 10 * usual  # 1 s by design, on a quiet machine
    finally:
        process.terminate()
        _, err = process.communicate(timeout=DEADLINE)
        process.stdout.close()
    warnings = [line for line in err.decode().splitlines() if "can't accept" in line]
    assert 1 <= len(warnings) <= 2 + time.monotonic() - started
    assert process.returncode == 0
    assert b"Traceback" not in err


def test_the_limits_are_shown_as_they_are_by_default(serve: Callable[..., Server]) -> None:
    """The options' own defaults are those of the protocol, which docs/protocol.md shows."""
    shown = serve().member("nadia").welcome["limits"]
    default = json.loads(msgspec.json.encode(advertised(ServerLimits())))
    assert shown | {"clients": 0} == default | {"clients": 0}


def test_names_without_end_leave_a_few_lines_in_the_log(serve: Callable[..., Server]) -> None:
    """From twenty connections at once; whoever is in goes on as before. The turns that it takes: test_login.py."""
    server = serve()
    nadia = server.member("nadia")
    crowd = [wire_to(server.port) for _ in range(20)]
    for wire in crowd:
        wire.push(b"!\n" * 4090)
    assert nadia.say("still here", id="1").frame("ack")["id"] == "1"
    for wire in crowd:
        wire.rest()
    log = server.wait_for_log("Refused ! ", 20)
    assert len(log.splitlines()) < 30
