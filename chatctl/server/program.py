"""A server as a program: from its options to open sockets, signals, reloads, and an orderly end.

Lives here: the order in which a server starts and stops. Does not live here: the command line (commands/serve/), the
options (options.py), sockets and what is printed about them (startup.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from chatctl.common.fingerprints import parse_key
from chatctl.common.journal_uri import PostgresPlace
from chatctl.common.paths import admin_socket, admin_socket_at
from chatctl.common.text import clean
from chatctl.core.auth import Authenticator
from chatctl.core.ip_networks import Networks
from chatctl.core.moderation import Rules
from chatctl.core.name_claims import NameClaims
from chatctl.core.passwords import Verifier
from chatctl.errors import ChatError, Forbidden, NickInvalid
from chatctl.hub.event_log import Log
from chatctl.hub.hub import Hub
from chatctl.journal.sqlite import SqliteJournal
from chatctl.journal.sqlite_errors import damaged
from chatctl.journal.threaded import ThreadedJournal
from chatctl.protocol import Admin, Done
from chatctl.server.admin_socket import AdminSocket, order
from chatctl.server.certificate_dates import CertificateWatch
from chatctl.server.certificates import Tls
from chatctl.server.descriptors import connection_places, warn_if_too_few
from chatctl.server.journals import AnyJournal, open_journal, remove_unused
from chatctl.server.options import ServeOptions
from chatctl.server.reload import Reloader, read_fingerprints, read_nets
from chatctl.server.server import FLUSH_SECONDS, Server
from chatctl.server.sharing import Sharing
from chatctl.server.shutdown import Hangup, Shutdown, take_signals
from chatctl.server.socket_activation import take_sockets
from chatctl.server.startup import Sockets, announce_start, open_sockets
from chatctl.server.systemd import ServiceManager

if TYPE_CHECKING:
    from chatctl.server.metrics.start import Metrics

SWITCH_SECONDS = 0.0005
"""How soon a busy event loop lets the journal's thread run. SQLite releases the interpreter's lock at each call and has
to get it back: with Python's 5 ms the p99 of an acknowledgement was half as much again (docs/reliability.md)."""

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def run_server(options: ServeOptions, log: Log) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        ChatError: no socket could be opened, the journal can't be used, or the journal broke.
    """
    options = replace(options, umask=os.umask(0o077))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(options, log))


def _loop_factory() -> LoopFactory | None:
    """Return that of uvloop if it is installed (the extra ``fast``)."""
    with contextlib.suppress(ImportError):
        return cast(LoopFactory, importlib.import_module("uvloop").new_event_loop)
    return None


async def _serve(options: ServeOptions, log: Log) -> None:
    sys.setswitchinterval(SWITCH_SECONDS)
    shutdown = Shutdown()
    hangup = take_signals(asyncio.get_running_loop(), shutdown)
    is_new = _is_missing(options.journal)
    journal = open_journal(options, shutdown.fail, log)
    try:
        await Program(options, journal, shutdown, log).run(hangup)
    except ChatError:
        if is_new and isinstance(journal, SqliteJournal):
            remove_unused(journal)
        raise
    finally:
        if isinstance(journal, ThreadedJournal) and shutdown.error is None:
            await journal.close()
    if shutdown.error is not None:
        raise shutdown.error


def _is_missing(journal: Path | PostgresPlace | None) -> bool:
    return isinstance(journal, Path) and not os.path.lexists(journal)


@contextlib.contextmanager
def _facts_of(options: ServeOptions) -> Iterator[None]:
    """Raise ChatError for a fact of the journal that no server of ours has kept."""
    try:
        yield
    except (ValueError, RecursionError, NickInvalid) as error:  # msgspec's are among them
        what = f"a setting in it is invalid: {clean(str(error))}"
        if isinstance(options.journal, Path):
            raise damaged(options.journal, what) from None
        raise ChatError(f"the journal {options.journal} is damaged ({what})") from None


class Program:
    """One server with everything around it: the files that it reads again, its sockets, the service manager."""

    def __init__(self, options: ServeOptions, journal: AnyJournal, shutdown: Shutdown, log: Log) -> None:
        """Create the server inside a running event loop; it does not listen yet.

        Raises:
            ChatError: a file of keys or networks can't be read.
        """
        self._options = options
        self._journal = journal
        self._shutdown = shutdown
        self._log = log
        self._manager = ServiceManager(os.environ)
        self._reloader = Reloader(log, self._manager)
        self._sharing = Sharing(options, journal)
        facts = journal.facts()
        with _facts_of(options):
            self._rules = Rules(facts)
            leases = self._sharing.leases(facts)
            if options.binds_names:
                options.admission.claims = NameClaims(facts)
        self._auth = Authenticator(options.password)
        self._networks = Networks()
        self._read_operators()
        self._read_networks()
        self._loop = asyncio.get_running_loop()
        self._hub = Hub(
            journal,
            self._sharing.directory,
            options.admission,
            options.limits,
            log,
            clock=time.time,
            loop=self._loop,
            authenticator=self._auth,
            rules=self._rules,
            leases=leases,
        )
        self._server = Server(self._hub, options.reached_as, self._networks, connection_places())
        self._sharing.join(self._hub)
        self._hub.networks = self._networks
        self._hub.admin.outside |= {"reload": self._reloader.asked, "drain": shutdown.drain}
        if isinstance(journal, ThreadedJournal):
            self._hub.admin.outside["trim"] = partial(_trim, journal, options.keep_days)
        self._add_reloads()

    # --- files that are read again

    def _add_reloads(self) -> None:
        options = self._options
        self._reloader.add("operator list", self._read_operators)
        if options.read_password is not None:
            self._reloader.add("password", partial(self._read_password, options.read_password))
        if any(isinstance(one, Path) for one in (*options.allow, *options.deny, *options.proxied_from)):
            self._reloader.add("network list", self._reload_networks)

    def _read_operators(self) -> None:
        path, keys = self._options.operators_file, self._options.operators
        in_file = read_fingerprints(path) if path is not None else frozenset[str]()
        self._rules.configured = in_file | {parse_key(key, "--operator") for key in keys}

    def _read_password(self, read: Callable[[], Verifier | None]) -> None:
        """Keep the password if the file has none now: an empty file must not open the room."""
        self._auth.password = read() or self._auth.password

    def _read_networks(self) -> None:
        allow, deny = read_nets(self._options.allow), read_nets(self._options.deny)
        if self._options.allow and not allow:
            raise ChatError(
                "--allow has no network left in it, which would let everyone connect: name one, or leave the option out"
            )
        proxies = read_nets(self._options.proxied_from)
        if self._options.proxied_from and not proxies:
            raise ChatError("--proxied-from has no network left in it: name one, or leave it out")
        self._networks.set(allow, deny, proxies)

    def _reload_networks(self) -> None:
        self._read_networks()
        self._server.disconnect_denied()

    # --- from the start to the end

    async def run(self, hangup: Hangup) -> None:
        """Listen, serve until the shutdown, and close all connections. ``hangup`` reloads from the start on.

        Raises:
            ChatError: it can't start. The sockets that it opened are closed, and their files removed.
        """
        options = self._options
        tls = options.tls.open(options.host) if options.tls is not None and options.host is not None else None
        for room in sorted(options.admission.rooms):
            await self._hub.history.warm_up(room)
        await asyncio.sleep(0)  # signals that came until now are taken
        if self._shutdown.event.is_set():
            return
        warn_if_too_few(options.limits.clients, self._log)
        sockets = open_sockets(options, take_sockets(os.environ), self._log)
        self._sharing.listens(sockets.port)
        try:
            async with self._admin_socket(sockets.port):
                announce_start(options, sockets, tls)
                await self._serve(sockets, tls, hangup)
        finally:
            sockets.close()

    async def _serve(self, sockets: Sockets, tls: Tls | None, hangup: Hangup) -> None:
        """Let clients in, until the shutdown. From here on nothing fails."""
        options = self._options
        if tls is not None:
            watch = CertificateWatch(tls, self._log, self._loop)
            watch.start()
            self._reloader.add("certificate", watch.reload, tls.describe)
        self._server.listen(sockets.plain, sockets.secure, tls)
        if options.web is not None:
            from chatctl.server.web.port import listen_web  # nobody else needs its libraries

            listen_web(self._server, self._auth, options.web, options.host, sockets, tls)
        metrics = self._open_metrics(sockets, tls) if options.metrics is not None else None
        self._manager.ready()
        self._manager.watch(self._loop)
        hangup.ready(self._reloader.run)
        await self._shutdown.event.wait()
        await self._stop()
        if metrics is not None:
            metrics.close()

    def _open_metrics(self, sockets: Sockets, tls: Tls | None) -> Metrics:
        from chatctl.server.metrics.start import Metrics  # nobody else needs its library

        path = self._options.journal if isinstance(self._options.journal, Path) else None
        is_stopping = self._shutdown.event.is_set
        return Metrics(self._server, self._options.admission, self._journal, path, tls, sockets, is_stopping)

    async def _stop(self) -> None:
        self._log.info("stopping")
        shutdown = self._shutdown
        self._sharing.ends()
        self._manager.stopping(shutdown.within)
        shutdown.hurry = partial(self._server.hurry, FLUSH_SECONDS)
        await self._server.stop(shutdown.why, retry_after=shutdown.retry_after, within=shutdown.within)
        self._manager.close()

    @contextlib.asynccontextmanager
    async def _admin_socket(self, port: int) -> AsyncIterator[None]:
        """Answer operators. Without a journal the socket is a convenience, and a server without it serves as well."""
        journal, unix, chosen = self._options.journal, self._options.unix, self._options.admin_socket
        answering = None
        try:
            default = admin_socket(journal) if isinstance(journal, Path) else admin_socket_at(port, unix)
            answering = AdminSocket(chosen or default, self._order, self._options.limits)
            await answering.open()
        except ChatError as error:
            if journal is not None or chosen is not None:
                raise
            self._log.warning("no operator's socket", why=error.text)
        try:
            yield
        finally:
            if answering is not None:
                await answering.close()

    async def _order(self, ask: Admin) -> Done:
        if ask.verb == "backup" and isinstance(self._journal, SqliteJournal):
            if not ask.path or "\0" in ask.path:
                raise Forbidden("a backup needs a path")
            await self._journal.backup(Path(ask.path))
            return Done(ask.verb, f"{ask.path} was made", [], ask.id)
        return await order(self._hub.admin, ask)


def _trim(journal: ThreadedJournal[Any], keep_days: float | None, _: Admin) -> str:
    if keep_days is None:
        raise Forbidden("this server keeps messages for ever: it has no --keep-days")
    journal.trim()
    return "what is older than --keep-days is being deleted"
