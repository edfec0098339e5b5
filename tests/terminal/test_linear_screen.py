"""The linear screen: what a pause does. All else is tested in a terminal: tests/system/terminal/test_linear.py."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from prompt_toolkit.key_binding import KeyPress

from chatctl.client.saved_state import SavedState
from chatctl.terminal import linear_screen
from chatctl.terminal.interfaces import ScreenOptions
from chatctl.terminal.linear_screen import LinearScreen
from chatctl.terminal.terminal_modes import TerminalModes


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Have stdin and stdout be a terminal; yield its other end."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as stdin, monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", stdin)
        patch.setattr(sys, "stdout", stdin)
        yield ours
    os.close(ours)


def read(other_end: int, size: int) -> bytes:
    """Read so many bytes: each write may come alone."""
    data = b""
    while len(data) < size:
        data += os.read(other_end, size - len(data))
    return data


def test_after_a_pause_messages_are_written_and_the_line_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who left half a line there is not left out of the conversation; while keys come, nothing is written."""
    conversation = SimpleNamespace(
        nicks=list, submit=lambda _line: True, limit=100, saved=SavedState(None), is_private=bool, operator=None
    )

    async def run(other_end: int) -> None:
        screen = LinearScreen(lambda *_: conversation, TerminalModes(0), ScreenOptions())  # type: ignore[arg-type, return-value]
        screen._press([KeyPress("h"), KeyPress("i")])
        screen.show(["omar: one"])
        await asyncio.sleep(0)
        assert read(other_end, 2) == b"hi"
        monkeypatch.setattr(linear_screen, "PAUSE_SECONDS", 0.0)
        screen._press([KeyPress("!")])
        while screen._output.waiting:
            await asyncio.sleep(0)
        assert read(other_end, 17) == b"!\r\nomar: one\r\nhi!"
        screen.show(["omar: two"])
        while screen._output.waiting:
            await asyncio.sleep(0)
        assert read(other_end, 16) == b"\r\nomar: two\r\nhi!"

    with terminal(monkeypatch) as other_end:
        asyncio.run(run(other_end))
