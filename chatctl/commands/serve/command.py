"""``chatctl serve``: start a room."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from chatctl.cli.credential_options import password_source
from chatctl.cli.help_pages import Command
from chatctl.cli.options import refuse
from chatctl.cli.password_variable import PASSWORD
from chatctl.commands.serve.limits import limit_options, limits_of
from chatctl.commands.serve.options import (
    access_options,
    journal_options,
    listen_options,
    operating_options,
    room_options,
    tls_options,
)
from chatctl.errors import ChatError, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chatctl.core.passwords import Verifier


@click.command(cls=Command)
@listen_options
@tls_options
@access_options
@room_options
@journal_options
@operating_options
@limit_options
def serve(
    host: str,
    unix: Path | None,
    no_tcp: bool,
    tls: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_port: int,
    no_plain: bool,
    web: tuple[str | None, int] | None,
    web_origins: tuple[str, ...],
    rooms: tuple[str, ...],
    open_rooms: bool,
    server_name: str,
    journal: Path | str | None,
    journal_schema: str | None,
    password_file: Path | None,
    admin_socket: Path | None,
    log_format: Literal["text", "json"],
    log_file: Path | None,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Start a chat room and run it until Ctrl-C.

    The first line of stdout says where the server listens, the last one how to join. Events are logged to stderr, or
    to a file. If the log can't be written, lines are left out and counted; the room is not delayed.

    --help-all also shows the rare limits (sizes, rates, timeouts).

    \b
    Examples:
      chatctl serve                                  # this machine only
      chatctl serve --host 0.0.0.0 --port 5500 --room ops --room builds
      chatctl serve --unix room.sock --no-tcp
      chatctl serve --host 0.0.0.0 --tls self --no-plain
      chatctl serve --tls-cert fullchain.pem --tls-key privkey.pem
      chatctl serve --password-file room.password
      chatctl serve --host 0.0.0.0 --tls self --no-plain --web 5580

    \b
    Exit codes:
      0 stopped (Ctrl-C, SIGTERM)
      1 can't listen, can't use a file, or the journal failed
      2 usage

    \b
    Environment:
      CHATCTL_HOST CHATCTL_PORT CHATCTL_TLS_CERT CHATCTL_TLS_KEY
      CHATCTL_TLS_PORT CHATCTL_JOURNAL CHATCTL_CONFIG
      CHATCTL_OPERATORS CHATCTL_ADMIN_SOCKET
      CHATCTL_PASSWORD_FILE   the file of --password-file
      CHATCTL_PASSWORD   the password itself
      CHATCTL_STATE_DIR   the state directory, instead of the platform's
    """
    from chatctl.common.file_reads import NO_PIPE  # when it is read again: everybody would wait for it
    from chatctl.core.admission import Admission
    from chatctl.server.log_setup import start_log
    from chatctl.server.options import ServeOptions, TlsOptions, WebOptions, journal_place
    from chatctl.server.program import run_server

    has_tls = tls is not None or tls_cert is not None
    refuse(
        (no_tcp and unix is None, "--no-tcp needs --unix PATH"),
        (tls and tls_cert, "--tls self makes a certificate, --tls-cert names one: choose one of them"),
        (tls_key is not None and tls_cert is None, "--tls-key needs --tls-cert PATH"),
        (no_tcp and has_tls, "--no-tcp leaves nothing to use TLS on"),
        (unix is not None and _same(unix, admin_socket), "--unix and --admin-socket need a path each"),
        (no_tcp and web is not None, "--no-tcp leaves no port for --web"),
        (no_tcp and given["metrics"] is not None, "--no-tcp leaves no port for --metrics"),
        (web_origins and web is None, "--web-origin needs --web PORT"),
        (no_plain and not has_tls, "--no-plain needs --tls self or --tls-cert PATH"),
        (_typed("tls_port") and not has_tls, "--tls-port needs --tls self or --tls-cert PATH"),
        (
            no_plain and _typed("port") and not _typed("tls_port"),
            f"--no-plain leaves --port unused: write --tls-port {given['port']}",
        ),
        *_journal_refusals(journal, journal_schema, given["durability"], given["max_journal"]),
    )
    events = start_log(log_format, "warning" if quiet else "debug" if verbose else "info", log_file)
    limits = limits_of(given)
    try:
        run_server(
            ServeOptions(
                host=None if no_tcp else host,
                unix=unix,
                admission=Admission(server_name, rooms, open_rooms=open_rooms),
                limits=limits,
                journal=journal_place(journal, journal_schema),
                tls=TlsOptions(tls_port, tls_cert, tls_key) if has_tls else None,
                plain=not no_plain,
                web=WebOptions(*web, web_origins) if web is not None else None,
                password=_password_at_start(password_file),
                read_password=partial(_verifier, password_file, NO_PIPE) if password_file is not None else None,
                admin_socket=admin_socket.absolute() if admin_socket is not None else None,
                **given,  # the other options have the names of its fields
            ),
            events,
        )
    except Exception as error:
        if log_file is not None:  # stderr is told by main.py
            events.error("ended", why=reason_of(error))
        raise


def _journal_refusals(
    journal: Path | str | None, schema: str | None, durability: str | None, size: int | None
) -> Iterator[tuple[object, str]]:
    """Yield what can't go with a journal of this kind, and why."""
    uri = journal if isinstance(journal, str) and journal != "none" else ""
    yield schema and not uri, "--journal-schema needs --journal postgresql://..."
    yield durability == "replica" and not uri, "--durability replica needs --journal postgresql://...: a file has none"
    yield size and uri, "--max-journal is for a file: with PostgreSQL set --keep-messages or --keep-days"


def _typed(name: str) -> bool:
    """Return whether an option is in the command line; the environment may have it for other commands."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _same(unix: Path, admin_socket: Path | None) -> bool:
    return admin_socket is not None and unix.resolve() == admin_socket.resolve()


def _password_at_start(path: Path | None) -> Verifier | None:
    """Return what checks the room's password, as ``_verifier``: a person may have to answer before a pipe gives it.

    Meanwhile signals end the command, which __main__.py holds back.
    """
    if path is None:
        return _verifier(None, None)
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT, signal.SIGTERM])
    try:
        return _verifier(path, None)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _verifier(path: Path | None, wait: float | None) -> Verifier | None:
    """Return what checks the room's password; None without a password.

    Args:
        path: its file.
        wait: seconds for a pipe to end; None for no limit.

    Raises:
        ChatError: the file can't be used.
    """
    source = click.get_current_context().get_parameter_source("password_file")
    password, file = password_source(str(path) if path is not None else None, source)
    from chatctl.common.file_reads import read_password
    from chatctl.core.passwords import Verifier

    password = read_password(file, wait) if file is not None else password
    try:
        return Verifier.of(password) if password is not None else None
    except ValueError as error:
        raise ChatError(f"{file or PASSWORD}: {error}") from None
