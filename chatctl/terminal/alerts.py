"""Which message concerns the user, and what tells them: the bell, the terminal, a command of theirs.

Lives here: the choice that ``--notify`` makes. Does not live here: how a screen rings (prompt_screen.py), running the
command (notify_command.py).
"""

from __future__ import annotations

from collections.abc import Callable

from chatctl.common.text import clean
from chatctl.protocol import Msg, Whispered
from chatctl.terminal.interfaces import JoinOptions
from chatctl.terminal.notify_command import Alert, AlertKind
from chatctl.terminal.render import mentions


class Alerts:
    """Alerts of one room."""

    def __init__(
        self, options: JoinOptions, ring: Callable[[str, str], None], tell_failure: Callable[[str], None]
    ) -> None:
        """Alert nobody yet.

        Args:
            options: say what concerns the user, and which command is run.
            ring: rings, and has the terminal show who did what, and what was said.
            tell_failure: is told, once, that the command fails.
        """
        self._options = options
        self._ring = ring
        self._tell_failure = tell_failure

    def message(self, msg: Msg, own_nick: str) -> None:
        """Alert the user to a new message, if it concerns them."""
        mentioned = mentions(msg.text, own_nick)
        if msg.nick == own_nick or not (mentioned or self._options.notify == "all"):
            return
        kind: AlertKind = "mention" if mentioned else "message"
        does = "says something" if self._options.notify == "all" else "mentions you"
        self._tell(does, Alert(kind, self._options.room, msg.nick, msg.text, msg.time, msg.seq))

    def whisper(self, whisper: Whispered) -> None:
        """Alert the user to a whisper."""
        self._tell("whispers", Alert("whisper", self._options.room, whisper.from_, whisper.text, whisper.time))

    def _tell(self, does: str, alert: Alert) -> None:
        if self._options.notify == "off":
            return
        self._ring(f"{clean(alert.nick)} {does}", clean(alert.text))
        if self._options.notify_command is not None:
            self._options.notify_command.run(alert, self._tell_failure)
