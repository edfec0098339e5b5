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
        "End a member's connection. They may come back.",
        'rajat "calm down"',
        ("target", "reason", "person_room"),
        "end a member's connection",
    ),
    "ban": Verb(
        _ADDRESSES,
        "Keep a name out, or a person, key or network.\n\nNICK bans that name in every spelling, and names that look "
        "like it; who has it is sent away, and may come back under another one. --person bans their key and client, "
        "too. Whom it hit is printed, in every room; --dry-run tells before.",
        'rajat --person --for 1d "flood"',
        ("target", "duration", "reason", "person", "address", "person_room"),
        "keep somebody out: /ban rajat 2h spam",
    ),
    "unban": Verb(_ADDRESSES, "Let somebody in again.", "rajat", ("target",), "let somebody in again"),
    "mute": Verb(
        _PEOPLE,
        "Let a name read and say nothing, or a person or key.\n\n--person holds whatever they call themselves.",
        "rajat --person --for 10m",
        ("target", "duration", "reason", "person", "person_room"),
        "let somebody read only",
    ),
    "unmute": Verb(_PEOPLE, "Let somebody speak again.", "rajat", ("target",), "let somebody speak again"),
    "bans": Verb(_SERVER, "List all bans and mutes.", "--json", typed="who is banned or muted", lists=True),
    "topic": Verb(
        _ROOM,
        "Set what a room is about; without TEXT, take it away.",
        "deploy freeze",
        ("topic", "room"),
        "say what the room is about; - takes it away",
    ),
    "slow": Verb(
        _ROOM,
        "Slow a room down; off: as fast as before.\n\nEach member may say one thing in that time, operators any "
        "number.",
        "30s",
        ("interval", "room"),
        "one message a member in that time: /slow 30s",
    ),
    "read-only": Verb(
        _ROOM, "Let operators alone speak in a room.", "on --room news", ("switch", "room"), "let operators alone speak"
    ),
    "locks": Verb(
        _SERVER,
        "List held locks and open questions.\n\nThose of 'run --lock' and of 'ask': who has each, since when, and "
        "until: that is when it ends if its holder does not come back, and left out while they are connected.",
        "--room ops",
        ("any_room",),
        "who holds a lock, and which questions are open",
        lists=True,
    ),
    "unlock": Verb(
        _ROOM,
        "Free a lock, or withdraw a question.\n\nThe next run may take the lock at once. A run that has it is told, on "
        "stderr and in the room, and its CMD goes on: a lock stops nobody. NAME of a question is its tag; its 'ask' "
        "ends with 8.",
        'backup "its machine is gone"',
        ("lock", "reason", "room"),
        "free a lock, or withdraw a question: /unlock backup",
    ),
    "claims": Verb(
        _SERVER,
        "List the names that are bound to a key.\n\n--suspect: those that may have the wrong owner, and why. They look "
        "like a name that was bound before, or somebody spoke under them before they were bound. The server drops none "
        "of these by itself.",
        "--suspect",
        ("suspect", "newer", "unused"),
        lists=True,
    ),
    "unclaim": Verb(
        {"member": _CONSOLE, "operator": _CONSOLE, "name": _CONSOLE, "key": _CONSOLE},
        "Set names free that are bound to a key.\n\nTARGET is one name, or a key, SHA256:..., for all of its names. "
        "'claims' with the same options lists what they choose.",
        "--newer 2h",
        ("claim", "newer", "unused"),
    ),
    "op": Verb(
        {"member": _CONSOLE, "key": _CONSOLE},
        "Make the owner of a key an operator, for good. A member's nickname stands for their key, which is printed.",
        "nadia",
        ("target", "person_room"),
    ),
    "deop": Verb({"operator": _CONSOLE}, "Take that back.", "nadia", ("target", "person_room")),
    "ops": Verb(_SERVER, "List the operators' keys.", "", lists=True),
    "redact": Verb(
        _ROOM,
        "Empty messages for good: what they said and who said it. Their numbers stay.\n\nSEQ is a message's number, as "
        "'chatctl tail --json' prints it. The journal, what the server has in memory, backups and exports from then on "
        "have nothing of it; programs in the room are told, people see a line. It ends once the journal's file was "
        "written anew, which takes as long as 'compact'. What is on screens and in older backups stays.",
        '12 15 --why "a password"',
        ("seqs", "author", "why", "redacted_room"),
        "take back all that NICK said here: /redact rajat spam",
        slow=True,
    ),
    "log": Verb(
        _SERVER,
        "List what operators did.\n\nThe last 10,000 that changed something: bans, mutes, redactions and the like.",
        "--json",
        lists=True,
    ),
    "compact": Verb(
        {"server": _CONSOLE},
        "Write the journal anew.\n\nWithout --yes it only says how much space and time that takes. Space that deleted "
        "messages left is given back. The rooms go on meanwhile. It never runs by itself. A journal of an older "
        "chatctl learns by it to give space back as messages are deleted, which a new one does from the start.",
        "--yes",
        ("yes",),
        slow=True,
    ),
    "reload": Verb(
        {"server": _CONSOLE},
        "Read files again, as SIGHUP does.\n\nThe certificate, the operators' keys, the password, the networks of "
        "--allow and --deny. Nobody is dropped but who is taken no more by these.",
        "",
    ),
    "trim": Verb(
        {"server": _CONSOLE},
        "Delete now what is older than --keep-days.\n\nAfter the clock was set, or where it was far from the newest "
        "message at the start, a server waits an hour before it deletes most of a room. This says that it is right.",
        "",
    ),
    "drain": Verb(
        {"server": _CONSOLE},
        "End the server in order.\n\nNobody is let in any more; everybody is told to come back in a few seconds, and "
        "gets what is theirs.",
        "--within 30s",
        ("reason", "within"),
    ),
}
