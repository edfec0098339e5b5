"""What is written for a prompt, row by row."""

from __future__ import annotations

import asyncio
import re

import pytest

from chatctl.terminal.reflow import Kind
from tests.terminal.fake_terminal import fake_prompt

SEQUENCE = re.compile(r"\x1b(?:\[[\d;?]*[A-Za-z]|[78])")
ERASE = "\x1b7\x1b[K\x1b[B\x1b[J\x1b8"


def test_it_is_erased_from_column_one_and_by_rows() -> None:
    """Steps to the left are as many as the program thinks that the text is wide: the terminal may think otherwise."""

    async def run() -> None:
        async with fake_prompt(columns=21) as prompt:
            await prompt.type("हिन्दी भाषा " * 3)
            written = await prompt.show("a message")
            erase = written[: written.index("a message")]
            assert re.search(r"\r\x1b\[2?A" + re.escape(ERASE), erase), repr(erase)
            assert not re.search(r"\x1b\[\d*[DG]|\x08", written)

    asyncio.run(run())


@pytest.mark.parametrize("kind", list(Kind))
def test_the_screen_is_never_erased_from_its_first_row_on(kind: Kind) -> None:
    """tmux takes it into the scrollback for that, with all that is being typed."""

    async def run() -> None:
        async with fake_prompt(kind) as prompt:
            prompt.painter.clear()
            written = prompt.tape.take() + await prompt.type("x") + await prompt.show("a message")
            assert "\x1b[2J" not in written
            assert all(written[:at].endswith("\x1b[B") for at in (m.start() for m in re.finditer(r"\x1b\[J", written)))

    asyncio.run(run())


def test_a_row_never_wraps_and_a_message_may() -> None:
    """A row that the terminal thinks is wider would push the next one down; a message is one line, to be copied."""

    async def run() -> None:
        async with fake_prompt() as prompt:
            wide = await prompt.type("தமிழ் " * 30)
            assert wide.index("\x1b[?7l") < wide.index("தமிழ்") < wide.rindex("\x1b[?7h")
            written = await prompt.show("M" * 500)
            before = written[: written.index("MM")]
            assert before.rindex("\x1b[?7h") > before.rfind("\x1b[?7l")
            assert "M" * 500 + "\r\n" in written

    asyncio.run(run())


def test_only_the_row_that_changed_is_written() -> None:
    async def run() -> None:
        async with fake_prompt(columns=41) as prompt:
            await prompt.type("first row " * 4 + "and the second")
            written = SEQUENCE.sub("", await prompt.type("!"))
            assert "first" not in written
            assert "and the second!" in written

    asyncio.run(run())


def test_the_terminal_is_asked_for_its_width_where_that_counts() -> None:
    async def run(kind: Kind) -> bool:
        async with fake_prompt(kind) as prompt:
            return "\x1b[6n" in await prompt.type("x")

    assert asyncio.run(run(Kind.TMUX))
    assert not asyncio.run(run(Kind.UNKNOWN))


def rows_erased(kind: Kind, reported: int | None) -> str:
    """Return how far up it is erased when 80 columns became 40 with 60 cells in the line."""

    async def run() -> str:
        async with fake_prompt(kind) as prompt:
            await prompt.type("x" * 58)
            for _ in range(3 if reported else 0):
                prompt.painter.reports.reported(reported or 0)
            prompt.resize(40)
            prompt.painter.show(["a message"])
            written = await prompt.until("a message")
            return written[: written.index("a message")]

    return asyncio.run(run())


def test_a_row_that_was_wrapped_is_erased_only_if_the_terminal_has_said_so() -> None:
    """It may have painted after the change: then the row was cut, and what is above it is a message.

    GNU screen must forget which rows went on: behind SSH it looks like others.
    """
    assert "\x1b[999L" in rows_erased(Kind.UNKNOWN, reported=None)
    assert "\x1b[A" in rows_erased(Kind.TMUX, reported=80)
    assert "\x1b[A" not in rows_erased(Kind.TMUX, reported=40)
    assert "\x1b[A" not in rows_erased(Kind.TMUX, reported=None)
    assert "\x1b[A" not in rows_erased(Kind.UNKNOWN, reported=None)
    assert "\x1b[999B\r\n" in rows_erased(Kind.TERMINOLOGY, reported=None)


@pytest.mark.parametrize(("column", "lost"), [(3, False), (4, True), (None, True)])
def test_a_prompt_that_stands_behind_a_message_is_left_alone(column: int | None, lost: bool) -> None:
    """GNU screen may join them; then the cursor is not in the column where it was drawn."""

    async def run() -> str:
        async with fake_prompt(Kind.SCREEN) as prompt:
            await prompt.type("xx")
            for _ in range(3):
                prompt.painter.reports.reported(80)
            prompt.resize(40)
            await prompt.until("\x1b[6n")
            prompt.painter.show(["a message"])
            if column is not None:
                prompt.painter.reports.reported(column + 2)
            written = await prompt.until("a message")
            return written[: written.index("a message")]

    assert ("\x1b[999B\r\n" in asyncio.run(run())) is lost


@pytest.mark.parametrize("cluster", ["हि", "1\ufe0f\u20e3", "e\u0301"])
def test_no_row_begins_with_a_mark(cluster: str) -> None:
    """A terminal would put it on the blank before, or leave it out."""

    async def run(blanks: int) -> str:
        async with fake_prompt(columns=21) as prompt:
            await prompt.type("x" * blanks + cluster * 8)
            prompt.session.app.renderer.reset()
            prompt.tape.take()
            prompt.session.app._redraw()
            return SEQUENCE.sub("", prompt.tape.take())

    for blanks in range(12, 18):
        written = asyncio.run(run(blanks))
        assert not re.search(rf"[\s>][{cluster[1:]}]", written), ascii(written)
        assert re.sub(r"\s", "", written[: written.rindex("\r")]).count(cluster) == 8


def test_no_more_rows_are_drawn_than_there_are() -> None:
    """They would go into the scrollback, where nobody can erase them."""

    async def run() -> None:
        async with fake_prompt(columns=21) as prompt:
            await prompt.type("0123456789" * 20)
            prompt.resize(21, rows=5)
            prompt.painter.show(["a message"])
            written = await prompt.until("a message")
            drawn = written[written.index("a message\r\n") :]
            assert drawn.count("\n") == 1 + 4

    asyncio.run(run())


def test_what_was_drawn_is_not_drawn_again() -> None:
    async def run() -> None:
        async with fake_prompt() as prompt:
            await prompt.type("x")
            prompt.session.app._redraw()
            assert not prompt.tape.take()

    asyncio.run(run())
