"""The plain screen of ``join``, for pipes and dumb terminals.

A line in is a message, an event is a line out. No colour, no redraw, nothing that moves a cursor.
"""

from __future__ import annotations

import asyncio

from chatctl.errors import ChatError, OutcomeUnknown, Rejected, reason_of
from chatctl.terminal.broken_bytes import replaced, told
from chatctl.terminal.colors import Palette
from chatctl.terminal.interfaces import MakeConversation
from chatctl.terminal.lifecycle import HUNG_UP, ConversationTask
from chatctl.terminal.output_stream import buffered_stdout
from chatctl.terminal.render import FrameRenderer
from chatctl.terminal.stdin_reader import StdinReader, is_interactive

DRAIN_SECONDS = 10.0
"""After the end of the input: how long to wait for the next acknowledgement."""

MAX_UNACKNOWLEDGED = 100
"""No more lines are read while so many wait: a long file is read as fast as the server takes it."""

_RETRY_SECONDS = 0.01


class PlainScreen:
    """A Screen on stdin and stdout."""

    def __init__(self, make_conversation: MakeConversation) -> None:
        """Prepare it inside a running event loop."""
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._render = FrameRenderer(Palette(0))
        self.conversation = make_conversation(self, self._render)
        self._stdout, self._output = buffered_stdout()
        self._task = ConversationTask(self.conversation, self._end, self._output)
        self._interactive = is_interactive()  # asked now: a terminal that has vanished says that it is none
        self._error: ChatError | None = None
        self._stdin = StdinReader(self._take, self.leave, self._cannot_read)

    # --- as a Screen

    mixes_rooms = True

    def room_changed(self, *, carry: bool = False) -> None:
        """Do nothing: a line is sent as it comes."""

    def show(self, lines: list[str]) -> None:
        """Print lines."""
        try:
            self._stdout.write("".join(f"{line}\n" for line in lines))
            self._stdout.flush()
        except OSError as error:
            self._output.gone = True  # or the flush at exit fails as well
            self._cannot_print(error)

    def _cannot_print(self, error: OSError) -> None:
        """End, unless it is a script whose output nobody reads any more: its lines are sent all the same."""
        if self._output.isatty():
            self._end(HUNG_UP)
        elif not isinstance(error, BrokenPipeError):
            self._fail("cannot write to stdout", error)
        elif self._interactive:
            self.leave()

    def _cannot_read(self, error: OSError) -> None:
        if self._interactive:
            self._end(HUNG_UP)
        else:
            self._fail("cannot read stdin", error)

    def _fail(self, what: str, error: OSError) -> None:
        self._error = ChatError(f"{what}: {reason_of(error)}")
        self.leave()

    def clear(self) -> None:
        """Do nothing: what was printed stays."""

    def alert(self, text: str, said: str = "") -> None:
        """Do nothing: the line itself was printed."""

    def refresh(self) -> None:
        """Do nothing: there is no prompt."""

    def busy(self) -> bool:
        """Return False: ``show`` itself waits for a slow reader."""
        return False

    def first_unread(self) -> bool:
        """Return False: nobody tells where the user looks, and no line is added to what is piped."""
        return False

    def leave(self) -> None:
        """End the program with exit code 0."""
        self._end(0)

    def _end(self, code: int) -> None:
        if not self._ended.done():
            self._ended.set_result(code)
            self._stdin.stop()

    # --- running

    async def run(self) -> int:
        """Send each line of stdin and print each line that comes, until stdin ends.

        Returns:
            The exit code.

        Raises:
            ChatError: the server cannot be joined, or stdin or stdout failed.
            OutcomeUnknown: the last lines were not acknowledged.
            Rejected: lines of a script were refused.
        """
        await self._task.enter(self._save)
        self._stdin.start()
        code = await self._ended
        self._task.stop_saving()
        sent_away = None
        try:
            unacknowledged = await self._task.leave(DRAIN_SECONDS if code == 0 and await self._drained() else 0.0)
        except ChatError as error:
            sent_away, unacknowledged = error, self.conversation.unacknowledged
        finally:
            self._save()
        if self._error is not None:
            raise self._error
        if code == 0:
            self._check_sent(unacknowledged, sent_away)
        if sent_away is not None:
            raise sent_away
        return code

    def _save(self) -> None:
        self.conversation.save()

    async def _drained(self) -> bool:
        """Wait until a script's lines are acknowledged, also across a reconnect.

        Returns:
            Whether it is worth waiting for more in ``leave``.
        """
        left, deadline = self.conversation.unacknowledged, self._loop.time() + DRAIN_SECONDS
        while not self._interactive and left and not self._task.over and self._loop.time() < deadline:
            await asyncio.sleep(_RETRY_SECONDS)
            if self.conversation.unacknowledged < left:
                left, deadline = self.conversation.unacknowledged, self._loop.time() + DRAIN_SECONDS
        return not self._task.over and (self._interactive or not self.conversation.unacknowledged)

    def _check_sent(self, unacknowledged: int, sent_away: ChatError | None) -> None:
        """Raise if a script's lines did not all arrive; an interactive user has seen it."""
        if unacknowledged:
            why = f"{sent_away.text}; " if sent_away is not None else ""
            lines = f"{unacknowledged} of the lines {_were(unacknowledged)}"
            raise OutcomeUnknown(f"{why}{lines} not acknowledged and may or may not be stored")
        if (refusals := self.conversation.refusals) and not self._interactive:
            raise Rejected(f"{refusals} of the lines {_were(refusals)} refused")

    def _take(self, line: str) -> None:
        """Submit a line of stdin, once there is room for it.

        It runs in the event loop and not in the reader's thread, so an exception in it is handled as in every callback.
        """
        if self._ended.done():
            return
        if self.conversation.unacknowledged >= MAX_UNACKNOWLEDGED or self._must_enter_first():
            self._loop.call_later(_RETRY_SECONDS, self._take, line)
        else:
            text, broken = replaced(line)
            if broken:
                self.show([self._render.error(f"the next line has {told(broken, 'UTF-8')}")])
            self.conversation.submit(text)
            self._stdin.line_taken()

    def _must_enter_first(self) -> bool:
        """Return whether a script's next line is for a room that may still refuse us; a person sees that, and waits."""
        return not self._interactive and self.conversation.is_entering


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
