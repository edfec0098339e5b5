"""Reading one request of HTTP/1.1, by h11: its head, then its body if it is wanted.

Any split of the same bytes gives the same request. Does not live here: what a request means (routes.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import h11

from chatctl.common.ip_addresses import parse_address
from chatctl.server.web.http_error import HttpError

LINE_END_BYTES = 2
"""What may stand behind a message, and is no part of it."""

_REQUEST_LINE = re.compile(rb"\S+ \S+ HTTP/\d\.\d")
"""What h11 takes for one, and more."""

_ABSOLUTE = re.compile(r"https?://([^/?]*)(.*)", re.IGNORECASE | re.DOTALL)


class Head:
    """The first line and the headers of a request."""

    def __init__(self, request: h11.Request) -> None:
        """Take them from h11, which has lowered the names of the headers."""
        self.version = request.http_version.decode("ascii")
        self.method = request.method.decode("ascii")
        self._authority, self.target = _split_target(request.target.decode("ascii", "replace"))
        self.headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers]

    @property
    def host(self) -> str | None:
        """The host that the request is for: of its target if that is absolute, else of its header; None without one.

        Raises:
            HttpError: there are several headers.
        """
        header = self.get("host")
        return header if self._authority is None else self._authority

    def all(self, name: str) -> Sequence[str]:
        """Return each value of a header; ``name`` is in lower case."""
        return [value for one, value in self.headers if one == name]

    def get(self, name: str) -> str | None:
        """Return the value of a header that stands once, or None. Raises HttpError: it stands more often."""
        values = self.all(name)
        if len(values) > 1:
            raise HttpError(400, "bad_frame", f"the header {name} stands more than once")
        return values[0] if values else None


def _split_target(target: str) -> tuple[str | None, str]:
    """Return the host and the path of a target; the host is None where it is not absolute (RFC 9112, 3.2.2)."""
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return None, target
    authority, path = absolute.groups()
    return authority, path if path.startswith("/") else f"/{path}"


def forwarded_for(head: Head) -> str:
    """Return the address for which a proxy sends a request: the last one that it names, for others are the client's.

    Raises:
        HttpError: it names none.
    """
    values = head.all("x-forwarded-for")
    last = values[-1].rpartition(",")[2].strip() if values else ""
    try:
        return str(parse_address(last))
    except ValueError:
        why = "this comes from a proxy that does not say whom it is for: it has to set X-Forwarded-For"
        raise HttpError(403, "forbidden", why) from None


def too_large(most: int) -> HttpError:
    """Return the error for a body of more than ``most`` bytes."""
    return HttpError(413, "too_long", f"a message has at most {most} bytes")


class RequestReader:
    """Give it bytes with ``head`` until that returns one, then with ``body``."""

    def __init__(self, max_head: int) -> None:
        """Take a head of at most ``max_head`` bytes."""
        self._max_head = max_head
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=max_head)
        self._fed = 0
        self._first: bytearray | None = bytearray()  # the first line as far as it has come; None: it was checked
        self._behind = b""  # what came with the end of the longest head
        self._body = bytearray()

    @property
    def rest(self) -> bytes:
        """The bytes behind what was read."""
        return self._h11.trailing_data[0] + self._behind

    @property
    def has_begun(self) -> bool:
        """Whether a byte of the request has come."""
        return self._fed > 0

    @property
    def waits_for_continue(self) -> bool:
        """Whether the client sends the body only when it is told to."""
        return bool(self._h11.they_are_waiting_for_100_continue)

    def head(self, data: bytes) -> Head | None:
        """Take more bytes; return the head once it is whole. Raises HttpError."""
        left = self._max_head - self._fed
        data, self._behind = data[:left], data[left:]
        self._fed += len(data)
        self._check_first_line(data)
        request = self._next(data)
        if isinstance(request, h11.Request):
            head = Head(request)
            if request.http_version not in (b"1.0", b"1.1"):
                raise HttpError(505, "version", "this server speaks HTTP/1.1")
            if head.all("transfer-encoding") and head.all("content-length"):
                raise HttpError(400, "bad_frame", "it has two lengths: Transfer-Encoding and Content-Length")
            return head
        if self._fed < self._max_head:
            return None
        raise HttpError(431, "too_long", f"the head of a request has at most {self._max_head} bytes")

    def _check_first_line(self, data: bytes) -> None:
        """Refuse what begins like no request once its first line has come. Raises HttpError.

        h11 waits for the end of the head, as a program of another protocol waits for our answer.
        """
        if self._first is None:
            return
        line, end, _ = data.partition(b"\n")
        self._first += line
        if not end:
            return
        first, self._first = self._first.removesuffix(b"\r"), None
        if _REQUEST_LINE.fullmatch(first) is None:
            raise HttpError(400, "bad_frame", "this is not a request of HTTP/1.1: illegal request line")

    def body(self, data: bytes, most: int) -> bytes | None:
        """Take more bytes; return the body once it is whole. Raises HttpError: it has more than ``most`` bytes."""
        event = self._next(self._behind + data)
        self._behind = b""
        while isinstance(event, h11.Data):
            self._body += event.data
            if len(self._body) > most + LINE_END_BYTES:
                raise too_large(most)
            event = self._next(b"")
        return bytes(self._body) if isinstance(event, h11.EndOfMessage) else None

    def _next(self, data: bytes) -> object:
        try:
            if data:
                self._h11.receive_data(data)
            return self._h11.next_event()
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
            code = "too_long" if status == 431 else "bad_frame"
            raise HttpError(status, code, f"this is not a request of HTTP/1.1: {error}") from None
