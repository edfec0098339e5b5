"""A prompt on a terminal that remembers each write, and whose size can change."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prompt_toolkit import PromptSession
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input

from chatctl.terminal.painter import FrameOutput, Painter
from chatctl.terminal.reflow import Kind
from chatctl.terminal.visible_part import VisiblePart


class Tape(io.StringIO):
    """Remembers each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return len(text)

    def take(self) -> str:
        """Return what was written since the last call."""
        text = "".join(self.writes)
        self.writes.clear()
        return text


class FakePrompt:
    """A painter and what it has written."""

    def __init__(self, keys: PipeInput, kind: Kind, columns: int) -> None:
        self.size = Size(24, columns)
        self.tape = Tape()
        self.keys = keys
        self.output = FrameOutput(self.tape, lambda: self.size, term="xterm")
        self.session: PromptSession[str] = PromptSession(
            "> ", input=keys, output=self.output, multiline=True, input_processors=[VisiblePart(self.output.get_size)]
        )
        self.painter = Painter(self.session.app, self.output, lambda number: f"{number} skipped", kind)

    async def until(self, text: str) -> str:
        """Return what was written, once ``text`` is in it."""
        while text not in "".join(self.tape.writes):
            await asyncio.sleep(0.001)
        return self.tape.take()

    async def type(self, text: str) -> str:
        """Type, and return what is written for that."""
        buffer = self.session.default_buffer
        wanted = buffer.text + text
        self.keys.send_text(text)
        while buffer.text != wanted:
            await asyncio.sleep(0.001)
        self.session.app._redraw()
        return self.tape.take()

    async def show(self, *lines: str) -> str:
        """Print lines, and return what is written for that."""
        self.painter.show(list(lines))
        return await self.until(lines[-1])

    def resize(self, columns: int, rows: int = 24) -> None:
        self.size = Size(rows, columns)
        self.session.app._on_resize()


@asynccontextmanager
async def fake_prompt(kind: Kind = Kind.UNKNOWN, columns: int = 80) -> AsyncIterator[FakePrompt]:
    """Yield a prompt that has been drawn."""
    with create_pipe_input() as keys:
        prompt = FakePrompt(keys, kind, columns)
        task = asyncio.get_running_loop().create_task(prompt.session.prompt_async(pre_run=prompt.painter.schedule))
        await prompt.until(">")
        yield prompt
        prompt.session.app.exit(result="")
        await task
        prompt.painter.finish()
