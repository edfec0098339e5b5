"""Responses of HTTP, and the dialects that answer requests for a room with them.

A request for a room is a short conversation: a hello, what is asked, a bye (room_requests.py). Of the frames that
answer it, one becomes the response, and the others nothing. Does not live here: sending (connection.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from http import HTTPStatus

from chatctl import protocol
from chatctl.core.dialects import JSON, Dialect, render_text
from chatctl.errors import ChatError
from chatctl.protocol import Frame
from chatctl.server.web.http_error import STATUS_OF_CODE, Headers, HttpError

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

JSON_LINES, PLAIN = "application/json", "text/plain; charset=utf-8"

_EVERY: Headers = (
    ("Connection", "close"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_NOT_KEPT: Headers = (("Cache-Control", "no-store"),)
_ASK_FOR_PASSWORD: Headers = (("WWW-Authenticate", 'Basic realm="chatctl", charset="UTF-8"'),)


def response(status: int, body: bytes = b"", kind: str = JSON_LINES, headers: Headers = _NOT_KEPT) -> bytes:
    """Return a response. It is the last one of its connection: nothing behind a request is ever read as another."""
    about = (("Content-Type", kind), ("Content-Length", str(len(body)))) if status != HTTPStatus.NOT_MODIFIED else ()
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(": ".join(one) for one in (*about, *_EVERY, *headers))]
    return "\r\n".join((*lines, "", "")).encode("ascii") + body


def without_body(whole: bytes) -> bytes:
    """Return a response as one to HEAD: its headers are those of GET."""
    return whole[: whole.index(b"\r\n\r\n") + 4]


def error_response(error: ChatError) -> bytes:
    """Return the response to a request that is refused: an ``error`` frame as JSON."""
    if isinstance(error, HttpError):
        frame = protocol.Error(error.code, error.text, retry_after=error.retry_after)
        return _error(frame, error.status, error.headers)
    return _of_error(protocol.Error(error.wire_code, error.text, retry_after=error.retry_after))


def _of_error(frame: protocol.Error) -> bytes:
    return _error(frame, STATUS_OF_CODE.get(frame.code, HTTPStatus.BAD_REQUEST), ())


def _error(frame: protocol.Error, status: int, more: Headers) -> bytes:
    if status == HTTPStatus.UNAUTHORIZED:
        more = (*more, *_ASK_FOR_PASSWORD)
    if frame.retry_after is not None:
        more = (*more, ("Retry-After", str(math.ceil(frame.retry_after))))
    return response(status, protocol.encode(frame), headers=(*_NOT_KEPT, *more))


def _renderer(page: Callable[[protocol.Page], bytes]) -> Callable[[Frame], bytes]:
    def render(frame: Frame) -> bytes:
        match frame:
            case protocol.Error():
                return _of_error(frame)
            case protocol.Ack():
                return response(HTTPStatus.OK, protocol.encode(frame))
            case protocol.Page():
                return page(frame)
        return b""

    return render


def _page_as_json(page: protocol.Page) -> bytes:
    return response(HTTPStatus.OK, protocol.encode_run(page.entries))


def _page_as_text(page: protocol.Page) -> bytes:
    return response(HTTPStatus.OK, render_text(page), PLAIN)


HTTP = Dialect("http", _renderer(_page_as_json), JSON.parse_hello, JSON.parse, proves=True)
"""The session is given JSON; what it answers is a response."""

HTTP_TEXT = Dialect("http as text", _renderer(_page_as_text), JSON.parse_hello, JSON.parse, proves=True)
"""The same, with history as text."""
