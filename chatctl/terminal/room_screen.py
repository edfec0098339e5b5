"""The screen as one room has it: its lines are printed while the room is shown, and wait while another one is.

Lives here: what waits, bounded, and what becomes of it. Does not live here: which room is shown (room_list.py), how a
message looks (render.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chatctl.protocol import Msg, Redacted
from chatctl.terminal.interfaces import Screen
from chatctl.terminal.render import FrameRenderer

MAX_WAITING = 1_000
"""Messages and groups of lines that wait in one room; of more, the oldest go: ``/history`` has them."""


class _Waiting(NamedTuple):
    """A message that waits, as it is, or lines."""

    lines: list[str]
    msg: Msg | None = None
    own_nick: str = ""
    only_here: bool = False
    """Nothing else tells it: no history has it."""


class RoomScreen:
    """A Screen for the view of one room."""

    def __init__(
        self,
        name: str,
        screen: Screen,
        render: FrameRenderer,
        said: Callable[[bool], None] = lambda _for_you: None,
        several: Callable[[], bool] = lambda: False,
    ) -> None:
        """Be shown at first.

        Args:
            name: the room's.
            screen: the one of the program.
            render: renders the room's messages.
            said: is told of each message of others that is new, with whether it is for the user.
            several: whether there are other rooms, so that a line has to say which one it is of.
        """
        self._name = name
        self._screen = screen
        self._render = render
        self.said = said
        self._several = several
        self._is_shown = True
        self._waiting: deque[_Waiting] = deque()
        self._dropped = 0

    @property
    def has_unseen(self) -> bool:
        """Whether messages wait: the user has not read up to the newest one."""
        return bool(self._dropped) or any(one.msg is not None for one in self._waiting)

    def hide(self) -> None:
        """Have all that comes wait, unless the screen shows all rooms at once."""
        self._is_shown = self._screen.mixes_rooms

    def open(self, title: str) -> None:
        """Print a line, and what waits; from now on what comes is printed at once."""
        self._is_shown = True
        waiting, self._waiting = self._waiting, deque()
        lines = [self._render.separator(title)]
        if self._dropped:
            lines.append(self._render.separator(f"{self._dropped:,} before these: /history shows them"))
            self._dropped = 0
        for one in waiting:
            lines += one.lines if one.msg is None else self._render.message(one.msg, one.own_nick)
        self._screen.show(lines)

    def print_all(self) -> None:
        """Print what is still told of the room, with its name, whichever is shown.

        Of what waits, that is what is told nowhere else; the rest goes on waiting, and the next run shows it.
        """
        self._is_shown = True
        self._several = lambda: True
        for one in self._waiting:
            if one.only_here:
                self._print(one.lines)

    # --- as a Screen

    @property
    def mixes_rooms(self) -> bool:
        """Whether lines of several rooms stand among each other."""
        return self._screen.mixes_rooms

    def show(self, lines: list[str]) -> None:
        """Print lines, or have them wait."""
        if self._is_shown:
            self._print(lines)
        elif lines:
            self._wait(_Waiting(lines))

    def tell(self, lines: list[str]) -> None:
        """Print lines that are for the user and that nothing else tells, such as a whisper; or have them wait."""
        if self._is_shown:
            self._print(lines)
        else:
            self._wait(_Waiting(lines, only_here=True))
            self.said(True)

    def message(self, msg: Msg, own_nick: str) -> None:
        """Print a message, or have it wait as it is: an operator may empty it meanwhile."""
        if self._is_shown:
            unread = self.unread_line() if msg.nick != own_nick else []
            self._print([*unread, *self._render.message(msg, own_nick)])
        else:
            self._wait(_Waiting([], msg, own_nick))

    def unread_line(self) -> list[str]:
        """Return the line above the first message that comes while the user looks elsewhere; nothing at other times."""
        return [self._render.separator("unread")] if self._is_shown and self._screen.first_unread() else []

    def _print(self, lines: Sequence[str]) -> None:
        prefix = f"[{self._name}] " if self._several() else ""
        self._screen.show([prefix + line for line in lines])

    def _wait(self, one: _Waiting) -> None:
        """Have something wait; if it is too much, the oldest goes of what is told elsewhere, too."""
        self._waiting.append(one)
        if len(self._waiting) > MAX_WAITING:
            oldest = next((at for at, other in enumerate(self._waiting) if not other.only_here), 0)
            self._dropped += self._waiting[oldest].msg is not None
            del self._waiting[oldest]

    def redact(self, redacted: Redacted) -> None:
        """Show nothing of messages that an operator has emptied."""
        self._render.forget(redacted.seqs)
        self._waiting = deque(
            one if one.msg is None else one._replace(msg=redacted.apply_to(one.msg)) for one in self._waiting
        )

    def clear(self) -> None:
        """Empty the screen."""
        self._screen.clear()

    def alert(self, text: str, said: str = "") -> None:
        """Ring the bell, and say which room it is about, if it is not the one that is shown."""
        self._screen.alert(text if self._is_shown and not self._several() else f"{self._name}: {text}", said)

    def refresh(self) -> None:
        """Draw the prompt again."""
        self._screen.refresh()

    def busy(self) -> bool:
        """Return whether the connection should not be read: not of a room that prints nothing."""
        return self._is_shown and self._screen.busy()

    def leave(self) -> None:
        """End the program."""
        self._screen.leave()
