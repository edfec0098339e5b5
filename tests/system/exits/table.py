"""The table command × situation: what is typed, and what comes of it.

Lives here: what a cell is, the situations, the codes, and all cells together (they stand in cells_*.py, by kind of
command). Does not live here: how a situation is brought about (peers.py), how a cell is run (test_table.py), how the
table reads (render.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

CODES = {
    0: ("done", ""),
    1: (
        "an error in chatctl or on this machine: a full disk, a port that is in use",
        "read the message",
    ),
    2: ("wrong usage; nothing was done", "read `--help`"),
    3: ("no server there, or no answer in time; nothing was sent", "try again later"),
    4: (
        "sent, and no answer came: it may or may not have been stored",
        "what the message says: `send` again with the same `--id`, `ask` again after a minute",
    ),
    5: (
        "the name, the key or the password was refused; for `join` also: the name joined from elsewhere",
        "use another `--nick`, or do what the message says",
    ),
    6: ("rejected: too long, no such room, full; for `join` also: kicked, banned", "change the request"),
    7: ("what answered is not a chatctl server, or it broke the protocol", "check host and port"),
    8: ("the condition was not met: not in the room, not found, or not in time", ""),
    129: ("the terminal was closed (SIGHUP)", ""),
    130: ("interrupted (Ctrl-C, SIGINT)", ""),
    138: ("killed by SIGUSR1; 128 plus the number of any signal that chatctl does not handle", ""),
    143: ("terminated (SIGTERM)", ""),
}
"""Of every command but ``probe``: what it means, what to do."""

PROBE_CODES = {
    0: "OK",
    1: "WARNING: slower than a threshold",
    2: "CRITICAL: not reachable, refused, broken, or slower than a threshold",
    3: "UNKNOWN: wrong usage, no check ran, or an internal error",
}

SITUATIONS = {
    "fine": "the server runs, and nothing fails",
    "refused": "no program listens on that port",
    "silent peer": "a program accepts the connection and sends nothing",
    "web server": "a web server listens on that port",
    "drops mid-way": "the connection breaks while the command waits for an answer",
    "garbage": "the server sends something that is not the protocol",
    "name taken": "somebody else has the nickname, or the file exists",
    "too long": "longer than the server's limit",
    "room missing": "there is no such room",
    "deadline": "the time limit passes",
    "SIGINT": "Ctrl-C, or `kill -INT`",
    "SIGTERM": "`kill`, a job's time limit",
    "closed stdout": "the reader of its output has closed the pipe",
    "no stdin": "stdin is closed, as under some schedulers",
    "full disk": "the output goes to a full disk",
    "SIGHUP": "the terminal or the SSH session is closed",
    "SIGUSR1": "`kill -USR1`, or another signal that chatctl does not handle",
    "hanging DNS": "the name server does not answer",
    "no home": "a container: no `HOME`, and an account that is not in `/etc/passwd`",
    "not UTF-8": "the input is not text",
    "odd file": "a file name leads to a device, a FIFO or a link",
    "endless stdin": "the input never ends",
    "two at once": "the same command runs at the same time",
}

PLACEHOLDERS = {
    "date": r"\d{4}-\d\d-\d\d",
    "time": r"\d\d:\d\d:\d\d",
    "minute": r"\d\d:\d\d",
    "zone": r"[+-]\d{4}",
    "n": r"\d+(?:\.\d+)?",
    "key": r"[0-9a-f]{16}",
    "any": r"[^\n]+",
    "lines": r"(?:[^\n]+\n)*[^\n]+",
    "full": "no space left on device",
}
"""What differs from run to run: ``{n:0.8}`` stands for a number, and reads 0.8 in the documentation."""

EXAMPLES = {
    "date": "2026-11-22", "time": "22:44:02", "minute": "22:44", "zone": "+0100", "key": "9f86d081884c7d65",
    "port": "5500", "room": "lobby", "here": "/home/ci", "full": "no space left on device",
    "disk": "/mnt/full", "journal": "/home/ci/rooms.db",
}  # fmt: skip

_PLACEHOLDER = re.compile(r"\{(\w+)(?::([^{}]*))?\}")


@dataclass(frozen=True)
class Cell:
    """One way for one command to end."""

    command: str
    situation: str
    typed: str
    """What a shell is given. Where the server is, which room and whose name stand in the environment."""
    code: int
    out: str = ""
    """All of stdout without its last line end; with placeholders."""
    err: str = ""
    """All of stderr, likewise."""
    said: str | None = ""
    """All that the room hears of it, a line each, likewise; None where it is too much to tell."""
    peer: str = ""
    """Which of peers.py stands at the port; empty for the situation's own."""
    signal: str = ""
    """Sent once the peer saw the command get there; several with spaces between."""
    note: str = ""
    """What a reader of the documentation has to know besides."""
    lines: bool = False
    """Whether stderr may have more than one line: a command that continues has more than one thing to tell."""

    @property
    def name(self) -> str:
        """Name the test after it."""
        return f"{self.command}-{self.situation}-{self.typed}".replace(" ", "_")


@dataclass(frozen=True)
class Nothing:
    """A situation that a command can't be in."""

    command: str
    situation: str
    why: str


def nothing(commands: Iterable[str], situations: Iterable[str], why: str) -> Iterator[Nothing]:
    """Yield that none of the commands can be in any of the situations, all for one reason."""
    return (Nothing(command, situation, why) for command in commands for situation in situations)


def pattern(expected: str, known: Mapping[str, str]) -> re.Pattern[str]:
    """Return a pattern for an output. ``known`` has this run's ports and folders."""
    parts = []
    end = 0
    for match in _PLACEHOLDER.finditer(expected):
        name = match[1]
        parts += [re.escape(expected[end : match.start()]), PLACEHOLDERS.get(name) or re.escape(known[name])]
        end = match.end()
    return re.compile("".join(parts) + re.escape(expected[end:]) + ("\n" if expected else ""))


def example(expected: str) -> str:
    """Return an output as a reader may see it."""
    return _PLACEHOLDER.sub(lambda match: EXAMPLES[match[1]] if match[2] is None else match[2], expected)
