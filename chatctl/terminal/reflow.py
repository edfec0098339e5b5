"""How many rows up the old prompt begins, once the terminal has wrapped it anew.

Lives here: what each terminal does with rows and cursor when its width changes, as it was measured (docs/join.md,
"What terminals do"). Does not live here: when the width is quiet (resize_watch.py), drawing (prompt_renderer.py). No
I/O and no clock.

One too many would erase a message; one too few leaves a row of an old prompt. Whatever is not known counts as too few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from chatctl.terminal.cell_width import greatest_width, least_width, wrapped_rows


class Kind(Enum):
    """A family of terminals that treat rows and cursor alike."""

    FIXED = auto()
    """Rows are cut at the edge and never wrapped: xterm, st, mlterm."""
    TMUX = auto()
    SCREEN = auto()
    VTE = auto()
    KITTY = auto()
    ALACRITTY = auto()
    KONSOLE = auto()
    """Rows above the cursor's are wrapped, the cursor's own is cut."""
    TERMINOLOGY = auto()
    """The cursor may jump to the first row of the screen."""
    UNKNOWN = auto()


WRAPS_ANEW = (Kind.TMUX, Kind.SCREEN, Kind.VTE, Kind.KITTY, Kind.ALACRITTY, Kind.KONSOLE)
"""Where ``rows_up`` counts what was wrapped, if it is certain of the width before."""

_VARIABLES = {
    "TMUX": Kind.TMUX,
    "STY": Kind.SCREEN,
    "VTE_VERSION": Kind.VTE,
    "KITTY_WINDOW_ID": Kind.KITTY,
    "ALACRITTY_WINDOW_ID": Kind.ALACRITTY,
    "ALACRITTY_SOCKET": Kind.ALACRITTY,
    "KONSOLE_VERSION": Kind.KONSOLE,
    "TERMINOLOGY": Kind.TERMINOLOGY,
    "XTERM_VERSION": Kind.FIXED,
    "MLTERM": Kind.FIXED,
    "WEZTERM_PANE": Kind.UNKNOWN,
    "NCURSES_NO_UTF8_ACS": Kind.UNKNOWN,  # mosh sets it; nothing else tells
}
_TERMS = {
    "xterm-kitty": Kind.KITTY,
    "alacritty": Kind.ALACRITTY,
    "st-": Kind.FIXED,
    "mlterm": Kind.FIXED,
    "rxvt": Kind.UNKNOWN,
    "foot": Kind.UNKNOWN,
    "linux": Kind.UNKNOWN,
    "wezterm": Kind.UNKNOWN,
    "xterm-ghostty": Kind.UNKNOWN,
}
_PROGRAMS = ("iTerm.app", "WezTerm", "ghostty", "vscode", "Apple_Terminal")


def kind_of(environ: Mapping[str, str]) -> Kind:
    """Return the kind of terminal that the environment tells of.

    A terminal inherits the variables of the one that it was started from, so several may be named. ``TERM=screen…`` and
    ``TERM=tmux…`` settle it: only a multiplexer calls itself so. Otherwise the kind is known if all that is named
    agrees.
    """
    term = environ.get("TERM", "")
    if term.startswith(("screen", "tmux")):
        # Screen in tmux and tmux in screen look alike: tmux's count is the lower one.
        return Kind.SCREEN if "STY" in environ and "TMUX" not in environ and term.startswith("screen") else Kind.TMUX
    named = {kind for name, kind in _VARIABLES.items() if name in environ}
    named |= {kind for prefix, kind in _TERMS.items() if term.startswith(prefix)}
    if environ.get("TERM_PROGRAM") in _PROGRAMS:
        named.add(Kind.UNKNOWN)
    if Kind.TERMINOLOGY in named:  # what is done there loses nothing anywhere
        return Kind.TERMINOLOGY
    return named.pop() if len(named) == 1 else Kind.UNKNOWN


@dataclass(frozen=True, slots=True)
class Painted:
    """A prompt as it was painted: each row with a hard end, none longer than the terminal was wide."""

    columns: int
    """The terminal's width at that time."""
    above: tuple[str, ...]
    """The rows above the cursor's, without the blanks at their ends."""
    before: str
    """What stands before the cursor in its row, blanks included."""
    after: str
    """What stands from the cursor on, without the blanks at the end."""


@dataclass(frozen=True, slots=True)
class Resize:
    """What has happened to the width since a prompt was painted."""

    least: int
    """The least width that was seen, in columns."""
    now: int
    """The width now."""
    certain: bool
    """Whether the prompt was painted before the change: the terminal has reported the width that it had then."""


Width = Callable[[str], int | None]
"""Returns the columns that a text takes in this terminal, None if that is not known."""


def rows_up(painted: Painted, resize: Resize | None, kind: Kind, width: Width) -> int:
    """Return how many rows above the cursor the prompt begins now: a lower bound, exact where all is known.

    Args:
        painted: the prompt, as it was painted.
        resize: None if the width has not changed since.
        kind: the terminal's; for ``TERMINOLOGY`` nothing is true after a change of width.
        width: what the terminal has reported of texts.
    """
    drawn = len(painted.above)
    if resize is None or not resize.certain or resize.now >= painted.columns or kind not in WRAPS_ANEW:
        return drawn  # soft rows join again on widening
    columns = resize.now

    def cells(text: str) -> int:
        return max(width(text) or 0, least_width(text))

    def rows(text: str) -> int:
        whole = wrapped_rows(text, columns) if kind in _NEVER_CUT else 0
        return max(1, whole, -(-cells(text) // columns))

    return sum(map(rows, painted.above)) + _in_own_row(painted, columns, kind, rows, cells)


_NEVER_CUT = (Kind.TMUX, Kind.VTE, Kind.ALACRITTY)
"""Where a wide character that does not fit into a row's last column goes into the next row."""


def _in_own_row(
    painted: Painted, columns: int, kind: Kind, rows: Callable[[str], int], cells: Callable[[str], int]
) -> int:
    """Return how many rows of the cursor's own row are above the cursor."""
    if kind is Kind.KONSOLE:
        return 0
    before = painted.before
    if kind is Kind.SCREEN:
        return cells(before) // columns
    if painted.after[:1].strip():  # the cursor stays with the character that it is on
        return max(rows(before + painted.after[0]) - 1, cells(before) // columns)
    if before.endswith(" ") and not painted.after:  # blanks at the end are not written
        before = before.rstrip() if kind is Kind.TMUX else ""
    return rows(before) - 1


def may_be_low(painted: Painted, resize: Resize | None, kind: Kind, width: Width) -> bool:
    """Return whether a part of the old prompt may remain above the rows that ``rows_up`` counts.

    The last row of that part would go on in the next row: what is printed there would be joined to it on widening.
    """
    if resize is None or resize.least >= painted.columns or kind is Kind.FIXED:
        return False
    own = painted.before + painted.after
    split = [text for text in (*painted.above, own) if greatest_width(text) > resize.least]
    # In screen, a cursor that once stood behind a row just as wide as the window is a row lower from then on.
    certain = resize.certain and kind not in (Kind.UNKNOWN, Kind.SCREEN)
    return bool(split) and not (certain and all(width(text) is not None for text in split))
