"""Options that several commands share. Does not live here: the types of their values (param_types.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.core import ParameterSource

from chatctl.cli.completers import completer
from chatctl.cli.config_defaults import defaults_of
from chatctl.cli.credential_options import credential_options, credentials_of
from chatctl.cli.help_pages import option_group
from chatctl.cli.output import warn
from chatctl.cli.param_types import DURATION, FOLDED_NICK, HOST, PIN, SCHEMA, TEXT, FilePath, WholeNumber
from chatctl.cli.server_option import DEFAULT_PORT, FromServer, has_own_port, named_server, server_option
from chatctl.errors import NickInvalid

if TYPE_CHECKING:
    from chatctl.client.core.address import Address

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_HOST = "127.0.0.1"  # as in protocol.py, which --help must not import: it needs msgspec
DEFAULT_TLS_PORT = 5501
DEFAULT_ROOM = "lobby"

IDENTITY = "Identity"
"""The heading of the options that say, and prove, who we are."""

_OPTIONAL = ("unix", "tls", "pin", "ca", "password_file", "key_file")
_OF_SERVER = ("host", "port", "room", *_OPTIONAL)


def all_of(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Combine options into one decorator. ``--help`` shows them in this order."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class ServerOptions:
    """The values of ``server_options``: the server to talk to, what we can prove there, and the room."""

    def __init__(self, ctx: click.Context, values: Mapping[str, Any]) -> None:
        """Keep the values of the command that runs in ``ctx``."""
        rooms = values["room"]
        self.rooms: tuple[str, ...] = rooms if isinstance(rooms, tuple) else (rooms,)
        """More than one only where the command takes several."""
        self.room = self.rooms[0]
        self._ctx = ctx
        self._values = values

    def address(self) -> Address:
        """Return the server's address, with TLS, credentials, and the other servers with the same rooms.

        Raises:
            UsageError: the options contradict each other.
        """
        address = self._first()
        named = named_server(self._ctx)
        return address._replace(others=tuple(self._other(address, text) for text in named.others)) if named else address

    def _other(self, first: Address, text: str) -> Address:
        """Return another server of a list: it differs from the first in where it is."""
        from chatctl.client.core.address import names_port, parse_address

        one = parse_address(text)
        if one.unix is not None and first.tls:
            raise click.UsageError(f"a unix socket has no TLS: {text} can't be beside servers that have")
        own = names_port(text) or one.unix is not None
        port = one.port if own else self._port_of_all or (DEFAULT_TLS_PORT if first.tls else DEFAULT_PORT)
        return first._replace(host=one.host, port=port, unix=one.unix)

    @property
    def _port_of_all(self) -> int | None:
        """The port that ``--port`` or its equivalents give to each server that names none."""
        named = named_server(self._ctx)
        is_given = self._ctx.get_parameter_source("port") is not ParameterSource.DEFAULT
        return self._values["port"] if is_given and not (named is not None and "port" in named.used) else None

    def _first(self) -> Address:
        from chatctl.client.core.address import Address
        from chatctl.client.core.remedies import Options

        host, port = self._values["host"], self._values["port"]
        unix, tls, pin, ca, password_file, key = map(self._values.get, _OPTIONAL)
        credentials = credentials_of(self._ctx, password_file, key)
        has_tls = tls is True or (tls is None and (pin is not None or ca is not None))
        if unix is not None:
            if has_tls and self._on_command_line("tls", "pin", "ca"):
                raise click.UsageError("a unix socket has no TLS: leave --tls, --pin and --ca out")
            return Address(host, port, unix, credentials=credentials, remedies=Options)
        if not has_tls:
            if self._on_command_line("pin", "ca"):
                raise click.UsageError("--no-tls leaves nothing to check with --pin or --ca")
            return Address(host, port, credentials=credentials, remedies=Options)
        port = port if has_own_port(self._ctx) else DEFAULT_TLS_PORT
        return Address(host, port, tls=True, pin=pin, ca=ca, credentials=credentials, remedies=Options)

    def web_address(self, web: Address) -> Address:
        """Return the address of ``--web``, with what else was given for it. Raises UsageError."""
        pin, ca, password_file, key = map(self._values.get, ("pin", "ca", "password_file", "key_file"))
        if self._on_command_line("server", "host", "port", "unix", "tls"):
            raise click.UsageError("--web is the whole address: leave --server, --host, --port, --unix and --tls out")
        if not web.tls and self._on_command_line("pin", "ca"):
            raise click.UsageError("--pin and --ca need --web https://...")
        from chatctl.client.core.remedies import Options

        of_tls = {"pin": pin, "ca": ca} if web.tls else {"pin": None, "ca": None}
        credentials = credentials_of(self._ctx, password_file, key)
        return web._replace(**of_tls, credentials=credentials, remedies=Options)

    @property
    def room_was_named(self) -> bool:
        """Whether the room was given for this command: on its command line, or in its section of the file."""
        named = named_server(self._ctx)
        of_server = named is not None and "room" in named.used
        own = (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)
        return self._ctx.get_parameter_source("room") in own and not of_server

    def _on_command_line(self, *names: str) -> bool:
        return any(self._ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in names)


def server_options(*, several_rooms: bool = False) -> Callable[[F], F]:
    """Add ``--server --host --port --unix --tls --pin --ca --password-file --key --room``.

    The command takes their values as one parameter, ``server: ServerOptions``. With ``several_rooms`` ``--room`` may
    be given more than once.
    """
    options = all_of(
        option_group(
            "Server",
            server_option(),
            host_option("Server to connect to: IPv4, IPv6 or a name."),
            port_option("Its port."),
            _option("--unix", "Its unix socket, instead of host and port.", type=click.Path(), metavar="PATH"),
            _option(
                "--room",
                "Which of its rooms. Repeatable." if several_rooms else "Which of its rooms.",
                type=TEXT,
                multiple=several_rooms,
                default=(DEFAULT_ROOM,) if several_rooms else DEFAULT_ROOM,
                show_default=True,
                metavar="ROOM",
                shell_complete=completer("rooms"),
            ),
            _option("--tls/--no-tls", "Use TLS, on port 5501 unless --port is given.", default=None),
            _option("--pin", "Use TLS; require a certificate with this fingerprint.", type=PIN, metavar="SHA256:..."),
            _option("--ca", "Use TLS; require a certificate signed by an authority in this file.", metavar="FILE"),
        ),
        option_group(IDENTITY, *credential_options()),
    )

    def decorate(command: F) -> F:
        @wraps(command)
        def run(*arguments: Any, server: str | None, **given: Any) -> Any:
            values = {name: given.pop(name) for name in _OF_SERVER}
            return command(*arguments, server=ServerOptions(click.get_current_context(), values), **given)

        return options(cast("F", run))

    return decorate


def _option(name: str, text: str, **more: Any) -> Callable[[F], F]:
    """Return an option that ``--server`` or ``CHATCTL_NAME`` may answer."""
    variable = name.partition("/")[0].lstrip("-").replace("-", "_").upper()
    return click.option(name, cls=FromServer, envvar=f"CHATCTL_{variable}", help=text, **more)


def count_option(*names: str, least: int = 1, most: int | None = None, **more: Any) -> Callable[[F], F]:
    """Return an option for an integer from ``least`` to ``most``. ``more`` is for ``click.option``."""
    return _shown(*names, type=WholeNumber(least, most), **{"metavar": "N"} | more)


def duration_option(*names: str, **more: Any) -> Callable[[F], F]:
    """Return an option for a duration, in seconds."""
    return _shown(*names, **{"type": DURATION, "metavar": "DURATION"} | more)


def choice_option(*names: str, choices: Sequence[str], **more: Any) -> Callable[[F], F]:
    """Return an option for one of ``choices``."""
    return _shown(*names, type=click.Choice(choices), **more)


def schema_option(text: str) -> Callable[[F], F]:
    """``--journal-schema``."""
    return click.option("--journal-schema", type=SCHEMA, metavar="NAME", show_default="chatctl", help=text)


def no_typed_password(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Refuse a database's URI with a password in the command line: a callback of options that take one."""
    from chatctl.common.journal_uri import has_password

    typed = ctx.get_parameter_source(param.name or "") == click.core.ParameterSource.COMMANDLINE
    if typed and isinstance(value, str) and has_password(value):
        why = "everybody on this machine can read a password in a command line"
        raise click.UsageError(f"{why}: put it into the file that PGPASSFILE names", ctx)
    return value


