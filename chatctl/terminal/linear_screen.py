"""The linear screen of ``join``, for screen readers on a terminal: what is written stays as it is, row below row.

No sequence, no cursor that moves, nothing erased. A message is never written into the line that is being typed: it
waits until the line is entered or empty, until nothing was typed for a while, or until it is asked for; in the last two
cases the line is written again below it. Lives here: starting and ending, pauses. Does not live here: keys
(linear_keys.py), rows (linear_output.py), screens without a keyboard (plain_screen.py).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

from prompt_toolkit.key_binding import KeyPress

from chatctl.terminal.broken_bytes import told
from chatctl.terminal.colors import Palette
from chatctl.terminal.completer import PromptCompleter
from chatctl.terminal.folding import Folds
from chatctl.terminal.interfaces import MakeConversation, ScreenOptions
from chatctl.terminal.interrupt import Interrupt
from chatctl.terminal.key_input import KeyInput
from chatctl.terminal.lifecycle import HUNG_UP, SETTLE_SECONDS, ConversationTask
from chatctl.terminal.linear_keys import Actions, LinearKeys
from chatctl.terminal.linear_line import BELL, LinearLine
from chatctl.terminal.linear_output import LinearOutput
from chatctl.terminal.output_stream import buffered_stdout
from chatctl.terminal.painter import BUSY_LINES
from chatctl.terminal.render import FrameRenderer
from chatctl.terminal.room_line import RoomLines
from chatctl.terminal.terminal_modes import TerminalModes

PAUSE_SECONDS = 10.0
"""Nothing typed for so long: messages that wait are written."""

ESCAPE_SECONDS = 0.1
"""How long bytes may be on their way behind an ESC that begins a sequence."""


class LinearScreen:
    """A Screen on a terminal that only ever adds text."""

    mixes_rooms = True

    def __init__(self, make_conversation: MakeConversation, modes: TerminalModes, options: ScreenOptions) -> None:
        """Prepare it inside a running event loop; nothing is written before ``run``."""
        self._loop = asyncio.get_running_loop()
        self._modes = modes
        self._render = FrameRenderer(Palette(0), folds=Folds())
        stdout, self._stream = buffered_stdout()
        self._stream.on_gone = lambda: self._loop.call_soon(self._end, HUNG_UP)
        self._input = KeyInput(sys.stdin, self._tell_broken)
        self._line = LinearLine()
        self._output = LinearOutput(stdout, self._line)
        self._interrupt = Interrupt()
        self._timer: asyncio.TimerHandle | None = None
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self.conversation = make_conversation(self, self._render)
        self._lines = RoomLines(history_file=options.history_file)
        self._room_line = self._lines.of(self.conversation.saved, self.conversation.is_private)
        completer = PromptCompleter(lambda: self.conversation.nicks(), lambda: self.conversation.operator)
        self._keys = LinearKeys(self._line, self._output, completer, self._actions())
        self._task = ConversationTask(self.conversation, self._end, self._stream)

    def _actions(self) -> Actions:
        return Actions(
            submit=self._submit,
            remember=lambda line: self._room_line.history.remember(line),
            entered=lambda: self._room_line.history.get_strings(),
            interrupt=self._interrupted,
            leave=self.leave,
            stop=self._stop,
            limit=lambda: self.conversation.limit,
            error=self._render.error,
        )

    # --- as a Screen

    def room_changed(self, *, carry: bool = False) -> None:
        """Take the history of the room that is shown now; what is being typed goes on in it."""
        self._room_line.save("")
        self._room_line = self._lines.of(self.conversation.saved, self.conversation.is_private)
        self._begin_line()

    def _begin_line(self) -> None:
        """Have the line's history at hand, and tell of an unfinished line."""
        self._room_line.history.read()
        if announcement := self._room_line.old_draft.announcement(time.time()):
            self.show([self._render.note(announcement)])

    def show(self, lines: list[str]) -> None:
        """Write lines, or keep them until the line that is being typed is out of the way."""
        self._output.show(lines)

    def clear(self) -> None:
        """Do nothing: what was written stays."""

    def alert(self, text: str, said: str = "") -> None:
        """Ring the bell at once, also for a message that waits."""
        self._output.write(BELL)

    def refresh(self) -> None:
        """Do nothing: there is no prompt."""

    def busy(self) -> bool:
        """Return whether too many lines wait for the end of the line that is being typed."""
        return len(self._output.waiting) >= BUSY_LINES

    def first_unread(self) -> bool:
        """Return False: the terminal is not asked where the user looks."""
        return False

    def leave(self) -> None:
        """End the program with exit code 0."""
        self._end(0)

    def _end(self, code: int) -> None:
        if not self._ended.done():
            self._ended.set_result(code)

    # --- keys

    def _read(self) -> None:
        self._press(self._input.read_keys())
        if self._input.closed:
            self._end(HUNG_UP)
        self._loop.call_later(ESCAPE_SECONDS, lambda: self._press(self._input.flush_keys()))

    def _press(self, presses: list[KeyPress]) -> None:
        if presses and not self._ended.done():
            self._keys.press(presses)
            self._room_line.old_draft.line_is(self._line.text)
            self._wait_for_pause()

    def _submit(self, line: str) -> bool:
        at, was_private = self._room_line, self.conversation.is_private(line)
        accepted = self.conversation.submit(line)
        if accepted:
            at.entered(line, was_private=was_private)
        return accepted

    def _wait_for_pause(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(PAUSE_SECONDS, self._paused) if self._line.text else None
        if self._timer is None:
            self._output.write_waiting()

    def _paused(self) -> None:
        """Nothing was typed for a while."""
        if self._output.waiting:
            self._output.write_all()
        self._wait_for_pause()

    def _interrupted(self, cleared: bool) -> bool:
        leaves = self._interrupt.leaves(self._loop.time(), cleared=cleared)
        if leaves:
            self.leave()
        return leaves

    def _stop(self) -> None:
        """Stop the whole process group until the shell's ``fg``."""
        self._output.end_row()
        with self._input.cooked_mode():
            os.kill(0, signal.SIGTSTP)

    def _continued(self) -> None:
        """Take the terminal back, and write the line again: a shell or another program has written since."""
        self._input.raw_mode().__enter__()
        self._output.write_all()

    def _tell_broken(self, broken: bytes) -> None:
        self._output.waiting.append(self._render.error(f"your terminal has sent {told(broken, sys.stdin.encoding)}"))

    # --- running

    async def run(self) -> int:
        """Be in the room until the user leaves.

        Returns:
            The exit code.

        Raises:
            ChatError: the server cannot be joined.
        """
        await self._task.enter(self._save)
        self._begin_line()
        self._loop.add_signal_handler(signal.SIGCONT, self._continued)
        try:
            with self._input.raw_mode(), self._input.attach(self._read):
                self._press(self._input.keys_in(self._modes.typed_before()))
                code = await self._ended
        finally:
            self._task.stop_saving()
            self.conversation.save()
            self._room_line.save(self._line.take())
            self._output.end_row()  # what comes from now on is written at once
            self._output.write_waiting()
        try:
            await self._task.leave(SETTLE_SECONDS)
        finally:
            if not self._stream.blocked:  # else what came since has not been shown
                self.conversation.save()
        return code

    def _save(self) -> None:
        self.conversation.save()
        self._room_line.save(self._line.text)
        if self._room_line.take_over():
            self._begin_line()
