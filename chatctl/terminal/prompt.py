"""The full screen of ``join``: one prompt for the whole session, lines painted above it.

Lives here: keys, the prompt, starting and ending. Does not live here: what a line does (desk.py), how lines reach the
terminal (painter.py).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import cast

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus, is_searching
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.shortcuts import CompleteStyle

from chatctl.client.keep import Keep
from chatctl.terminal.complete import DeskCompleter
from chatctl.terminal.lines import Lines
from chatctl.terminal.painter import FrameOutput, Painter
from chatctl.terminal.palette import Palette
from chatctl.terminal.screen import Screen, Talk, entered

SAVE_SECONDS = 0.5
"""How often the draft and the cursor are kept, at most: what a ``kill -9`` may cost."""

MAX_UNSENT_SHOWN = 3


class PromptScreen:
    """A terminal with a prompt; a desk's Screen."""

    def __init__(self, talk_on: Callable[[Screen, Lines], Talk], keep: Keep, *, history_file: bool) -> None:
        """Prepare it inside a running event loop; nothing is drawn before ``run``."""
        self._lines = Lines(Palette.of(os.environ))
        self._keep = keep
        self.code = 0
        self._loop = asyncio.get_running_loop()
        self._output = cast(FrameOutput, FrameOutput.from_pty(sys.stdout, term=os.environ.get("TERM")))
        self.desk = talk_on(self, self._lines)
        self._session = self._make_session(_history(keep, wanted=history_file))
        self._painter = Painter(self._app, self._output, lambda n: self._lines.rule(f"{n} lines skipped: too fast"))
        self._left = False

    @property
    def _app(self) -> Application[str]:
        return self._session.app

    def _make_session(self, history: History) -> PromptSession[str]:
        return PromptSession(
            self._prompt,
            multiline=True,
            prompt_continuation=lambda width, _line, _wrap: "  ".rjust(width),
            output=self._output,
            history=history,
            key_bindings=self._keys(),
            completer=DeskCompleter(lambda: self.desk.nicks()),
            complete_while_typing=False,
            complete_style=CompleteStyle.COLUMN,
            reserve_space_for_menu=4,
        )

    # --- a desk's Screen

    def show(self, lines: list[str]) -> None:
        """See Screen."""
        self._painter.show(lines)

    def clear(self) -> None:
        """See Screen."""
        self._painter.clear()

    def alert(self, text: str) -> None:
        """Ring, and notify the desktop where the terminal is known to pass that on."""
        self._painter.ring("\a" + _notification(text))

    def refresh(self) -> None:
        """See Screen."""
        self._app.invalidate()

    def leave(self) -> None:
        """See Screen."""
        if not self._left and self._app.is_running:
            self._left = True
            self._app.exit(result="")

    # --- the prompt

    def _prompt(self) -> StyleAndTextTuples:
        unsent = self.desk.unsent()
        waiting = [
            ("class:unsent fg:ansibrightblack", f"  … {_one_line(text)}\n") for text in unsent[:MAX_UNSENT_SHOWN]
        ]
        if len(unsent) > MAX_UNSENT_SHOWN:
            waiting.append(("fg:ansibrightblack", f"  … and {len(unsent) - MAX_UNSENT_SHOWN} more\n"))
        status = f" [{self.desk.status}]" if self.desk.status else ""
        count = f"({self.desk.count})" if self.desk.count is not None else ""
        return [*waiting, ("bold", f"{self.desk.name}{count}{status}> ")]

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        typing = has_focus(DEFAULT_BUFFER) & ~is_searching

        def bind(*names: str) -> Callable[[Callable[[KeyPressEvent], None]], Callable[[KeyPressEvent], None]]:
            return keys.add(*names, filter=typing)

        @bind("enter")
        def _(event: KeyPressEvent) -> None:
            self._entered(event)

        @bind("escape", "enter")
        @bind("c-j")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @bind("c-c")
        def _(event: KeyPressEvent) -> None:
            if event.current_buffer.text:
                event.current_buffer.reset()
            else:
                self.leave()

        @keys.add("c-d", filter=typing & Condition(lambda: not self.typed))
        def _(event: KeyPressEvent) -> None:
            self.leave()

        return keys

    def _entered(self, event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            buffer.complete_state = None  # takes the completion; a second Enter sends
            return
        if self.desk.submit(buffer.text):
            buffer.append_to_history()
            buffer.reset()

    @property
    def typed(self) -> str:
        """What stands in the line."""
        return self._session.default_buffer.text

    # --- the whole run

    async def run(self) -> int:
        """Be in the room until the person leaves. Gives the exit code.

        Raises:
            ChatError: we could not get in.
        """
        link = self._loop.create_task(self.desk.run())
        await entered(self.desk, link)
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._killed, number)
        saver = self._loop.create_task(self._keep_saving())
        link.add_done_callback(lambda _: self.leave())
        try:
            await self._session.prompt_async(
                default=self._keep.draft(), handle_sigint=False, pre_run=self._painter.started
            )
        except EOFError:
            pass  # the terminal is gone
        finally:
            saver.cancel()
            self.desk.save(self.typed)
            self._left = True
            self._painter.finish()
        await self.desk.leave()
        await link
        return self.code

    def _killed(self, number: int) -> None:
        self.code = 128 + number
        self.leave()

    async def _keep_saving(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            self.desk.save(self.typed)
            if self.desk.status:
                self.refresh()  # it counts seconds


def _one_line(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _history(keep: Keep, *, wanted: bool) -> History:
    path = keep.history_file if wanted else None
    return FileHistory(str(path)) if path is not None else InMemoryHistory()


def _notification(text: str) -> str:
    """Give the OSC sequence that this terminal makes a desktop notification of, or nothing."""
    program, term = os.environ.get("TERM_PROGRAM", ""), os.environ.get("TERM", "")
    plain = text.replace(";", ",")
    if program in ("iTerm.app", "WezTerm", "ghostty") or "kitty" in term or term.startswith("foot"):
        return f"\x1b]9;chatctl: {plain}\x1b\\"
    if term.startswith("rxvt"):
        return f"\x1b]777;notify;chatctl;{plain}\x1b\\"
    return ""
