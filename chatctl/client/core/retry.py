"""Trying again: which failures may pass, and how long to wait before the next try.

Shared by everything that outlives one connection: sender.py, subscription.py, membership.py. Does not live here: the
waiting itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatctl.client.core.deadline import Deadline, NoAnswer
from chatctl.errors import ChatError, PasswordWrong, RateLimited, ServerFull, StorageFailed, Unreachable

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.transport import Transport

FIRST_SECONDS = 0.5
MAX_SECONDS = 30.0
"""Bounds of the back-off."""

MAX_RETRY_AFTER = 60.0
"""Seconds that a server may keep us waiting, whatever it says."""

RETRY_SPREAD = 0.5
"""By which share of the time that a server names clients come back later, each by chance: it names the same to all."""

QUIET_SECONDS = 2.0
"""How long a person is not told that a connection is lost: a server that starts anew takes less."""

STEADY_SECONDS = 5.0
"""A connection that lasted this long was a good one: after it, the back-off starts anew."""

LAST_TRY_SECONDS = 1.0
"""Kept for one more try before the deadline; of a time shorter than four times this, a quarter."""


def may_pass(error: ChatError) -> bool:
    """Tell whether the same may succeed later: nobody there, server full, rate limit. Not: a wrong name or password."""
    if isinstance(error, PasswordWrong):
        return False
    return error.retry_after is not None or isinstance(error, Unreachable | ServerFull | StorageFailed | RateLimited)


def backoff(attempt: int, chance: float) -> float:
    """Return the seconds before try number ``attempt`` (from 0): doubling, at most 30, each between half and whole.

    Args:
        attempt: the number of failures before this one.
        chance: a random number from 0 to 1. The spread keeps clients that one fault disconnected from all
            reconnecting at the same moment.
    """
    most = min(MAX_SECONDS, FIRST_SECONDS * 2.0 ** min(attempt, 16))
    return most * (0.5 + 0.5 * chance)


def reason(error: ChatError, before: ChatError | None, deadline: Deadline) -> ChatError:
    """Return which failure to report once ``deadline``, that of all tries, is over: the last one or the one before.

    A try that the deadline cut short before anything was heard says nothing about the server; the one before it did.
    """
    is_cut = isinstance(error, NoAnswer) and deadline.at is not None and deadline.now() >= deadline.at
    return before if is_cut and before is not None else error


class Retry:
    """Counts failures in a row, and returns the wait before the next try."""

    def __init__(self, transport: Transport, address: Address | None = None) -> None:
        """Count those of connections to ``address``: how long one server is to be left alone is nothing to another."""
        self._transport = transport
        self._has_others = address is not None and bool(address.others)
        self._failures = 0
        self._reason: ChatError | None = None
        self._last_try = LAST_TRY_SECONDS
        self._connected_at: float | None = None

    def begin(self, seconds: float | None) -> None:
        """Forget all failures: there are ``seconds`` for what comes; None if there is one try."""
        self.succeeded()
        if seconds is not None:
            self._last_try = min(LAST_TRY_SECONDS, seconds / 4)

    def connected(self) -> None:
        """Note a new connection; if it lasts STEADY_SECONDS, earlier failures no longer count."""
        self._connected_at = self._transport.now()

    def succeeded(self) -> None:
        """Forget all failures."""
        self._failures = 0
        self._reason = None

    def delay(self, error: ChatError) -> float:
        """Count a failure; return the seconds to wait before the next try."""
        if self._connected_at is not None and self._transport.now() - self._connected_at >= STEADY_SECONDS:
            self.succeeded()
        self._connected_at = None
        chance = int.from_bytes(self._transport.random_bytes(4), "big") / 2**32
        is_elsewhere = self._has_others and not self._failures and isinstance(error, Unreachable | ServerFull)
        asked = 0.0 if is_elsewhere else min(error.retry_after or 0.0, MAX_RETRY_AFTER)
        wait = max(backoff(self._failures, chance), asked * (1 + RETRY_SPREAD * chance))
        self._failures += 1
        return wait

    def reason(self, error: ChatError, deadline: Deadline) -> ChatError:
        """Note a failure; return the one to report if ``deadline`` leaves no more tries (see the function)."""
        self._reason = reason(error, self._reason, deadline)
        return self._reason

    def delay_before(self, deadline: Deadline, error: ChatError) -> float | None:
        """As ``delay``, but leave time for the next try; None if ``deadline`` leaves none."""
        wait = self.delay(error)
        if deadline.at is None:
            return wait
        left = deadline.at - self._transport.now()
        if left <= 0 or (left <= self._last_try and self._failures > 1):
            return None
        return min(wait, max(0.0, left - self._last_try))
