"""Keys at a prompt of prompt-toolkit's, without a terminal: what stands in the line, and where the cursor is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from prompt_toolkit import PromptSession
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.key_binding import merge_key_bindings
from prompt_toolkit.output import DummyOutput

from chatctl.terminal.draft import Draft
from chatctl.terminal.editing_keys import editing_keys
from chatctl.terminal.key_parser import KeyParser
from chatctl.terminal.line_history import LineHistory
from chatctl.terminal.vi_keys import vi_keys


def edit(
    keys: str,
    *,
    limit: int = 4096,
    refusals: list[str] | None = None,
    mode: EditingMode = EditingMode.EMACS,
    begin: Callable[[Buffer], object] = lambda _buffer: None,
) -> str:
    """Press keys, after ``begin`` has prepared the buffer; return the line with ``|`` where the cursor is."""
    return asyncio.run(_press(keys, limit, [] if refusals is None else refusals, mode, begin))


async def _press(
    keys: str, limit: int, refusals: list[str], mode: EditingMode, begin: Callable[[Buffer], object]
) -> str:
    with create_pipe_input() as pipe:
        session: PromptSession[str] = PromptSession(
            multiline=True,
            input=pipe,
            output=DummyOutput(),
            key_bindings=merge_key_bindings([editing_keys(), vi_keys()]),
            history=LineHistory(None),
            enable_history_search=True,
            editing_mode=mode,
        )
        buffer, processor = session.default_buffer, session.app.key_processor
        draft = Draft(buffer, processor, lambda: limit, refusals.append)
        parser = KeyParser()

        def run() -> None:
            begin(buffer)
            for part in keys.split("\x1b[200~"):
                inside, _, rest = part.partition("\x1b[201~") if "\x1b[201~" in part else ("", "", part)
                if inside:
                    draft.paste(inside)
                processor.feed_multiple([*parser.feed(rest), *parser.pause()])
                processor.process_keys()
            session.app.exit(result=f"{buffer.text[: buffer.cursor_position]}|{buffer.document.text_after_cursor}")

        return await session.prompt_async(pre_run=run)
