"""Running the checks of a probe, and keeping their results."""

from __future__ import annotations

import time

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline, DeadlinePassed
from chatctl.client.core.retry import may_pass, reason
from chatctl.client.health import Author, Health, check
from chatctl.client.io.clock import deadline_in
from chatctl.commands.probe.results import (
    CRITICAL,
    NOTHING_RAN,
    UNKNOWN,
    CheckResult,
    Criteria,
    Thresholds,
    average,
    evaluate,
)
from chatctl.errors import ChatError, Unreachable

RETRY_SECONDS = 0.1
"""Pause between two checks of ``--wait``."""


class Prober:
    """Runs checks of one room, and keeps their results."""

    def __init__(self, address: Address, room: str, timeout: float, criteria: Criteria) -> None:
        """Run no check yet; each one takes ``timeout`` seconds at most."""
        self.results: list[CheckResult] = []
        self.healths: list[Health] = []
        self._address = address
        self._room = room
        self._timeout = timeout
        self._criteria = criteria
        self._author = _author(criteria)

    @property
    def result(self) -> CheckResult:
        """The result of all checks together; UNKNOWN before the first one."""
        if len(self.results) <= 1:
            return self.results[0] if self.results else NOTHING_RAN
        return average(self.results, self.healths, self._room, self._criteria)

    def check(self, wait: float | None = None) -> CheckResult:
        """Check once; or repeat it until the server is ready or ``wait`` seconds passed, and keep the last result."""
        result = self._repeated(deadline_in(wait))
        self.results.append(result)
        return result

    def _repeated(self, deadline: Deadline) -> CheckResult:
        why: ChatError | None = None
        while True:
            try:
                return self._once(deadline)
            except ChatError as error:
                why = reason(error, why, deadline)
                again = isinstance(error, DeadlinePassed) or may_pass(error)
                if not again or deadline.at is None or deadline.now() + RETRY_SECONDS >= deadline.at:
                    return self._failure(why)
            time.sleep(RETRY_SECONDS)

    def _once(self, deadline: Deadline) -> CheckResult:
        """Check once, and keep the health that was found. Raises as ``check``."""
        try:
            health = check(self._address, self._room, deadline.sooner(self._timeout), self._author)
            result = evaluate(health, self._room, self._criteria)
        except ChatError:
            raise
        except Exception as error:  # noqa: BLE001 — a monitor must not take our own fault for a dead room
            return CheckResult(UNKNOWN, f"{type(error).__name__}: {error}")
        self.healths.append(health)
        return result

    def _failure(self, error: ChatError) -> CheckResult:
        is_down = isinstance(error, Unreachable | DeadlinePassed)
        return CheckResult(self._criteria.on_unreachable if is_down else CRITICAL, error.text)


def _author(criteria: Criteria) -> Author | None:
    """Return whose newest message is looked for; not beyond the age that is over every limit."""
    if criteria.silence_nick is None:
        return None
    thresholds = criteria.thresholds.get("silence", Thresholds())
    limits = [limit.most for limit in (thresholds.warn, thresholds.critical) if limit is not None]
    return Author(criteria.silence_nick, max(limits, default=float("inf")))