def file_option(*names: str, **more: Any) -> Callable[[F], F]:
    """Return an option for a file, as a ``Path``."""
    return click.option(*names, type=FilePath(), **{"metavar": "PATH"} | more)


def _shown(*names: str, **more: Any) -> Callable[[F], F]:
    """Return an option whose default, if it has one, is shown by ``--help``."""
    return click.option(*names, **{"show_default": more.get("default") is not None} | more)


def host_option(text: str) -> Callable[[F], F]:
    """``--host``."""
    return _option("--host", text, default=DEFAULT_HOST, show_default=True, metavar="HOST", type=HOST)


def port_option(text: str, least: int = 1) -> Callable[[F], F]:
    """``--port``, from ``least`` up."""
    kind = WholeNumber(least, 65535)
    return _option("--port", text, type=kind, default=DEFAULT_PORT, show_default=True, metavar="PORT")


def nick_option() -> Callable[[F], F]:
    """``--nick``."""
    option = _option("--nick", "Your nickname.  [default: the login name]", metavar="NICK")
    return option_group(IDENTITY, option)


def authors_option(text: str) -> Callable[[F], F]:
    """``--from``, repeatable: whose messages count. The command takes them folded, as ``nicks``."""
    kind, tab = FOLDED_NICK, completer("nicks")
    return click.option("--from", "nicks", type=kind, multiple=True, metavar="NICK", shell_complete=tab, help=text)


