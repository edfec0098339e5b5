"""The client's end of a connection to a server of the first version, without I/O.

The protocol is unframed ASCII: what arrives is shown as it came, split at line ends. There are no acknowledgements: a
message has arrived when it comes back. Source: docs/protocol.md, "classic".
"""

from __future__ import annotations

from chatctl.client.core.connection import cut_greeting
from chatctl.errors import Rejected
from chatctl.protocol import GREETING

_MAX_KEPT = 64 * 1024
_CONNECTED = "Connected to server!"


class ClassicCore:
    """One connection. Feed it with ``receive``; after every call, send what ``outgoing`` returns."""

    def __init__(self, nick: str, where: object) -> None:
        """Start; ``where`` names the server in errors. Raises Rejected for a nickname that is not ASCII."""
        self.nick = nick
        self.connected = False
        self._where = where
        self._encode(nick)
        self._seen = ""
        self._first = b""
        self._out: list[bytes] = []

    def outgoing(self) -> bytes:
        """Return the bytes to send now. They are returned once."""
        out, self._out = b"".join(self._out), []
        return out

    def say(self, text: str) -> None:
        """Queue a message; send it with one write, since nothing frames it. Raises Rejected if it is not ASCII."""
        self._out.append(self._encode(f"{self.nick}: {text}"))
        self._seen = ""

    def check(self, text: str) -> None:
        """Raise Rejected for a text that is not ASCII."""
        self._encode(text)

    @staticmethod
    def _encode(text: str) -> bytes:
        try:
            return text.encode("ascii")
        except UnicodeEncodeError as error:
            bad = error.object[error.start]
            raise Rejected(f"the first version's protocol carries ASCII only, not '{bad}'") from None

    def receive(self, data: bytes) -> list[str]:
        """Return the received text: pieces without their line ends. Raises PeerBroke for another kind of server."""
        if self._first != GREETING:
            self._first, data = cut_greeting(self._first + data, self._where)
            if self._first == GREETING:
                self._out.append(self._encode(self.nick))
        text = data.decode("utf-8", "replace")
        self._seen = (self._seen + text)[-_MAX_KEPT:]
        self.connected = self.connected or _CONNECTED in self._seen
        return [piece for piece in text.split("\n") if piece]

    def came_back(self, text: str) -> bool:
        """Tell whether the server has broadcast a message of ours."""
        return f": {text.partition(chr(10))[0]}" in self._seen
