"""The menu of completions: how many rows it shows, and how soon Escape closes it."""

from __future__ import annotations

import asyncio

import pyte
import pytest
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.enums import EditingMode

from chatctl.terminal.completion_menu import ESCAPE_SECONDS, CompletionMenu
from tests.terminal.fake_terminal import FakePrompt, fake_prompt


def shown(prompt: FakePrompt, screen: pyte.Screen, stream: pyte.Stream) -> list[str]:
    stream.feed(prompt.tape.take())
    return [line.split()[0] for line in screen.display if line.strip().startswith("w")]


@pytest.mark.parametrize(("words", "draft", "rows"), [(5, "", 5), (20, "", 20), (40, "", 23), (40, "a\rb\r", 21)])
def test_as_many_rows_as_fit(words: int, draft: str, rows: int) -> None:
    """In a window of 24; a draft of three rows stays."""

    async def run() -> None:
        async with fake_prompt() as prompt:
            CompletionMenu(prompt.session)
            prompt.session.completer = WordCompleter([f"word{number:02d}" for number in range(words)])
            screen = pyte.Screen(80, 24)
            stream = pyte.Stream(screen)
            prompt.keys.send_text(f"{draft}w\t")
            await asyncio.wait_for(prompt.until(f"word{rows - 1:02d}"), 5)
            prompt.session.app.renderer.erase()
            prompt.session.app._redraw()
            found = shown(prompt, screen, stream)
            assert [word for word in found if word != "w"] == [f"word{number:02d}" for number in range(rows)]
            prompt.session.default_buffer.cancel_completion()
            prompt.session.app._redraw()
            assert [word for word in shown(prompt, screen, stream) if word != "w"] == []

    asyncio.run(run())


def test_escape_waits_for_no_second_key_while_the_menu_is_open() -> None:
    """It may still be the beginning of a sequence; in vi mode always."""

    async def run() -> None:
        async with fake_prompt() as prompt:
            app, buffer = prompt.session.app, prompt.session.default_buffer
            usual = app.ttimeoutlen, app.timeoutlen
            CompletionMenu(prompt.session)
            prompt.session.completer = WordCompleter(["word1", "word2"])
            prompt.keys.send_text("w\t")
            await prompt.until("word2")
            assert (app.ttimeoutlen, app.timeoutlen) == (ESCAPE_SECONDS, 0.0)
            buffer.cancel_completion()
            app._redraw()
            assert (app.ttimeoutlen, app.timeoutlen) == usual
            app.editing_mode = EditingMode.VI
            app._redraw()
            assert (app.ttimeoutlen, app.timeoutlen) == (ESCAPE_SECONDS, usual[1])

    asyncio.run(run())
