"""Clients of the port for browsers, made of raw bytes, so that they can send what no library would."""

from __future__ import annotations

import base64
import json
import os
import re
import struct
from dataclasses import dataclass, field
from typing import Any, Self

from chatctl.server.web.origins import Origins
from tests.support.server_process import Server
from tests.support.tls import context
from tests.support.wire import Frame, Wire

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
"""Of RFC 6455, section 1.3."""

WEB = Origins([], ["https://chat.example.org"])
"""What a server with one more origin listens for browsers with."""

TOKEN = "0123456789abcdef" * 2
SOMEBODY = "203.0.113.7"


@dataclass(frozen=True)
class Answer:
    """A response of HTTP."""

    status: int
    headers: dict[str, str]
    """By name in lower case."""
    body: bytes

    @classmethod
    def of(cls, data: bytes) -> Answer:
        """Read a response, behind a ``100 Continue`` or not."""
        data = data.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        assert first.startswith("HTTP/1.1 "), data
        headers = dict(line.lower().split(": ", 1) for line in lines)
        assert not body or len(body) == int(headers["content-length"]), data
        return cls(int(first.split()[1]), headers, body)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, str]:
        """The status, and the code of the wire."""
        return self.status, self.json["code"]


def request(
    port: int, method: str = "GET", target: str = "/rooms/lobby", body: bytes | None = None, **headers: str
) -> Answer:
    """Send one request, read its answer, and see that the connection ends. ``a_b`` is the header ``a-b``."""
    with exchange(port, request_bytes(method, target, body, **headers)) as wire:
        return Answer.of(wire.rest())


def exchange(port: int, data: bytes) -> Wire:
    """Connect to the port and send these bytes."""
    return Wire(("127.0.0.1", port)).push(data)


def request_bytes(method: str, target: str, body: bytes | None = None, **headers: str) -> bytes:
    """Return a request; an empty header is left out."""
    given = {"host": "127.0.0.1"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None and "transfer-encoding" not in given:
        given = {"content-length": str(len(body))} | given
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items() if value)]
    return "\r\n".join((*lines, "", "")).encode("latin-1") + (body or b"")


def say(port: int, text: str | bytes, nick: str = "ci", room: str = "lobby", **headers: str) -> Answer:
    """Say something by POST."""
    body = text if isinstance(text, bytes) else text.encode()
    return request(port, "POST", f"/rooms/{room}?nick={nick}", body, **headers)


def upgrade_bytes(**headers: str) -> bytes:
    """Return the request of a browser for a WebSocket."""
    browser = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_key": KEY, "sec_websocket_version": "13"}
    return request_bytes("GET", "/ws", **{"origin": "http://127.0.0.1", **browser, **headers})


def browser_frame(data: bytes, opcode: int = TEXT, *, fin: bool = True, mask: bytes | None = None) -> bytes:
    """Return a frame as a browser sends it; an empty ``mask`` leaves it unmasked."""
    mask = os.urandom(4) if mask is None else mask
    first, masked = opcode | 0x80 * fin, 0x80 * bool(mask)
    if len(data) < 126:
        head = bytes((first, masked | len(data)))
    elif len(data) < 1 << 16:
        head = struct.pack("!BBH", first, masked | 126, len(data))
    else:
        head = struct.pack("!BBQ", first, masked | 127, len(data))
    return head + mask + (bytes(one ^ mask[at % 4] for at, one in enumerate(data)) if mask else data)


@dataclass
class _Incoming:
    """The bytes of a server, cut into frames."""

    data: bytes = b""
    controls: list[tuple[int, bytes]] = field(default_factory=list)

    def feed(self, data: bytes) -> bytes:
        """Take bytes; return the lines in them."""
        self.data += data
        lines = b""
        while (found := self._frame()) is not None:
            opcode, payload = found
            if opcode == TEXT:
                lines += payload + b"\n"
            else:
                self.controls.append((opcode, payload))
        return lines

    def _frame(self) -> tuple[int, bytes] | None:
        if len(self.data) < 2:
            return None
        first, size = self.data[:2]
        assert first & 0x70 == 0, "a compressed frame"
        assert first & 0x80, "a fragment"
        at = {126: 4, 127: 10}.get(size, 2)
        size = int.from_bytes(self.data[2:at]) if at > 2 else size
        if len(self.data) < max(at, 2) or len(self.data) < at + size:
            return None
        payload, self.data = self.data[at : at + size], self.data[at + size :]
        return first & 0x0F, payload


class WebWire(Wire):
    """A browser's WebSocket: as ``Wire``, with a frame for each line."""

    def __init__(self, port: int, *, receive_buffer: int | None = None, tls: bool = False, **headers: str) -> None:
        super().__init__(("127.0.0.1", port), receive_buffer=receive_buffer)
        if tls:
            self.sock = context().wrap_socket(self.sock)
            self._opened.append(self)
            headers = {"origin": "https://127.0.0.1"} | headers
        self._incoming: _Incoming | None = None
        super().send(upgrade_bytes(**headers))
        self.handshake = super().until(b"\r\n\r\n")
        assert self.handshake.startswith(b"HTTP/1.1 101 "), self.handshake
        self._incoming, rest, self._data = _Incoming(), self._data, b""
        self._data = self._incoming.feed(rest)

    @property
    def controls(self) -> list[tuple[int, bytes]]:
        """The control frames that came, as (opcode, data)."""
        assert self._incoming is not None
        return self._incoming.controls

    @property
    def close_code(self) -> int | None:
        """The code of the close frame that came."""
        codes = [int.from_bytes(data[:2]) for opcode, data in self.controls if opcode == CLOSE]
        assert len(codes) < 2
        return codes[0] if codes else None

    def send(self, data: bytes) -> Self:
        """Send a frame of text, without the last LF."""
        return self.raw(browser_frame(data.removesuffix(b"\n")))

    def raw(self, data: bytes) -> Self:
        """Send bytes as they are."""
        super().push(data)
        return self

    def greeted(self) -> Self:
        """Return it: there is no greeting."""
        return self

    def pong(self, data: bytes) -> None:
        """Send a ping, and wait for its answer."""
        self.raw(browser_frame(data, PING))
        while (PONG, data) not in self.controls:
            assert self._more()

    def frames_to_the_end(self) -> list[Frame]:
        """Read to the end; give the frames."""
        return [json.loads(line) for line in self.rest().splitlines()]

    def _more(self) -> bool:
        data = self.sock.recv(65536)
        self._data += self._incoming.feed(data) if self._incoming is not None else data
        return bool(data)


def port_of(server: Server) -> int:
    """Return the port for browsers of a server that was just started: it says so behind its first line."""
    assert server.process.stdout is not None
    while not (found := re.search(r":(\d+) with HTTPS?$", line := server.process.stdout.readline().decode().strip())):
        assert line, server.stderr_text()
    return int(found[1])


def basic(user: str, password: str) -> str:
    """Return the value of an ``Authorization`` header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
