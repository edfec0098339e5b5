"""The operators' slash commands: each stands for one ``admin`` frame.

Lives here: how they are written. Does not live here: which there are (common/verbs.py), who may give them, and what
they do (the server's).
"""

from __future__ import annotations

from chatctl.common.durations import parse_duration
from chatctl.common.verbs import VERBS, Argument
from chatctl.protocol import Admin

_USAGE: dict[Argument, str] = {
    "target": "NICK",
    "author": "NICK",
    "why": "[WHY]",
    "duration": "[TIME]",
    "reason": "[WHY]",
    "topic": "TEXT",
    "interval": "TIME|off",
    "switch": "on|off",
}

OPERATOR_COMMANDS: dict[str, tuple[str, str]] = {}
"""By the command's name: its usage, and a line of ``/help``."""
_VERBS: dict[str, tuple[str, bool]] = {}
"""By the command's name: the verb, and whether it is meant for a member's address as well."""

for _verb, _row in VERBS.items():
    if _row.typed:
        _name = _verb.replace("-", "")
        _usage = " ".join(_USAGE[one] for one in _row.takes if one in _USAGE)
        OPERATOR_COMMANDS[_name], _VERBS[_name] = (_usage, _row.typed), (_verb, False)
        if "address" in _row.takes:
            OPERATOR_COMMANDS[f"{_name}-address"] = _usage, "and whoever has the same address"
            _VERBS[f"{_name}-address"] = _verb, True


def operator_request(name: str, rest: str) -> Admin | None:
    """Return the frame for a command, or None if its arguments are not written as its usage says.

    Args:
        name: one of ``OPERATOR_COMMANDS``.
        rest: what follows it, stripped.
    """
    verb, address = _VERBS[name]
    takes = VERBS[verb].takes
    if "target" in takes or "author" in takes:
        return _on_person(verb, rest, timed="duration" in takes, address=address)
    if "topic" in takes:
        return Admin(verb=verb, text="" if rest == "-" else rest) if 0 < len(rest) <= 400 else None
    if "interval" in takes:
        seconds = 0.0 if rest == "off" else parse_duration(rest, bare=False)
        return None if seconds is None else Admin(verb=verb, seconds=seconds)
    if "switch" in takes:
        return Admin(verb=verb, on=rest == "on") if rest in ("on", "off") else None
    return Admin(verb=verb)


def _on_person(verb: str, rest: str, *, timed: bool, address: bool) -> Admin | None:
    target, _, why = rest.partition(" ")
    first, _, after = why.strip().partition(" ")
    seconds = parse_duration(first, bare=False) if timed else None
    text = (why if seconds is None else after).strip()
    if not target or len(target) > 128 or len(text) > 400:
        return None
    return Admin(verb=verb, target=target, seconds=seconds or 0.0, text=text, address=address)
