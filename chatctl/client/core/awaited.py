"""People whose answer is awaited, and who are not in the room: who waits for them is told so."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from chatctl.common.names import fold_any


def absent_note(awaited: Collection[str], members: Iterable[str], needed: int = 1) -> str:
    """Return a line for a person, if too few are in the room to answer; empty if enough are.

    Args:
        awaited: folded nicknames of those who may answer.
        members: nicknames of those in the room, without whoever waits.
        needed: how many have to answer.
    """
    here = {fold_any(nick) for nick in members}
    away = [nick for nick in awaited if nick not in here]
    if len(awaited) - len(away) >= needed:
        return ""
    return f"({' and '.join(away)} {'is' if len(away) == 1 else 'are'} not in the room)"
