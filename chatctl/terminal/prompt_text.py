"""What the prompt says: what is unsent, what is wrong, who we are and where.

Lives here: its words, as far as the window leaves room for typing. Does not live here: drawing (prompt_renderer.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.utils import get_cwidth

from chatctl.common.text import clean
from chatctl.terminal.interfaces import Conversation

MAX_UNSENT_SHOWN = 3
MIN_TYPING_NAMED, MIN_TYPING = 20, 6
"""Columns for typing that a narrow window keeps: our nickname goes, then the room's name, then the prompt."""

MAX_NAME_SHOWN = 16
"""Characters of a name in the prompt: a narrow terminal needs room for typing."""


def prompt_text(
    conversation: Conversation, columns: int, told: Iterable[str], *, end: str = "> "
) -> StyleAndTextTuples:
    """Return the prompt of the room that is shown.

    Args:
        conversation: tells what is to be said.
        columns: of the window.
        told: what is said above it as well; empty strings are left out.
        end: what the typed line follows.
    """
    unsent = conversation.unsent()
    above = [("dim", f"  … {text}\n") for text in unsent[:MAX_UNSENT_SHOWN]]
    if len(unsent) > MAX_UNSENT_SHOWN:
        above.append(("dim", f"  … and {len(unsent) - MAX_UNSENT_SHOWN} more\n"))
    words = (conversation.activity, conversation.status, *told)
    return [*above, *(("dim", f"[{one}]\n") for one in words if one), ("bold", _name(conversation, columns, end))]


def _name(conversation: Conversation, columns: int, end: str) -> str:
    """Return who we are, in which room, and with how many, as far as a narrow window leaves room for typing."""
    count, to = conversation.count, _cut(clean(conversation.addressee))
    alone = f"-> {to}{end}" if to else end
    room = f"{_cut(conversation.name)}{f'({count})' if count is not None else ''}{' ' if to else ''}{alone}"
    for name, typing in (
        (f"{_cut(clean(conversation.nick))}@{room}", MIN_TYPING_NAMED),
        (room, MIN_TYPING),
        (alone, MIN_TYPING),
    ):
        if get_cwidth(name) + typing <= columns:
            return name
    return end if columns > MIN_TYPING else ""


def _cut(name: str) -> str:
    return name if len(name) <= MAX_NAME_SHOWN else name[: MAX_NAME_SHOWN - 1] + "…"
