"""docs/recording.svg: what it may hold, and that the script that made it would see a broken line."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pyte

from docs.animation import Frame, animation, frame_of
from docs.recording import TARGET, line_in, not_typed

SVG = "{http://www.w3.org/2000/svg}"


def frame(text: str, at: float = 0.0) -> Frame:
    screen = pyte.Screen(40, 3)
    pyte.Stream(screen).feed(text)
    return frame_of(screen, at)


def texts(svg: str) -> list[str]:
    """Return the rows that an animation is made of."""
    return ["".join(row.itertext()) for row in ET.fromstring(svg).iter(f"{SVG}text")]


def test_a_row_of_several_frames_is_written_once() -> None:
    svg = animation([frame("one\r\n\x1b[32;1mtwo\x1b[0m <&>", 1.0), frame("one\r\nthree", 1.5)], "a <title>")
    assert texts(svg) == ["one", "two <&>", "three"]
    root = ET.fromstring(svg)
    assert root.findtext(f"{SVG}title") == "a <title>"
    assert [len(list(group.iter(f"{SVG}use"))) for group in root.iter(f"{SVG}g")] == [4, 2, 2]
    assert 'fill="#98c379" font-weight="bold"' in svg


def test_frames_show_text_colors_and_the_cursor() -> None:
    one = frame("\x1b[1mRajat@lobby(2)> \x1b[0mhello")
    assert (one.lines[0], one.cursor) == ("Rajat@lobby(2)> hello", (21, 0))
    assert one.shows != frame("Rajat@lobby(2)> hello").shows, "it is not bold there"


def test_a_line_that_was_not_typed_is_found() -> None:
    """A check that can't fail holds nothing."""
    assert line_in(frame("12:00 build: Rajat@lobby")) is None
    assert not_typed([frame("no prompt"), frame("Rajat@lobby(3)> what you typ"), frame("Rajat@lobby(3)>")]) == []
    assert not_typed([frame("Rajat@lobby(3)> what yuo typ")]) == ["what yuo typ"]


def test_the_recording_needs_nothing_else_and_is_small() -> None:
    """It is shown by sites that run no script and load nothing for it."""
    svg = TARGET.read_text(encoding="utf-8")
    root = ET.fromstring(svg)
    assert len(svg.encode()) < 150_000
    assert {tag.tag.removeprefix(SVG) for tag in root.iter()} == {
        *("svg", "title", "style", "defs", "text", "tspan", "rect", "g", "use")
    }
    assert all(use.attrib["href"].startswith("#") for use in root.iter(f"{SVG}use"))
    assert "url(" not in svg
    assert sum("compiling module" in text for text in texts(svg)) > 100
    assert any(text.endswith("Rajat: what you type stays whole, whatever comes in meanwhile") for text in texts(svg))
