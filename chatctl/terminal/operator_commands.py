"""The operators' slash commands: each stands for one ``admin`` frame.

Lives here: how they are written. Does not live here: which there are (common/verbs.py), who may give them, and what
they do (the server's).
"""

from __future__ import annotations

import msgspec

from chatctl.common.durations import parse_duration
from chatctl.common.verbs import VERBS, Argument
from chatctl.protocol import Admin

_USAGE: dict[Argument, str] = {
    "target": "NICK",
    "author": "NICK",
    "lock": "NAME",
    "why": "[WHY]",
    "duration": "[TIME]",
    "reason": "[WHY]",
    "topic": "TEXT",
    "interval": "TIME|off",
    "switch": "on|off",
}

OPERATOR_COMMANDS: dict[str, tuple[str, str]] = {}
"""By the command's name: its usage, and a line of ``/help``."""
_VERBS: dict[str, tuple[str, Argument | None]] = {}
"""By the command's name: the verb, and what it is meant for as well."""
DRY_RUN = "dry-run"

_VARIANTS: dict[Argument, str] = {
    "person": "and whatever they call themselves: by key and client",
    "address": "and whoever has the same address",
}
"""What a verb may be meant for as well: a command of its own, ``/ban-person``."""

for _verb, _row in VERBS.items():
    if _row.typed:
        _name = _verb.replace("-", "")
        _usage = " ".join(_USAGE[one] for one in _row.takes if one in _USAGE)
        OPERATOR_COMMANDS[_name], _VERBS[_name] = (_usage, _row.typed), (_verb, None)
        for _variant, _what in _VARIANTS.items():
            if _variant in _row.takes:
                OPERATOR_COMMANDS[f"{_name}-{_variant}"] = _usage, _what
                _VERBS[f"{_name}-{_variant}"] = _verb, _variant
OPERATOR_COMMANDS[DRY_RUN] = "COMMAND …", "what one of these would do, and whom it would hit"


def operator_request(name: str, rest: str) -> Admin | None:
    """Return the frame for a command, or None if its arguments are not written as its usage says.

    Args:
        name: one of ``OPERATOR_COMMANDS``.
        rest: what follows it, stripped.
    """
    if name == DRY_RUN:
        return _dry(rest)
    verb, variant = _VERBS[name]
    takes = VERBS[verb].takes
    if {"target", "author", "lock"} & {*takes}:
        return _on_target(verb, rest, variant, timed="duration" in takes)
    if "topic" in takes:
        return Admin(verb=verb, text="" if rest == "-" else rest) if 0 < len(rest) <= 400 else None
    if "interval" in takes:
        seconds = 0.0 if rest == "off" else parse_duration(rest, bare=False)
        return None if seconds is None else Admin(verb=verb, seconds=seconds)
    if "switch" in takes:
        return Admin(verb=verb, on=rest == "on") if rest in ("on", "off") else None
    return Admin(verb=verb)


def _dry(rest: str) -> Admin | None:
    """Return the frame that asks what a command would do; None if it is none, or only lists."""
    name, _, rest = rest.partition(" ")
    name = name.removeprefix("/").lower()
    request = operator_request(name, rest.strip()) if name in _VERBS else None
    if request is None or VERBS[request.verb].lists:
        return None
    return msgspec.structs.replace(request, verb=f"?{request.verb}")


def _on_target(verb: str, rest: str, variant: Argument | None, *, timed: bool) -> Admin | None:
    target, _, why = rest.partition(" ")
    first, _, after = why.strip().partition(" ")
    seconds = parse_duration(first, bare=False) if timed else None
    text = (why if seconds is None else after).strip()
    if not target or len(target) > 128 or len(text) > 400:
        return None
    return Admin(
        verb=verb,
        target=target,
        seconds=seconds or 0.0,
        text=text,
        address=variant == "address",
        person=variant == "person",
    )
