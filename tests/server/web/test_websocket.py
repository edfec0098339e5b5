from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.server.web.http_error import HttpError
from chatctl.server.web.request_reader import RequestReader
from chatctl.server.web.websocket import WebSocket, handshake
from tests.support.strategies import splits
from tests.support.web import BINARY, CLOSE, KEY, PING, PONG, TEXT, browser_frame, upgrade_bytes

MOST = 300
CONTINUATION = 0


def shaken(**headers: str) -> bytes:
    head = RequestReader(8192).head(upgrade_bytes(**headers))
    assert head is not None
    return handshake(head)


def test_the_handshake_is_that_of_the_rfc() -> None:
    assert KEY == "dGhlIHNhbXBsZSBub25jZQ=="
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in shaken()


def test_nothing_is_compressed() -> None:
    """It saves a tenth of a short message and costs more than to send it."""
    assert b"Extensions" not in shaken(sec_websocket_extensions="permessage-deflate; client_max_window_bits")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"upgrade": ""}, 426),
        ({"upgrade": "h2c"}, 426),
        ({"connection": "close"}, 426),
        ({"sec_websocket_key": ""}, 400),
        ({"sec_websocket_key": "AAAA"}, 400),
        ({"sec_websocket_version": "8"}, 400),
        ({"x": "a\x1bb"}, 400),
    ],
)
def test_what_is_no_handshake(headers: dict[str, str], status: int) -> None:
    with pytest.raises(HttpError) as refused:
        shaken(**headers)
    assert refused.value.status == status
    assert ("Sec-WebSocket-Version", "13") in refused.value.headers or "x" in headers


def test_an_older_http_has_no_upgrade() -> None:
    """A proxy that speaks it does so by default, and nobody finds out by himself."""
    head = RequestReader(8192).head(upgrade_bytes().replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    assert head is not None
    with pytest.raises(HttpError, match="proxy_http_version") as refused:
        handshake(head)
    assert refused.value.status == 426


def fed(pieces: list[bytes]) -> tuple[bytes, str | None, bool, bytes]:
    """Return the lines, why it failed, whether it was closed, and the last bytes."""
    socket, lines = WebSocket(MOST), b""
    for piece in pieces:
        lines += socket.feed(piece)
        socket.answers()
    return lines, socket.failed.wire_code if socket.failed else None, socket.closed, socket.close()


def close_code(data: bytes) -> int:
    assert data[0] == 0x88
    return int.from_bytes(data[2:4])


HALVES = "grün".encode()
CASES = {
    "a message": (browser_frame(b"one") + browser_frame(b"two"), b"one\ntwo\n", None, 1000),
    "lines in one message": (browser_frame(b"one\ntwo"), b"one\ntwo\n", None, 1000),
    "an empty message": (browser_frame(b""), b"\n", None, 1000),
    "in fragments": (
        browser_frame(b"o", fin=False)
        + browser_frame(b"n", CONTINUATION, fin=False)
        + browser_frame(b"e", CONTINUATION),
        b"one\n",
        None,
        1000,
    ),
    "a ping between fragments": (
        browser_frame(b"on", fin=False) + browser_frame(b"x", PING) + browser_frame(b"e", CONTINUATION),
        b"one\n",
        None,
        1000,
    ),
    "a character in two fragments": (
        browser_frame(HALVES[:3], fin=False) + browser_frame(HALVES[3:], CONTINUATION),
        HALVES + b"\n",
        None,
        1000,
    ),
    "a character cut off": (browser_frame(b"ok") + browser_frame(HALVES[:3]), b"ok\n", "bad_frame", 1007),
    "no UTF-8": (browser_frame(b"\xff"), b"", "bad_frame", 1007),
    "a surrogate in UTF-8": (browser_frame(b"\xed\xa0\x80"), b"", "bad_frame", 1007),
    "binary": (browser_frame(b"one", BINARY), b"", "bad_frame", 1003),
    "not masked": (browser_frame(b"ok") + browser_frame(b"one", mask=b""), b"ok\n", "bad_frame", 1002),
    "too long": (browser_frame(b"ok") + browser_frame(b"x" * (MOST + 1)), b"ok\n", "too_long", 1009),
    "too long together": (
        browser_frame(b"x" * MOST, fin=False) + browser_frame(b"x", CONTINUATION),
        b"",
        "too_long",
        1009,
    ),
    "as long as may be": (browser_frame(b"x" * MOST), b"x" * MOST + b"\n", None, 1000),
    "compressed": (bytes([0xC1, 0x83]) + b"\0\0\0\0abc", b"", "bad_frame", 1002),
    "a reserved opcode": (browser_frame(b"", 3), b"", "bad_frame", 1002),
    "a long control frame": (browser_frame(b"x" * 126, PING), b"", "bad_frame", 1002),
    "a ping in fragments": (browser_frame(b"x", PING, fin=False), b"", "bad_frame", 1002),
    "a continuation of nothing": (browser_frame(b"x", CONTINUATION), b"", "bad_frame", 1002),
    "a second beginning": (browser_frame(b"x", fin=False) + browser_frame(b"y"), b"", "bad_frame", 1002),
    "a size of 64 bits": (b"\x81\xff" + b"\xff" * 12, b"", "too_long", 1009),
    "a close": (browser_frame(b"\x03\xe9", CLOSE) + browser_frame(b"late"), b"", None, 1001),
    "a close of one byte": (browser_frame(b"\x03", CLOSE), b"", "bad_frame", 1002),
    "a close with a code that is none": (browser_frame(b"\x03\xec", CLOSE), b"", "bad_frame", 1002),
    "a close with a reason that is no UTF-8": (browser_frame(b"\x03\xe8\xff", CLOSE), b"", "bad_frame", 1007),
}


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_each_shape_has_its_answer_however_it_is_cut(name: str, data: st.DataObject) -> None:
    wire, lines, failed, code = CASES[name]
    for pieces in ([wire], data.draw(splits(wire))):
        got = fed(pieces)
        assert got[:2] == (lines, failed)
        assert close_code(got[3]) == code


def test_an_empty_close_is_answered_with_one() -> None:
    assert fed([browser_frame(b"", CLOSE)]) == (b"", None, True, b"\x88\x00")


def test_pings_are_answered_and_counted() -> None:
    socket = WebSocket(MOST)
    assert socket.feed(browser_frame(b"x", PING) + browser_frame(b"", PONG)) == b""
    assert socket.answers() == b"\x8a\x01x"
    assert socket.overhead == 13


def test_fragments_are_counted() -> None:
    """Empty ones without an end would cost time and nothing else."""
    socket = WebSocket(MOST)
    socket.feed(browser_frame(b"", TEXT, fin=False) + browser_frame(b"", CONTINUATION, fin=False) * 9)
    assert socket.overhead == 60