def timeout_option(
    default: str | None = "5s", text: str = "Give up after this long: 300ms, 5s, 2m."
) -> Callable[[F], F]:
    """``--timeout``, in seconds; None where ``default`` is None and nothing was given."""
    return duration_option("--timeout", default=default, envvar="CHATCTL_TIMEOUT", callback=positive, help=text)


def positive(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Refuse a time of 0: a deadline would pass before anything is done, which looks like a server that is down."""
    if value is not None and value <= 0:
        raise click.BadParameter("it has to be more than nothing", ctx, param)
    return value


def json_option(text: str = "Print one JSON object per line.") -> Callable[[F], F]:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help=text)


def refuse(*contradictions: tuple[object, str]) -> None:
    """Raise UsageError with the text of the first of ``contradictions`` that is true."""
    for is_true, text in contradictions:
        if is_true:
            raise click.UsageError(text)


def require_no_tls(address: Address) -> None:
    """Raise UsageError where TLS was asked for, be it by the environment or the configuration: it is never left out."""
    if address.tls:
        raise click.UsageError(
            "--classic has no TLS: a server of the first version speaks none; say --no-tls to talk to it in the open"
        )


def own_nick(nick: str | None) -> str:
    """Return the nickname chosen, or the login name. Raises NickInvalid, naming ``--nick``."""
    from chatctl.client.identity import login_nick
    from chatctl.common.names import check_nick

    _warn_without_home()

    try:
        return check_nick(nick if nick is not None else login_nick())
    except NickInvalid as error:
        source = click.get_current_context().get_parameter_source("nick")
        path = str(defaults_of(click.get_current_context()).path) if source is ParameterSource.DEFAULT_MAP else ""
        instead = f"that value comes from {path}" if path else "choose one with --nick or CHATCTL_NICK"
        raise NickInvalid(f"{error.text} ({instead})") from None


@cache
def _warn_without_home() -> None:
    """Warn, once, where who we are can't be remembered."""
    from chatctl.common.paths import state_folder
    from chatctl.errors import NoHome

    try:
        state_folder()
    except NoHome as error:
        warn(f"{error.text}; nothing is remembered")
