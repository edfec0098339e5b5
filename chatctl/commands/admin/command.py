"""``chatctl admin``: keep order in the rooms of a server on this machine.

Each verb of common/verbs.py is a subcommand. Lives here: how its arguments are written. Does not live here: what it
does, and to whom (hub/admin_commands.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from chatctl.cli.help_pages import Command, Group
from chatctl.cli.options import all_of, count_option, json_option, no_typed_password, refuse, timeout_option
from chatctl.cli.output import emit_lines
from chatctl.cli.param_types import DURATION, JOURNAL_OR_NONE, TEXT, Parsed, WholeNumber, duration
from chatctl.cli.server_option import DEFAULT_PORT
from chatctl.common.verbs import VERBS, Argument, Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_HELP = """\
{text}

\b
Example:
  chatctl admin {example}

\b
Exit codes:
  0 done   1 internal error of the server   2 usage   3 no server there
  4 no answer: it may or may not be done   5 a name or key refused
  6 refused   130 interrupted   143 terminated

\b
Environment:
  CHATCTL_ADMIN_SOCKET CHATCTL_JOURNAL CHATCTL_PORT CHATCTL_TIMEOUT
  CHATCTL_STATE_DIR   the state directory, instead of the platform's
{room}"""


@click.group(cls=Group)
def admin() -> None:
    """Moderate and operate a server: kick, ban, mute, topic, drain.

    Uses the server's admin socket, which is next to its journal and open to the server's user and root only. Operators
    whose key the server knows can do most of this in a room: /kick, /ban and so on in 'chatctl join'. Every action is
    stored in the journal, shown in the room, and logged.

    \b
    A target is a nickname; a key's fingerprint, SHA256:...; an address
    or a network, 192.0.2.7 or 192.0.2.0/24; name:NICK for a nickname that
    looks like an address.

    \b
    Examples:
      chatctl admin ban rajat --for 2h "spam"
      chatctl admin topic "deploy freeze until Monday"
      chatctl admin bans --json

    \b
    Exit codes:
      0 done   1 internal error of the server   2 usage   3 no server there
      4 no answer: it may or may not be done   5 a name or key refused
      6 refused   130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_ADMIN_SOCKET   the socket
      CHATCTL_JOURNAL   the journal that it is next to
    """


def _interval(value: object) -> float:
    """Return the seconds of a duration; 0 for ``off``."""
    return 0.0 if value == "off" else duration(value)


def _nick_target(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Return a target that is a nickname whatever it looks like."""
    return value if value is None else f"name:{value}"


def _seconds(name: str, text: str) -> click.Option:
    return click.Option([name, "seconds"], type=DURATION, metavar="DURATION", help=text)


def _text(name: str) -> click.Argument:
    return click.Argument(["text"], type=TEXT, nargs=-1, metavar=f"[{name}]...")


_PARAMETERS: Mapping[Argument, Callable[[], click.Parameter]] = {
    "target": lambda: click.Argument(["target"], type=TEXT),
    "claim": lambda: click.Argument(["target"], type=TEXT, required=False),
    "suspect": lambda: click.Option(
        ["--suspect"], is_flag=True, help="Only names that an operator should check, and why."
    ),
    "newer": lambda: click.Option(
        ["--newer"], type=DURATION, metavar="DURATION", help="Only names bound within this time."
    ),
    "unused": lambda: click.Option(
        ["--unused"], type=DURATION, metavar="DURATION", help="Only names whose owner has not joined for this long."
    ),
    "duration": lambda: _seconds("--for", "For how long: 30m, 2h, 1d; a number alone is seconds.  [default: for ever]"),
    "within": lambda: _seconds("--within", "Time until then at most.  [default: 10s]"),
    "interval": lambda: click.Argument(["seconds"], type=Parsed(_interval), metavar="DURATION|off"),
    "reason": lambda: _text("REASON"),
    "topic": lambda: click.Argument(["text"], type=TEXT, nargs=-1, metavar="TEXT..."),
    "switch": lambda: click.Argument(["on"], type=click.Choice(["on", "off"]), callback=lambda _c, _p, v: v == "on"),
    "person": lambda: click.Option(
        ["--person"], is_flag=True, help="Also the member's key and client, under any name."
    ),
    "address": lambda: click.Option(["--address"], is_flag=True, help="Also the member's address."),
    "person_room": lambda: click.Option(
        ["--room"], type=TEXT, metavar="ROOM", help="Their room, if there are two members of that name."
    ),
    "seqs": lambda: click.Argument(["seqs"], nargs=-1, type=WholeNumber(1), metavar="[SEQ]..."),
    "author": lambda: click.Option(
        ["--nick", "target"],
        type=TEXT,
        metavar="NICK",
        callback=_nick_target,
        help="All messages under this name, in any case.",
    ),
    "why": lambda: click.Option(["--why", "text"], type=TEXT, metavar="WHY", help="The reason, shown in the room."),
    "redacted_room": lambda: click.Option(
        ["--room"], type=TEXT, metavar="ROOM", help="Which room.  [default: lobby; with --nick all rooms]"
    ),
    "any_room": lambda: click.Option(["--room"], type=TEXT, metavar="ROOM", help="Which room.  [default: all]"),
    "lock": lambda: click.Argument(["target"], type=TEXT, metavar="NAME"),
    "yes": lambda: click.Option(["--yes"], is_flag=True, help="Do it."),
    "room": lambda: click.Option(
        ["--room"],
        type=TEXT,
        metavar="ROOM",
        default="lobby",
        show_default=True,
        envvar="CHATCTL_ROOM",
        help="Which room.",
    ),
}


