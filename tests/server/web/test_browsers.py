"""Browsers in a conversation: what they say, miss, break, and how they leave."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from chatctl.common.scram import client
from chatctl.core.limits import ServerLimits
from chatctl.server.certificates import Tls
from tests.support.in_process_server import in_process_server
from tests.support.tls import Authority, context
from tests.support.web import (
    PING,
    TOKEN,
    WEB,
    Answer,
    WebWire,
    basic,
    browser_frame,
    exchange,
    request,
    request_bytes,
    say,
    upgrade_bytes,
)
from tests.support.wire import Wire


def test_a_browser_and_a_program_in_one_room() -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        page, other = WebWire(port).enter("nadia"), WebWire(port).enter("omar")
        page.frame("join")
        page.send(b'{"type":"say","text":"one","id":"1"}\n{"type":"say","text":"gr\xc3\xbcn","id":"2"}')
        assert [page.frame("ack")["id"] for _ in range(2)] == ["1", "2"]
        assert other.texts(last="grün") == ["one", "grün"]
        other.say_frame(type="whisper", to="nadia", text="psst")
        assert page.frame("whisper")["from"] == "omar"
        page.pong(b"still here")
        page.say_frame(type="bye")
        page.rest()
        assert page.close_code == 1000
        assert other.frame("leave")["nicks"] == ["nadia"]


def test_what_a_page_missed_comes_once_it_is_back() -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        page = WebWire(port).enter("nadia", token=TOKEN)
        page.say("seen").frame("msg")
        page.reset()
        say(port, "missed")
        back = WebWire(port).enter("nadia", token=TOKEN, resume={"epoch": page.welcome["epoch"], "after": 1})
        assert back.frame("msg")["text"] == "missed"


def test_one_that_says_bye_and_resets_at_once_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On asyncio's own loop the end of our side then fails. All that the same tick had still to close was left open."""

    def reset(_: object) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr("asyncio.selector_events._SelectorSocketTransport.write_eof", reset)
    with in_process_server(ServerLimits(), web=WEB) as port:
        page, other = WebWire(port).enter("nadia"), WebWire(port).enter("omar")
        page.say_frame(type="bye").rest()
        assert other.frame("leave")["nicks"] == ["nadia"]
    assert caplog.text == ""


def test_a_page_that_closes_has_left_once_what_it_said_is_said() -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        page, other = WebWire(port).enter("nadia"), WebWire(port).enter("omar")
        page.raw(browser_frame(b'{"type":"say","text":"bye all"}') + browser_frame(b"\x03\xe9", 8))
        assert other.frame("msg")["text"] == "bye all"
        assert other.frame("leave")["nicks"] == ["nadia"]
        page.rest()
        assert page.close_code == 1001


@pytest.mark.parametrize(
    ("wire", "code", "close"),
    [
        (browser_frame(b"\xff"), "bad_frame", 1007),
        (browser_frame(b"x", 2), "bad_frame", 1003),
        (browser_frame(b"x", mask=b""), "bad_frame", 1002),
        (browser_frame(b"x" * 17_000), "too_long", 1009),
        (b"\xc1\x81\0\0\0\0x", "bad_frame", 1002),
        (browser_frame(b"{"), "bad_frame", 1000),
    ],
    ids=["no UTF-8", "binary", "not masked", "too long", "compressed", "no JSON"],
)
@pytest.mark.parametrize("is_live", [True, False])
def test_what_is_no_frame_is_answered_and_ends_it(wire: bytes, code: str, close: int, *, is_live: bool) -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        other, page = WebWire(port).enter("omar"), WebWire(port)
        if is_live:
            page.enter("nadia").say("before it").frame("msg")
        frames = page.raw(wire + browser_frame(b'{"type":"who"}')).frames_to_the_end()
        assert frames[-1]["type"] == "error"
        assert frames[-1]["code"] == code
        assert page.close_code == close
        assert other.say("goes on").texts(last="goes on")


