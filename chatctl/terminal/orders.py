"""What an operator can type: commands that become an ``admin`` frame.

Lives here: how these are written, and what they ask. Does not live here: who may, and what comes of it (the server's).
"""

from __future__ import annotations

from chatctl.common.durations import parse_duration
from chatctl.protocol import Admin

ORDERS = {
    "kick": ("NICK [WHY]", "end a member's connection"),
    "ban": ("NICK [TIME] [WHY]", "keep somebody out: /ban rajat 2h spam"),
    "ban-address": ("NICK [TIME] [WHY]", "and whoever has the same address"),
    "unban": ("NICK", "let somebody in again"),
    "mute": ("NICK [TIME] [WHY]", "let somebody read only"),
    "unmute": ("NICK", "let somebody speak again"),
    "bans": ("", "who is banned or muted"),
    "topic": ("TEXT", "say what the room is about; - takes it away"),
    "slow": ("TIME|off", "one message a member in that time: /slow 30s"),
    "readonly": ("on|off", "let operators alone speak"),
}
_PEOPLE = {"kick": False, "ban": True, "ban-address": True, "unban": False, "mute": True, "unmute": False}
"""Those that are aimed at somebody, and whether they can have a time."""


def order(name: str, rest: str) -> Admin | None:
    """Give what a command of ``ORDERS`` asks, None if it is not written so."""
    if name in _PEOPLE:
        return _about_somebody(name, rest)
    match name:
        case "bans":
            return Admin(verb="bans")
        case "topic":
            return Admin(verb="topic", text="" if rest == "-" else rest) if 0 < len(rest) <= 400 else None
        case "slow":
            seconds = 0.0 if rest == "off" else parse_duration(rest, bare=False)
            return None if seconds is None else Admin(verb="slow", seconds=seconds)
        case _:
            return Admin(verb="read-only", on=rest == "on") if rest in ("on", "off") else None


def _about_somebody(name: str, rest: str) -> Admin | None:
    target, _, why = rest.strip().partition(" ")
    first, _, after = why.strip().partition(" ")
    seconds = parse_duration(first, bare=False) if _PEOPLE[name] else None
    text = (why if seconds is None else after).strip()
    if not target or len(target) > 128 or len(text) > 400:
        return None
    verb = name.removesuffix("-address")
    return Admin(verb=verb, target=target, seconds=seconds or 0.0, text=text, address=name != verb)