def _command(name: str, verb: Verb) -> click.Command:
    """Return the subcommand of a verb. Its parameters are named after the fields of the request."""

    @all_of(json_option(), timeout_option("1h" if verb.slow else "5s"), _socket_options())
    def run(timeout: float, as_json: bool, **given: Any) -> None:
        from chatctl.client.admin_socket import order
        from chatctl.commands.admin.formats import json_lines, text_lines
        from chatctl.commands.admin.socket_path import socket_path
        from chatctl.errors import Unreachable
        from chatctl.protocol import MAX_REDACTED

        verb = f"?{name}" if given.pop("dry_run", False) else name
        refuse(
            (
                "seqs" in given and bool(given["seqs"]) == bool(given["target"]),
                "give the numbers of messages, or --nick NICK",
            ),
            (len(given.get("seqs", ())) > MAX_REDACTED, f"at most {MAX_REDACTED} messages at once"),
            (
                name == "topic" and not given["text"],
                "give TEXT, or \"\" to remove the topic ('chatctl who --rooms' shows it)",
            ),
        )
        source = click.get_current_context().get_parameter_source
        typed = [
            one for one in ("admin_socket", "journal", "port") if source(one) is click.core.ParameterSource.COMMANDLINE
        ]
        path = socket_path(given.pop("admin_socket"), given.pop("journal"), given.pop("port"), typed)
        fields = {
            key: " ".join(value) if isinstance(value, tuple) and key == "text" else value
            for key, value in given.items()
            if value is not None
        }
        try:
            answer = order(path, verb, timeout, **fields)
        except Unreachable as error:
            if "port" not in typed:
                raise
            raise Unreachable(f"{error.text}; without --port, if its journal is a file") from None
        emit_lines(json_lines(answer) if as_json else text_lines(answer), as_json=as_json)

    room = "  CHATCTL_ROOM   the room\n" if "room" in verb.takes else ""
    text = _HELP.format(text=verb.help, example=f"{name} {verb.example}".rstrip(), room=room)
    params = [_PARAMETERS[one]() for one in verb.takes]
    if "server" not in verb.may and "seqs" not in verb.takes:
        params.append(click.Option(["--dry-run"], is_flag=True, help="Only print what it would do, and to whom."))
    return click.command(name, Command, params=params, help=text)(run)


def _socket_options() -> Any:
    return all_of(
        count_option(
            "--port",
            most=65535,
            default=DEFAULT_PORT,
            metavar="PORT",
            envvar="CHATCTL_PORT",
            help="The server at this port, if its journal is none or postgresql://...",
        ),
        click.option(
            "--journal",
            type=JOURNAL_OR_NONE,
            metavar="PATH|URI|none",
            envvar="CHATCTL_JOURNAL",
            callback=no_typed_password,
            help="The server with this journal; none or postgresql://...: the one at --port.  [default: rooms.db]",
        ),
        click.option("--admin-socket", metavar="PATH", envvar="CHATCTL_ADMIN_SOCKET", help="The server's own socket."),
    )


for _name, _verb in VERBS.items():
    admin.add_command(_command(_name, _verb))
