"""A room that a program is a member of: it is listed and announced, and gets whispers.

The membership has a connection of its own, as that of ``join`` has. Speaking and asking are as for one who only posts
(core/api.py), under the same token: a name has one owner, who may be here as a member and post, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from chatctl.client.core.api import Notice, RoomCore
from chatctl.client.core.cursor import Cursor
from chatctl.client.core.follower import Follower
from chatctl.client.core.following import EventSource, Start
from chatctl.client.member_follower import MemberFollower
from chatctl.client.member_session import MemberSession
from chatctl.protocol import Hello, Welcome

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.servers import Log
    from chatctl.client.core.transport import ClosableTransport


class MemberRoom(RoomCore):
    """A room for a program that is a member of it. It needs a running event loop."""

    def __init__(
        self,
        transport: ClosableTransport,
        address: Address,
        hello: Hello,
        timeout: float,
        notice: Notice,
        log: Log,
    ) -> None:
        """As ``RoomCore``; ``transport`` makes AioConnections."""
        super().__init__(transport, address, hello, timeout, notice, log)
        self._hello = msgspec.structs.replace(hello, mode="join")
        self._session: MemberSession | None = None

    async def open(self, wait: float | None) -> Welcome:
        """Connect, trying for ``wait`` seconds, and become a member. Raises as ``Transport.connect``."""
        await super().open(wait)
        self._session = MemberSession(self._address, self._hello, self._transport.another())
        await self._session.enter()
        return self._session.welcome

    async def close(self, *, handled: bool = True) -> None:
        """Leave the room, too. As ``RoomCore.close``."""
        session, self._session = self._session, None
        try:
            await super().close(handled=handled)
        finally:
            if session is not None:
                await session.leave()

    def _source(self, transport: ClosableTransport, cursor: Cursor, start: Start) -> EventSource:
        def past(cursor: Cursor) -> Follower:
            return Follower(transport, self._address, self._room, cursor, history=start.history, notice=self._notice)

        assert self._session is not None, "it is open"
        return MemberFollower(self._session, transport, cursor, start, past)
