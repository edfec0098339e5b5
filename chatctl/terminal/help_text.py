"""What ``/help`` shows: one screen of commands, and by topic the rest.

Lives here: how it is laid out. Does not live here: which commands there are (slash_commands.py, operator_commands.py).
"""

from __future__ import annotations

from chatctl.terminal.operator_commands import OPERATOR_COMMANDS
from chatctl.terminal.slash_commands import ALIASES, COMMANDS

KEYS = (
    ("Enter", "send; on an empty line: retry a lost connection"),
    ("Alt-Enter, Ctrl-J", "a new line in the message; Shift-Enter may do, too"),
    ("Tab", "complete a command, a nickname or an :emoji:"),
    ("Escape", "close the menu"),
    ("Up, Down", "earlier messages that begin like the line; Ctrl-R searches"),
    ("Ctrl-C", "clear the line (Up brings it back); twice in 2 s: leave"),
    ("Ctrl-D", "leave, on an empty line"),
    ("Alt-1 … Alt-9", "show the room of that number; not with vi keys"),
    ("Ctrl-Z", "pause chatctl; fg brings it back"),
    ("Ctrl-W, Ctrl-U", "delete the word, or all, before the cursor; Ctrl-Y undoes"),
    ("Ctrl-X Ctrl-E", "open the line in your editor"),
)

_MORE = {
    "r": "Each room has its own: a message that came in another room is not answered here.",
    "history": "WHEN is yesterday, 14:30, 2026-11-20 or the number of a message, as #17. N is 50 if it is not given.",
    "search": "A phrase search: WORDS in this order, in any case. /history #17 continues from a result's number.",
    "me": "/me waves shows: * Rajat waves",
    "msg": "It is stored in no file, here or on the server; Up shows it again in this run only.",
    "query": "The prompt shows to whom you send; //TEXT is sent there, too. Commands are still run.",
    "topic": "Operators can set it: /topic TEXT, and remove it: /topic -.",
    "nick": "A name that is bound to a key can be used by the owner of that key only.",
}
"""What is to be said of a command beyond its line."""


def help_lines(topic: str = "all", *, operator: bool | None = None) -> list[str]:
    """Return what /help shows.

    Args:
        topic: empty for the overview, ``keys``, ``operators``, ``all``, or a command with its slash or without.
        operator: whether the user is an operator; None if that is not known.

    Returns:
        Lines; none if there is no such topic.
    """
    name = topic.removeprefix("/").lower()
    match ALIASES.get(name, name):
        case "":
            return _overview(operator=operator is not False)
        case "keys":
            return _keys()
        case "operators" if operator is not False:
            return _operators()
        case "operators":
            return ["You have not proved an operator's key here: only operators are shown these commands."]
        case "all":
            return [
                *_overview(operator=operator is not False),
                *(_operators() if operator is not False else []),
                *_keys(),
            ]
        case name if name in COMMANDS:
            return [_row(name, *COMMANDS[name]), *([f"  {_MORE[name]}"] if name in _MORE else [])]
        case name if name in OPERATOR_COMMANDS:
            return [_row(name, *OPERATOR_COMMANDS[name])]
    return []


def _row(name: str, usage: str, what: str) -> str:
    return f"  {f'/{name} {usage}':<20} {what}"


def _overview(*, operator: bool) -> list[str]:
    return [
        *(_row(name, usage, what) for name, (usage, what) in COMMANDS.items()),
        _row("1 … /9, //TEXT", "", "show the room of that number; send a line with a slash"),
        f"More: /help COMMAND, /help keys (Ctrl-D leaves){', /help operators' if operator else ''}",
    ]


def _operators() -> list[str]:
    rows = [f"  {f'/{name} {usage}':<30} {what}" for name, (usage, what) in OPERATOR_COMMANDS.items()]
    return ["Operators:", *rows]


def _keys() -> list[str]:
    return ["Keys, except with --plain:", *(f"  {key:<18} {what}" for key, what in KEYS)]
