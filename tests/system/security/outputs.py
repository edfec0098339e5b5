"""Each command, and the calls of it that show what others can put on its output. A command without a row fails a test.

What our own arguments, variables and files put there is swept from the commands' parameters: test_outputs.py.
"""

from __future__ import annotations

from dataclasses import dataclass

Cell = tuple[str, ...] | str
"""Calls; or the one test elsewhere that shows it; or why there is nothing to show."""


@dataclass(frozen=True)
class Row:
    """Where others' text can come from: what members said, what a server makes up, what the operator's socket says."""

    members: Cell
    server: Cell
    console: Cell = "it asks no operator's socket"


ALONE = "it talks to no server"
SERVER = "it is the server"
SERVES = "it prints what the server says of a member, and not what they say"
VERBS = (
    "kick rajat", "ban rajat", "unban rajat", "mute rajat", "unmute rajat", "bans", "topic hello", "slow 30s",
    "read-only on", "locks", "unlock rajat", "claims", "unclaim rajat", "op rajat", "deop rajat", "ops",
    "redact --nick rajat", "log", "compact", "reload", "trim", "drain",
)  # fmt: skip

ROWS = {
    "serve": Row(
        "tests/hub/test_event_log.py::test_nothing_a_client_chose_acts_on_the_operators_terminal", SERVER, SERVER
    ),
    "join": Row("tests/system/terminal/test_hostile.py::test_no_naughty_string_acts", ("join --nick nadia",)),
    "send": Row(
        "a reply is printed as tail prints it",
        ("send hi", "send hi --wait-reply owned", "send hi --json --wait-reply owned", "send hi --to nadia"),
    ),
    "tail": Row(
        ("tail -n 1000 --no-follow", "tail -n 1000 --no-follow --json", "tail -n 1000 --no-follow -0"),
        ("tail -n 500 --no-follow", "tail -n 500 --no-follow --json", "tail --since 1 --no-follow"),
    ),
    "search": Row(
        ("search e", "search e --json", "search nothing-of-that-kind"),
        ("search x", "search x --json", "search x --limit 1"),
    ),
    "who": Row(
        ("who", "who --json"),
        (
            "who",
            "who --json",
            "who nadia",
            "who --rooms",
            "who --rooms --json",
            "who --watch --timeout 200ms",
            "who --watch --json --timeout 200ms",
        ),
    ),
    "ask": Row("it prints a choice, which is its own", ("ask well?", "ask well? --json")),
    "run": Row("it prints nothing of the room", ("run -- true", "run --require-room -- true")),
    "probe": Row(
        ("probe",),
        (
            "probe --expect-version 9",
            "probe --format json --expect-version 9",
            "probe --format prometheus --room ops",
            "probe --format text --count 2 --interval 1ms",
        ),
    ),
    "config": Row(ALONE, ALONE),
    "backup": Row(ALONE, ALONE, ("backup copy.db",)),
    "export": Row(
        ("export --format text", "export --format html", "export --format jsonl"),
        ("export --format text", "export --format html", "export --format jsonl"),
    ),
    "journal": Row("it prints numbers", ALONE),
    "admin": Row(
        ("admin bans", "admin bans --json"),
        "it talks to the operator's socket alone",
        tuple(f"admin {verb}{form}" for verb in VERBS for form in ("", " --json")),
    ),
    "bench": Row(
        "it prints numbers", tuple(f"bench --room lobby --members 1 --duration 10ms{form}" for form in ("", " --json"))
    ),
    "key": Row(ALONE, ALONE),
    "password": Row(ALONE, ALONE),
    "completion": Row(
        "tests/system/commands/test_tab.py::test_no_server_acts_through_tab",
        "tests/system/security/test_outputs.py::test_no_name_that_is_offered_acts",
    ),
}
