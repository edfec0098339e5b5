"""Waiting orders: claims and releases that were not sent to the engine yet, and what is sent next. No I/O.

Does not live here: who sends it (directory_thread.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from chatctl.directory import Wish
from chatctl.journal.postgres.directory_work import Claim, Release
from chatctl.journal.postgres.presence import Claimed

MAX_WISHES = 256
"""Of one statement: all servers wait for it."""


@dataclass(slots=True)
class ClaimAttempt:
    """A call that was sent, or is about to be; then what came of it, until that is reported."""

    sid: str
    number: int
    claims: Sequence[Claim]
    claimed: Claimed | None = None

    @property
    def wishes(self) -> list[Wish]:
        """The wishes of all its claims, in the order of its verdicts."""
        return [wish for one in self.claims for wish in one.wishes]


class WaitingOrders:
    """Gives each call a number, under which it stays the next one until its outcome is reported."""

    def __init__(self) -> None:
        """Nothing waits."""
        self.orders: deque[Claim | Release] = deque()
        self.attempt: ClaimAttempt | None = None
        """The one that was sent, or is about to be; whoever reports its outcome sets it to None."""
        self._number = 0

    def next(self, sid: str) -> ClaimAttempt | list[Release] | None:
        """Return what is to be done next, by an incarnation: a call that claims, or what is released; None: nothing.

        Releases that are told after the same entry are done together: a call for each holds up what waits. They wait
        until ``released``.
        """
        if self.attempt is None and self.orders:
            if isinstance(self.orders[0], Release):
                return self._alike()
            self.attempt = self._take_claims(sid)
        return self.attempt

    def released(self, releases: Sequence[Release]) -> None:
        """Forget what ``next`` returned: it is done."""
        for _ in releases:
            self.orders.popleft()

    def drop_claims(self) -> list[Claim]:
        """Return the claims that never reached the engine, and forget them. What is to be released stays."""
        claims = [one for one in self.orders if isinstance(one, Claim)]
        self.orders = deque(one for one in self.orders if isinstance(one, Release))
        return claims

    def put_back(self) -> None:
        """Have the claims of the attempt wait again: it was certainly not made."""
        attempt, self.attempt = self.attempt, None
        assert attempt is not None
        self.orders.extendleft(reversed(attempt.claims))

    def _alike(self) -> list[Release]:
        alike: list[Release] = []
        for one in self.orders:
            if not isinstance(one, Release) or (alike and one.after != alike[0].after):
                break
            alike.append(one)
        return alike

    def _take_claims(self, sid: str) -> ClaimAttempt:
        claims: list[Claim] = []
        wishes = 0
        while self.orders and isinstance(one := self.orders[0], Claim):
            wishes += len(one.wishes)
            if claims and wishes > MAX_WISHES:
                break
            self.orders.popleft()
            claims.append(one)
        self._number += 1
        return ClaimAttempt(sid, self._number, claims)
