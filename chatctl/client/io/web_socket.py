"""A WebSocket where a connection has a socket, for ``probe --web``: lines in and out, each in a frame.

By websockets' sans-I/O protocol, on a socket that blocks. Import this only where it is used. Does not live here: what
the lines mean (client/core/connection.py), TLS (blocking_tls.py).
"""

from __future__ import annotations

import socket
from typing import Any

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from chatctl import protocol
from chatctl.client.core.address import Address
from chatctl.client.core.deadline import ConnectionEnded, Deadline, DeadlinePassed
from chatctl.client.io.clock import now
from chatctl.common.text import clean
from chatctl.errors import BadFrame, ChatError, PeerBroke, Unreachable, from_wire
from chatctl.protocol import GREETING, MAX_SERVER_LINE

_READ_BYTES = 64 * 1024


class WebSocket:
    """What a BlockingConnection uses of a socket. Nobody greets on a WebSocket: the greeting is put in front."""

    def __init__(self, carrier: socket.socket, address: Address, deadline: Deadline) -> None:
        """Make the handshake on a connected socket, which may carry TLS; it is closed on failure.

        Raises:
            Unreachable: there is no answer in time, or the connection broke.
            PeerBroke: what answers is no chatctl server, or a proxy passes no WebSockets on.
            ChatError: the server refuses, and says why.
        """
        assert address.web is not None
        self._carrier = carrier
        self._address = address
        self._lines = GREETING
        self._begun = b""
        self._ended = False
        self._until: float | None = None
        scheme, _, rest = address.web.partition("://")
        uri = parse_uri(f"{'wss' if address.tls else 'ws'}://{rest.rstrip('/')}/ws")
        origin: Any = f"{scheme}://{rest.partition('/')[0]}"  # a page of this server would say the same
        self._protocol = ClientProtocol(uri, origin=origin, max_size=MAX_SERVER_LINE)
        try:
            self._shake_hands(deadline)
        except BaseException:
            carrier.close()
            raise

    def _shake_hands(self, deadline: Deadline) -> None:
        self._protocol.send_request(self._protocol.connect())
        try:
            self.settimeout(deadline.left())
            self._flush()
            while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
                self._read()
        except (TimeoutError, DeadlinePassed):
            raise Unreachable(f"cannot reach {self._address}: it accepts connections, but does not answer") from None
        except OSError as error:
            raise ConnectionEnded(f"the connection to {self._address} broke ({error.strerror or error})") from None
        if self._protocol.handshake_exc is not None:
            raise self._refusal(self._protocol.handshake_exc)

    def _refusal(self, error: Exception) -> ChatError:
        if self._ended and not isinstance(error, InvalidStatus):
            return ConnectionEnded(f"{self._address} closed the connection before it answered")
        if not isinstance(error, InvalidStatus):
            return PeerBroke(f"{self._address} is not a chatctl server: it answered no handshake ({clean(str(error))})")
        return refusal_of(error.response, self._address)

    # --- what a connection uses of a socket

    def settimeout(self, seconds: float | None) -> None:
        """Let the next call wait so long in all, however many pieces come."""
        self._until = None if seconds is None else now() + seconds

    def recv(self, _size: int) -> bytes:
        """Return lines, each with its LF, however many there are; nothing at the end. Raises OSError, PeerBroke."""
        while not self._lines and not self._ended:
            self._read()
        lines, self._lines = self._lines, b""
        return lines

    def sendall(self, data: bytes) -> None:
        """Send each line in a frame; nothing once the server has closed, which ``recv`` tells. Raises OSError."""
        if self._protocol.state is State.OPEN:
            for line in data.splitlines():
                self._protocol.send_text(line)
            self._flush()

    def close(self) -> None:
        """Close the socket."""
        self._carrier.close()

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._carrier.fileno()

    # --- bytes and frames

    def _read(self) -> None:
        self._carrier.settimeout(self._left())
        if data := self._carrier.recv(_READ_BYTES):
            self._protocol.receive_data(data)
        else:
            self._ended = True
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        if self._protocol.state is not State.CONNECTING and self._protocol.parser_exc is not None and not self._ended:
            raise PeerBroke(f"{self._address} broke the protocol: {clean(str(self._protocol.parser_exc))}")
        self._flush()

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self._ended = True
            if Close.parse(frame.data).code not in (CloseCode.NORMAL_CLOSURE, CloseCode.NO_STATUS_RCVD):
                raise PeerBroke(f"{self._address} ended the WebSocket: {clean(str(Close.parse(frame.data)))}")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._begun += frame.data
            if frame.fin:
                self._lines, self._begun = self._lines + self._begun + b"\n", b""

    def _flush(self) -> None:
        self._carrier.settimeout(self._left())
        if data := b"".join(self._protocol.data_to_send()):
            self._carrier.sendall(data)

    def _left(self) -> float | None:
        if self._until is None:
            return None
        left = self._until - now()
        if left <= 0:
            raise TimeoutError
        return left


def refusal_of(response: Response, address: Address) -> ChatError:
    """Return the error for a response that is no handshake: the server's own, or what stands in its place."""
    status = f"{response.status_code} {clean(response.reason_phrase)}"
    try:
        frame = protocol.decode_server(bytes(response.body or b""))
    except (BadFrame, protocol.UnknownType):
        frame = None
    if isinstance(frame, protocol.Error):
        hint = " (a proxy in front of it has to pass Upgrade on)" if response.status_code == 426 else ""
        return from_wire(frame.code, f"{address} answered {status}: {frame.text}{hint}", frame.retry_after)
    if 300 <= response.status_code < 400:
        where = clean(response.headers.get("Location", "nowhere"))
        return PeerBroke(f"{address} answered {status}: it sends clients to {where}")
    return PeerBroke(
        f"{address} answered {status} to a WebSocket: it is no chatctl server, or a proxy in front of it does not "
        "pass Upgrade on"
    )
