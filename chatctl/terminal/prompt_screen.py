"""The full screen of ``join``: one prompt for the whole session, lines painted above it.

Lives here: keys, the prompt, starting and ending. Does not live here: what a line does (desk.py), how lines reach the
terminal (painter.py).
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import cast

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application, run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus, is_searching
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.shortcuts import CompleteStyle

from chatctl.client.saved_state import SavedState
from chatctl.terminal.colors import Palette
from chatctl.terminal.completer import PromptCompleter
from chatctl.terminal.interfaces import Faults, Screen, Talk, ended, entered
from chatctl.terminal.painter import FrameOutput, Painter
from chatctl.terminal.reflow import ReflowRenderer, reflows
from chatctl.terminal.render import Lines
from chatctl.terminal.stdout import whole_stdout

SETTLE_SECONDS = 2.0
"""How long leaving waits for an acknowledgement; the rest stays in the outbox."""

SAVE_SECONDS = 0.5
"""How often the draft and the cursor are kept, at most: what a ``kill -9`` may cost."""

MAX_UNSENT_SHOWN = 3


class PromptScreen:
    """A terminal with a prompt; a desk's Screen."""

    def __init__(self, talk_on: Callable[[Screen, Lines], Talk], keep: SavedState, *, history_file: bool) -> None:
        """Prepare it inside a running event loop; nothing is drawn before ``run``."""
        self._lines = Lines(Palette.of(os.environ))
        self._keep = keep
        self.code = 0
        self._loop = asyncio.get_running_loop()
        self._output = cast(FrameOutput, FrameOutput.from_pty(whole_stdout(), term=os.environ.get("TERM")))
        self.desk = talk_on(self, self._lines)
        self._completer = PromptCompleter(lambda: self.desk.nicks())
        self._session = self._make_session(_history(keep, wanted=history_file))
        self._app.renderer = self._make_renderer()
        self._faults = Faults(self.leave)
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
            completer=self._completer,
            complete_while_typing=False,
            complete_style=CompleteStyle.COLUMN,
            reserve_space_for_menu=4,
            erase_when_done=True,
        )

    def _make_renderer(self) -> ReflowRenderer:
        renderer = ReflowRenderer(self._app.renderer.style, self._output)
        renderer.follows = reflows(os.environ)
        return renderer

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

    def busy(self) -> bool:
        """See Screen."""
        return self._painter.busy

    def leave(self) -> None:
        """See Screen."""
        if not self._left and self._app.is_running:
            self._left = True
            self._app.exit(result="")

    # --- the prompt

    def _prompt(self) -> StyleAndTextTuples:
        unsent, status = self.desk.unsent(), self.desk.status
        above = [("dim", f"  … {text}\n") for text in unsent[:MAX_UNSENT_SHOWN]]
        if len(unsent) > MAX_UNSENT_SHOWN:
            above.append(("dim", f"  … and {len(unsent) - MAX_UNSENT_SHOWN} more\n"))
        if status:
            above.append(("dim", f"[{status}]\n"))
        count = f"({self.desk.count})" if self.desk.count is not None else ""
        return [*above, ("bold", f"{_shortened(self.desk.name)}{count}> ")]

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

        @bind("tab")
        def _(event: KeyPressEvent) -> None:
            self._complete(event.current_buffer)

        @bind("c-c")
        def _(event: KeyPressEvent) -> None:
            if event.current_buffer.text:
                event.current_buffer.reset()
            else:
                self.leave()

        @keys.add("c-d", filter=typing & Condition(lambda: not self.typed))
        def _(event: KeyPressEvent) -> None:
            self.leave()

        @bind("c-z")
        def _(event: KeyPressEvent) -> None:
            run_in_terminal(self._pause)

        return keys

    def _pause(self) -> None:
        """Stop until the shell's ``fg``."""
        self._output.let_go()
        os.kill(0, signal.SIGTSTP)

    def _complete(self, buffer: Buffer) -> None:
        """Take what fits alone at once; prompt-toolkit does so only if it needs no change of case before the cursor."""
        if buffer.complete_state is not None:
            buffer.complete_next()
            return
        found = list(self._completer.get_completions(buffer.document, CompleteEvent(completion_requested=True)))
        if len(found) == 1:
            buffer.apply_completion(found[0])
        elif found:
            buffer.start_completion(insert_common_part=True)

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
                default=self._keep.draft(),
                handle_sigint=False,
                set_exception_handler=False,
                pre_run=self._painter.started,
            )
        except EOFError:
            pass  # the terminal is gone
        finally:
            saver.cancel()
            self.desk.save(self.typed)
            self._left = True
            self._painter.finish()
        await self.desk.leave(SETTLE_SECONDS)
        await ended(link)
        self._faults.raise_first()
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


def _shortened(name: str) -> str:
    """Leave room for typing in a narrow terminal."""
    return name if len(name) <= 16 else name[:15] + "…"


def _history(keep: SavedState, *, wanted: bool) -> History:
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
