"""An animated SVG of what a terminal has shown: no script, no font and no other file belongs to it.

Each frame is a group one window below the last one; the strip is moved by a CSS animation, which pages such as
GitHub's run in an ``<img>``. A row that several frames show is written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any

CELL_WIDTH, CELL_HEIGHT, PADDING = 8.4, 18, 12
_STAY_SECONDS = 1.5
"""For how long the last frame is shown before the first one comes again."""
_COLORS = {
    "default": "#d8dee9", "black": "#4c566a", "red": "#e06c75", "green": "#98c379", "brown": "#e5c07b",
    "blue": "#61afef", "magenta": "#c678dd", "cyan": "#56b6c2", "white": "#d8dee9", "brightblack": "#7f8896",
}  # fmt: skip
_STYLE = "text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre;fill:#d8dee9}"


@dataclass(frozen=True)
class Span:
    """Characters of one row that look alike."""

    column: int
    text: str
    color: str
    bold: bool


@dataclass(frozen=True)
class Frame:
    """A screen at a time, in seconds from the start of the recording."""

    at: float
    rows: tuple[tuple[Span, ...], ...]
    cursor: tuple[int, int]
    """Column and row."""
    columns: int

    @property
    def shows(self) -> tuple[object, ...]:
        """What can be seen of it."""
        return self.rows, self.cursor

    @property
    def lines(self) -> list[str]:
        """Its text, a string for each row."""
        return ["".join(f"{span.text}" for span in _padded(row)).rstrip() for row in self.rows]


def _padded(row: Iterable[Span]) -> Iterator[Span]:
    column = 0
    for span in row:
        yield Span(column, " " * (span.column - column), "", bold=False)
        yield span
        column = span.column + len(span.text)


def frame_of(screen: Any, at: float) -> Frame:
    """Return what a ``pyte.Screen`` shows."""
    rows = tuple(tuple(_spans(screen.buffer[row], screen.columns)) for row in range(screen.lines))
    return Frame(at, rows, (screen.cursor.x, screen.cursor.y), screen.columns)


def _spans(cells: Any, columns: int) -> Iterator[Span]:
    styled = [(column, cells[column]) for column in range(columns)]
    for (color, bold), run in groupby(styled, key=lambda one: (one[1].fg, one[1].bold)):
        found = list(run)
        text = "".join(cell.data for _, cell in found)
        if text.strip():
            yield Span(found[0][0], text.rstrip(), _COLORS.get(color, f"#{color}"), bold)


def animation(frames: list[Frame], title: str) -> str:
    """Return the SVG. ``frames`` are in the order of time, and show the same size."""
    width, height = frames[0].columns * CELL_WIDTH + 2 * PADDING, len(frames[0].rows) * CELL_HEIGHT + 2 * PADDING
    begun, seconds = frames[0].at, frames[-1].at - frames[0].at + _STAY_SECONDS
    different = dict.fromkeys(row for one in frames for row in one.rows if row)
    rows = {row: f"r{number}" for number, row in enumerate(different)}
    steps = "".join(
        f"{(one.at - begun) / seconds:.2%}{{transform:translateY({-number * height:g}px)}}"
        for number, one in enumerate(frames)
    )
    last = f"translateY({-(len(frames) - 1) * height:g}px)"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
            f'height="{height:g}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}#strip{{animation:play {seconds:.2f}s step-end infinite}}@keyframes play{{{steps}}}",
            f"@media (prefers-reduced-motion:reduce){{#strip{{animation:none;transform:{last}}}}}</style>",
            "<defs>",
            *(f'<text id="{name}">{_row(row)}</text>' for row, name in rows.items()),
            "</defs>",
            f'<rect width="{width:g}" height="{height:g}" rx="8" fill="#1e222a"/>',
            '<g id="strip">',
            *(_frame(one, number * height, rows) for number, one in enumerate(frames)),
            "</g>",
            "</svg>",
            "",
        ]
    )


def _row(row: Iterable[Span]) -> str:
    return "".join(f"<tspan {_look(span)}>{escape(span.text)}</tspan>" for span in row)


def _look(span: Span) -> str:
    """Return the attributes of a span: its place, its width whatever the font, and its style."""
    fill = f' fill="{span.color}"' if span.color != _COLORS["default"] else ""
    bold = ' font-weight="bold"' if span.bold else ""
    return f'x="{span.column * CELL_WIDTH:g}" textLength="{len(span.text) * CELL_WIDTH:g}"{fill}{bold}'


def _frame(frame: Frame, top: float, names: dict[tuple[Span, ...], str]) -> str:
    shown = "".join(
        f'<use href="#{names[row]}" y="{(number + 0.75) * CELL_HEIGHT:g}"/>'
        for number, row in enumerate(frame.rows)
        if row
    )
    column, row = frame.cursor
    cursor = (
        f'<rect x="{column * CELL_WIDTH:g}" y="{row * CELL_HEIGHT:g}" width="{CELL_WIDTH}" height="{CELL_HEIGHT}"'
        ' fill="#d8dee9" opacity=".6"/>'
    )
    return f'<g transform="translate({PADDING} {top + PADDING:g})">{shown}{cursor}</g>'
