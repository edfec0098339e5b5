"""What operators can do: which verb, for whom, on what. The one table; the code decides by it and a test reads it.

Lives here: the table, and the question whether something is allowed. Does not live here: what a verb does (steward.py),
what comes of it (rules.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

from chatctl.errors import Forbidden, NoSuchNick

Role = Literal["console", "operator", "member"]
"""``console``: who may use the server's own socket; ``operator``: who proved an operator's key; ``member``: others."""
Kind = Literal["member", "operator", "name", "key", "address", "room", "server"]
"""What a verb is aimed at: somebody here; an operator, here or not; a name that is not here; a key; a network; …"""

ROLES: tuple[Role, ...] = get_args(Role)
KINDS: tuple[Kind, ...] = get_args(Kind)

_BOTH: frozenset[Role] = frozenset({"console", "operator"})
_CONSOLE: frozenset[Role] = frozenset({"console"})


class Verb(Struct, frozen=True):
    """``may`` says for each kind of target who may; a kind that is not there makes no sense for this verb."""

    what: str
    may: Mapping[Kind, frozenset[Role]]


_PERSON: Mapping[Kind, frozenset[Role]] = {"member": _BOTH, "operator": _CONSOLE}
_ABSENT: Mapping[Kind, frozenset[Role]] = {"name": _BOTH, "key": _BOTH}
_ROOM: Mapping[Kind, frozenset[Role]] = {"room": _BOTH}

VERBS: Mapping[str, Verb] = {
    "kick": Verb("end a member's connection", _PERSON),
    "ban": Verb("keep somebody out", {**_PERSON, **_ABSENT, "address": _BOTH}),
    "unban": Verb("let somebody in again", {**_PERSON, **_ABSENT, "address": _BOTH}),
    "mute": Verb("let somebody read only", {**_PERSON, **_ABSENT}),
    "unmute": Verb("let somebody speak again", {**_PERSON, **_ABSENT}),
    "bans": Verb("list bans and mutes", {"server": _BOTH}),
    "topic": Verb("say what a room is about", _ROOM),
    "slow": Verb("set the seconds between two messages of one member", _ROOM),
    "read-only": Verb("let operators alone speak", _ROOM),
    "claims": Verb("list the names that are bound to a key", {"server": _BOTH}),
    "unclaim": Verb("set a bound name free", {"member": _CONSOLE, "operator": _CONSOLE, "name": _CONSOLE}),
    "op": Verb("make a key an operator's", {"member": _CONSOLE, "key": _CONSOLE}),
    "deop": Verb("take that back", {"operator": _CONSOLE}),
    "ops": Verb("list the operators' keys", {"server": _BOTH}),
    "reload": Verb("read certificate and files again", {"server": _CONSOLE}),
    "drain": Verb("end the server in order", {"server": _CONSOLE}),
}


LISTS = frozenset({"bans", "claims", "ops"})
"""Verbs that ask, and change nothing."""


def check(verb: str, role: Role, kind: Kind) -> None:
    """Pass if this may be done.

    Raises:
        NoSuchNick: it is for people who are here, and nobody of that name is.
        Forbidden: there is no such verb, it is not for such a target, or not for this role.
    """
    if verb not in VERBS:
        raise Forbidden(f"there is no verb '{verb[:40]}': there is {', '.join(VERBS)}")
    may = VERBS[verb].may
    if role == "member":
        raise Forbidden(f"{verb} is for operators: prove an operator's key, or use 'chatctl admin'")
    if kind not in may:
        if kind == "name" and "member" in may:
            raise NoSuchNick("nobody of that name is here")
        raise Forbidden(f"{verb} is for {_words(may)}, not for {_WORDS[kind]}")
    if role not in may[kind]:
        raise Forbidden(f"{verb} on {_WORDS[kind]} is for the server's own operator alone: 'chatctl admin {verb}'")


_WORDS: Mapping[Kind, str] = {
    "member": "a member",
    "operator": "an operator",
    "name": "a name",
    "key": "a key",
    "address": "an address",
    "room": "a room",
    "server": "the server",
}


def _words(kinds: Mapping[Kind, object]) -> str:
    return " or ".join(_WORDS[kind] for kind in kinds)
