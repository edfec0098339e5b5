"""Trying again: which failures may be over at the next try, and how long to wait for it.

Shared by all that outlives one connection: saying (say.py), following (follow.py), membership (link.py). Does not live
here: the waiting itself.
"""

from __future__ import annotations

from chatctl.client.core.deadline import Deadline, now
from chatctl.errors import ChatError, PasswordWrong, RateLimited, ServerFull, StorageFailed, Unreachable

MAX_RETRY_AFTER = 60.0
"""Seconds that a server may keep us waiting, whatever it says."""

STEADY_SECONDS = 5.0
"""A connection that lasted so long was a good one: after it, back-off begins anew."""

LAST_TRY = 1.0
"""Seconds that are kept for one more try before the time is over."""


def may_pass(error: ChatError) -> bool:
    """Tell whether the same may succeed later: nobody there, no room now, too fast. Not: a wrong name or password."""
    if isinstance(error, PasswordWrong):
        return False
    return error.retry_after is not None or isinstance(error, Unreachable | ServerFull | StorageFailed | RateLimited)


class Tries:
    """The tries since something last worked."""

    def __init__(self) -> None:
        """Nothing has failed yet."""
        self._failed = 0

    def worked(self) -> None:
        """Start anew."""
        self._failed = 0

    def wait(self, error: ChatError, deadline: Deadline) -> float | None:
        """Count a failure; give the seconds until the next try, None where ``deadline`` leaves no time for one."""
        from chatctl.client.core.backoff import backoff  # it needs random, which a command that works at once does not

        wait = max(backoff(self._failed), min(error.retry_after or 0.0, MAX_RETRY_AFTER))
        self._failed += 1
        if deadline.at is None:
            return wait
        left = deadline.at - now()
        if left <= 0 or (left <= LAST_TRY and self._failed > 1):
            return None
        return min(wait, max(0.0, left - LAST_TRY))
