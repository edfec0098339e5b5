"""The textbook recipe for a chat on prompt-toolkit, to show what it does: ``python -m tests.system.terminal.textbook``.

As its documentation and most examples have it: ``prompt_async`` in a loop, ``patch_stdout`` or ``run_in_terminal``
around every print, a completer, a history file. Arguments: PORT ROOM, HISTORY (a file), SLOW (a file:
while it is there, the terminal is slow, and so is the server). Only tests and benchmarks use it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory
from prompt_toolkit.patch_stdout import patch_stdout


async def show_all(reader: asyncio.StreamReader, slow: Path) -> None:
    def show(line: str) -> None:
        print(line)
        while slow.exists():
            time.sleep(0.005)

    while line := await reader.readline():
        frame = json.loads(line)
        if frame["type"] == "msg":
            text = f"00:00 {frame['nick']}: {frame['text']}"
            if slow.name == "none":
                print(text)
            else:
                await run_in_terminal(lambda text=text: show(text))  # type: ignore[misc]


async def talk(port: int, room: str, history: str, slow: Path) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readexactly(4)
    writer.write(json.dumps({"type": "hello", "v": 1, "nick": "nadia", "room": room}).encode() + b"\n")
    await reader.readline()
    session: PromptSession[str] = PromptSession(history=FileHistory(history), completer=WordCompleter(["nadia"]))
    with patch_stdout():
        shown = asyncio.create_task(show_all(reader, slow))
        while True:
            text = await session.prompt_async(f"{room}(1)> ")
            while slow.exists():  # noqa: ASYNC240
                await asyncio.sleep(0.005)
            writer.write(json.dumps({"type": "say", "text": text}).encode() + b"\n")
            if shown.done():
                return


if __name__ == "__main__":
    asyncio.run(talk(int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4])))
