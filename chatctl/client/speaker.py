"""Saying one thing now and another later, each on a connection of its own: for commands that mostly wait."""

from __future__ import annotations

import os
from collections.abc import Callable

from chatctl.client.address import Address
from chatctl.client.blocking import Connection, Deadline
from chatctl.client.identity import token_for
from chatctl.client.say import Message, Sender
from chatctl.protocol import VERSION, Ack, Hello, Limits, Say


class Speaker:
    """Somebody who posts in a room under a name, without being in it."""

    def __init__(self, address: Address, room: str, nick: str, timeout: float) -> None:
        """Connect when there is something to say; ``timeout`` is for one try, in seconds."""
        self._address = address
        self._hello = Hello(v=VERSION, nick=nick, room=room, mode="post", token=token_for(address))
        self._timeout = timeout

    def say(self, text: str | Callable[[Limits], str], *, retry_for: float | None = None) -> Ack:
        """Say it once. With ``retry_for``, failures that may pass are tried again for so many seconds.

        Args:
            text: what to say, or what makes it fit into the server's limits.
            retry_for: seconds.

        Raises:
            TooLong: it is over the server's limit; nothing was sent.
            ChatError: as ``Sender.say``.
        """
        sender = self._sender(retry_for)
        try:
            said = text if isinstance(text, str) else text(sender.open().limits)
            (ack,) = sender.say([Message(Say(said, id=os.urandom(8).hex()))])
            return ack
        finally:
            sender.close()

    def check(self) -> None:
        """Find out whether the server lets us in. Raises ChatError."""
        sender = self._sender(None)
        try:
            sender.open()
        finally:
            sender.close()

    def _sender(self, retry_for: float | None) -> Sender:
        return Sender(self._connect, timeout=self._timeout, retry_for=retry_for, many=False)

    def _connect(self, deadline: Deadline) -> Connection:
        return Connection(self._address, self._hello, deadline)
