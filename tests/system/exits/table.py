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
        "internal error in chatctl, or this machine's: a full disk, a port that is taken",
        "read the line, it says which",
    ),
    2: ("wrong usage; nothing was done", "read `--help`"),
    3: ("no server there, or no answer in time; nothing was sent", "try again later"),
    4: (
        "sent, and no answer came: it may or may not have been stored",
        "what the line says: `send` again under the same `--id`, `ask` again after a minute",
    ),
    5: (
        "the name, the key or the password was refused; for `join` also: the name joined from elsewhere",
        "another `--nick`; what the line says",
    ),
    6: ("rejected: too long, no such room, full; for `join` also: kicked, banned", "change it"),
    7: ("what answered is no chatctl server, or broke the protocol", "another port"),
    8: ("the condition was not met: not here, or not in time", ""),
    129: ("hung up: the terminal is gone (SIGHUP)", ""),
    130: ("interrupted (Ctrl-C, SIGINT)", ""),
    138: ("ended by the system (SIGUSR1; 128 and the number of any signal that chatctl does not know)", ""),
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
    "fine": "the server is there, and all goes well",
    "refused": "nobody listens there",
    "silent peer": "something accepts the connection and says nothing",
    "web server": "a web server stands at that port",
    "drops mid-way": "the server is gone in the middle of it",
    "garbage": "what answers stops making sense",
    "name taken": "somebody else has that name",
    "too long": "more than the server takes",
    "room missing": "there is no such room",
    "deadline": "what is waited for does not come",
    "SIGINT": "Ctrl-C, or `kill -INT`",
    "SIGTERM": "`kill`, a job's time limit",
    "closed stdout": "nobody reads what it prints",
    "no stdin": "there is no stdin, as under some schedulers",
    "full disk": "what it writes finds no room",
    "SIGHUP": "the terminal or the SSH session is closed",
    "SIGUSR1": "`kill -USR1`, or another signal that it does not know",
    "hanging DNS": "the name server does not answer",
    "no home": "a container: no `HOME`, and an account that `/etc/passwd` does not have",
    "not UTF-8": "what it is given is no text",
    "odd file": "a device, a FIFO or a link is given as a file",
    "endless stdin": "what is piped in does not end",
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
