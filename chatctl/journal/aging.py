"""Aging: which entries at the front of a log are old, where the clock that stamped them may have been wrong.

The order of a log is that of its numbers; its times follow it only as long as the clock goes forwards. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable

LOOK_AHEAD = 1_000
"""How many entries more than were found old may be seen before those behind them are not looked at any more."""


def end_of_old(rows: Iterable[tuple[int, float]], older: float) -> int | None:
    """Return the seq after the old entries at the front; None if there are none.

    The front ends where the old ones are most ahead of the others, so that neither one message with a late time keeps
    all that follow it, nor one with an early time takes all before it along.

    Args:
        rows: (seq, time) in the order of seq. Leave out times that are still to come: they prove nothing.
        older: an entry is old if its time, in Unix seconds, is before this.
    """
    end, ahead, most = None, 0, 0
    for seq, time in rows:
        ahead += 1 if time < older else -1
        if ahead > most:
            end, most = seq + 1, ahead
        elif ahead <= most - LOOK_AHEAD:
            break
    return end
