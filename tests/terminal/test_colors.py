"""Nicknames have colours that can be read, and keep them."""

from __future__ import annotations

import pytest

from chatctl.terminal.colors import _READABLE, Palette


@pytest.mark.parametrize(
    ("environ", "colours"),
    [
        ({"TERM": "xterm-256color"}, 256),
        ({"TERM": "xterm"}, 16),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, 256),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, 0),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, 256),  # no-color.org: only where it is not empty
        ({"TERM": "dumb"}, 0),
        ({}, 0),
    ],
)
def test_palette_of(environ: dict[str, str], colours: int) -> None:
    assert Palette.from_environ(environ).colours == colours


def test_nicknames_keep_their_colour_whatever_their_case() -> None:
    palette = Palette(256)
    assert palette.nick("omar").replace("omar", "") == palette.nick("OMAR").replace("OMAR", "")
    assert len({palette.nick(f"n{number}").split("m")[0] for number in range(200)}) > 10


def luminance(colour: int) -> float:
    def channel(level: int) -> float:
        value = (0, 95, 135, 175, 215, 255)[level] / 255
        return value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4

    cube = colour - 16
    return 0.2126 * channel(cube // 36) + 0.7152 * channel(cube // 6 % 6) + 0.0722 * channel(cube % 6)


@pytest.mark.parametrize("colour", _READABLE)
def test_colours_are_readable_on_black_and_on_white(colour: int) -> None:
    """WCAG 2 contrast of at least 3.6 to both: midway between the two."""
    light = luminance(colour)
    assert (light + 0.05) / 0.05 >= 3.6
    assert 1.05 / (light + 0.05) >= 3.6
