"""A WebSocket from its handshake to its close, by the websockets library: a browser's frames in, lines out.

Lives here: what a browser sends, control frames, closing. Does not live here: frames to browsers
(core/websocket_frames.py), what a line means (core/session.py).
"""

from __future__ import annotations

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, PayloadTooBig
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Protocol, Side, State
from websockets.server import ServerProtocol

from chatctl.errors import BadFrame, TooLong
from chatctl.server.web.http_error import HttpError
from chatctl.server.web.request_reader import Head

_CLOSE, _PONG = b"\x88", b"\x8a"
"""The first bytes of these frames from a server."""

_VERSION = (("Sec-WebSocket-Version", "13"),)
"""What a refused handshake has to say (RFC 6455, section 4.2.2): the client may speak another one."""

_HEADER_BYTES = 6
"""Bytes of a short frame from a browser beside its data."""


def handshake(head: Head) -> bytes:
    """Return the response that makes a WebSocket of the connection. Raises HttpError."""
    if head.version == "1.0":  # RFC 9110, section 7.8: its Upgrade means nothing
        why = "a WebSocket needs HTTP/1.1, and so does the proxy in front of it: for nginx, proxy_http_version 1.1"
        raise HttpError(426, "bad_frame", why, headers=(("Upgrade", "websocket"),))
    try:
        answer = ServerProtocol().accept(Request(head.target, Headers(head.headers)))
    except InvalidHandshake as error:  # a header that h11 takes
        raise HttpError(400, "bad_frame", f"this is not a handshake of a WebSocket: {error}") from None
    if answer.status_code != 101:
        kept = (("Upgrade", answer.headers["Upgrade"]),) if "Upgrade" in answer.headers else ()
        why = bytes(answer.body).decode().strip()
        raise HttpError(answer.status_code, "bad_frame", why, headers=(*kept, *_VERSION))
    return answer.serialize()


class WebSocket:
    """What a browser sends, frame by frame. Any split of the same bytes means the same."""

    def __init__(self, max_message: int) -> None:
        """Start behind the handshake; a message has at most ``max_message`` bytes."""
        self._protocol = Protocol(Side.SERVER, max_size=max_message)
        self._begun = bytearray()
        self._last = b""
        self._max_message = max_message
        self.failed: BadFrame | TooLong | None = None
        """Why nothing that follows can be read."""
        self.closed = False
        """Whether the browser has said that it sends no more."""
        self.overhead = 0
        """Bytes that came and are no part of a line, since this was last set to 0."""

    def feed(self, data: bytes) -> bytes:
        """Take the bytes of one read; return the lines in it, each with its LF."""
        self._protocol.receive_data(data)
        frames = self._protocol.events_received()
        lines = b"".join([self._line(frame) for frame in frames if isinstance(frame, Frame)])
        if self.failed is None and (error := self._protocol.parser_exc) is not None:
            self.failed = self._explain(error)
        return lines

    def _explain(self, error: Exception) -> BadFrame | TooLong:
        if isinstance(error, PayloadTooBig):
            return TooLong(f"a message of a WebSocket has at most {self._max_message} bytes")
        return BadFrame(f"this is not a frame of a WebSocket: {error}")

    def _line(self, frame: Frame) -> bytes:
        if self.failed is not None:
            return b""
        if frame.opcode is Opcode.BINARY:
            self._fail(CloseCode.UNSUPPORTED_DATA, "a message here is text, and this one is binary")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._begun += frame.data
            if frame.fin:
                return self._message()
            self.overhead += _HEADER_BYTES
        else:
            self.closed = self.closed or frame.opcode is Opcode.CLOSE
            self.overhead += _HEADER_BYTES + len(frame.data)
        return b""

    def _message(self) -> bytes:
        line = bytes(self._begun) + b"\n"
        self._begun.clear()
        try:
            line.decode()
        except UnicodeDecodeError as error:
            self._fail(CloseCode.INVALID_DATA, f"this message is not UTF-8: {error}")
            return b""
        return line

    def _fail(self, code: CloseCode, why: str) -> None:
        self.failed = BadFrame(why)
        self._last = Frame(Opcode.CLOSE, Close(code, "").serialize()).serialize(mask=False)

    def answers(self) -> bytes:
        """Return the answers to pings."""
        frames = self._protocol.data_to_send()
        if self.failed is None or not self._last:
            self._last += b"".join([frame for frame in frames if frame.startswith(_CLOSE)])
        return b"".join([frame for frame in frames if frame.startswith(_PONG)])

    def close(self) -> bytes:
        """Return the last bytes to send, a close frame. Call it once."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
        self.answers()
        return self._last
