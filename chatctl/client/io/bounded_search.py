"""Searching with a pattern that may take for ever: ``(x+)+y`` takes 2^n steps for n times ``x``, which anybody can say.

Python's ``re`` looks at no clock, but it lets handlers of signals run, which happens in the main thread alone: there a
timer's signal ends a search. In other threads, and on systems without such a timer, nothing does.
"""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from chatctl.client.core.deadline import Deadline, DeadlinePassed

SEARCH_SECONDS = 5.0
"""For one text. Those of people take microseconds."""

_LEAST_SECONDS = 0.5
"""The same, however near the deadline is: a machine may have more to do than us."""


class BoundedSearch:
    """Searches texts until a deadline, and gives one text up before that where it takes too long."""

    def __init__(
        self,
        pattern: re.Pattern[str],
        deadline: Deadline,
        seconds: float = SEARCH_SECONDS,
        notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Search for ``pattern``.

        Args:
            pattern: the regular expression.
            deadline: when to give up altogether.
            seconds: the most for one text, which gets no more than half of what is left, so that others get some.
            notice: receives a line for a person about a text that took longer.
        """
        self._pattern = pattern
        self._deadline = deadline
        self._seconds = seconds
        self._notice = notice

    def __call__(self, text: str) -> bool:
        """Tell whether the pattern is in a text; False for one that took too long. Raises DeadlinePassed."""
        left = self._deadline.left()
        share = self._seconds if left is None else min(self._seconds, max(left / 2, _LEAST_SECONDS))
        try:
            with _ended_at(self._deadline.sooner(share)):
                return self._pattern.search(text) is not None
        except DeadlinePassed:
            self._deadline.left()  # raises, unless it was this text's time that passed
            self._notice("(a message is left out: the regular expression was not through with it in time)")
            return False


@contextlib.contextmanager
def _ended_at(deadline: Deadline) -> Iterator[None]:
    """Raise DeadlinePassed in the block once the deadline passes, if this is the main thread."""
    left = deadline.left()
    if left is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise DeadlinePassed("the deadline passed")

    handler = signal.signal(signal.SIGALRM, end)
    try:
        timer = signal.setitimer(signal.ITIMER_REAL, left)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, *timer)
    finally:
        signal.signal(signal.SIGALRM, handler)
