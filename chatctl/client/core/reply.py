"""Waiting for a reply to a message: follow before it is said, so that no reply can be missed."""

from __future__ import annotations

from collections.abc import Callable

from chatctl.client.core.deadline import Deadline, DeadlinePassed
from chatctl.client.core.follower import Follower
from chatctl.errors import ConditionNotMet
from chatctl.protocol import Msg


async def reply_to(said: int | None, follower: Follower, accepts: Callable[[Msg], bool], deadline: Deadline) -> Msg:
    """Return the first reply to our own message that ``accepts`` lets through.

    Args:
        said: the message's entry number; None: any entry after ``follower`` was opened is a reply.
        follower: opened before the message was said.
        accepts: tells whether a message is a reply.
        deadline: when to give up.

    Raises:
        ConditionNotMet: none arrived in time.
        ChatError: as ``Follower.next``.
    """
    try:
        if said is not None and said < follower.cursor.after:
            follower.rewind(said)  # an earlier run said it: the reply may be there already
        while (entry := await follower.next(deadline)) is not None:
            if isinstance(entry, Msg) and entry.seq > (said or 0) and accepts(entry):
                return entry
    except DeadlinePassed:
        pass
    raise ConditionNotMet("the message was stored, but no reply came in time")
