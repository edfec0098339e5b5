"""What can be typed: commands that start with a slash, and text.

Lives here: the list that /help shows, completion offers and the desk obeys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chatctl.protocol import Admin
from chatctl.terminal.orders import ORDERS, parse_order

COMMANDS = {
    "help": ("", "show this list"),
    "me": ("TEXT", "say what you do: /me waves"),
    "msg": ("NICK TEXT", "tell one member alone; it is not kept"),
    "who": ("", "who is here"),
    "whois": ("NICK", "whether a name is somebody's, by which key"),
    "nick": ("NAME", "be called NAME"),
    "history": ("[N]", "show the last N messages again"),
    "clear": ("", "clear the screen"),
    "status": ("", "room, server, connection, what is unsent"),
    "quit": ("", "leave"),
}
_NEEDS_ARGUMENT = ("me", "msg", "nick", "whois")
_NUMBER = re.compile("[1-9][0-9]{0,4}")

KEYS = (
    ("Enter", "send; on an empty line while disconnected: try again now"),
    ("Alt-Enter, Ctrl-J", "a new line in the message"),
    ("Tab", "complete a command, a nickname or an :emoji:"),
    ("Up, Down", "what you said before; Ctrl-R searches it"),
    ("Ctrl-C", "clear the line; on an empty line: leave"),
    ("Ctrl-D", "leave, on an empty line"),
    ("Ctrl-Z", "pause chatctl; fg brings it back"),
    ("Ctrl-W, Ctrl-U", "delete the word, or all, before the cursor; Ctrl-Y brings it back"),
)


@dataclass(frozen=True, slots=True)
class Command:
    """A known command and what follows it."""

    name: str
    rest: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """A line that is no text and no command that can be carried out; never sent."""

    why: str


def parse(line: str) -> str | Command | Admin | Wrong:
    """Return the text to be said, the command, an operator's order, or what is wrong with the line.

    ``//`` starts a text with a slash.
    """
    if line.startswith("//"):
        return line[1:]
    if not line.startswith("/"):
        return line
    verb, _, rest = line[1:].partition(" ")
    name = verb.lower()
    if name in ORDERS:
        order = parse_order(name, rest.strip().encode("utf-8", "replace").decode())
        return order or Wrong(f"usage: /{name} {ORDERS[name][0]}")
    if name not in COMMANDS:
        return Wrong(f"there is no command /{verb}: /help lists them (//{verb} says it as text)")
    rest = rest if name == "me" else rest.strip()
    if name in _NEEDS_ARGUMENT and not rest.strip():
        return Wrong(f"usage: /{name} {COMMANDS[name][0]}")
    if name == "msg" and " " not in rest:
        return Wrong(f"usage: /msg {COMMANDS['msg'][0]}")
    if name == "history" and rest and not _NUMBER.fullmatch(rest):
        return Wrong(f"usage: /history {COMMANDS['history'][0]}, N from 1 to 99999")
    return Command(name, rest)


def help_lines() -> list[str]:
    """Give all commands and keys."""
    orders = [f"  {f'/{name} {takes}':<30} {what}" for name, (takes, what) in ORDERS.items()]
    commands = [f"  {f'/{name} {takes}':<16} {what}" for name, (takes, what) in COMMANDS.items()]
    keys = [f"  {key:<18} {what}" for key, what in KEYS]
    return [
        "Commands:",
        *commands,
        "  //TEXT           say a line that starts with a slash",
        "Operators:",
        *orders,
        "Keys:",
        *keys,
    ]
