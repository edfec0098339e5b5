"""Waiting for a reply to what we say: subscribed before it is said, so that no reply can be missed."""

from __future__ import annotations

from chatctl.client.core.deadline import Deadline, DeadlinePassed
from chatctl.client.core.follower import Follower
from chatctl.client.core.wanted import MessageFilter
from chatctl.errors import ConditionNotMet
from chatctl.protocol import Msg, Welcome


class ReplyWait:
    """Somebody who watches a room for a reply. Call ``subscribe``, say it, then take ``reply``."""

    def __init__(self, follower: Follower, wanted: MessageFilter) -> None:
        """Take the first ``wanted`` entry for a reply."""
        self._follower = follower
        self._wanted = wanted

    async def subscribe(self, deadline: Deadline) -> Welcome:
        """Start to watch. Raises as ``Follower.open``."""
        return await self._follower.open(deadline)

    def close(self) -> None:
        """Watch no more."""
        self._follower.close()

    async def reply(self, said: int | None, deadline: Deadline) -> Msg:
        """Give the first reply after entry number ``said``: our own, which is none. None: after ``subscribe``.

        Raises:
            ConditionNotMet: none came in time.
            ChatError: as ``Follower.next``.
        """
        try:
            if said is not None and said < self._follower.cursor.after:
                self._follower.rewind(said)  # an earlier run said it: the reply may be there already
            while (entry := await self._follower.next(deadline)) is not None:
                if isinstance(entry, Msg) and entry.seq > (said or 0) and self._wanted(entry):
                    return entry
        except DeadlinePassed:
            pass
        finally:
            self._follower.close()
        raise ConditionNotMet("it was said, but no reply came in time")
