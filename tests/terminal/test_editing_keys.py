"""Keys at a prompt of prompt-toolkit's, without a terminal: what stands in the line, and where the cursor is."""

from __future__ import annotations

import pytest

from tests.terminal.keys_at_prompt import edit

FAMILY, FLAG = "👨\u200d👩\u200d👧\u200d👦", "🇩🇪"
LEFT, RIGHT, ALT_LEFT, HOME, DELETE, BACKSPACE = "\x1b[D", "\x1b[C", "\x1b[1;3D", "\x1b[H", "\x1b[3~", "\x7f"
UP, DOWN, CTRL_T, CTRL_W, CTRL_Y = "\x1b[A", "\x1b[B", "\x14", "\x17", "\x19"


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (f"a{FAMILY}{BACKSPACE} ok", "a ok|"),
        (f"a{FAMILY}b{LEFT}{LEFT}-", f"a-|{FAMILY}b"),
        (f"{FAMILY}b{HOME}{RIGHT}-", f"{FAMILY}-|b"),
        (f"x{FLAG}{FLAG}{LEFT}{DELETE}", f"x{FLAG}|"),
        (f"x{FLAG}y{LEFT}{LEFT}\x04", "x|y"),
        ("e\u0301a\x02\x14", "ae\u0301|"),
        (f"a{FAMILY}{CTRL_T}", f"{FAMILY}a|"),
        (f"ab{HOME}{CTRL_T}", "|ab"),
        ("größer ist\x1bb\x1bb", "|größer ist"),
        (f"größer ist{ALT_LEFT}{ALT_LEFT}\x1bf", "größer| ist"),
        ("größer ist\x1b\x7f\x1b\x7f", "|"),
        (f"straße weg{HOME}\x1bu", "STRASSE| weg"),
        (f"straße weg{HOME}\x1bd{CTRL_Y}{CTRL_Y}", "straßestraße| weg"),
        (f"eins zwei  {CTRL_W}{CTRL_W}{CTRL_Y}", "eins zwei  |"),
        (f"हिन्दी{BACKSPACE}", "हि|"),
        (f"ab\ncd{HOME}{LEFT}{BACKSPACE}", "ab|cd"),
        (f"xe\u0301e\u0301e\u0301\nabcd{UP}-", "xe\u0301-|e\u0301e\u0301\nabcd"),
        (f"👨{FLAG}{HOME}{RIGHT}\u200d👩", f"👨\u200d👩|{FLAG}"),
    ],
)
def test_what_a_key_moves_and_deletes(keys: str, wanted: str) -> None:
    """What is seen as one is one: nothing of it stays that the screen does not show."""
    assert edit(keys.replace("\n", "\x1b\r")) == wanted


def test_a_paste_fits_or_is_refused_with_both_sizes() -> None:
    """Not a part of it is taken."""
    told: list[str] = []
    assert edit(f"\x1b[200~{'é' * 5}\n\x1b[201~", limit=10) == "ééééé\n|"
    assert edit(f"\x1b[200~{'é' * 6}\x1b[201~", limit=10, refusals=told) == "|"
    assert told.pop() == "this paste has 12 bytes, at most 10 can be sent: not taken"
    assert edit(f"abc\x1b[200~{'é' * 4}\x1b[201~d", limit=10, refusals=told) == "abcd|"
    assert told == ["this paste has 8 bytes and the line 3, at most 10 can be sent: not taken"]


def test_no_key_makes_the_line_longer_than_what_can_be_sent() -> None:
    """It is told once, until there is room again; a command may have more beside its text."""
    told: list[str] = []
    assert edit(f"0123456789abc{BACKSPACE}xy", limit=10, refusals=told) == "012345678x|"
    assert told == ["the line is full: at most 10 bytes can be sent"] * 2
    assert edit(f"/me 0123456789{LEFT}", limit=10) == "/me 012345678|9"
    assert edit(f"abc{HOME}\x1bd{CTRL_Y}{CTRL_Y}{CTRL_Y}{CTRL_Y}", limit=10) == "abcabcabc|"
    assert edit("\x1b9\x1b9\x1b9\x1b9\x1b9\x1b9x", limit=10) == "|"


UNDO, CTRL_U, CTRL_K = "\x1f", "\x15", "\x0b"


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (f"a line{CTRL_U}{UP}", "a line|"),
        (f"a line{HOME}{CTRL_K}x{BACKSPACE}{UP}", "a line|"),
        (f"one{CTRL_W}two{CTRL_U}{UP}{UP}", "one|"),
        (f"one{CTRL_U}{UP}{DOWN}", "|"),
        (f"one{CTRL_U}{UP}s{CTRL_U}{UP}", "ones|"),
        (f"one{CTRL_U}{UP}{CTRL_U}{UP}", "one|"),
        (f"one{CTRL_U}{UP}two{CTRL_U}three{CTRL_U}{UP}{UP}", "onetwo|"),
        (f"a line{CTRL_U}{UNDO}", "a line|"),
        (f"a{BACKSPACE}{UP}", "|"),
        (f"{FAMILY}{BACKSPACE}{UP}", "|"),
        (f"   {CTRL_U}{UP}", "|"),
    ],
)
def test_up_brings_back_what_one_key_has_cleared(keys: str, wanted: str) -> None:
    """Ctrl-Y alone would bring it back, which few know; an undo still does."""
    assert edit(keys) == wanted


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (f"/me waves{CTRL_U}hello{CTRL_U}/me sings{CTRL_U}/me{UP}{UP}", "/me waves|"),
        (f"/me waves{CTRL_U}hello{CTRL_U}/me{UP}{DOWN}", "/me|"),
        (f"/me waves{CTRL_U}hello{CTRL_U}he{UP}{UP}", "hello|"),
        (f"one{CTRL_U}two{CTRL_U}x{HOME}{UP}{UP}", "one|"),
        (f"one{CTRL_U}x{UP}", "x|"),
    ],
)
def test_up_brings_lines_that_begin_with_what_stands_before_the_cursor(keys: str, wanted: str) -> None:
    assert edit(keys) == wanted
