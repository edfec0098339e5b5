"""The start of a server: the sockets that its options ask for, and the lines that tell where it listens.

Lives here: refusing what would not be safe, warnings, the lines of stdout. Does not live here: how a socket is opened
(listener.py).
"""

from __future__ import annotations

import os
import shlex
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatctl import __version__
from chatctl.common.ip_addresses import parse_address
from chatctl.common.text import clean
from chatctl.errors import ChatError, reason_of
from chatctl.hub.event_log import Log
from chatctl.server.certificates import Tls
from chatctl.server.listener import host_and_port, open_tcp
from chatctl.server.options import ServeOptions, WebOptions
from chatctl.server.socket_activation import HandedOver
from chatctl.server.unix_socket import UnixSocket

Bound = tuple[Any, ...]
"""Where a TCP socket is bound, as ``getsockname`` returns it: an address, a port and perhaps more."""

HOST = "HOST"
"""Placeholder for a host that is not known, as in ``--help``."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """The listening sockets of a server."""

    plain: list[socket.socket]
    """Without TLS; a unix socket is the last one."""
    secure: list[socket.socket]
    """With TLS."""
    web: list[socket.socket] = field(default_factory=list)
    """For browsers."""
    metrics: list[socket.socket] = field(default_factory=list)
    """For monitoring systems."""
    are_handed_over: bool = False
    """Whether those of TCP are systemd's."""

    @property
    def port(self) -> int:
        """The first TCP port; 0 if there is none."""
        return next((bound[1] for bound in (*bound_to(self.plain), *bound_to(self.secure))), 0)

    def close(self) -> None:
        """Close those that are still open, and remove the files of unix sockets."""
        for sock in (*self.plain, *self.secure, *self.web, *self.metrics):
            sock.close()


def bound_to(sockets: Sequence[socket.socket]) -> list[Bound]:
    """Return where the TCP sockets among them are bound."""
    return [sock.getsockname() for sock in sockets if sock.family != socket.AF_UNIX]


def open_sockets(options: ServeOptions, handed: HandedOver, log: Log) -> Sockets:
    """Open all sockets that the options ask for; those of TCP only if systemd hands none over.

    Raises:
        ChatError: one can't be opened, or would not be safe. The others are closed, and their files removed.
    """
    sockets = Sockets([*handed.plain], [*handed.tls], [*handed.web], [*handed.metrics], are_handed_over=bool(handed))
    try:
        if handed:
            check_handed(options, sockets)
        elif options.host is not None and options.plain:
            sockets.plain.extend(open_tcp(options.host, options.port))
        if options.web is not None and options.host is not None and not handed:
            sockets.web.extend(open_tcp(options.web.host or options.host, options.web.port, "--web"))
        if options.metrics is not None and not handed:
            sockets.metrics.extend(open_tcp(*options.metrics, "--metrics"))
        without_tls = [*sockets.plain, *(sockets.web if options.tls is None else ())]
        if options.password is not None:
            insist_on_safety(without_tls)
        warn_if_exposed(without_tls, log)
        if where := _exposed(sockets.metrics):
            log.warning("everybody who reaches this port can read the metrics", address=where)
        if options.unix is not None:
            sockets.plain.append(UnixSocket(options.unix, "--unix", options.umask))
        if options.host is not None and options.tls is not None and not handed:
            sockets.secure.extend(open_tcp(options.host, options.tls.port, "--tls-port"))
    except ChatError:
        sockets.close()
        raise
    return sockets


def check_handed(options: ServeOptions, sockets: Sockets) -> None:
    """Raise ChatError if what systemd hands over is not what the options ask for: neither side is ignored."""
    if sockets.secure and options.tls is None:
        raise ChatError("systemd hands over a socket named tls: add --tls self or --tls-cert PATH")
    if options.tls is not None and not sockets.secure:
        raise ChatError("systemd hands over no socket for TLS: name one tls (FileDescriptorName=), or leave TLS out")
    if sockets.web and options.web is None:
        raise ChatError("systemd hands over a socket named web: add --web PORT")
    if options.web is not None and not sockets.web:
        raise ChatError("systemd hands over no socket for --web: name one web (FileDescriptorName=), or leave it out")
    if sockets.metrics and options.metrics is None:
        raise ChatError("systemd hands over a socket named metrics: add --metrics PORT")
    if options.metrics is not None and not sockets.metrics:
        raise ChatError(
            "systemd hands over no socket for --metrics: name one metrics (FileDescriptorName=), or leave it out"
        )
    if not options.plain and bound_to(sockets.plain):
        raise ChatError("--no-plain, and systemd hands over a TCP socket without TLS: leave one of them out")


