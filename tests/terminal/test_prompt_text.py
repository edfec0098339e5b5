"""The words of the prompt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from chatctl.terminal.prompt_text import prompt_text


def shown(columns: int = 80, *told: str, end: str = "> ", **more: Any) -> list[str]:
    facts = {
        "unsent": list,
        "activity": "",
        "status": "",
        "count": 3,
        "addressee": "",
        "name": "lobby",
        "nick": "amy",
    } | more
    text = prompt_text(SimpleNamespace(**facts), columns, told, end=end)  # type: ignore[arg-type]
    return "".join(part[1] for part in text).split("\n")


@pytest.mark.parametrize(
    ("columns", "wanted"), [(80, "amy@lobby(3)> "), (34, "amy@lobby(3)> "), (33, "lobby(3)> "), (15, "> "), (6, "")]
)
def test_a_narrow_window_keeps_room_for_typing(columns: int, wanted: str) -> None:
    assert shown(columns) == [wanted]


def test_what_stands_above() -> None:
    """What is unsent, then what is unread elsewhere, what is wrong, and what else is told."""
    unsent = ["a", "b", "c", "d", "e"]
    found = shown(80, "", "Ctrl-C again leaves", unsent=lambda: unsent, activity="2: 3", status="reconnecting")
    above = ["  … a", "  … b", "  … c", "  … and 2 more", "[2: 3]", "[reconnecting]", "[Ctrl-C again leaves]"]
    assert found == [*above, "amy@lobby(3)> "]


def test_a_query_is_told() -> None:
    """What is typed is for one member alone: nobody may take it for the room."""
    assert shown(addressee="omar") == ["amy@lobby(3) -> omar> "]
    assert shown(20, addressee="o\x1b") == ["-> o␛> "]


def test_long_names_are_cut_and_hostile_ones_cleaned() -> None:
    assert shown(nick="n" * 40, name="r" * 40, count=None, end=": ") == [f"{'n' * 15}…@{'r' * 15}…: "]
    assert shown(nick="a\x1b[2J") == ["a␛[2J@lobby(3)> "]
