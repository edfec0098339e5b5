"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from chatctl.cli.completers import known
from chatctl.cli.credential_options import credentials_of, proving_options
from chatctl.cli.server_option import FromServer, has_own_port, server_option

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from chatctl.client.core.address import Address
    from chatctl.client.requests import Since

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_HOST = "127.0.0.1"  # as in protocol.py, which --help must not import: it needs msgspec
DEFAULT_PORT = 5500
DEFAULT_TLS_PORT = 5501
DEFAULT_ROOM = "lobby"


class Duration(click.ParamType[float]):
    """``300ms``, ``5s``, ``2m``, ``1h``; a bare number is seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        from chatctl.common.durations import LONGEST_DURATION, parse_duration

        seconds = float(value) if isinstance(value, int | float) else parse_duration(str(value))
        if seconds is None or not 0 <= seconds < LONGEST_DURATION:
            self.fail(f"{value!r} is no duration: write 300ms, 5s, 2m or 1h", param, ctx)
        return seconds


class Rate(click.ParamType[tuple[float, int]]):
    """``N``, ``N:BURST`` or ``off``."""

    name = "rate"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, int]:
        """Give (messages a second, burst); (0, 0) for off."""
        if value == "off":
            return 0.0, 0
        number, _, burst = str(value).partition(":")
        try:
            rate = float(number)
            most = int(burst) if burst else max(1, int(3 * rate))
        except (ValueError, OverflowError):
            rate, most = 0.0, 0
        if not (0 < rate < 1e9 and 1 <= most < 1e9):
            self.fail(f"{value!r} is no rate: write 10, 10:30 or off", param, ctx)
        return rate, most


class Regex(click.ParamType["re.Pattern[str]"]):
    """A regular expression of Python's ``re``."""

    name = "regex"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> re.Pattern[str]:
        """Give it compiled."""
        import warnings

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return re.compile(str(value))
        except (re.error, RecursionError, OverflowError, ValueError) as error:
            self.fail(f"{value!r} is no regular expression: {error}", param, ctx)


