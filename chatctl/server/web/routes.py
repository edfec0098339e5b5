"""What a request asks for: the table of paths and methods. Pure.

Does not live here: whether its page may ask (origins.py), carrying it out (connection.py).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct

from chatctl.protocol import MAX_COUNT, MAX_ID
from chatctl.server.web.http_error import HttpError
from chatctl.server.web.request_reader import Head

_ROOMS = "/rooms/"
_TOKEN = re.compile(r"[0-9a-f]{32}")
_MAX_PARAMETERS = 16

DEFAULT_ENTRIES = 100
"""Entries of history that are returned where no limit is given."""


class Credentials(Struct, frozen=True):
    """What came in ``Authorization``."""

    token: str | None = None
    """Of ``Bearer TOKEN``, or the user name of Basic if that is one."""
    password: str | None = None
    """Of Basic."""


class PageRequest(Struct, frozen=True):
    """``GET /``: the page."""

    known: str | None
    """The version that the browser has."""


class SocketRequest(Struct, frozen=True):
    """``GET /ws``: a WebSocket."""


class SayRequest(Struct, frozen=True):
    """``POST /rooms/ROOM``: say the body."""

    room: str
    nick: str
    id: str | None
    credentials: Credentials


class ReadRequest(Struct, frozen=True):
    """``GET /rooms/ROOM``: a part of the log. Without ``after`` it is its end."""

    room: str
    after: int | None
    limit: int
    as_text: bool
    credentials: Credentials


Route = PageRequest | SocketRequest | SayRequest | ReadRequest


def route(head: Head) -> Route:
    """Return what a request asks for. Raises HttpError."""
    try:
        target = urlsplit(head.target)
        path = unquote(target.path, errors="strict")
        query = dict(parse_qsl(target.query, keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS))
    except ValueError:
        raise HttpError(400, "bad_frame", "the path of this request can't be read") from None
    if target.scheme or target.netloc or not path.startswith("/"):
        raise HttpError(400, "bad_frame", "the target of a request is a path")
    if path == "/":
        _check_method(head, "GET", "HEAD")
        return PageRequest(head.get("if-none-match"))
    if path == "/ws":
        _check_method(head, "GET")
        return SocketRequest()
    if path.startswith(_ROOMS):
        _check_method(head, "GET", "POST")
        room = path.removeprefix(_ROOMS)
        return _say(head, room, query) if head.method == "POST" else _read(head, room, query)
    raise HttpError(404, "forbidden", "there is nothing at this path")


def _check_method(head: Head, *allowed: str) -> None:
    if head.method not in allowed:
        why = f"{head.method[:20]} is not for this path: use {' or '.join(allowed)}"
        raise HttpError(405, "forbidden", why, headers=(("Allow", ", ".join(allowed)),))


def _say(head: Head, room: str, query: Mapping[str, str]) -> SayRequest:
    if (head.get("content-encoding") or "identity").lower() != "identity":
        raise HttpError(415, "bad_frame", "the body is the message itself: send it without Content-Encoding")
    if (head.get("content-type") or "").lower().startswith("multipart/"):
        raise HttpError(415, "bad_frame", "the body is the message itself, not a form: use --data-binary, not --form")
    credentials, key = _credentials(head), head.get("idempotency-key")
    if key is not None:
        if not (1 <= len(key) <= MAX_ID and key.isascii()):
            raise HttpError(400, "bad_frame", f"an Idempotency-Key has 1 to {MAX_ID} ASCII characters")
        if credentials.token is None:
            why = "an Idempotency-Key needs a token, which it belongs to: add 'Authorization: Bearer TOKEN'"
            raise HttpError(400, "bad_frame", why)
    if not query.get("nick"):
        raise HttpError(400, "nick_invalid", "who says it? Add ?nick=NAME to the path")
    return SayRequest(room, query["nick"], key, credentials)


def _read(head: Head, room: str, query: Mapping[str, str]) -> ReadRequest:
    kinds = [part.partition(";")[0].strip() for part in (head.get("accept") or "").lower().split(",")]
    return ReadRequest(
        room,
        _number(query, "after") if "after" in query else None,
        _number(query, "limit") if "limit" in query else DEFAULT_ENTRIES,
        as_text="text/plain" in kinds,
        credentials=_credentials(head),
    )


def _number(query: Mapping[str, str], name: str) -> int:
    text = query[name]
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) <= MAX_COUNT):
        raise HttpError(400, "bad_frame", f"{name} is a whole number")
    return int(text)


def _credentials(head: Head) -> Credentials:
    value = head.get("authorization")
    if value is None:
        return Credentials()
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "bearer" and _TOKEN.fullmatch(rest.strip()):
        return Credentials(token=rest.strip())
    if scheme.lower() == "basic":
        return _basic(rest.strip())
    raise HttpError(400, "bad_frame", "Authorization is 'Bearer TOKEN', with 32 hex digits, or Basic")


def _basic(encoded: str) -> Credentials:
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = ""
    if not colon:
        raise HttpError(400, "bad_frame", "the credentials of Basic are USER:PASSWORD in UTF-8 and base64")
    return Credentials(user if _TOKEN.fullmatch(user) else None, password)
