from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.server.web.http_error import HttpError
from chatctl.server.web.request_reader import Head, RequestReader, forwarded_for
from tests.support.strategies import splits
from tests.support.web import request_bytes

MOST_HEAD, MOST = 1024, 20


def read(pieces: list[bytes]) -> tuple[str, str, bytes | None] | int:
    """Return what a request is, or the status that it is refused with."""
    reader, head, body = RequestReader(MOST_HEAD), None, None
    try:
        for piece in pieces:
            if head is None:
                head = reader.head(piece)
                body = reader.body(b"", MOST) if head is not None else None
            elif body is None:
                body = reader.body(piece, MOST)
    except HttpError as error:
        return error.status
    assert head is not None
    return head.method, head.target, body


REQUESTS = [
    request_bytes("GET", "/"),
    request_bytes("POST", "/rooms/lobby", b"hello"),
    request_bytes("POST", "/rooms/lobby", b"x" * 30),
    request_bytes("POST", "/rooms/lobby", b"5\r\nhello\r\n0\r\n\r\n", transfer_encoding="chunked"),
    request_bytes(
        "POST", "/rooms/lobby", b"5;x=" + b"y" * 100 + b"\r\nhello\r\n0\r\n\r\n", transfer_encoding="chunked"
    ),
    request_bytes("POST", "/rooms/lobby", b"zz\r\nhello\r\n0\r\n\r\n", transfer_encoding="chunked"),
    request_bytes("GET", "/" + "x" * 2000),
    b"NONSENSE\r\n\r\n",
    b'{"type":"hello"}\n',
]


@given(st.sampled_from(REQUESTS), st.data())
def test_any_split_gives_the_same_request(wire: bytes, data: st.DataObject) -> None:
    assert read(data.draw(splits(wire))) == read([wire])


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (request_bytes("GET", "/"), ("GET", "/", b"")),
        (request_bytes("POST", "/", b"hello"), ("POST", "/", b"hello")),
        (request_bytes("POST", "/", b"5\r\nhello\r\n0\r\n\r\n", transfer_encoding="chunked"), ("POST", "/", b"hello")),
        (request_bytes("POST", "/", b"x" * (MOST + 2)), ("POST", "/", b"x" * (MOST + 2))),
        (request_bytes("POST", "/", b"x" * (MOST + 3)), 413),
        (request_bytes("POST", "/", b"1\r\nx\r\n" * 30, transfer_encoding="chunked"), 413),
        (request_bytes("GET", "/", x="y" * MOST_HEAD), 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 300, 431),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b'{"type":"hello","v":1,"nick":"nadia"}\r\n\r\n', 400),
        (b'{"type":"hello","v":1,"nick":"nadia"}\n', 400),
        (b"nadia\n", 400),
        (b"\r\n", 400),
        (b"GET /  HTTP/1.1\r\n", 400),
        (b"GET / HTTP/1.1 \r\n", 400),
        (b"GET / HTTP/1.1\nHost: x\n\n", ("GET", "/", b"")),
    ],
)
def test_what_is_read(wire: bytes, expected: object) -> None:
    assert read([wire]) == expected


def host_of(target: str, *headers: str) -> str | None:
    lines = [f"GET {target} HTTP/1.0", *headers, "", ""]
    head = RequestReader(MOST_HEAD).head("\r\n".join(lines).encode())
    assert head is not None
    return head.host


def test_the_host_is_that_of_an_absolute_target() -> None:
    """RFC 9112, section 3.2.2: whatever the header says, which has to be there once."""
    assert host_of("/", "Host: a") == "a"
    assert host_of("/") is None
    assert host_of("http://b:80/x", "Host: a") == host_of("HTTPS://b:80") == "b:80"
    assert host_of("http:///x", "Host: a") == ""
    with pytest.raises(HttpError, match="multiple Host"):
        host_of("http://b/", "Host: b", "Host: b")


SMUGGLED = [
    b"Content-Length: 4\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 4",
    b"Content-Length: 4\r\nContent-Length: 5",
    b"Content-Length: 4, 5",
    b"Content-Length: +4",
    b"Content-Length: 4a",
    b"Content-Length: -1",
    b"Content-Length : 4",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding:\x0bchunked",
    b"X: y\rContent-Length: 4",
    b"X: y\0z",
    b": empty",
]


@pytest.mark.parametrize("headers", SMUGGLED)
def test_two_readers_may_not_disagree_where_a_request_ends(headers: bytes) -> None:
    wire = b"POST /rooms/lobby HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n\r\n0\r\n\r\nGET /"
    assert read([wire]) in (400, 501)


def head_of(**headers: str) -> Head:
    head = RequestReader(MOST_HEAD).head(request_bytes("GET", "/", **headers))
    assert head is not None
    return head


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("203.0.113.9, 192.0.2.7", "192.0.2.7"),
        ("203.0.113.9,2001:db8::1", "2001:db8::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
def test_the_last_address_is_the_proxy_s(value: str, address: str) -> None:
    """Those before it are what the client sent."""
    assert forwarded_for(head_of(x_forwarded_for=value)) == address


@pytest.mark.parametrize("value", ["", "unknown", "192.0.2.7:80", "192.0.2.7,", "192.0.2.0/24"])
def test_a_proxy_has_to_name_an_address(value: str) -> None:
    with pytest.raises(HttpError, match="X-Forwarded-For"):
        forwarded_for(head_of(x_forwarded_for=value))


def test_a_header_that_stands_twice_is_none() -> None:
    head = RequestReader(MOST_HEAD).head(b"GET / HTTP/1.1\r\nHost: x\r\nOrigin: a\r\nOrigin: b\r\n\r\n")
    assert head is not None
    with pytest.raises(HttpError, match="origin stands more than once"):
        head.get("origin")
