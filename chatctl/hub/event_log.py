"""The server's log: a line per event, as text or as JSON. Every value is cleaned: clients choose some.

Does not live here: where the lines go (server/log_output.py).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Literal

from chatctl.common.text import clean

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

Value = str | int | float | None
_MAX_VALUE = 200
"""Characters; what is longer ends with an ellipsis."""

NOT_KNOWN = "not known here, since another server is newer"
"""The event of what servers of one deployment tell each other and this one passes over."""

MAX_ONCE = 100
"""Lines that are logged once; what else there is is not logged."""

# Events in the text format. The first two are the first version's own words.
_PHRASES = {
    "connected": "Connected with {peer}",
    "nickname": "Nickname is {nick} ({peer}, {mode} {room})",
    "rename": "{nick} is now {to} ({peer})",
    "left": "{nick} left ({peer}): {why}",
    "closed": "Connection closed ({peer}): {why}",
    "refused": "Refused {nick} ({peer}): {why}",
}


class Log:
    """Makes a line of each event."""

    def __init__(
        self,
        form: Literal["text", "json"] = "text",
        least: str = "info",
        *,
        write: Callable[[int, str], object],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Log events of level ``least`` and above.

        Args:
            form: of the lines.
            least: a name in ``LEVELS``.
            write: receives the number of a level and a line without its LF. It must not block, nor raise.
            clock: returns Unix seconds.
        """
        self._form = form
        self._least = LEVELS[least]
        self._put = write
        self._clock = clock
        self._once: set[tuple[object, ...]] = set()

    def debug(self, event: str, **values: Value) -> None:
        """Log what helps to find a fault."""
        self._write("debug", event, values)

    def info(self, event: str, **values: Value) -> None:
        """Log what happens in normal operation."""
        self._write("info", event, values)

    def info_once(self, event: str, **values: Value) -> None:
        """Log as ``info`` what may happen often and says nothing new then."""
        line: tuple[object, ...] = (event, *values.items())
        if line not in self._once and len(self._once) < MAX_ONCE:
            self._once.add(line)
            self.info(event, **values)

    def warning(self, event: str, **values: Value) -> None:
        """Log what an operator should look at."""
        self._write("warning", event, values)

    def error(self, event: str, **values: Value) -> None:
        """Log what failed."""
        self._write("error", event, values)

    def _write(self, level: str, event: str, values: dict[str, Value]) -> None:
        if LEVELS[level] >= self._least:
            self._put(LEVELS[level], self.line(level, event, {key: _safe(value) for key, value in values.items()}))

    def line(self, level: str, event: str, values: dict[str, Value]) -> str:
        """Return the line of an event whose values are clean, without its LF."""
        return self._as_json(level, event, values) if self._form == "json" else self._as_text(level, event, values)

    def _as_json(self, level: str, event: str, values: dict[str, Value]) -> str:
        head = {"time": round(self._clock(), 3), "level": level, "event": event}
        return json.dumps(head | values, ensure_ascii=False)

    def _as_text(self, level: str, event: str, values: dict[str, Value]) -> str:
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._clock()))
        mark = "" if level == "info" else f"{level}: "
        if phrase := _PHRASES.get(event):
            return f"{moment} {mark}{phrase.format_map(values)}"
        return " ".join([f"{moment} {mark}{event}", *(f"{key}={value}" for key, value in values.items())])


def _safe(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    return clean(value if len(value) <= _MAX_VALUE else f"{value[: _MAX_VALUE - 1]}…")
