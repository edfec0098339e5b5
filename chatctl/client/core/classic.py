"""The client's end of a connection to the very first version's server, without I/O.

Unframed ASCII: what arrives is shown as it came, split at line ends. There are no acknowledgements: a message has
arrived when it comes back. Source: docs/protocol.md, "classic".
"""

from __future__ import annotations

from chatctl.client.core.strangers import stranger
from chatctl.errors import Rejected
from chatctl.protocol import GREETING

_MAX_KEPT = 64 * 1024
_CONNECTED = "Connected to server!"


class ClassicCore:
    """Feed it with ``receive``, send what ``outgoing`` gives."""

    def __init__(self, nick: str, where: object) -> None:
        """Begin; ``where`` names the server in errors. Raises Rejected for a nickname that is not ASCII."""
        self.nick = nick
        self.connected = False
        self._where = where
        self._wire(nick)
        self._seen = ""
        self._first = b""
        self._out: list[bytes] = []

    def outgoing(self) -> bytes:
        """Give the bytes that are to be sent now."""
        out, self._out = b"".join(self._out), []
        return out

    def say(self, text: str) -> None:
        """Have a message sent: one write, since nothing frames it. Raises Rejected if it is not ASCII."""
        self._out.append(self._wire(f"{self.nick}: {text}"))
        self._seen = ""

    def check(self, text: str) -> None:
        """Raise Rejected for a text that can't be said here."""
        self._wire(text)

    @staticmethod
    def _wire(text: str) -> bytes:
        try:
            return text.encode("ascii")
        except UnicodeEncodeError as error:
            bad = error.object[error.start]
            raise Rejected(f"the first version's protocol carries ASCII only, not '{bad}'") from None

    def receive(self, data: bytes) -> list[str]:
        """Give what can be shown: pieces without their line ends. Raises PeerBroke for a stranger."""
        if self._first != GREETING:
            data = self._greeted(data)
        text = data.decode("utf-8", "replace")
        self._seen = (self._seen + text)[-_MAX_KEPT:]
        self.connected = self.connected or _CONNECTED in self._seen
        return [piece for piece in text.split("\n") if piece]

    def _greeted(self, data: bytes) -> bytes:
        first = self._first + data
        if not (first.startswith(GREETING) or GREETING.startswith(first)):
            raise stranger(self._where, first)
        self._first, rest = first[: len(GREETING)], first[len(GREETING) :]
        if self._first == GREETING:
            self._out.append(self._wire(self.nick))
        return rest

    def came_back(self, text: str) -> bool:
        """Tell whether a message was seen on its way to everybody."""
        return f": {text.partition(chr(10))[0]}" in self._seen
