"""The full screen of ``join``: one prompt for the whole run, and the messages above it.

Lives here: the prompt, starting and ending. Does not live here: keys (key_bindings.py), what a line does
(controller.py), how lines reach the terminal (painter.py).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import cast

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import vi_navigation_mode
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input.typeahead import store_typeahead
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import Style

from chatctl.terminal.broken_bytes import told
from chatctl.terminal.byte_counter import counter
from chatctl.terminal.colors import Palette
from chatctl.terminal.completer import PromptCompleter
from chatctl.terminal.completion_menu import CompletionMenu
from chatctl.terminal.desktop_notification import notification
from chatctl.terminal.draft import Draft
from chatctl.terminal.external_editor import ExternalEditor
from chatctl.terminal.folding import Folds
from chatctl.terminal.hyperlinks import has_links
from chatctl.terminal.interfaces import MakeConversation, ScreenOptions
from chatctl.terminal.interrupt import AGAIN_SECONDS, Interrupt
from chatctl.terminal.key_bindings import Actions, key_bindings
from chatctl.terminal.key_input import KeyInput
from chatctl.terminal.lifecycle import HUNG_UP, SETTLE_SECONDS, ConversationTask
from chatctl.terminal.line_in_editor import LineInEditor
from chatctl.terminal.looking_away import LookingAway
from chatctl.terminal.output_stream import buffered_stdout
from chatctl.terminal.painter import FrameOutput, Painter
from chatctl.terminal.prompt_text import prompt_text
from chatctl.terminal.reflow import kind_of
from chatctl.terminal.render import FrameRenderer
from chatctl.terminal.room_line import RoomLines
from chatctl.terminal.terminal_loan import REPORT_SECONDS, TerminalLoan
from chatctl.terminal.terminal_modes import TerminalModes
from chatctl.terminal.visible_part import VisiblePart
from chatctl.terminal.window_title import WindowTitle

FROM_KEYS = (128 + signal.SIGINT, 128 + signal.SIGQUIT)
"""Exit codes of the signals that keys send to all programs in the foreground."""


class PromptScreen:
    """A Screen on a terminal, with a prompt."""

    mixes_rooms = False

    def __init__(self, make_conversation: MakeConversation, modes: TerminalModes, options: ScreenOptions) -> None:
        """Prepare it inside a running event loop; nothing is drawn before ``run``."""
        self._loop = asyncio.get_running_loop()
        self._palette = Palette.from_environ(os.environ)
        self._render = FrameRenderer(self._palette, folds=Folds(), links=has_links(os.environ))
        self._options = options
        self._modes = modes
        self._code = 0
        self._input = KeyInput(sys.stdin, self._tell_broken)
        stdout, self._stream = buffered_stdout()
        self._stream.on_gone = lambda: self._loop.call_soon(self._end, HUNG_UP)
        self._output = cast(FrameOutput, FrameOutput.from_pty(stdout, term=os.environ.get("TERM")))
        self.conversation = make_conversation(self, self._render)
        self._interrupt = Interrupt()
        self._lines = RoomLines(history_file=options.history_file)
        self._line = self._lines.of(self.conversation.saved, self.conversation.is_private)
        self._session = self._make_session()
        self._menu = CompletionMenu(self._session)
        self._buffer.on_text_changed += lambda buffer: self._text_changed(buffer.text)
        self._draft = Draft(self._buffer, self._app.key_processor, lambda: self.conversation.limit, self._refuse)
        self._task = ConversationTask(self.conversation, self._end, self._stream)
        self._painter = Painter(
            self._app,
            self._output,
            lambda n: self._render.separator(f"{n} lines skipped: too fast"),
            kind_of(os.environ),
        )
        self._loan = TerminalLoan(self._painter, self._output, modes, self._take_keys)
        self._editor = ExternalEditor(os.environ)
        self._line_in_editor = LineInEditor(self._editor, self._loan, self._buffer, self._draft.why_not, self._refuse)
        self._input.on_column = self._painter.reports.reported
        self._looking_away = LookingAway()
        self._input.on_focus = self._looking_away.focused
        self._title = WindowTitle(self._painter.send, os.environ)
        self._app.before_render += lambda _: self._title.set(self.conversation.title)
        self._left = False

    @property
    def _app(self) -> Application[str]:
        return self._session.app

    @property
    def _buffer(self) -> Buffer:
        return self._session.default_buffer

    def _make_session(self) -> PromptSession[str]:
        return PromptSession(
            self._prompt,
            multiline=True,
            prompt_continuation=lambda width, _line, _wrap: " " * width,
            color_depth=None if self._palette.colours else ColorDepth.DEPTH_1_BIT,
            input=self._input,
            output=self._output,
            history=self._line.history,
            key_bindings=key_bindings(self._actions()),
            input_processors=[VisiblePart(self._output.get_size)],
            completer=PromptCompleter(lambda: self.conversation.nicks(), lambda: self.conversation.operator),
            complete_while_typing=False,  # else rows for the menu would stay blank below the prompt all the time
            complete_style=CompleteStyle.COLUMN,
            enable_history_search=True,
            style=Style([("bottom-toolbar", "noreverse"), ("bottom-toolbar.text", "dim")]),
            editing_mode=EditingMode.VI if self._options.keys == "vi" else EditingMode.EMACS,
            erase_when_done=True,
        )

    def _actions(self) -> Actions:
        return Actions(
            submit=self._submit,
            remember=lambda line: self._line.history.remember(line),
            interrupt=self._interrupted,
            leave=self.leave,
            stop=lambda: self._loan.stop(self._input.read_until),
            paste=lambda text: self._draft.paste(text),
            edit=lambda: self._line_in_editor.run(),
            has_rooms=lambda: self.conversation.several,
            go_to=self.conversation.go_to,
            is_editable=lambda line: len(line.encode()) > self.conversation.limit,
        )

    # --- as a Screen

    def show(self, lines: list[str]) -> None:
        """Print lines above the prompt, with the next frame."""
        self._painter.show(lines)

    def clear(self) -> None:
        """Empty the screen; the prompt moves to the top."""
        self._painter.clear()

    def alert(self, text: str, said: str = "") -> None:
        """Ring the bell, and have the terminal show a notification, unless another program has it."""
        shown = f"{text}: {said}" if said else text
        self._painter.send(
            "\a" + ("" if self._loan.is_on else notification(shown, self._options.notification, os.environ))
        )

    def refresh(self) -> None:
        """Draw the prompt again soon."""
        self._app.invalidate()

    def busy(self) -> bool:
        """Return whether the terminal takes lines more slowly than they come."""
        return self._painter.busy

    def first_unread(self) -> bool:
        """Return whether the window has lost the focus, once for each time."""
        return self._looking_away.first_unread()

    def leave(self) -> None:
        """End the program."""
        self._end(0)

    def _end(self, code: int) -> None:
        if self._loan.is_on and code in FROM_KEYS:
            self._stream.be_patient()
            return  # the key was for the program that has the terminal, and that has got the signal, too
        self._editor.stop()
        self._code = self._code or code
        if not self._left and self._app.is_running and not self._app.is_done:  # done: its input has ended
            self._left = True
            self._app.exit(result="")

    # --- the line

    def _prompt(self) -> StyleAndTextTuples:
        columns, told = self._output.get_size().columns, self._line.old_draft.announcement(time.time())
        again = "Ctrl-C again leaves" if self._interrupt.announced(self._loop.time()) else ""
        return prompt_text(self.conversation, columns, [told, again], end=": " if vi_navigation_mode() else "> ")

    def _submit(self, line: str) -> bool:
        at, was_private = self._line, self.conversation.is_private(line)
        if not self.conversation.submit(line):
            return False
        at.entered(line, was_private=was_private)
        if self._line is at:  # else the line of another room stands there now
            self._buffer.reset()
        return True

    def room_changed(self, *, carry: bool = False) -> None:
        """Take the line of the room that is shown now; ``carry``: with what was typed in the one before it."""
        before, self._line = self._line, self._lines.of(self.conversation.saved, self.conversation.is_private)
        before.document = self._buffer.document
        before.save(self._buffer.text)
        carried = before.document if carry and not self._line.document.text else self._line.document
        self._buffer.history = self._line.history
        self._buffer.reset(carried)
        self.refresh()

    def _text_changed(self, text: str) -> None:
        self._line.old_draft.line_is(text)
        self._session.bottom_toolbar = counter(text, self.conversation.limit) or None

    def _interrupted(self, cleared: bool) -> None:
        if self._interrupt.leaves(self._loop.time(), cleared=cleared):
            self.leave()
        else:
            self._loop.call_later(AGAIN_SECONDS, self.refresh)

    def _refuse(self, why: str) -> None:
        self.show([self._render.error(why)])

    def _take_keys(self, typed: bytes) -> None:
        self._app.key_processor.feed_multiple(self._input.keys_in(typed))
        self._app.key_processor.process_keys()

    def _continued(self) -> None:
        """Take the terminal back: it was stopped, and a shell or another program has had it since."""
        if self._loan.is_on:
            return
        self._input.raw_mode().__enter__()
        self._painter.take_back()

    def _tell_broken(self, broken: bytes) -> None:
        self._refuse(f"your terminal has sent {told(broken, sys.stdin.encoding)} in the line")

    # --- running

    async def run(self) -> int:
        """Be in the room until the user leaves.

        There is one ``prompt_async`` for the whole run: between two prompts, as in a loop of them, keys are lost. Enter
        takes the text out of the buffer instead, and an own message appears when the server sends it back.

        Returns:
            The exit code.

        Raises:
            ChatError: the server cannot be joined.
        """
        await self._task.enter(self._save)
        store_typeahead(self._input, self._input.keys_in(self._modes.typed_before()))
        self._loop.add_signal_handler(signal.SIGCONT, self._continued)
        # Its callback comes a turn of the loop later: a frame that is due may be drawn before it.
        signal.signal(signal.SIGCONT, lambda *_: self._painter.disown())
        try:
            await self._session.prompt_async(
                handle_sigint=False,  # both are ConversationTask's
                set_exception_handler=False,
                pre_run=self._painter.schedule,
            )
        except EOFError:
            self._code = self._code or HUNG_UP
        finally:
            self._task.stop_saving()
            self.conversation.save()
            self._line.save(self._buffer.text)
            self._left = True
            self._title.restore()
            self._painter.finish()
            self._input.read_until(lambda: not self._painter.reports.due, REPORT_SECONDS)
        try:
            await self._task.leave(SETTLE_SECONDS)
        finally:
            if not self._stream.blocked:  # else what came since has not been shown
                self.conversation.save()
        return self._code

    def _save(self) -> None:
        self.conversation.save()
        self._line.save(self._buffer.text)
        if self._line.take_over() and not self._buffer.text:
            self._buffer.reset()  # it reads the history anew
            self.refresh()
        if self.conversation.status:
            self.refresh()  # it counts seconds
