"""Bars as SVG: enough for RESULTS.md, readable on light and dark pages, with no library."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

_COLOURS = ("#2f81f7", "#d29922", "#8957e5", "#3fb950", "#f85149", "#768390")
_WIDTH, _LABEL, _BAR, _GAP = 760, 190, 20, 14
_AREA = _WIDTH - _LABEL - 120


def bars(title: str, unit: str, groups: Mapping[str, Mapping[str, float | None]], note: str = "") -> str:
    """Draw groups of horizontal bars.

    Args:
        title: stands on top.
        unit: of the values; it stands behind each.
        groups: value by entrant by group; None is shown as missing.
        note: stands below the title.
    """
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    colours = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(names)}
    most = max((value for group in groups.values() for value in group.values() if value), default=1.0)
    y, parts = 56, [_text(10, 24, title, size=16, weight="bold"), _text(10, 44, note, size=12)]
    for label, group in groups.items():
        if len(groups) > 1:
            parts.append(_text(10, y + 14, label, weight="bold"))
            y += 22
        for name, value in group.items():
            parts += _row(y, name, value, unit, most, colours[name])
            y += _BAR + 4
        y += _GAP
    return _page(y, parts)


def _row(y: int, name: str, value: float | None, unit: str, most: float, colour: str) -> list[str]:
    width = 0 if value is None else max(1, round(_AREA * value / most))
    shown = "not measured" if value is None else f"{short(value)} {unit}"
    return [
        _text(_LABEL - 8, y + 15, name, anchor="end"),
        f'<rect x="{_LABEL}" y="{y}" width="{width}" height="{_BAR}" rx="2" fill="{colour}"/>',
        _text(_LABEL + width + 6, y + 15, shown),
    ]


def short(value: float) -> str:
    """Return a number with three significant digits."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def _text(x: int, y: int, text: str, *, size: int = 13, weight: str = "normal", anchor: str = "start") -> str:
    where = f'x="{x}" y="{y}" text-anchor="{anchor}"'
    return f'<text {where} font-size="{size}" font-weight="{weight}">{escape(text)}</text>'


def _page(height: int, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}">'
    )
    style = (
        "<style>text{font-family:sans-serif;fill:#24292f}@media(prefers-color-scheme:dark){text{fill:#d0d7de}}</style>"
    )
    return "\n".join([head, style, *parts, "</svg>", ""])