def test_a_browser_that_is_gone_without_a_word_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pings are control frames: a browser answers while its page sleeps."""
    with in_process_server(ServerLimits(ping_seconds=0.3), web=WEB) as port:
        good, dead = WebWire(port).enter("good"), WebWire(port).enter("dead")
        good.sock.settimeout(0.1)
        left: list[object] = []
        while not left:
            try:
                left = [frame for frame in [good.next_frame()] if frame["type"] == "leave"]
            except TimeoutError:
                good.raw(browser_frame(b"", 10) * sum(opcode == PING for opcode, _ in good.controls))
                good.controls.clear()
        assert left[0]["nicks"] == ["dead"]  # type: ignore[index]
        dead.rest()
        assert [opcode for opcode, _ in dead.controls][:2] == [PING, PING]


def test_a_browser_that_stops_reading_is_told_what_it_missed() -> None:
    with in_process_server(ServerLimits(rate=0, ring_entries=50), web=WEB) as port:
        slow, fast = WebWire(port, receive_buffer=4096).enter("slow"), WebWire(port).enter("fast", mode="post")
        for number in range(1000):
            fast.say("x" * 4000, id=str(number))
        while fast.frame("ack")["id"] != "999":
            pass
        seqs, gaps = [], []
        while not seqs or seqs[-1] < 1000:
            frame = slow.next_frame()
            if frame["type"] == "msg":
                seqs.append(frame["seq"])
            elif frame["type"] == "gap":
                gaps += list(range(frame["from"], frame["to"] + 1))
        assert sorted(seqs + gaps) == list(range(1, 1001))
        assert gaps


def test_a_server_that_stops_says_so_and_closes_in_order() -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        page = WebWire(port).enter("nadia")
        asked = exchange(port, request_bytes("POST", "/rooms/lobby?nick=ci", b"hel", content_length="5"))
        silent = exchange(port, b"")
        assert request(port).status == 200, "both are accepted"
    frames = page.frames_to_the_end()
    assert (frames[-1]["type"], page.close_code) == ("bye", 1000)
    assert Answer.of(asked.rest()).refusal == (503, "server_full")
    assert silent.rest() == b""


def test_a_hello_may_stand_right_behind_the_handshake() -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        wire = exchange(port, upgrade_bytes() + browser_frame(b'{"type":"hello","v":1,"nick":"nadia"}'))
        assert b'"type":"welcome"' in wire.until(b'"type":"welcome"')


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return Tls(Authority(tmp_path).sign("127.0.0.1"))


def test_over_tls_the_origin_is_https(tls: Tls) -> None:
    with in_process_server(ServerLimits(), tls, web=WEB) as port:
        page = WebWire(port, tls=True).enter("nadia")
        assert page.say("over TLS").texts(last="over TLS")
        page.say_frame(type="bye")
        page.rest()
        assert page.close_code == 1000
        with pytest.raises(AssertionError, match="403 Forbidden"):
            WebWire(port, tls=True, origin="http://127.0.0.1")
        plain = request(port)
        assert plain.refusal == (400, "bad_frame")
        assert "https" in plain.json["text"]


def test_a_password_is_bound_to_no_certificate(tls: Tls) -> None:
    """A page can't see which one it was shown."""
    with in_process_server(ServerLimits(), tls, web=WEB, password="sesame") as port:
        proof, page = client("sesame", b""), WebWire(port, tls=True)
        page.say_frame(type="hello", v=1, nick="nadia", scram=proof.get_client_first())
        proof.set_server_first(page.frame("challenge")["scram"])
        page.say_frame(type="proof", scram=proof.get_client_final())
        proof.set_server_final(page.frame("welcome")["scram"])


def test_a_password_in_a_request_over_tls(tls: Tls) -> None:
    with in_process_server(ServerLimits(), tls, web=WEB, password="sesame") as port:
        wire = Wire(("127.0.0.1", port))
        wire.sock = context().wrap_socket(wire.sock)
        with wire.sock:
            wire.send(request_bytes("POST", "/rooms/lobby?nick=ci", b"x", authorization=basic("", "sesame")))
            assert Answer.of(wire.rest()).status == 200
