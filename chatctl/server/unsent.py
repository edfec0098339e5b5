"""Unsent output: what waits in this process for peers that read too slowly, all connections together.

Lives here: which connections have any, and how much may wait for one. Does not live here: what a connection does then
(connection.py).
"""

from __future__ import annotations

from typing import Protocol

from chatctl.core.memory import Share


class Holder(Protocol):
    """A connection, as far as its output is counted."""

    unsent: int
    """Bytes of it that are counted."""

    def count_unsent(self) -> None:
        """Count anew."""

    def hold(self) -> None:
        """Send no more until what is unsent is sent."""


class UnsentOutput:
    """The connections whose output the kernel has not taken."""

    def __init__(self, share: Share, most: int) -> None:
        """Let ``most`` bytes wait for each, and none any longer once ``share`` is full."""
        self._share = share
        self._most = most
        self._holders: dict[Holder, None] = {}
        self._short = False

    def count(self, holder: Holder, size: int) -> bool:
        """Count ``size`` bytes for a connection, instead of those before; return whether that is all it may have."""
        self._share.used += size - holder.unsent
        holder.unsent = size
        if size:
            self._holders[holder] = None
        else:
            self._holders.pop(holder, None)
        was_short, self._short = self._short, self._share.is_full
        if self._short and not was_short:
            for each in list(self._holders):
                each.hold()
        return size > (0 if self._short else self._most)

    def count_all(self) -> None:
        """Count anew: the kernel may have taken some. Call it now and then."""
        for holder in list(self._holders):
            holder.count_unsent()
