"""Waiting for a reply to a message: subscribe before it is said, so that no reply can be missed."""

from __future__ import annotations

from chatctl.client.core.deadline import Deadline, DeadlinePassed
from chatctl.client.core.follower import Follower
from chatctl.client.core.message_filter import MessageFilter
from chatctl.errors import ConditionNotMet
from chatctl.protocol import Msg, Welcome


class ReplyWait:
    """Watches a room for a reply. Call ``subscribe``, say the message, then call ``reply``."""

    def __init__(self, follower: Follower, accepts: MessageFilter) -> None:
        """The first message that ``accepts`` lets through is the reply."""
        self._follower = follower
        self._accepts = accepts

    async def subscribe(self, deadline: Deadline) -> Welcome:
        """Start to watch. Raises as ``Follower.open``."""
        return await self._follower.open(deadline)

    def close(self) -> None:
        """Stop watching."""
        self._follower.close()

    async def reply(self, said: int | None, deadline: Deadline) -> Msg:
        """Return the first reply after our own message, entry number ``said``; None: after ``subscribe``.

        Raises:
            ConditionNotMet: none arrived in time.
            ChatError: as ``Follower.next``.
        """
        try:
            if said is not None and said < self._follower.cursor.after:
                self._follower.rewind(said)  # an earlier run said it: the reply may be there already
            while (entry := await self._follower.next(deadline)) is not None:
                if isinstance(entry, Msg) and entry.seq > (said or 0) and self._accepts(entry):
                    return entry
        except DeadlinePassed:
            pass
        finally:
            self._follower.close()
        raise ConditionNotMet("it was said, but no reply came in time")
