"""awaited.py: whose answer is awaited, and who is not in the room."""

from __future__ import annotations

import pytest

from chatctl.client.core.awaited import absent_note


@pytest.mark.parametrize(
    ("awaited", "members", "needed", "line"),
    [
        (["nadia"], ["abel"], 1, "(nadia is not in the room)"),
        (["nadia"], ["abel", "Nadia"], 1, ""),
        (["nadia", "abel"], ["Abel"], 1, ""),
        (["nadia", "abel"], ["Abel"], 2, "(nadia is not in the room)"),
        (["nadia", "abel"], [], 1, "(nadia and abel are not in the room)"),
        (["nadia"], [], 1, "(nadia is not in the room)"),
    ],
)
def test_who_is_away(awaited: list[str], members: list[str], needed: int, line: str) -> None:
    assert absent_note(awaited, members, needed) == line
