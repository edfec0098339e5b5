"""``chatctl admin``: keep order in the rooms of a server of this machine.

Each verb is a subcommand: what it takes stands here, what it does and to whom at the server (verbs.py, steward.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from chatctl.cli.options import DEFAULT_PORT, DURATION, json_option, timeout_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_HELP = """\
{text}

\b
Example:
  chatctl admin {example}

\b
Exit codes:
  0 done   1 a fault of the server's   2 usage   3 no server there
  4 no answer: it may or may not be done   5 a name or key refused
  6 refused   130 interrupted   143 terminated

\b
Environment:
  CHATCTL_ADMIN_SOCKET CHATCTL_JOURNAL CHATCTL_PORT CHATCTL_TIMEOUT
  CHATCTL_STATE_DIR   the state directory, instead of the platform's
{room}"""


@click.group()
def admin() -> None:
    """Keep order: kick, ban, mute, topic, drain.

    Over the server's own socket, which is beside its journal and for its own user and root alone. Operators whose key
    the server knows can do most of it in the room: /kick, /ban and so on of 'chatctl join'. What is set is kept in the
    journal, shown in the room, and logged.

    \b
    Who is meant: a nickname; a key's fingerprint, SHA256:...; an address
    or a network, 192.0.2.7 or 192.0.2.0/24; name:NICK for a nickname that
    looks like an address.

    \b
    Examples:
      chatctl admin ban rajat --for 2h "spam"
      chatctl admin topic --room ops "deploy freeze until Monday"
      chatctl admin bans --json

    \b
    Exit codes:
      0 done   1 a fault of the server's   2 usage   3 no server there
      4 no answer: it may or may not be done   5 a name or key refused
      6 refused   130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_ADMIN_SOCKET   the socket
      CHATCTL_JOURNAL   the journal that it is beside
    """


def _reason(name: str = "REASON") -> click.Argument:
    return click.Argument(["text"], nargs=-1, metavar=f"[{name}]...")


def _target() -> click.Argument:
    return click.Argument(["target"])


def _for() -> click.Option:
    return click.Option(
        ["--for", "seconds"], type=DURATION, metavar="DURATION", help="For how long.  [default: for good]"
    )


def _room(text: str) -> click.Option:
    return click.Option(["--room"], metavar="ROOM", help=text)


def _which_person() -> click.Option:
    return _room("Where they are, if there are two of that name.")


def _of_room() -> click.Option:
    return click.Option(
        ["--room"], metavar="ROOM", default="lobby", show_default=True, envvar="CHATCTL_ROOM", help="Which room."
    )


class _Pace(click.ParamType[float]):
    name = "pace"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return 0.0 if value == "off" else DURATION.convert(value, param, ctx)


def _verb(name: str, text: str, example: str, *params: click.Parameter) -> None:
    """Put a subcommand on the group, whose arguments are the fields of what is asked."""

    def run(**given: Any) -> None:
        _order(name, _socket(given), given)

    has_room = any(getattr(one, "envvar", None) == "CHATCTL_ROOM" for one in params)
    room = "  CHATCTL_ROOM   the room\n" if has_room else ""
    words = _HELP.format(text=text, example=f"{name} {example}".rstrip(), room=room)
    command = click.Command(name, params=list(params), callback=run, help=words)
    for option in (json_option(), timeout_option("5s"), *_where()):
        command = option(command)
    admin.add_command(command)


def _where() -> tuple[Any, ...]:
    return (
        click.option(
            "--port",
            type=click.IntRange(1, 65535),
            default=DEFAULT_PORT,
            show_default=True,
            envvar="CHATCTL_PORT",
            help="Its port; counts with --journal none.",
        ),
        click.option(
            "--journal",
            metavar="PATH|none",
            envvar="CHATCTL_JOURNAL",
            help="The server with this journal; none: the one at --port.  [default: rooms.db]",
        ),
        click.option("--admin-socket", metavar="PATH", envvar="CHATCTL_ADMIN_SOCKET", help="The server's own socket."),
    )


def _socket(given: dict[str, Any]) -> Path:
    """Give where the server is reached, and take that out of what is asked."""
    from pathlib import Path

    from chatctl.common.paths import admin_socket, admin_socket_at, default_journal

    path, journal, port = given.pop("admin_socket"), given.pop("journal"), given.pop("port")
    if path is not None:
        return Path(path)
    if journal == "none":
        return admin_socket_at(port, None)
    return admin_socket(Path(journal) if journal is not None else default_journal())


def _order(verb: str, path: Path, given: dict[str, Any]) -> None:
    from chatctl.cli.output import emit
    from chatctl.client.admin_socket import order

    timeout, as_json = given.pop("timeout"), given.pop("as_json")
    fields = {name: " ".join(value) if name == "text" else value for name, value in given.items() if value is not None}
    answer = order(path, verb, timeout, **fields)
    for line in _json_lines(answer) if as_json else _lines(answer):
        emit(line)


def _json_lines(answer: dict[str, Any]) -> Iterator[str]:
    import json

    from chatctl.common.text import escape_json

    for row in answer.get("rows") or ([] if _is_list(answer) else [{"text": answer.get("text")}]):
        yield escape_json(json.dumps(row, ensure_ascii=False))


def _is_list(answer: dict[str, Any]) -> bool:
    return bool(answer.get("list"))


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    from chatctl.common.text import clean

    rows: Sequence[dict[str, Any]] = answer.get("rows") or []
    for row in rows:
        yield clean("  ".join(f"{key}={_shown(key, value)}" for key, value in row.items()))
    if not rows:
        yield clean(str(answer.get("text", "")))


def _shown(key: str, value: Any) -> str:
    from chatctl.cli.output import moment

    if key in ("since", "until") and isinstance(value, int | float):
        return moment(value).replace(" ", "T")
    return str(value)


_verb(
    "kick", "End a member's connection. They may come back.", 'rajat "calm down"', _target(), _reason(), _which_person()
)
_verb(
    "ban",
    "Keep somebody out, whatever they call themselves.\n\nA member is banned by all that is known of them, name and "
    "key, and sent away. Names that look like a banned one are banned, too.",
    '192.0.2.0/24 --for 1d "flood"',
    _target(),
    _reason(),
    _for(),
    click.Option(["--address"], is_flag=True, help="A member's address, too."),
    _which_person(),
)
_verb("unban", "Let somebody in again.", "rajat", _target())
_verb("mute", "Let somebody read, and say nothing.", "rajat --for 10m", _target(), _reason(), _for(), _which_person())
_verb("unmute", "Let somebody speak again.", "rajat", _target())
_verb("bans", "List all bans and mutes.", "--json")
_verb("topic", "Set what a room is about; without TEXT, take it away.", "deploy freeze", _reason("TEXT"), _of_room())
_verb(
    "slow",
    "Slow a room down; off: as fast as before.\n\nEach member may say one thing in that time, operators any number.",
    "30s",
    click.Argument(["seconds"], type=_Pace(), metavar="DURATION|off"),
    _of_room(),
)
_verb(
    "read-only",
    "Let operators alone speak in a room.",
    "on --room news",
    click.Argument(["on"], type=click.Choice(["on", "off"]), callback=lambda _ctx, _param, value: value == "on"),
    _of_room(),
)
_verb("claims", "List the names that are bound to a key.", "--json")
_verb("unclaim", "Set a name free that is bound to a key.", "rajat", _target())
_verb(
    "op", "Make the owner of a key an operator, for good. A member's nickname stands for their key.", "nadia", _target()
)
_verb("deop", "Take that back.", "nadia", _target())
_verb("ops", "List the operators' keys.", "")
_verb(
    "reload",
    "Read files again, as SIGHUP does.\n\nThe certificate, the operators' keys, the password, the networks of --allow "
    "and --deny. Nobody is dropped but who is taken no more by these.",
    "",
)
_verb(
    "drain",
    "End the server in order.\n\nNobody is let in any more; everybody is told to come back in a few seconds, and gets "
    "what is theirs.",
    "--within 30s",
    _reason(),
    click.Option(["--within", "seconds"], type=DURATION, metavar="DURATION", help="At most so long.  [default: 10s]"),
)
