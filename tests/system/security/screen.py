"""A terminal that knows whether something acted on it."""

from __future__ import annotations

import re
from typing import Any

import pyte

_HARMLESS = {"draw", "linefeed", "carriage_return", "tab"}
_STRINGS = re.compile(rb"\x1b[\]P_^X]|\xc2[\x90\x98\x9b\x9d-\x9f]")


class Watched:
    """Stands between a stream and its screen, and writes down every sequence that is not text, tab or line end."""

    def __init__(self, screen: pyte.Screen) -> None:
        self.acted: list[str] = []
        self._screen = screen

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._screen, name)
        if name not in pyte.Stream.events or name in _HARMLESS:
            return act

        def written_down(*args: Any, **more: Any) -> Any:
            self.acted.append(name)
            return act(*args, **more)

        return written_down


def state(screen: pyte.Screen) -> dict[str, object]:
    """Return all of a terminal that outlives the text on it."""
    return {
        "title": screen.title,
        "icon": screen.icon_name,
        "colours": screen.cursor.attrs,
        "hidden": screen.cursor.hidden,
        "modes": set(screen.mode),
        "tabs": set(screen.tabstops),
        "margins": screen.margins,
        "charset": screen.charset,
        "saved": list(screen.savepoints),
    }


def assert_inert(output: bytes, what: str) -> str:
    """Show output on a terminal; fail if anything in it acts. Gives it as text.

    pyte knows no clipboard, no colours of OSC 4, no DCS: what begins such a string must not be there at all.
    """
    assert not _STRINGS.search(output), f"{what}: {output!r}"
    screen = pyte.Screen(200, 50)
    watched, before = Watched(screen), state(screen)
    text = output.decode()  # a command prints UTF-8 or it is a finding
    pyte.Stream(watched).feed(text.replace("\n", "\r\n"))
    assert watched.acted == [], f"{what}: {output!r}"
    assert state(screen) == before, what
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]", text
    )
    return text

    return text
