"""Links that a terminal opens: OSC 8 around each address in a message.

Lives here: which terminals have them, and what of a text is an address. Does not live here: how a message looks
(render.py). Source: "Hyperlinks in terminal emulators" (OSC 8), RFC 3986 for the characters of an address.

What is shown is what is opened: the text of a link is its target, to the last character. A terminal that knows no OSC 8
would show the same; it is sent to those alone that are known to have it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from chatctl.terminal.reflow import Kind, kind_of

MAX_TARGET = 2083
"""Characters: VTE and iTerm take no longer target."""

_VTE, _TMUX = 5000, (3, 4)
"""The first versions that have links."""

_PROGRAMS = ("iTerm.app", "WezTerm", "ghostty", "vscode")
_OTHERS = ("XTERM_VERSION", "VTE_VERSION", "KONSOLE_VERSION", "KITTY_WINDOW_ID", "ALACRITTY_WINDOW_ID", "MLTERM")
"""What other terminals set: then TERM_PROGRAM is inherited from the one that it was started in."""

_CANDIDATE = re.compile(r"(?<!\w)https?://[^\s<>\"]+", re.IGNORECASE)
_TARGET = re.compile(
    r"https?://[a-z0-9._~%!$&'()*+,;=:\[\]-]+(?:[/?#][a-z0-9._~%!$&'()*+,;=:/?#@\[\]-]*)?", re.IGNORECASE
)
"""ASCII alone, and no ``@`` before the path: what stands before it looks like the host, and is not."""


def has_links(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal is known to have links."""
    kind = kind_of(environ)
    if kind is Kind.TMUX:
        version = re.match(r"(\d+)\.(\d+)", environ.get("TERM_PROGRAM_VERSION", ""))
        is_it = environ.get("TERM_PROGRAM") == "tmux"
        return is_it and version is not None and (int(version[1]), int(version[2])) >= _TMUX
    if kind is Kind.VTE:
        version = re.fullmatch(r"\d{1,9}", environ["VTE_VERSION"]) if "VTE_VERSION" in environ else None
        return version is not None and int(version[0]) >= _VTE
    if kind is Kind.UNKNOWN and not any(name in environ for name in _OTHERS):
        return environ.get("TERM_PROGRAM") in _PROGRAMS or environ.get("TERM", "").startswith("foot")
    return kind is Kind.KITTY


def with_links(line: str, dress: Callable[[str], str] = str) -> str:
    """Return a cleaned line with a link around each address in it; ``dress`` colours what is shown of a part."""
    return "".join(_link(part, dress) if is_link else dress(part) for part, is_link in _parts(line))


def _link(address: str, dress: Callable[[str], str]) -> str:
    return f"\x1b]8;;{address}\x1b\\{dress(address)}\x1b]8;;\x1b\\"


def _parts(line: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a line, and whether each is an address."""
    at = 0
    for found in _CANDIDATE.finditer(line):
        if len(found[0]) > MAX_TARGET:  # what ends it is not looked for: that takes the square of its length
            continue
        address = _without_end(found[0])
        if _TARGET.fullmatch(address):
            yield line[at : found.start()], False
            yield address, True
            at = found.start() + len(address)
    yield line[at:], False


def _without_end(address: str) -> str:
    """Leave out what ends the sentence around an address, and a bracket that was opened before it."""
    while address[-1] in ".,;:!?'" or any(
        address[-1] == end and address.count(end) > address.count(begin) for begin, end in ("()", "[]")
    ):
        address = address[:-1]
    return address
