"""Running a server as a program: options in, sockets open, signals heard, everything closed at the end.

Lives here: what ``chatctl serve`` does around a server. Does not live here: the command line (commands/serve.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from chatctl import __version__
from chatctl.common.fingerprints import parse_key
from chatctl.common.paths import admin_socket, admin_socket_at, default_journal, state_dir
from chatctl.core.admission import Admission
from chatctl.core.auth import Authenticator, Verifier
from chatctl.core.ip_networks import Net, Networks
from chatctl.core.moderation import Rules
from chatctl.core.name_claims import NameClaims
from chatctl.errors import ChatError
from chatctl.hub.event_log import Log
from chatctl.hub.hub import Hub
from chatctl.journal import Journal
from chatctl.journal.memory import MemoryJournal
from chatctl.journal.sqlite import Durability, SqliteJournal, sqlite_defect
from chatctl.protocol import Limits
from chatctl.server.admin_socket import AdminSocket, verbs_of
from chatctl.server.certificates import Tls, self_signed
from chatctl.server.listener import open_tcp, open_unix
from chatctl.server.reload import Reloader, read_fingerprints, read_nets
from chatctl.server.server import Server
from chatctl.server.shutdown import Stop, on_hangup, on_signal
from chatctl.server.startup import announce, how_to_join, insist_on_safety, name_of, warn_if_exposed
from chatctl.server.systemd import Manager

SWITCH_SECONDS = 0.0005
"""How soon a busy loop lets the journal's thread go on. SQLite gives the interpreter's lock back at each call and has
to get it again: at Python's 5 ms the p99 of an acknowledgement was half as much again (docs/reliability.md)."""

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What the operator chose. ``host`` None means no TCP; ``rate`` 0 means no limit."""

    host: str | None
    port: int
    unix: Path | None
    admission: Admission
    limits: Limits
    journal: Path | None
    """None: memory only."""
    durability: Durability
    keep_messages: int | None
    keep_days: float | None
    claim_names: bool | None
    """Whether a join with a key binds its name; None: where it is kept."""
    password: Verifier | None = None
    read_password: Callable[[], Verifier | None] | None = None
    """Read it again, where it came from a file."""
    reached_as: Sequence[str] = ()
    """Further places (proof.py) at which clients reach us."""
    allow: Sequence[Net | Path] = ()
    """Networks, or files of them, that connections are taken from; none: from everywhere."""
    deny: Sequence[Net | Path] = ()
    """The same for those that stay out, even if allowed."""
    tls: TlsOptions | None = None
    plain: bool = True
    """Whether ``port`` is listened on."""
    operators: tuple[str, ...] = ()
    """Fingerprints of keys."""
    operators_file: Path | None = None
    admin_socket: Path | None = None
    """None: beside the journal, or in the state directory."""
    umask: int = 0o077
    """For the unix socket alone: who may reach it is up to who starts us."""


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """How to listen with TLS: ``cert`` None is a certificate of our own; ``key`` None is in the same file."""

    port: int
    cert: Path | None
    key: Path | None

    def open(self, host: str) -> Tls:
        """Read what it needs, or make it. Raises ChatError."""
        return Tls(self_signed(state_dir(), host) if self.cert is None else self.cert, self.key)


def journal_path(chosen: str | None) -> Path | None:
    """Give the journal's file: the one chosen, None for ``none``, or the default one."""
    if chosen is None:
        return default_journal()
    return None if chosen == "none" else Path(chosen).absolute()


def make_limits(fields: Mapping[str, Any]) -> Limits:
    """Give the limits with these fields, and the rest as they are by default."""
    return Limits(**fields)


def run_server(options: ServeOptions, log: Log) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        ChatError: nothing could be listened on, or the journal can't be used, or broke.
    """
    options = replace(options, umask=os.umask(0o077))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(options, log))


def _loop_factory() -> LoopFactory | None:
    """Take uvloop if it is there (the extra ``fast``)."""
    with contextlib.suppress(ImportError):
        return cast(LoopFactory, importlib.import_module("uvloop").new_event_loop)
    return None


async def _serve(options: ServeOptions, log: Log) -> None:
    sys.setswitchinterval(SWITCH_SECONDS)
    limits = options.limits
    stop = Stop()
    journal = _open_journal(options, stop, log)
    try:
        await _serve_with(journal, options, limits, stop, log)
    finally:
        if isinstance(journal, SqliteJournal) and stop.error is None:
            await journal.close()
    if stop.error is not None:
        raise stop.error


@contextlib.asynccontextmanager
async def _operators_door(journal: Journal, options: ServeOptions, server: Server, log: Log) -> AsyncIterator[None]:
    """Listen to the operator. Without a journal it is a convenience: who can't have it serves all the same."""
    verbs = verbs_of(server.hub.steward)
    if isinstance(journal, SqliteJournal):
        kept = journal

        async def backup(ask: Mapping[str, object]) -> dict[str, object]:
            await kept.backup(Path(str(ask["path"])))
            return {}

        verbs["backup"] = backup
    beside = (
        admin_socket(options.journal) if options.journal is not None else admin_socket_at(server.port, options.unix)
    )
    door = AdminSocket(options.admin_socket or beside, verbs)
    try:
        await door.open()
    except ChatError as error:
        if options.journal is not None or options.admin_socket is not None:
            raise
        log.warning("no operator's socket", why=error.text)
    try:
        yield
    finally:
        await door.close()


