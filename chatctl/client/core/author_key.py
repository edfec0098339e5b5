"""Whose key stands behind a message: the one that its author's nickname is bound to.

A message has no key. But a server lets nobody speak under a bound name without its key, so a name that was bound
before the message was said, and still is, tells whose it is. Source: docs/protocol.md, "Features".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatctl.client.core.request import request
from chatctl.client.core.subscription import CONNECT_SECONDS
from chatctl.errors import NickInvalid, NoSuchNick, Unsupported
from chatctl.protocol import VERSION, Hello, Identity, Msg, Welcome, Whois

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.deadline import Deadline
    from chatctl.client.core.transport import Transport

FEATURE = "whois_bound"


def insist_on_feature(welcome: Welcome) -> None:
    """Return if this server tells whose bound names are. Raises Unsupported."""
    if FEATURE not in welcome.features:
        raise Unsupported("the server is too old to tell whose key an answer comes from: update it")


class AuthorKeys:
    """Asks a server whose the names of authors are."""

    def __init__(self, transport: Transport, address: Address, room: str) -> None:
        """Connect for each question: there are few."""
        self._transport = transport
        self._address = address
        self._room = room

    async def key_of(self, entry: Msg, deadline: Deadline) -> str | None:
        """Return the fingerprint of the key that its author has proved; None if that can't be told.

        Raises:
            Unsupported: the server does not tell.
            ChatError: as ``Transport.connect`` and ``request``.
        """
        hello, soon = Hello(v=VERSION, nick="", room=self._room, mode="probe"), deadline.sooner(CONNECT_SECONDS)
        connection = await self._transport.connect(self._address, hello, soon)
        try:
            insist_on_feature(connection.welcome)
            owner = await request(connection, Whois(entry.nick, bound=True), Identity, soon)
        except (NoSuchNick, NickInvalid):
            return None
        finally:
            connection.close()
        return owner.key if owner.claimed is not None and owner.claimed <= entry.time else None
