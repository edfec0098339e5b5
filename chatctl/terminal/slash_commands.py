"""What can be typed: text, and commands that start with a slash.

Lives here: the commands that /help lists and Tab completes, and how they are written. Does not live here: what a
command does (controller.py), the operators' commands (operator_commands.py).
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from difflib import get_close_matches

from chatctl.protocol import Admin
from chatctl.terminal.log_commands import parse_history
from chatctl.terminal.operator_commands import OPERATOR_COMMANDS, operator_request

# By name: usage and summary, as /help shows them.
COMMANDS = {
    "help": ("[TOPIC]", "this list; or of a command, of keys"),
    "me": ("TEXT", "say what you are doing: /me waves"),
    "msg": ("NICK TEXT", "send a message to one member only; it is not stored"),
    "r": ("TEXT", "answer the last private message of this room"),
    "query": ("[NICK]", "send what you type to NICK only, until /query"),
    "ignore": ("[NICK]", "hide the messages of NICK; alone: list who is hidden"),
    "unignore": ("NICK", "show the messages of NICK again"),
    "who": ("", "who is here; as /names"),
    "whois": ("NICK", "whether a name is bound to a key, and to which one"),
    "nick": ("NAME", "change your nickname to NAME"),
    "topic": ("", "show the topic of the room"),
    "rooms": ("", "list the rooms of the server"),
    "join": ("ROOM", "join another room as well"),
    "part": ("[ROOM]", "leave this room, or that one"),
    "next": ("", "show the next room, one with unread messages first"),
    "history": ("[WHEN] [N]", "show the last N messages again, or N from WHEN on"),
    "search": ("[WORDS]", "find a phrase in the messages; alone: older ones"),
    "show": ("NUMBER", "show the message of that number, in full"),
    "clear": ("", "clear the screen"),
    "status": ("", "show room, server, connection and unsent messages"),
    "quit": ("", "leave; as /exit"),
}
ALIASES = {"names": "who", "exit": "quit"}
"""By other chat programs' name: ours."""
_NEEDS_ARGUMENT = ("join", "me", "msg", "nick", "r", "show", "unignore", "whois")
_ALONE = ("clear", "next", "rooms", "status", "who")
"""Take no argument. Not ``/quit``, whose parting words other chat programs send: whoever types some wants to leave."""
_ROOM = re.compile("[1-9]")
_MESSAGE = re.compile("w?[1-9][0-9]{0,14}")
"""The number of a message; ``w1`` for a whisper, which has none in the room."""


@dataclass(frozen=True, slots=True)
class Command:
    """One of ``COMMANDS`` and its argument; ``room`` with a number stands for ``/1``."""

    name: str
    rest: str


@dataclass(frozen=True, slots=True)
class Invalid:
    """A line with a slash that is no valid command. It is not sent; ``reason`` is shown."""

    reason: str


def parse(line: str) -> str | Command | Admin | Invalid:
    """Parse a line: text to be said (``//`` stands for a text's own slash), a command, or an operator's request."""
    if line.startswith("//"):
        return line[1:]
    if not line.startswith("/"):
        return line
    verb, _, rest = line[1:].partition(" ")
    name = ALIASES.get(verb.lower(), verb.lower())
    if name in OPERATOR_COMMANDS and not (name == "topic" and not rest.strip()):
        return operator_request(name, rest.strip()) or Invalid(f"usage: /{name} {OPERATOR_COMMANDS[name][0]}")
    if _ROOM.fullmatch(name) and not rest.strip():
        return Command("room", name)
    if name not in COMMANDS:
        return Invalid(_unknown(verb))
    rest = rest if name == "me" else rest.strip()
    if name in _NEEDS_ARGUMENT and not rest.strip():
        return Invalid(f"usage: /{name} {COMMANDS[name][0]}")
    if rest and name in _ALONE:
        return Invalid(
            f"usage: /{verb.lower()}, alone" + ("; /whois NICK tells of one member" if name == "who" else "")
        )
    if name == "msg" and " " not in rest:
        return Invalid(f"usage: /msg {COMMANDS['msg'][0]}")
    if name == "history" and parse_history(rest, time.time()) is None:
        return Invalid(f"usage: /history {COMMANDS['history'][0]}: 20, yesterday, 14:30 100, 2026-11-20, #17")
    if name == "show" and not _MESSAGE.fullmatch(rest):
        return Invalid(f"usage: /show {COMMANDS['show'][0]}, as it stands below a long message")
    return Command(name, rest)


def _unknown(verb: str) -> str:
    near = get_close_matches(verb.lower(), [*COMMANDS, *ALIASES, *OPERATOR_COMMANDS], n=1, cutoff=0.6)
    hint = f"; did you mean /{near[0]}?" if near else ""
    return f"there is no command /{verb}: /help lists them (//{verb} sends it as text){hint}"


def is_whisper(line: str) -> bool:
    """Return whether a line, finished or not, is for one member alone by how it begins: it is written to no file."""
    return line.lstrip().partition(" ")[0].lower() in ("/msg", "/r", "/query")
