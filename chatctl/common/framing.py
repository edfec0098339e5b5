"""Framing: the bytes of one peer, cut into lines.

Lives here: what holds however TCP cuts the bytes. Does not live here: what a line means (protocol.py,
core/dialects.py), when to give up (core/session.py). Source: docs/protocol.md, "Framing".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chatctl.errors import TooLong


class Framer:
    """Cut one peer's bytes into LF-terminated lines.

    Any split of the same bytes yields the same lines and then the same error.
    """

    __slots__ = ("_limit", "_tail")

    def __init__(self, limit: int) -> None:
        """Take lines of at most ``limit`` bytes, LF not counted."""
        self._limit = limit
        self._tail = bytearray()

    def __len__(self) -> int:
        """Return the bytes of the unfinished line."""
        return len(self._tail)

    def feed(self, data: bytes) -> Iterable[bytes]:
        """Return each completed line, without its LF. Exhaust the iterable.

        Args:
            data: the bytes of one read.

        Raises:
            TooLong: a line exceeds the limit. The lines before it were yielded; the stream can't go on.
        """
        if len(self._tail) + len(data) > self._limit:
            return self._one_by_one(data)
        *ends, rest = data.split(b"\n")  # none of them can be too long
        if ends and self._tail:
            ends[0] = bytes(self._tail) + ends[0]
            self._tail.clear()
        self._tail += rest
        return ends

    def _one_by_one(self, data: bytes) -> Iterator[bytes]:
        *ends, rest = data.split(b"\n")
        for end in ends:
            line = bytes(self._tail) + end if self._tail else end
            self._tail.clear()
            self._check(len(line))
            yield line
        self._tail += rest
        self._check(len(self._tail))

    def _check(self, length: int) -> None:
        if length > self._limit:
            raise TooLong(f"a line has at most {self._limit} bytes")
