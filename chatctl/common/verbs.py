"""The operators' verbs: the one table of what each is called, does and takes, and who may aim it at what.

Lives here: data alone. Both ends read it: ``chatctl admin`` and the slash commands of ``join`` are made from it, the
server decides by it. Does not live here: that decision (core/permissions.py), what a verb does
(hub/admin_commands.py). Its imports are light, since completion loads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

Role = Literal["console", "operator", "member"]
"""``console``: uses the server's own socket; ``operator``: proved an operator's key; ``member``: everybody else."""
Kind = Literal["member", "operator", "name", "key", "address", "room", "server"]
"""A kind of target. ``operator`` is one who is here or not; ``name`` is a nickname that nobody here has."""
Argument = Literal[
    "target",
    "duration",
    "reason",
    "person",
    "address",
    "person_room",
    "topic",
    "interval",
    "switch",
    "room",
    "within",
    "claim",
    "suspect",
    "newer",
    "unused",
    "seqs",
    "author",
    "why",
    "redacted_room",
    "any_room",
    "lock",
    "yes",
]
"""What a verb takes: each is a field of ``protocol.Admin``, as it is typed.

``duration``, ``interval`` (``30s`` or ``off``) and ``within`` are ``seconds``; ``reason``, ``topic`` and ``why`` are
``text``; ``switch`` is ``on``; ``author`` and ``lock`` are ``target``; ``person_room``, ``redacted_room`` and
``any_room`` are ``room``, the first to tell two people of one name apart.
"""

ROLES: tuple[Role, ...] = get_args(Role)
KINDS: tuple[Kind, ...] = get_args(Kind)

Rights = Mapping[Kind, frozenset[Role]]


class Verb(NamedTuple):
    """One row of the table."""

    may: Rights
    """Who may, for each kind of target. A kind that is missing makes no sense for the verb."""
    help: str
    """For ``chatctl admin VERB --help``."""
    example: str
    """Arguments of an example, for the same."""
    takes: tuple[Argument, ...] = ()
    typed: str = ""
    """What ``/help`` of ``join`` says; empty for a verb that is no slash command."""
    lists: bool = False
    """It only reads, and is answered with rows."""
    slow: bool = False
    """It may take minutes."""


_BOTH: frozenset[Role] = frozenset({"console", "operator"})
_CONSOLE: frozenset[Role] = frozenset({"console"})

_PRESENT: Rights = {"member": _BOTH, "operator": _CONSOLE}
_PEOPLE: Rights = {**_PRESENT, "name": _BOTH, "key": _BOTH}
_ADDRESSES: Rights = {**_PEOPLE, "address": _BOTH}
_ROOM: Rights = {"room": _BOTH}
_SERVER: Rights = {"server": _BOTH}


def is_listing(verb: str) -> bool:
    """Return whether a verb is answered with rows."""
    return verb in VERBS and VERBS[verb].lists


VERBS: Mapping[str, Verb] = {
    "kick": Verb(
        _PRESENT,
        "End a member's connection. They may join again.",
        'rajat "calm down"',
        ("target", "reason", "person_room"),
        "end a member's connection",
    ),
    "ban": Verb(
        _ADDRESSES,
        "Ban a name, or a person, key or network.\n\nNICK bans that name in every spelling, and names that look like "
        "it; its holder is disconnected, and may join under another one. --person bans their key and client, too. "
        "Prints who was disconnected, in every room; --dry-run prints it beforehand.",
        'rajat --person --for 1d "flood"',
        ("target", "duration", "reason", "person", "address", "person_room"),
        "ban a name: /ban rajat 2h spam",
    ),
    "unban": Verb(_ADDRESSES, "End a ban.", "rajat", ("target",), "end a ban"),
    "mute": Verb(
        _PEOPLE,
        "Stop a name, person or key from sending; it may read.\n\n--person applies under any nickname.",
        "rajat --person --for 10m",
        ("target", "duration", "reason", "person", "person_room"),
        "let a member read only",
    ),
    "unmute": Verb(_PEOPLE, "End a mute.", "rajat", ("target",), "end a mute"),
    "bans": Verb(_SERVER, "List all bans and mutes.", "--json", typed="who is banned or muted", lists=True),
    "topic": Verb(
        _ROOM,
        "Set the topic of a room; \"\" removes it.\n\n'chatctl who --rooms' shows the topics.",
        "deploy freeze",
        ("topic", "room"),
        "set the topic of the room; - removes it",
    ),
    "slow": Verb(
        _ROOM,
        "Limit each member to one message per DURATION; off: no limit.\n\nOperators are exempt.",
        "30s",
        ("interval", "room"),
        "limit members to one message per time: /slow 30s",
    ),
    "read-only": Verb(
        _ROOM,
        "Allow only operators to send in a room.",
        "on",
        ("switch", "room"),
        "allow only operators to send",
    ),
    "locks": Verb(
        _SERVER,
        "List held locks and open questions.\n\nThose of 'run --lock' and of 'ask': who holds each, since when, "
        "and until when if its holder is not connected.",
        "--json",
        ("any_room",),
        "who holds a lock, and which questions are open",
        lists=True,
    ),
    "unlock": Verb(
        _ROOM,
        "Release a lock, or withdraw a question.\n\nThe next run may take the lock at once. The run that held it is "
        "told, on stderr and in the room; its CMD is not stopped. NAME of a question is its tag; its 'ask' exits with "
        "8.",
        'backup "its machine is gone"',
        ("lock", "reason", "room"),
        "release a lock, or withdraw a question: /unlock backup",
    ),
    "claims": Verb(
        _SERVER,
        "List the names that are bound to a key.\n\n--suspect: those that may have the wrong owner, and why: they look "
        "like a name that was bound before, or someone else used them before they were bound. The server releases none "
        "of these by itself.",
        "--suspect",
        ("suspect", "newer", "unused"),
        lists=True,
    ),
    "unclaim": Verb(
        {"member": _CONSOLE, "operator": _CONSOLE, "name": _CONSOLE, "key": _CONSOLE},
        "Release names that are bound to a key.\n\nTARGET is one name, or a key, SHA256:..., for all of its names. "
        "'claims' with the same options lists them.",
        "--newer 2h",
        ("claim", "newer", "unused"),
    ),
    "op": Verb(
        {"member": _CONSOLE, "key": _CONSOLE},
        "Make the owner of a key an operator. A member's nickname stands for their key, which is printed.",
        "nadia",
        ("target", "person_room"),
    ),
    "deop": Verb(
        {"operator": _CONSOLE}, "Make an operator an ordinary member again.", "nadia", ("target", "person_room")
    ),
    "ops": Verb(_SERVER, "List the operators' keys.", "", lists=True),
    "redact": Verb(
        _ROOM,
        "Delete text and author of messages permanently. Their numbers stay.\n\nSEQ is a message's number, as "
        "'chatctl tail --json' prints it. They are removed from the journal, the server's memory and later backups and "
        "exports; programs in the room are told, people see a line. Returns once the journal's file was rewritten, "
        "which takes as long as 'compact'. Screens and older backups are not changed.",
        '12 15 --why "a password"',
        ("seqs", "author", "why", "redacted_room"),
        "delete all messages of NICK here: /redact rajat spam",
        slow=True,
    ),
    "log": Verb(
        _SERVER,
        "List what operators did.\n\nThe last 10,000 actions: bans, mutes, redactions and the like.",
        "--json",
        lists=True,
    ),
    "compact": Verb(
        {"server": _CONSOLE},
        "Rewrite the journal, and return unused space to the file system.\n\nWithout --yes it only prints how much "
        "space and time that takes. The rooms stay usable meanwhile. It never runs by itself. A journal of an older "
        "chatctl returns the space of deleted messages only after it was rewritten once; a new journal always does.",
        "--yes",
        ("yes",),
        slow=True,
    ),
    "reload": Verb(
        {"server": _CONSOLE},
        "Read files again, as SIGHUP does.\n\nThe certificate, the operators' keys, the password, the networks of "
        "--allow and --deny. Connections that these no longer allow are closed.",
        "",
    ),
    "trim": Verb(
        {"server": _CONSOLE},
        "Delete now what is older than --keep-days.\n\nAfter the clock was set, or if it was far from the newest "
        "message at the start, a server waits an hour before it deletes most of a room. This confirms the clock.",
        "",
    ),
    "drain": Verb(
        {"server": _CONSOLE},
        "Stop the server in order.\n\nNew connections are refused; clients are told to reconnect in a few seconds, and "
        "receive what is queued for them.",
        "--within 30s",
        ("reason", "within"),
    ),
}
