"""Watching a room across connections: one that breaks is made again, a server that is silent is pinged.

Does not live here: which entries are new (follower.py), who is in the room (presence.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from chatctl.client.core.connection import raise_refusal
from chatctl.client.core.deadline import ConnectionEnded, Deadline, DeadlinePassed
from chatctl.client.core.keepalive import PING_SECONDS, Keepalive
from chatctl.client.core.retry import QUIET_SECONDS, Retry, may_pass
from chatctl.errors import ChatError
from chatctl.protocol import VERSION, Hello, Ping, Resume, ServerFrame, Welcome

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.transport import OpenConnection, Transport

CONNECT_SECONDS = 5.0
"""Time for one connection, or for sending one ping."""


class Subscription:
    """The frames that a room sends to a watcher.

    Call ``connect``, then ``receive``. After an error, call ``recover``, and connect again.
    """

    def __init__(
        self,
        transport: Transport,
        address: Address,
        room: str,
        *,
        hello: Hello | None = None,
        reconnect: bool = True,
        notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Connect later.

        Args:
            transport: makes connections.
            address: of the server.
            room: its name.
            hello: enters; by default one that watches ``room``, without a token.
            reconnect: whether ``recover`` may succeed at all.
            notice: receives a line for a person when the connection is lost for QUIET_SECONDS, and when it is back.
        """
        self.connection: OpenConnection | None = None
        self._transport = transport
        self._address = address
        self._hello = hello or Hello(v=VERSION, room=room, mode="watch")
        self._reconnect = reconnect
        self._notice = notice
        self._retry = Retry(transport, address)
        self._lost_at: float | None = None
        self._again_at: float | None = None
        self._why = ""
        self._is_told = False

    async def connect(self, deadline: Deadline, resume: Resume | None = None, history: int = 0) -> Welcome:
        """Connect, with the hello's ``resume`` and ``history``. Raises as ``Transport.connect``."""
        hello = msgspec.structs.replace(self._hello, resume=resume, history=history)
        self.connection = await self._transport.connect(self._address, hello, deadline)
        self._keepalive = Keepalive(self._transport.now, PING_SECONDS)
        self._retry.connected()
        if self._is_told:
            self._notice("(connected again)")
        self._lost_at = self._again_at = None
        self._is_told = False
        return self.connection.welcome

    def close(self) -> None:
        """Hang up."""
        connection, self.connection = self.connection, None  # first: a signal's exception may end the closing
        if connection is not None:
            connection.close()

    async def receive(self, deadline: Deadline) -> ServerFrame:
        """Wait for the next frame.

        Raises:
            DeadlinePassed: none came in time.
            ConnectionEnded: the connection broke, the server said ``bye`` or does not answer any more.
            ChatError: the server sent an error.
        """
        assert self.connection is not None, "not connected"
        while True:
            try:
                frame = await self.connection.receive(deadline.earlier(self._keepalive.next))
            except DeadlinePassed:
                deadline.left()
                if self._keepalive.due():
                    await self._ping(self.connection, deadline)
            else:
                self._keepalive.heard()
                raise_refusal(frame)
                return frame

    async def _ping(self, connection: OpenConnection, deadline: Deadline) -> None:
        try:
            await connection.send(Ping(t=round(self._transport.now(), 3)), deadline.sooner(CONNECT_SECONDS))
        except DeadlinePassed:
            deadline.left()
            raise ConnectionEnded("the server does not read any more") from None

    async def recover(self, error: ChatError, deadline: Deadline) -> None:
        """Hang up, and wait until it is worth connecting again. Raises as ``failed`` and ``wait``."""
        self.failed(error)
        await self.wait(deadline)

    def failed(self, error: ChatError) -> None:
        """Hang up, and decide when it is worth connecting again. Raises ``error`` if another connection is no cure."""
        if not (self._reconnect and may_pass(error)):
            raise error
        now = self._transport.now()
        self._again_at, self._why = now + self._retry.delay(error), error.text
        self.close()
        if self._lost_at is None:
            self._lost_at = now

    async def wait(self, deadline: Deadline) -> None:
        """Wait until it is worth connecting again: not at all while nothing has failed. One that was cut short goes on.

        Raises:
            DeadlinePassed: the time is over.
            ReaderGone: as ``Transport.sleep``.
        """
        if self._again_at is None or self._lost_at is None:
            return
        if not self._is_told and (told_at := self._lost_at + QUIET_SECONDS) <= self._again_at:
            await self._sleep_until(told_at, deadline)
            self._notice(f"({self._why}: trying again)")
            self._is_told = True
        await self._sleep_until(self._again_at, deadline)

    async def _sleep_until(self, at: float, deadline: Deadline) -> None:
        left, seconds = deadline.left(), max(0.0, at - self._transport.now())
        await self._transport.sleep(seconds if left is None else min(seconds, left))
        deadline.left()
