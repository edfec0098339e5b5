"""``chatctl serve``: start a room."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chatctl.cli.credential_options import password_source
from chatctl.cli.network_types import NET, PLACE
from chatctl.cli.options import DEFAULT_TLS_PORT, RATE, host_option, port_option
from chatctl.commands.serve.limits import as_limits, limit_options

if TYPE_CHECKING:
    from chatctl.common.ip_addresses import Network
    from chatctl.core.passwords import Verifier


@click.command()
@host_option("Address to listen on: IPv4, IPv6 or a name; :: is every address of this machine.")
@port_option("Port to listen on; 0 picks a free one.", least=0)
@click.option("--unix", type=click.Path(path_type=Path), metavar="PATH", help="Listen on a unix socket as well.")
@click.option("--no-tcp", is_flag=True, help="Listen on the unix socket only.")
@click.option("--tls", type=click.Choice(["self"]), help="Listen with TLS too; self: with a certificate of our own.")
@click.option(
    "--tls-cert",
    type=click.Path(path_type=Path),
    metavar="PATH",
    envvar="CHATCTL_TLS_CERT",
    help="Listen with TLS too, with this certificate (PEM, its chain behind it). Read again on SIGHUP.",
)
@click.option(
    "--tls-key",
    type=click.Path(path_type=Path),
    metavar="PATH",
    envvar="CHATCTL_TLS_KEY",
    help="Its key (PEM), which nobody else may read.  [default: in the same file]",
)
@click.option(
    "--tls-port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_TLS_PORT,
    show_default=True,
    envvar="CHATCTL_TLS_PORT",
    help="Port to listen on with TLS.",
)
@click.option("--no-plain", is_flag=True, help="Listen on no TCP port without TLS.")
@click.option("--room", "rooms", multiple=True, metavar="NAME", help="A room beside 'lobby'. Repeatable.")
@click.option("--open-rooms", is_flag=True, help="Let anybody open a room by entering it.")
@click.option(
    "--name",
    "server_name",
    default="chatctl",
    show_default=True,
    metavar="NAME",
    help="What the server calls itself.",
)
@click.option(
    "--max-clients",
    type=click.IntRange(1),
    metavar="N",
    show_default="10000, or 0.8 × the file limit",
    help="Connections at once.",
)
@click.option(
    "--max-per-address",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    metavar="N",
    help="Of these, from one address; this machine's own are not counted.",
)
@click.option(
    "--rate",
    type=RATE,
    default="10:30",
    show_default=True,
    metavar="N[:BURST]|off",
    help="Messages a second from one connection, and how many at once; over it, they wait.",
)
@click.option(
    "--ring-entries",
    type=click.IntRange(1),
    default=100_000,
    show_default=True,
    metavar="N",
    help="Messages of a room kept in memory.",
)
@limit_options
@click.option(
    "--journal",
    metavar="PATH|none",
    envvar="CHATCTL_JOURNAL",
    help="File that keeps the messages; none: memory only.  [default: rooms.db in the state directory]",
)
@click.option(
    "--durability",
    type=click.Choice(["os", "disk"]),
    default="disk",
    show_default=True,
    help="What an acknowledged message survives: a killed process, or a power cut too.",
)
@click.option(
    "--keep-messages",
    type=click.IntRange(1),
    metavar="N",
    show_default="all",
    help="Messages of each room that the journal keeps.",
)
@click.option(
    "--keep-days",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    show_default="for good",
    help="For how many days it keeps them.",
)
@click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Let in who knows the password in its first line; or what 'chatctl password' made of it. Or CHATCTL_PASSWORD. "
    "Read again on SIGHUP.",
)
@click.option(
    "--allow",
    type=NET,
    multiple=True,
    metavar="NET|@FILE",
    help="Take connections from there only: 10.0.0.0/8, fd00::/8, an address, or @FILE with one a line, which is "
    "read again on SIGHUP. Repeatable; unix sockets are exempt.",
)
@click.option(
    "--deny",
    type=NET,
    multiple=True,
    metavar="NET|@FILE",
    help="Take none from there, even if allowed. Repeatable.",
)
@click.option(
    "--reached-as",
    type=PLACE,
    multiple=True,
    metavar="IP:PORT",
    help="Clients with a key may also have reached it there: the outer end of a forwarded port. Repeatable.",
)
@click.option(
    "--claim-names/--no-claim-names",
    default=None,
    help="Bind a name to the key of who first joins under it.  [default: where there is a journal]",
)
@click.option(
    "--operator",
    "operators",
    multiple=True,
    metavar="SHA256:...",
    help="Let the owner of this key keep order in the rooms. Repeatable.",
)
@click.option(
    "--operators",
    "operators_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    envvar="CHATCTL_OPERATORS",
    help="The same for the keys in this file, one a line. Read again on SIGHUP.",
)
@click.option(
    "--admin-socket",
    type=click.Path(path_type=Path),
    metavar="PATH",
    envvar="CHATCTL_ADMIN_SOCKET",
    help="Where 'chatctl admin' reaches it.  [default: beside the journal]",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the log on stderr.",
)
@click.option("-q", "--quiet", is_flag=True, help="Log warnings and errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
def serve(
    host: str,
    port: int,
    unix: Path | None,
    no_tcp: bool,
    tls: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_port: int,
    no_plain: bool,
    rooms: tuple[str, ...],
    open_rooms: bool,
    server_name: str,
    max_clients: int | None,
    max_per_address: int,
    rate: tuple[float, int],
    ring_entries: int,
    journal: str | None,
    durability: str,
    keep_messages: int | None,
    keep_days: float | None,
    password_file: Path | None,
    allow: tuple[Network | Path, ...],
    deny: tuple[Network | Path, ...],
    reached_as: tuple[str, ...],
    claim_names: bool | None,
    operators: tuple[str, ...],
    operators_file: Path | None,
    admin_socket: Path | None,
    log_format: str,
    quiet: bool,
    verbose: bool,
    **limits: Any,
) -> None:
    """Start a chat room and run it until Ctrl-C.

    The first line of stdout says where it listens, the last one how to join; events are logged on stderr.

    \b
    Examples:
      chatctl serve
      chatctl serve --host 0.0.0.0 --port 5500 --room ops --room builds
      chatctl serve --unix /run/chat/room.sock --no-tcp
      chatctl serve --host 0.0.0.0 --tls self --no-plain
      chatctl serve --tls-cert fullchain.pem --tls-key privkey.pem
      chatctl serve --password-file room.password

    \b
    Exit codes:
      0 stopped (Ctrl-C, SIGTERM)
      1 can't listen, or a file can't be used, or the journal broke
      2 usage

    \b
    Environment:
      CHATCTL_HOST CHATCTL_PORT CHATCTL_TLS_CERT CHATCTL_TLS_KEY
      CHATCTL_TLS_PORT CHATCTL_JOURNAL CHATCTL_CONFIG
      CHATCTL_OPERATORS CHATCTL_ADMIN_SOCKET
      CHATCTL_PASSWORD   what the first line of --password-file would be
      CHATCTL_STATE_DIR   the state directory, instead of the platform's
    """
    from chatctl.core.admission import Admission
    from chatctl.hub.event_log import Log
    from chatctl.server.options import ServeOptions, TlsOptions, default_max_clients, journal_path, make_limits
    from chatctl.server.program import run_server

    if no_tcp and unix is None:
        raise click.UsageError("--no-tcp needs --unix PATH")
    wants_tls = tls is not None or tls_cert is not None
    _check_tls(tls, tls_cert, tls_key, no_tcp=no_tcp, no_plain=no_plain)
    level = "warning" if quiet else "debug" if verbose else "info"
    run_server(
        ServeOptions(
            host=None if no_tcp else host,
            port=port,
            unix=unix,
            admission=Admission(server_name, rooms, open_rooms=open_rooms),
            limits=make_limits(
                as_limits(limits)
                | {
                    "clients": max_clients or default_max_clients(),
                    "per_address": max_per_address,
                    "rate": rate[0],
                    "burst": rate[1],
                    "ring_entries": ring_entries,
                }
            ),
            journal=journal_path(journal),
            durability="os" if durability == "os" else "disk",
            keep_messages=keep_messages,
            keep_days=keep_days,
            claim_names=claim_names,
            tls=TlsOptions(tls_port, tls_cert, tls_key) if wants_tls else None,
            plain=not no_plain,
            password=_verifier(password_file),
            read_password=partial(_verifier, password_file) if password_file is not None else None,
            reached_as=reached_as,
            allow=allow,
            deny=deny,
            operators=operators,
            operators_file=operators_file,
            admin_socket=admin_socket.absolute() if admin_socket is not None else None,
        ),
        Log("json" if log_format == "json" else "text", level),
    )


def _check_tls(tls: str | None, cert: Path | None, key: Path | None, *, no_tcp: bool, no_plain: bool) -> None:
    if tls is not None and cert is not None:
        raise click.UsageError("--tls self makes a certificate, --tls-cert names one: choose one of them")
    if key is not None and cert is None:
        raise click.UsageError("--tls-key needs --tls-cert PATH")
    has_tls = tls is not None or cert is not None
    if no_tcp and has_tls:
        raise click.UsageError("--no-tcp leaves nothing to use TLS on")
    if no_plain and not has_tls:
        raise click.UsageError("--no-plain needs --tls self or --tls-cert PATH")


def _verifier(path: Path | None) -> Verifier | None:
    """Give what the password is checked with, None without one. Raises ChatError."""
    source = click.get_current_context().get_parameter_source("password_file")
    word, file = password_source(str(path) if path is not None else None, source)
    from chatctl.common.files import read_password
    from chatctl.core.passwords import Verifier
    from chatctl.errors import ChatError

    word = read_password(file) if file is not None else word
    try:
        return Verifier.of(word) if word is not None else None
    except ValueError as error:
        raise ChatError(f"{file or 'CHATCTL_PASSWORD'}: {error}") from None
