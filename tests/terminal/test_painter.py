"""The output path: what it takes of prompt-toolkit, and what a frame is."""

from __future__ import annotations

import asyncio
import inspect

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.renderer import Renderer

from chatctl.terminal.painter import BUSY_LINES, FOCUS_OFF, FOCUS_ON, MAX_WAITING, FrameOutput, Painter
from chatctl.terminal.prompt_renderer import ERASE_FROM_HERE
from tests.terminal.fake_terminal import Tape, fake_prompt


def test_the_private_parts_are_as_we_know_them() -> None:
    """prompt-toolkit is pinned below 3.1 for these; a version that changes them must fail here, not on a screen."""
    assert list(inspect.signature(Application._redraw).parameters) == ["self", "render_as_done"]
    assert "self._invalidated = True" in inspect.getsource(Application.invalidate)
    source = inspect.getsource(Renderer)
    assert all(name in source for name in ("self._attrs_for_style", "self._bracketed_paste_enabled"))
    assert callable(Application._on_resize)
    assert "disable_bracketed_paste" in inspect.getsource(Renderer.reset)


async def frames(lines: int, wait_for: int) -> tuple[list[str], Painter]:
    """Show lines above a prompt; give the writes."""
    tape = Tape()
    output = FrameOutput(tape, lambda: Size(24, 80), term="xterm")
    with create_pipe_input() as keys:
        session: PromptSession[str] = PromptSession("> ", input=keys, output=output)
        painter = Painter(session.app, output, lambda number: f"{number} skipped")
        task = asyncio.get_running_loop().create_task(session.prompt_async(pre_run=painter.schedule))
        while not session.app.is_running:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        tape.writes.clear()
        painter.show([f"line {number}." for number in range(lines)])
        while sum(text.count("\n") for text in tape.writes) < wait_for:
            await asyncio.sleep(0.001)
        writes = list(tape.writes)
        session.app.exit(result="")
        await task
        painter.finish()
        return writes, painter


def test_a_frame_is_one_write_and_leaves_bracketed_paste_on() -> None:
    """Erase, lines and prompt together: no moment in between for anything to meet."""
    writes, _ = asyncio.run(frames(3, 3))
    written = [text for text in writes if "line" in text]
    assert len(written) == 1
    assert "line 0.\r\nline 1.\r\nline 2.\r\n" in written[0]
    assert written[0].rfind(">") > written[0].find("line 2.")
    assert "\x1b[?2004l" not in "".join(writes)
    assert FOCUS_OFF not in "".join(writes)


def test_the_terminal_tells_of_the_focus_as_long_as_it_is_ours() -> None:
    tape = Tape()
    output = FrameOutput(tape, lambda: Size(24, 80), term="xterm")
    output.enable_bracketed_paste()
    output.disable_bracketed_paste()  # as the renderer does in each frame
    output.flush()
    assert (tape.take().count(FOCUS_ON), FOCUS_OFF in tape.take()) == (1, False)
    output.release()
    assert FOCUS_OFF in tape.take()
    output.enable_bracketed_paste()
    output.end()
    written = tape.take()
    assert written.find(FOCUS_ON) < written.find(FOCUS_OFF)


def test_many_lines_are_several_frames() -> None:
    writes, painter = asyncio.run(frames(1200, 1200))
    assert len([text for text in writes if "line" in text]) == 3
    assert not painter.busy


def test_what_does_not_fit_is_counted() -> None:
    """A last resort: reading stops long before."""
    assert BUSY_LINES < MAX_WAITING
    writes, _ = asyncio.run(frames(MAX_WAITING + 7, 1))
    assert "7 skipped\r\nline 7.\r\n" in "".join(writes)


def test_a_terminal_that_another_program_has_had_is_taken_back_once() -> None:
    """By whatever draws next, a frame that was due or else ``take_back``; and nothing above the cursor is erased."""

    async def run() -> None:
        async with fake_prompt() as prompt:
            await prompt.type("x" * 100)
            assert "\x1b[A" in (await prompt.show("before")).partition("before")[0]
            prompt.painter.disown()
            assert (await prompt.show("after")).startswith("\r" + ERASE_FROM_HERE)
            prompt.painter.take_back()
            assert not prompt.tape.take()
            prompt.painter.disown()
            prompt.painter.take_back()
            written = prompt.tape.take()
            assert "\x1b[A" not in written.partition(ERASE_FROM_HERE)[0]
            assert written.count(">") == written.count("\x1b[?2004h") == written.count(FOCUS_ON) == 1

    asyncio.run(run())
