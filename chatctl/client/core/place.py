"""A position in a room's log, as a program keeps it. Source: docs/api.md."""

from __future__ import annotations

from typing import Self

from chatctl.protocol import Resume


class Place(Resume, frozen=True, omit_defaults=True):
    """A position in a room's log: in the log ``epoch``, after entry number ``after``. ``str(place)`` is a line."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the place of which ``text`` is the ``str``. Raises ValueError."""
        epoch, colon, after = text.strip().rpartition(":")
        if not colon or not (after.isascii() and after.isdigit()):
            raise ValueError(f"{text!r} is not a place in a log")
        return cls(epoch, int(after))

    def __str__(self) -> str:
        return f"{self.epoch}:{self.after}"
