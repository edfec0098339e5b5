"""Permissions: what a client may send in its mode, how long a text may be, and who may give which order.

Lives here: decisions on one frame or verb. Does not live here: the table of verbs (common/verbs.py), rate limits
(session.py), bans, mutes and room rules (moderation.py). Source: docs/protocol.md, "Modes"; docs/admin.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from chatctl import protocol
from chatctl.common.verbs import VERBS, Kind, Role, Verb
from chatctl.errors import BadFrame, ChatError, Forbidden, NoSuchNick, TooLong
from chatctl.protocol import ClientFrame, Frame, Mode

# --- frames

_ALL_MODES = (
    protocol.Who,
    protocol.Whois,
    protocol.Rooms,
    protocol.History,
    protocol.Search,
    protocol.Lease,
    protocol.Ping,
    protocol.Pong,
    protocol.Bye,
)
_NAMED_MODES = (protocol.Say, protocol.Whisper, protocol.Admin)
_ALLOWED: dict[Mode, frozenset[type[Frame]]] = {
    "join": frozenset([*_ALL_MODES, *_NAMED_MODES, protocol.Nick]),
    "post": frozenset([*_ALL_MODES, *_NAMED_MODES]),
    "watch": frozenset(_ALL_MODES),
    "probe": frozenset([*_ALL_MODES, protocol.Say]),
}

FREE = frozenset([protocol.Ping, protocol.Pong, protocol.Bye])
"""Frames that do not count as a message for the rate limit; their bytes count all the same."""


def objection(frame: ClientFrame, mode: Mode, limit: int) -> ChatError | None:
    """Return why a frame is refused after the welcome, or None if it is allowed.

    Args:
        frame: any frame of a client.
        mode: of the client's hello.
        limit: bytes of UTF-8 in one text.
    """
    if isinstance(frame, protocol.Hello | protocol.Proof):
        return BadFrame("hello was said already")
    if type(frame) not in _ALLOWED[mode]:
        return Forbidden(f"mode {mode} can't do that")
    if isinstance(frame, protocol.Say | protocol.Whisper):
        return _objection_to_text(frame.text, limit)
    return None


def all_allowed(says: Sequence[protocol.Say], mode: Mode, limit: int) -> bool:
    """Return cheaply whether ``objection`` surely allows each of these; if not, ask it."""
    sizes = [len(say.text) for say in says]
    return protocol.Say in _ALLOWED[mode] and min(sizes) > 0 and 4 * max(sizes) <= limit


def _objection_to_text(text: str, limit: int) -> ChatError | None:
    if not text:
        return BadFrame("there is nothing in this message")
    if 4 * len(text) > limit and len(text.encode()) > limit:  # no character has more than four bytes
        return TooLong(f"a message has at most {limit} bytes")
    return None


# --- operators' verbs

_TARGETS: dict[Kind, str] = {
    "member": "a member",
    "operator": "an operator",
    "name": "a name",
    "key": "a key",
    "address": "an address",
    "room": "a room",
    "server": "the server",
}


def find_verb(name: str) -> Verb:
    """Return a verb's row of the table. Raises Forbidden for an unknown verb."""
    if name not in VERBS:
        raise Forbidden(f"there is no verb '{name[:40]}': there is {', '.join(VERBS)}")
    return VERBS[name]


def check_verb(name: str, role: Role, kind: Kind, shown: str = "") -> None:
    """Return if this role may aim this verb at this kind of target. ``shown`` is what an error calls the target.

    Raises:
        NoSuchNick: the verb is for people who are here, and nobody of that name is.
        Forbidden: there is no such verb, or it is not for such a target, or not for this role.
    """
    may = find_verb(name).may
    if role == "member":
        raise Forbidden(f"{name} is for operators: prove an operator's key, or use 'chatctl admin'")
    if kind not in may:
        if kind == "name" and "member" in may:
            raise NoSuchNick("nobody of that name is here")
        if set(may) == {"operator"} and shown:
            raise Forbidden(f"{shown} is not an operator")
        either = " or ".join(_TARGETS[one] for one in may)
        if kind == "server":  # nothing was named
            raise Forbidden(f"{name} is for {either}: say for which one")
        raise Forbidden(f"{name} is for {either}, not for {_TARGETS[kind]}")
    if role not in may[kind]:
        raise Forbidden(f"{name} on {_TARGETS[kind]} is for the server's own operator alone: 'chatctl admin {name}'")
