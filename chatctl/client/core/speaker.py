"""Somebody who says one thing now and another later, under one name, without being in the room."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from chatctl.client.core.outbox import Message
from chatctl.client.core.sender import Sender
from chatctl.client.identity import new_id, token_for
from chatctl.errors import ChatError
from chatctl.protocol import VERSION, Ack, Hello, Limits, Say, Welcome

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.transport import Shell


class Speaker:
    """Says one message at a time, each in its turn."""

    def __init__(self, shell: Shell, address: Address, room: str, nick: str, timeout: float, *, stay: bool) -> None:
        """Connect when there is something to say.

        Args:
            shell: gives connections.
            address: of the server.
            room: its name.
            nick: our name.
            timeout: seconds for one try.
            stay: keep the connection from one message to the next; else each has one of its own.
        """
        # A token of this process alone is enough to say a message once within it.
        token = token_for(address) or new_id() + new_id()
        hello = Hello(v=VERSION, nick=nick, room=room, mode="post", token=token)
        self._sender = Sender(shell, address, hello, timeout=timeout)
        self._turn = shell.lock()
        self._stay = stay

    async def say(
        self,
        text: str | Callable[[Limits], str],
        *,
        id: str | None = None,  # noqa: A002 — its name on the wire
        action: bool = False,
        retry_for: float | None = None,
    ) -> Ack:
        """Say it once. With ``retry_for``, failures that may pass are tried again for so many seconds.

        Args:
            text: what to say, or what makes it fit into the server's limits.
            id: under this it is said once, however often; made up if None.
            action: it is what we do: "* ci deploys".
            retry_for: seconds.

        Raises:
            TooLong: it is over the server's limit; nothing was sent.
            ChatError: as ``Sender.say``.
        """
        return await self._turn.hold(lambda: self._say(text, id or new_id(), action, retry_for))

    async def _say(self, text: str | Callable[[Limits], str], ident: str, action: bool, retry_for: float | None) -> Ack:
        self._sender.start(retry_for)
        try:
            with contextlib.suppress(ChatError):  # what broke while nothing was under way is made anew
                await self._sender.look()
            said = text if isinstance(text, str) else text((await self._sender.open()).limits)
            return await self._sender.say_one(Message(Say(said, id=ident, action=action)))
        except BaseException:  # bytes of it may be lost: a signal's exception comes at any place
            self._sender.abandon()
            raise
        finally:
            if not self._stay:
                self.close()

    async def check(self) -> Welcome:
        """Find out whether the server lets us in. Raises ChatError."""
        return await self._turn.hold(self._check)

    async def _check(self) -> Welcome:
        self._sender.start(None)
        try:
            return await self._sender.open()
        finally:
            if not self._stay:
                self.close()

    def close(self) -> None:
        """Hang up."""
        self._sender.close()
