"""The title of the terminal's window, and back what it was.

The title that is there is put on the terminal's stack (XTerm Control Sequences, "Window manipulation", 22 and 23),
where xterm, VTE, kitty, alacritty, foot, konsole and tmux have one; a terminal without ignores that. GNU screen has
none, and can't tell its title: there it is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chatctl.common.text import clean

_KNOWN = (
    "xterm",
    "rxvt",
    "tmux",
    "alacritty",
    "foot",
    "kitty",
    "wezterm",
    "konsole",
    "vte",
    "mlterm",
    "st-",
    "contour",
)
_PUSH, _POP = "\x1b[22;2t", "\x1b[23;2t"
_MAX_CHARS = 100


def has_title(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal is known to have a title that can be put back."""
    term = environ.get("TERM", "")
    if environ.get("TMUX"):
        return True
    return term.startswith(_KNOWN) and not environ.get("STY")


class WindowTitle:
    """Sets the title, and restores it."""

    def __init__(self, send: Callable[[str], None], environ: Mapping[str, str]) -> None:
        """Change nothing yet; ``send`` sends a sequence to the terminal."""
        self._send = send
        self._works = has_title(environ)
        self._text = ""

    def set(self, text: str) -> None:
        """Show ``text``, if it is another one; an empty one stands for what was there before."""
        text = clean(text)[:_MAX_CHARS]
        if not text:
            self.restore()
        if not self._works or not text or text == self._text:
            return
        push = "" if self._text else _PUSH
        self._text = text
        self._send(f"{push}\x1b]2;{text}\x1b\\")

    def restore(self) -> None:
        """Show what was there before."""
        if self._text:
            self._text = ""
            self._send(_POP)
