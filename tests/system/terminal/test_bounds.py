"""What narrow windows, monochrome terminals and long messages get."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from chatctl.terminal.folding import SHOWN_LINES
from tests.support.wire import Wire
from tests.system.terminal.emulator import BRACKETED_PASTE
from tests.system.terminal.term import Start

COLOUR = re.compile(rb"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")


@pytest.mark.parametrize("columns", [1, 2, 3, 5, 7, 8, 9, 12, 13, 16, 20])
def test_a_narrow_window_shows_what_is_typed_and_said(join: Start, other: Callable[..., Wire], columns: int) -> None:
    """At 12 columns and less it was blank."""
    omar, term = other(), join(columns=columns, rows=60, ready=False)
    term.wait(lambda: BRACKETED_PASTE in term.screen.mode, "prompt")
    term.keys("typed")
    omar.say("said")
    term.wait(lambda: re.search("said(\\S*> )?typed$", re.sub(r"\n\s*", "", term.text())), "both")


def test_without_colours_the_menu_has_none(join: Start) -> None:
    term = join(NO_COLOR="1")
    term.keys("/\t")
    term.wait_for("/msg")
    assert not COLOUR.search(bytes(term.raw))
    coloured = join(nick="tim")
    coloured.keys("/\t")
    coloured.wait_for("/msg")
    assert COLOUR.search(bytes(coloured.raw)), "it can be seen here"


def test_a_message_takes_some_rows_at_most(join: Start, other: Callable[..., Wire]) -> None:
    omar, term = other(), join()
    omar.say("before")
    omar.say("\n".join("x" * 1000) + "\nthe last line")
    term.wait_for("more lines: /show 2")
    assert "before" in "\n".join(term.screen.row(y) for y in range(term.screen.lines))
    assert sum("    | x" in line for line in term.lines()) == SHOWN_LINES - 1
    term.keys("/show 2\r")
    term.wait_for("    | the last line", "until here")
    term.keys("/clear\r/show 1\r")
    term.wait(lambda: sum("omar: before" in line for line in term.lines()) == 2, "the first message again")