class SinceType(click.ParamType["Since"]):
    """An entry's number, a time, or how long ago."""

    name = "since"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Since:
        """Give the place."""
        from chatctl.cli.since_type import parse_since

        try:
            return parse_since(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class FilePath(click.Path):
    """A file as a ``Path``. pathlib is loaded when one is given: it costs as much as ten modules of ours."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give it as a ``Path``."""
        from pathlib import Path

        return Path(os.fsdecode(super().convert(value, param, ctx)))


class FoldedNick(click.ParamType[str]):
    """A nickname to look for, as nicknames are compared."""

    name = "nick"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Give who is in the room."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(nick) for nick in known("nicks")(ctx, param, incomplete)]

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give it folded."""
        from chatctl.common.names import fold_nick
        from chatctl.errors import NickInvalid

        try:
            return fold_nick(str(value))
        except NickInvalid as error:
            self.fail(error.text, param, ctx)


class Pin(click.ParamType[str]):
    """A certificate's fingerprint."""

    name = "pin"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give it in the one form."""
        from chatctl.common.fingerprints import parse

        try:
            return parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


REGEX = Regex()
SINCE = SinceType()
FOLDED_NICK = FoldedNick()
DURATION = Duration()
RATE = Rate()


def all_of(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Put several options on a command, in the order in which ``--help`` shows them."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def host_option(text: str) -> Callable[[F], F]:
    """``--host``."""
    return click.option(
        "--host",
        cls=FromServer,
        default=DEFAULT_HOST,
        show_default=True,
        metavar="HOST",
        envvar="CHATCTL_HOST",
        help=text,
    )


def port_option(text: str, least: int = 1) -> Callable[[F], F]:
    """``--port``."""
    return click.option(
        "--port",
        cls=FromServer,
        type=click.IntRange(least, 65535),
        default=DEFAULT_PORT,
        show_default=True,
        metavar="PORT",
        envvar="CHATCTL_PORT",
        help=text,
    )


def room_option() -> Callable[[F], F]:
    """``--room``."""
    return click.option(
        "--room",
        cls=FromServer,
        default=DEFAULT_ROOM,
        show_default=True,
        metavar="ROOM",
        envvar="CHATCTL_ROOM",
        shell_complete=known("rooms"),
        help="Which of its rooms.",
    )


def server_options() -> Callable[[F], F]:
    """``--server --host --port --unix --password-file --key --room``: which server, what we can prove, which room."""
    return all_of(
        server_option(),
        host_option("Server to talk to: IPv4, IPv6 or a name."),
        port_option("Its port."),
        click.option(
            "--unix",
            cls=FromServer,
            type=click.Path(),
            metavar="PATH",
            envvar="CHATCTL_UNIX",
            help="Its unix socket, instead of host and port.",
        ),
        *_tls_options(),
        *proving_options(),
        room_option(),
    )


def _tls_options() -> tuple[Callable[[F], F], ...]:
    """``--tls --pin --ca``. Their values are for ``address_of`` alone, so no command has to hand them on."""

    def option(name: str, text: str, **more: Any) -> Callable[[F], F]:
        return click.option(name, cls=FromServer, expose_value=False, callback=_keep, help=text, **more)

    return (
        option("--tls/--no-tls", "Talk TLS, on port 5501 unless told otherwise.", default=None, envvar="CHATCTL_TLS"),
        option(
            "--pin",
            "TLS, and its certificate has this fingerprint.",
            type=Pin(),
            metavar="SHA256:...",
            envvar="CHATCTL_PIN",
        ),
        option("--ca", "TLS, and the authorities in this file vouch for it.", metavar="FILE", envvar="CHATCTL_CA"),
    )


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    ctx.meta[f"chatctl.{param.name} {ctx.command_path}"] = value


def nick_option(text: str = "Name to speak under.  [default: the login name]") -> Callable[[F], F]:
    """``--nick``."""
    return click.option("--nick", cls=FromServer, metavar="NICK", envvar="CHATCTL_NICK", help=text)


def timeout_option(
    default: str | None = "5s", text: str = "Give up after this long: 300ms, 5s, 2m."
) -> Callable[[F], F]:
    """``--timeout``."""
    return click.option(
        "--timeout",
        type=DURATION,
        default=default,
        show_default=default is not None,
        envvar="CHATCTL_TIMEOUT",
        metavar="DURATION",
        callback=_more_than_nothing,
        help=text,
    )


def _more_than_nothing(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Refuse a deadline that passes before anything can be done: it would look like a server that is down."""
    if value is not None and value <= 0:
        raise click.BadParameter("it has to be more than nothing", ctx, param)
    return value


def json_option() -> Callable[[F], F]:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


def address_of(host: str, port: int, unix: str | None) -> Address:
    """Give the server that the options name, with TLS and what they let us prove there."""
    from chatctl.client.core.address import Address

    ctx = click.get_current_context()
    credentials = credentials_of(ctx)
    wanted, pin, ca = (ctx.meta.get(f"chatctl.{name} {ctx.command_path}") for name in ("tls", "pin", "ca"))
    tls = wanted is True or (wanted is None and (pin is not None or ca is not None))
    if unix is not None:
        if tls and any(_is_typed(ctx, name) for name in ("tls", "pin", "ca")):
            raise click.UsageError("a unix socket has no TLS: leave --tls, --pin and --ca out")
        return Address(host, port, unix, credentials=credentials)
    if not tls:
        if _is_typed(ctx, "pin") or _is_typed(ctx, "ca"):
            raise click.UsageError("--no-tls leaves nothing to check with --pin or --ca")
        return Address(host, port, credentials=credentials)
    port = port if has_own_port(ctx) else DEFAULT_TLS_PORT
    return Address(host, port, tls=True, pin=pin, ca=ca, credentials=credentials)


def _is_typed(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def no_tls_with_classic(address: Address) -> None:
    """Raise UsageError where TLS was asked for, be it by the environment or the configuration: it is never left out."""
    if address.tls:
        raise click.UsageError(
            "--classic has no TLS: a server of the first version speaks none; say --no-tls to talk to it in the open"
        )


def own_nick(nick: str | None) -> str:
    """Give the nickname chosen, or the login name. Raises NickInvalid, naming ``--nick``."""
    from chatctl.client.identity import login_nick
    from chatctl.common.names import check_nick
    from chatctl.errors import NickInvalid

    try:
        return check_nick(nick if nick is not None else login_nick())
    except NickInvalid as error:
        raise NickInvalid(f"{error.text} (choose one with --nick or CHATCTL_NICK)") from None
