"""What ``admin`` prints: the rows or the text of an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatctl.cli.output import json_text, moment
from chatctl.common.durations import short_span
from chatctl.common.text import clean

_UNLESS_SET = ("seconds", "rooms", "everywhere")
"""Left out where they say nothing."""

Answer = dict[str, Any]
"""An answer of the admin socket. Verbs that ``list`` have ``rows``; others ``text``, and as ``rows`` whom they hit."""


def json_lines(answer: Answer) -> Iterator[str]:
    """Return one JSON object per row, or one with the text and whom it hit; nothing for an empty list."""
    rows = answer.get("rows") or []
    return map(
        json_text, rows if answer.get("list") else [{"text": answer.get("text")} | ({"hit": rows} if rows else {})]
    )


def text_lines(answer: Answer) -> Iterator[str]:
    """Return the text, unless it is a list's, and ``key=value`` pairs of each row."""
    lists, rows = answer.get("list"), answer.get("rows") or ()
    if not lists or not rows:
        yield clean(str(answer.get("text", "")))
    for row in rows:
        pairs = [f"{key}={_shown(key, value)}" for key, value in row.items() if value or key not in _UNLESS_SET]
        yield ("" if lists else "  ") + clean("  ".join(pairs))


def _shown(key: str, value: Any) -> str:
    if key in ("since", "until", "used", "time") and isinstance(value, int | float):
        return moment(value).replace(" ", "T")
    if key == "seconds" and isinstance(value, int | float):
        return short_span(value)
    if isinstance(value, list):
        return ",".join(map(str, value))
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
