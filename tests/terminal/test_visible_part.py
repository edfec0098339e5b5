"""How much of a draft is laid out."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import re
from collections.abc import Callable

import pytest

from tests.terminal.fake_terminal import FakePrompt, fake_prompt

SEQUENCE = re.compile(r"\x1b(?:\[[\d;?]*[A-Za-z]|[78])")
SCREEN = 24 * 80


def calls_of(work: Callable[[], object]) -> int:
    """Return how many functions were called: a measure of work that no other program on the machine changes."""
    profile = cProfile.Profile()
    profile.runcall(work)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def work(draft: str) -> tuple[int, int]:
    """Return the calls for a key and for a message, with so long a draft."""

    async def run() -> tuple[int, int]:
        async with fake_prompt() as prompt:
            buffer, redraw = prompt.session.default_buffer, prompt.session.app._redraw
            buffer.insert_text(draft)
            redraw()

            def key() -> None:
                buffer.insert_text("k")
                redraw()

            def message() -> None:
                prompt.painter.show(["a message"])
                prompt.painter._paint()

            key_calls = calls_of(key)
            while prompt.session.app._invalidated:
                await asyncio.sleep(0)
            return key_calls, calls_of(message)

    return asyncio.run(run())


@pytest.mark.parametrize("line", ["x" * 70 + "\n", "x" * 71, "漢" * 35 + "\n", "e\u0301" * 35])
def test_a_key_and_a_message_cost_the_same_however_long_the_draft_is(line: str) -> None:
    """A paste of 200 KB cost 0.6 s of each of them: the prompt was as good as dead."""
    a_screen, much_more = work(line * 120), work(line * 3000)
    assert much_more[0] < 1.5 * a_screen[0]
    assert much_more[1] < 1.1 * a_screen[1]


async def shown(prompt: FakePrompt) -> list[str]:
    """Return the rows that are drawn, without the prompt."""
    prompt.session.app.renderer.reset()
    prompt.tape.take()
    prompt.session.app._redraw()
    return [row[2:] for row in re.split("\n|\r", SEQUENCE.sub("", prompt.tape.take())) if row.strip()]


@pytest.mark.parametrize("cursor", [0, 1, SCREEN, 5 * SCREEN + 7, 10 * SCREEN])
@pytest.mark.parametrize("around", [("", ""), ("above\n" * 3, "\nbelow" * 3), ("x" * 9 * SCREEN + "\n", "\nafter")])
def test_what_is_around_the_cursor_is_shown(cursor: int, around: tuple[str, str]) -> None:
    line = "".join(f"{number:08d}" for number in range(10 * SCREEN // 8))
    text = around[0] + line + around[1]

    async def run() -> None:
        async with fake_prompt() as prompt:
            buffer = prompt.session.default_buffer
            buffer.insert_text(text)
            buffer.cursor_position = len(around[0]) + cursor
            rows = await shown(prompt)
            assert len(rows) > 20, "the screen is full"
            assert line[max(0, cursor - 300) : cursor] in "".join(rows)

    asyncio.run(run())
