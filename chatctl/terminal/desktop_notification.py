"""Desktop notifications by the terminal: OSC 9 and OSC 777, also from inside tmux and GNU screen.

Lives here: the sequence. Does not live here: which message deserves one (room_view.py), commands that notify
(notify_command.py). Sources: iTerm2's "Proprietary Escape Codes" for 9, urxvt's manual (perl extensions) for 777,
tmux(1) and screen(1) for what they pass on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from chatctl.common.text import clean
from chatctl.terminal.reflow import Kind, kind_of

Form = Literal["auto", "9", "777", "off"]

MAX_CHARS = 200
"""Of a notification: some terminals drop a longer sequence, and nobody reads more of it."""


def notification(text: str, form: Form, environ: Mapping[str, str]) -> str:
    """Return the sequence that has the terminal show ``text``; empty if there is none.

    Args:
        text: what to show; no character of it acts on the terminal.
        form: which sequence; ``auto`` for the one that the terminal is known to show.
        environ: tells which terminal it is, and whether a multiplexer has to pass the sequence on.
    """
    which = _known(environ) if form == "auto" else form
    plain = clean(text)[:MAX_CHARS].replace(";", ",")  # fields end there
    if which == "9":
        return _passed_on(f"\x1b]9;chatctl: {plain}", environ)
    return _passed_on(f"\x1b]777;notify;chatctl;{plain}", environ) if which == "777" else ""


def _known(environ: Mapping[str, str]) -> str:
    program, term = environ.get("TERM_PROGRAM", ""), environ.get("TERM", "")
    if program in ("iTerm.app", "WezTerm", "ghostty") or "kitty" in term or term.startswith("foot"):
        return "9"
    return "777" if term.startswith("rxvt") else ""


def _passed_on(sequence: str, environ: Mapping[str, str]) -> str:
    """End the sequence, and wrap it for the multiplexer that is to pass it on."""
    kind = kind_of(environ)
    if kind is Kind.TMUX:
        doubled = f"{sequence}\x1b\\".replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}\x1b\\"
    return f"\x1bP{sequence}\a\x1b\\" if kind is Kind.SCREEN else f"{sequence}\x1b\\"  # there ST would end the DCS