def _open_journal(options: ServeOptions, stop: Stop, log: Log) -> SqliteJournal | MemoryJournal:
    if options.journal is None:
        return MemoryJournal()
    journal = SqliteJournal(
        options.journal,
        durability=options.durability,
        keep_messages=options.keep_messages,
        keep_days=options.keep_days,
        on_fatal=stop.fail,
    )
    log.info("journal", path=str(options.journal), durability=options.durability, sqlite=sqlite3.sqlite_version)
    if defect := sqlite_defect():
        log.debug(defect)
    if journal.renewed:
        log.warning(journal.renewed)
    return journal


async def _serve_with(journal: Journal, options: ServeOptions, limits: Limits, stop: Stop, log: Log) -> None:
    if options.claim_names if options.claim_names is not None else options.journal is not None:
        options.admission.claims = NameClaims(journal.facts())

    rules = Rules(journal.facts())
    manager = Manager(os.environ)
    reloads = Reloader(log, begin=manager.reloading, end=manager.ready)
    _read_operators(rules, options)
    reloads.add("operators", lambda: _read_operators(rules, options))

    gate = Authenticator(options.password)
    if options.read_password is not None:
        reloads.add("password", partial(_read_password, gate, options.read_password))

    def hub_of(server: Server) -> Hub:
        return Hub(journal, options.admission, limits, log, clock=time.time, loop=server.loop, gate=gate, rules=rules)

    nets = Networks()
    _read_nets(nets, options)
    server = Server(hub_of, limits, log, options.reached_as, nets)
    if any(isinstance(one, Path) for one in (*options.allow, *options.deny)):
        reloads.add("network list", partial(_read_nets, nets, options, server.send_denied_away))
    server.hub.steward.outside |= {"reload": reloads.asked, "drain": stop.drain}
    tls = options.tls.open(options.host) if options.tls is not None and options.host is not None else None
    for room in sorted(options.admission.rooms):
        await server.hub.archive.warm_up(room)
    for name in (signal.SIGINT, signal.SIGTERM):  # before anybody can connect: who could may also end us
        server.loop.add_signal_handler(name, on_signal, stop.event, name)
    sockets = open_tcp(options.host, options.port) if options.host is not None and options.plain else []
    if options.password is not None:
        insist_on_safety(sockets)
    warn_if_exposed(sockets, log)
    sockets += [_open_unix(options.unix, options.umask)] if options.unix is not None else []
    secure: list[socket.socket] = []
    if options.host is not None and options.tls is not None:
        secure = open_tcp(options.host, options.tls.port, "--tls-port")
    if tls is not None:
        reloads.add("certificate", tls.reload, lambda: {"path": str(tls.path), "fingerprint": tls.current.fingerprint})
    server.loop.add_signal_handler(signal.SIGHUP, on_hangup(reloads, stop.event))
    server.listen(sockets, secure, tls)
    server.port = next((sock.getsockname()[1] for sock in (*sockets, *secure) if sock.family != socket.AF_UNIX), 0)
    async with _operators_door(journal, options, server, log):
        await _until_stopped(server, options, sockets, secure, tls, stop, log, manager)


async def _until_stopped(
    server: Server,
    options: ServeOptions,
    sockets: Sequence[socket.socket],
    secure: Sequence[socket.socket],
    tls: Tls | None,
    stop: Stop,
    log: Log,
    manager: Manager,
) -> None:
    _tell_where(options, sockets, secure, tls)
    manager.ready()
    manager.watch(server.loop)
    await stop.event.wait()
    log.info("stopping")
    manager.stopping()
    await server.stop(stop.why, retry_after=stop.retry_after, within=stop.within)
    manager.close()


def _tell_where(
    options: ServeOptions, sockets: Sequence[socket.socket], secure: Sequence[socket.socket], tls: Tls | None
) -> None:
    """Print the lines of stdout. Scripts read the port from the first one; the last one is how to join."""
    for sock in sockets:
        announce(f"chatctl {__version__} listening on {name_of(sock)}")
    for sock in secure:
        announce(f"chatctl {__version__} listening on {name_of(sock)} with TLS")
    announce(f"messages are kept in {options.journal or 'memory only'}")
    tcp = [sock.getsockname() for sock in sockets if sock.family != socket.AF_UNIX]
    with_tls = [sock.getsockname() for sock in secure]
    pin = tls.current.fingerprint if tls is not None and options.tls is not None and options.tls.cert is None else None
    command = how_to_join(options.host, tcp, with_tls, unix=options.unix, pin=pin, machine=socket.gethostname())
    announce(f"join with: {command}")


def _open_unix(path: Path, umask: int) -> socket.socket:
    ours = os.umask(umask)
    try:
        return open_unix(path)
    finally:
        os.umask(ours)


def _read_operators(rules: Rules, options: ServeOptions) -> None:
    """Take the operators' keys of the command line and of the file. Raises ChatError."""
    kept = read_fingerprints(options.operators_file) if options.operators_file is not None else frozenset[str]()
    rules.configured = kept | {parse_key(key, "--operator") for key in options.operators}


def _read_nets(nets: Networks, options: ServeOptions, then: Callable[[], None] = lambda: None) -> None:
    """Take the networks of the command line and of the files. Raises ChatError."""
    allow, deny = read_nets(options.allow), read_nets(options.deny)
    if options.allow and not allow:
        raise ChatError("--allow has no network left in it, which would let everybody in: name one, or leave it out")
    nets.set(allow, deny)
    then()


def _read_password(gate: Authenticator, read: Callable[[], Verifier | None]) -> None:
    """Take the password that is in the file now. Raises ChatError; a file without one is no way to open the room."""
    gate.password = read() or gate.password


def default_max_clients() -> int:
    """Give 10,000 or 0.8 × the limit of open files, after raising that as far as we may."""
    if sys.platform == "win32":
        return 10_000
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 13_000 if hard == resource.RLIM_INFINITY else min(13_000, hard)
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(1, min(10_000, int(soft * 0.8)))