def announce_start(options: ServeOptions, sockets: Sockets, tls: Tls | None) -> None:
    """Print the lines of stdout. Scripts read the port from the first one; the last one is how to join."""
    for sock in sockets.plain:
        announce(f"chatctl {__version__} listening on {name_of(sock)}")
    for sock in sockets.secure:
        announce(f"chatctl {__version__} listening on {name_of(sock)} with TLS")
    for sock in sockets.web:
        http = "HTTP" if tls_of_web(sock, tls) is None else "HTTPS"
        announce(f"chatctl {__version__} listening on {name_of(sock)} with {http}")
    for sock in sockets.metrics:
        announce(f"chatctl {__version__} listening on {name_of(sock)} for metrics")
    announce(f"messages are kept in {options.journal or 'memory only'}")
    pin = tls.current.fingerprint if tls is not None and options.tls is not None and options.tls.cert is None else None
    tcp, secure = bound_to(sockets.plain), bound_to(sockets.secure)
    host = None if sockets.are_handed_over else options.host
    unix = next((Path(name_of(sock)) for sock in reversed(sockets.plain) if sock.family == socket.AF_UNIX), None)
    command = how_to_join(host, tcp, secure, unix=unix, pin=pin, machine=socket.gethostname())
    if options.web is not None and (web := bound_to(sockets.web)):
        secure_web = any(tls_of_web(sock, tls) is not None for sock in sockets.web)
        announce(f"open in a browser: {page_address(options.web, host, web[0], secure=secure_web)}")
    announce(f"join with: {command}")


def page_address(options: WebOptions, host: str | None, bound: Bound, *, secure: bool, machine: str = "") -> str:
    """Return the URL of the page: that of the first origin that the operator named, else where it listens.

    Args:
        options: of the port.
        host: where the other ports listen; None if systemd chose it.
        bound: where the port is bound.
        secure: it speaks TLS.
        machine: this machine's name; empty to ask for it.
    """
    if options.origins:
        return f"{options.origins[0]}/"
    known = _known_as(options.host or host, str(bound[0]), machine or socket.gethostname())
    return f"{'https' if secure else 'http'}://{host_and_port(known, bound[1])}/"


def tls_of_web(sock: socket.socket, tls: Tls | None) -> Tls | None:
    """Return the TLS of a socket for browsers, of what the server has: none on one that only this machine can reach.

    There a proxy stands, which has the TLS itself.
    """
    return tls if _exposed([sock]) else None


def announce(line: str) -> None:
    """Print a line; a closed pipe is ignored. Raises ChatError: the line can't be written."""
    try:
        print(clean(line), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it exits
        if not isinstance(error, BrokenPipeError):
            raise ChatError(f"cannot write to stdout: {reason_of(error)}") from None


def insist_on_safety(sockets: Sequence[socket.socket]) -> None:
    """Raise ChatError if one is reachable from other machines: a password is only safe there with TLS."""
    where = _exposed(sockets)
    if not where:
        return
    raise ChatError(
        f"a password needs TLS beyond this machine, and {where} has none: add --tls self --no-plain, or listen on "
        "127.0.0.1 or a unix socket only"
    )


def warn_if_exposed(sockets: Sequence[socket.socket], log: Log) -> None:
    """Log a warning if a socket is reachable from other machines without TLS."""
    if where := _exposed(sockets):
        log.warning(
            "listening to other machines without TLS: anyone on the network path can read and change messages "
            "(use --tls self and --no-plain)",
            address=where,
        )


def _exposed(sockets: Sequence[socket.socket]) -> str:
    """Return where TCP sockets listen that other machines can reach."""
    hosts = {sock: parse_address(sock.getsockname()[0]) for sock in sockets if sock.family != socket.AF_UNIX}
    return ", ".join(name_of(sock) for sock, host in hosts.items() if not host.is_loopback)


def is_beyond_this_machine(sockets: Sequence[socket.socket]) -> bool:
    """Return whether other machines can reach one of them."""
    return bool(_exposed(sockets))


def how_to_join(
    host: str | None,
    tcp: Sequence[Bound],
    secure: Sequence[Bound],
    *,
    unix: Path | None = None,
    pin: str | None = None,
    machine: str,
) -> str:
    """Return the command that joins: over TLS where there is TLS, else over TCP, else over the unix socket.

    Host and port are always in it, so that it reaches this server whatever ``CHATCTL_HOST`` and ``CHATCTL_PORT`` are
    where it is pasted. A password is never in it: ``join`` asks for one.

    Args:
        host: what the operator gave as ``--host``.
        tcp: where the sockets without TLS are bound.
        secure: where those with TLS are.
        unix: the path of the unix socket, needed if both are empty.
        pin: the fingerprint of a self-signed certificate. None with one of the operator's: then the host has to be a
            name in that certificate, and only the operator knows which of them reaches this server.
        machine: this machine's name.
    """
    if not (secure or tcp):
        return shlex.join(["chatctl", "join", "--unix", str((unix or Path()).absolute())])
    address, port = (secure or tcp)[0][:2]
    name = HOST if secure and pin is None else _known_as(host, str(address), machine)
    tls = [] if not secure else ["--tls"] if pin is None else ["--tls", "--pin", pin]
    return shlex.join(["chatctl", "join", "--host", name, "--port", str(port), *tls])


def is_everywhere(host: str) -> bool:
    """Return whether a host is the wildcard address."""
    try:
        return parse_address(host).is_unspecified
    except ValueError:  # a name
        return False


def _known_as(host: str | None, address: str, machine: str) -> str:
    """Return the name that others reach the host by: the machine's own for a wildcard address, if it has one."""
    if not parse_address(address).is_unspecified:
        return host or address
    return HOST if machine.partition(".")[0] in ("", "localhost") else machine


def name_of(sock: socket.socket) -> str:
    """Return where a socket listens: HOST:PORT or a path."""
    if isinstance(sock, UnixSocket):
        return str(sock.path)
    where = sock.getsockname()
    if isinstance(where, tuple):
        return host_and_port(*where[:2])
    return where if isinstance(where, str) else "@" + where[1:].decode("utf-8", "replace")  # an abstract one
