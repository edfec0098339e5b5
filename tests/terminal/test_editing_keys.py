"""Keys at a prompt of prompt-toolkit's, without a terminal: what stands in the line, and where the cursor is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from prompt_toolkit import PromptSession
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from chatctl.terminal.draft import Draft
from chatctl.terminal.editing_keys import editing_keys
from chatctl.terminal.key_parser import KeyParser

FAMILY, FLAG = "👨\u200d👩\u200d👧\u200d👦", "🇩🇪"
LEFT, RIGHT, ALT_LEFT, HOME, DELETE, BACKSPACE = "\x1b[D", "\x1b[C", "\x1b[1;3D", "\x1b[H", "\x1b[3~", "\x7f"
UP, DOWN, CTRL_T, CTRL_W, CTRL_Y = "\x1b[A", "\x1b[B", "\x14", "\x17", "\x19"

Edit = Callable[..., str]


@pytest.fixture
def edit() -> Edit:
    """Press keys; return the line with ``|`` where the cursor is."""

    async def press(keys: str, limit: int, refusals: list[str]) -> str:
        with create_pipe_input() as pipe:
            session: PromptSession[str] = PromptSession(
                multiline=True, input=pipe, output=DummyOutput(), key_bindings=editing_keys()
            )
            buffer, processor = session.default_buffer, session.app.key_processor
            draft = Draft(buffer, processor, lambda: limit, refusals.append)
            parser = KeyParser()

            def run() -> None:
                for part in keys.split("\x1b[200~"):
                    inside, _, rest = part.partition("\x1b[201~") if "\x1b[201~" in part else ("", "", part)
                    if inside:
                        draft.paste(inside)
                    processor.feed_multiple([*parser.feed(rest), *parser.pause()])
                    processor.process_keys()
                session.app.exit(result=f"{buffer.text[: buffer.cursor_position]}|{buffer.document.text_after_cursor}")

            return await session.prompt_async(pre_run=run)

    def edit(keys: str, *, limit: int = 4096, refusals: list[str] | None = None) -> str:
        return asyncio.run(press(keys, limit, [] if refusals is None else refusals))

    return edit


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
def test_what_a_key_moves_and_deletes(edit: Edit, keys: str, wanted: str) -> None:
    """What is seen as one is one: nothing of it stays that the screen does not show."""
    assert edit(keys.replace("\n", "\x1b\r")) == wanted


def test_a_paste_fits_or_is_refused_with_both_sizes(edit: Edit) -> None:
    """Not a part of it is taken."""
    told: list[str] = []
    assert edit(f"\x1b[200~{'é' * 5}\n\x1b[201~", limit=10) == "ééééé\n|"
    assert edit(f"\x1b[200~{'é' * 6}\x1b[201~", limit=10, refusals=told) == "|"
    assert told.pop() == "this paste has 12 bytes, at most 10 can be sent: not taken"
    assert edit(f"abc\x1b[200~{'é' * 4}\x1b[201~d", limit=10, refusals=told) == "abcd|"
    assert told == ["this paste has 8 bytes and the line 3, at most 10 can be sent: not taken"]


def test_no_key_makes_the_line_longer_than_what_can_be_sent(edit: Edit) -> None:
    """It is told once, until there is room again; a command may have more beside its text."""
    told: list[str] = []
    assert edit(f"0123456789abc{BACKSPACE}xy", limit=10, refusals=told) == "012345678x|"
    assert told == ["the line is full: at most 10 bytes can be sent"] * 2
    assert edit(f"/me 0123456789{LEFT}", limit=10) == "/me 012345678|9"
    assert edit(f"abc{HOME}\x1bd{CTRL_Y}{CTRL_Y}{CTRL_Y}{CTRL_Y}", limit=10) == "abcabcabc|"
    assert edit("\x1b9\x1b9\x1b9\x1b9\x1b9\x1b9x", limit=10) == "|"
