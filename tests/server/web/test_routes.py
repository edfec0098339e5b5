from __future__ import annotations

import pytest

from chatctl.server.web.http_error import HttpError
from chatctl.server.web.request_reader import RequestReader
from chatctl.server.web.routes import Credentials, ReadRequest, Route, SayRequest, SocketRequest, route
from tests.support.web import basic, request_bytes

TOKEN = "0123456789abcdef" * 2


def routed(method: str, target: str, **headers: str) -> Route:
    head = RequestReader(8192).head(request_bytes(method, target, **headers))
    assert head is not None
    return route(head)


@pytest.mark.parametrize(
    ("target", "headers", "expected"),
    [
        ("?nick=ci", {}, SayRequest("lobby", "ci", None, Credentials())),
        ("?nick=J%C3%B6rg+X", {}, SayRequest("lobby", "Jörg X", None, Credentials())),
        ("?nick=ci", {"authorization": f"Bearer {TOKEN}"}, SayRequest("lobby", "ci", None, Credentials(TOKEN))),
        (
            "?nick=ci",
            {"authorization": f"bearer  {TOKEN}", "idempotency_key": "build-7"},
            SayRequest("lobby", "ci", "build-7", Credentials(TOKEN)),
        ),
        ("?nick=ci", {"authorization": basic("", "a:ö")}, SayRequest("lobby", "ci", None, Credentials(None, "a:ö"))),
        (
            "?nick=ci",
            {"authorization": basic(TOKEN, "x"), "idempotency_key": "1"},
            SayRequest("lobby", "ci", "1", Credentials(TOKEN, "x")),
        ),
        ("?nick=ci", {"content_type": "application/json"}, SayRequest("lobby", "ci", None, Credentials())),
    ],
)
def test_a_post_says_its_body(target: str, headers: dict[str, str], expected: SayRequest) -> None:
    assert routed("POST", f"/rooms/lobby{target}", **headers) == expected


@pytest.mark.parametrize(
    ("target", "accept", "expected"),
    [
        ("/rooms/lobby", "*/*", ReadRequest("lobby", None, 100, as_text=False, credentials=Credentials())),
        ("/rooms/r%C3%A4ume", "", ReadRequest("räume", None, 100, as_text=False, credentials=Credentials())),
        (
            "/rooms/lobby?after=7&limit=3",
            "text/html, Text/Plain;q=0.5",
            ReadRequest("lobby", 7, 3, as_text=True, credentials=Credentials()),
        ),
    ],
)
def test_a_get_reads(target: str, accept: str, expected: ReadRequest) -> None:
    assert routed("GET", target, accept=accept) == expected


@pytest.mark.parametrize("before", ["http://127.0.0.1", "HTTPS://chat.lan:5580", "http://a:", "http://"])
def test_an_absolute_target_means_its_path(before: str) -> None:
    """RFC 9112, section 3.2.2: a server has to take one. Whether it is known under that name is for origins.py."""
    assert routed("GET", f"{before}/rooms/lobby?after=7") == routed("GET", "/rooms/lobby?after=7")
    assert routed("GET", f"{before}?x") == routed("GET", "/?x") == routed("GET", before)


def test_a_socket() -> None:
    assert routed("GET", "/ws?x=y") == SocketRequest()


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"),
    [
        ("POST", "/rooms/lobby", {}, 400),
        ("POST", "/rooms/lobby?nick=", {}, 400),
        ("POST", "/rooms/lobby?nick=ci", {"idempotency_key": "1"}, 400),
        ("POST", "/rooms/lobby?nick=ci", {"idempotency_key": "1", "authorization": basic("me", "x")}, 400),
        ("POST", "/rooms/lobby?nick=ci", {"idempotency_key": "x" * 129, "authorization": f"Bearer {TOKEN}"}, 400),
        ("POST", "/rooms/lobby?nick=ci", {"idempotency_key": "\xe9", "authorization": f"Bearer {TOKEN}"}, 400),
        ("POST", "/rooms/lobby?nick=ci", {"authorization": "Bearer secret"}, 400),
        ("POST", "/rooms/lobby?nick=ci", {"authorization": f"Bearer {TOKEN.upper()}"}, 400),
        ("POST", "/rooms/lobby?nick=ci", {"authorization": "Digest x"}, 400),
        ("POST", "/rooms/lobby?nick=ci", {"authorization": "Basic ==="}, 400),
        ("POST", "/rooms/lobby?nick=ci", {"authorization": "Basic eA=="}, 400),
        ("POST", "/rooms/lobby?nick=ci", {"authorization": "Basic /zo="}, 400),
        ("POST", "/rooms/lobby?nick=ci", {"content_encoding": "gzip"}, 415),
        ("POST", "/rooms/lobby?nick=ci", {"content_type": "multipart/form-data; boundary=x"}, 415),
        ("POST", "/rooms/lobby?nick=%FF", {}, 400),
        ("POST", "/rooms/lobby?" + "a=b&" * 40 + "nick=ci", {}, 400),
        ("GET", "/rooms/%FF", {}, 400),
        ("GET", "/rooms/lobby?after=x", {}, 400),
        ("GET", "/rooms/lobby?after=-1", {}, 400),
        ("GET", "/rooms/lobby?after=9007199254740992", {}, 400),
        ("GET", "/rooms/lobby?limit=", {}, 400),
        ("GET", "/rooms/lobby?limit=²", {}, 400),
        ("GET", "ftp://127.0.0.1/rooms/lobby", {}, 400),
        ("GET", "http://127.0.0.1//127.0.0.1/rooms/lobby", {}, 400),
        ("GET", "//127.0.0.1/rooms/lobby", {}, 400),
        ("OPTIONS", "*", {}, 400),
        ("CONNECT", "example.org:443", {}, 400),
        ("GET", "/../etc/passwd", {}, 404),
        ("GET", "/rooms", {}, 404),
        ("OPTIONS", "/nothing", {}, 404),
        ("HEAD", "/rooms/lobby", {}, 405),
        ("DELETE", "/rooms/lobby", {}, 405),
        ("OPTIONS", "/rooms/lobby", {}, 405),
        ("POST", "/ws", {}, 405),
    ],
)
def test_what_is_refused(method: str, target: str, headers: dict[str, str], status: int) -> None:
    with pytest.raises(HttpError) as refused:
        routed(method, target.encode().decode("latin-1"), **headers)
    assert refused.value.status == status
    assert (status == 405) is any(name == "Allow" for name, _ in refused.value.headers)
