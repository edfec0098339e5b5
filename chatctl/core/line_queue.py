"""The lines that one connection has sent and that wait to be taken."""

from __future__ import annotations

from chatctl.common.framing import Framer
from chatctl.errors import ChatError, TooLong


class LineQueue:
    """Bytes in, lines out."""

    def __init__(self, longest: int) -> None:
        """Take lines of at most ``longest`` bytes, LF not counted."""
        self.failed: ChatError | None = None
        """Why the stream can't go on after the lines that it gave."""
        self._framer = Framer(longest)
        self.waiting: list[bytes] = []  # an empty deque takes 760 bytes, a tenth of a member
        """The lines that wait, the next one last. To be looked at only."""

    @property
    def unfinished(self) -> int:
        """Bytes of the line that has begun."""
        return len(self._framer)

    def feed(self, data: bytes) -> None:
        """Cut the bytes of one read into lines. Once the stream is broken no later bytes are a line."""
        if self.failed is None:
            lines: list[bytes] = []
            try:
                lines.extend(self._framer.feed(data))
            except TooLong as error:
                self.failed = error
            lines.reverse()
            self.waiting = lines + self.waiting if self.waiting else lines

    def add(self, line: bytes) -> None:
        """Add what is a line as it came."""
        self.waiting.insert(0, line)

    def take(self, count: int) -> list[bytes]:
        """Return the next ``count`` lines, or all that there are."""
        if count == 1:
            return [self.waiting.pop()] if self.waiting else []
        lines = self.waiting[-count:]
        del self.waiting[-count:]
        lines.reverse()
        return lines

    def clear(self) -> None:
        """Drop the lines that wait."""
        self.waiting.clear()
