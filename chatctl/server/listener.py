"""Listening sockets: opening them, and accepting from them.

Lives here: addresses, socket options, the accept loop and its back-off. Does not live here: what is done with an
accepted socket (server.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable
from typing import Any

from chatctl.common.dead_peers import tcp_options
from chatctl.common.ip_addresses import parse_address
from chatctl.errors import ChatError, reason_of
from chatctl.hub.event_log import Log

Accepted = Callable[[socket.socket, object], None]

BACKLOG = 4096
"""Connections that the kernel queues until they are accepted (Linux: net.core.somaxconn at most, 4096 by default). Ten
thousand at once overflow 1,024, and are reset."""

SEND_BUFFER = 64 * 1024
"""Bytes that the kernel buffers for one client. It would let them grow to megabytes: a client that has stopped reading
would be written to for seconds more, at the others' cost."""

ANY = "::"
"""The host that stands for every address of this machine."""

MAPPED = "::ffff:"
"""What an IPv4 address begins with on a socket of IPv6 that takes both: one that systemd opened may."""

_ACCEPTS_A_TURN = 100
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listener:
    """Accepts from one socket. Without file descriptors it backs off, 10 ms to 1 s; open connections are not affected.

    asyncio's own accept path retries without a pause there (docs/design.md, "Accepting").
    """

    def __init__(self, sock: socket.socket, accepted: Accepted, log: Log) -> None:
        """Begin to accept, inside a running event loop; ``accepted`` is called with each socket and its address."""
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._accepted = accepted
        self._log = log
        self._pause = 0.01
        self._retry: asyncio.TimerHandle | None = None
        self._warned_at = float("-inf")
        sock.setblocking(False)
        self._loop.add_reader(sock, self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_A_TURN):
            try:
                sock, address = self._sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _OUT_OF_DESCRIPTORS:
                    self._back_off(error)
                    return
                continue  # such as ECONNABORTED: this one is gone, the next one may wait
            self._pause = 0.01
            tune(sock)
            self._accepted(sock, address)

    def _back_off(self, error: OSError) -> None:
        loop = self._loop
        loop.remove_reader(self._sock)
        self._retry = loop.call_later(self._pause, self._resume)
        self._pause = min(1.0, self._pause * 2)
        if loop.time() - self._warned_at >= 1:
            self._warned_at = loop.time()
            self._log.warning("can't accept", why=os.strerror(error.errno or 0))

    def _resume(self) -> None:
        self._retry = None
        self._loop.add_reader(self._sock, self._accept)
        self._accept()

    def close(self) -> None:
        """Stop accepting. The file of a unix socket goes with it."""
        if self._retry is not None:
            self._retry.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()


def tune(sock: socket.socket) -> None:
    """Set the options of an accepted TCP connection: no Nagle delay, a bounded buffer, an end for dead peers."""
    if sock.family == socket.AF_UNIX:
        return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        for option in tcp_options(socket):
            sock.setsockopt(*option)


def describe(family: int, address: object) -> tuple[str, str]:
    """Return a connection's name for the log, and the address that limits count (empty for an exempt one)."""
    if family == socket.AF_UNIX or not isinstance(address, tuple):
        return "unix socket", ""
    host = str(address[0])
    host = str(parse_address(host)) if host.startswith(MAPPED) else host
    return host_and_port(host, address[1]), "" if parse_address(host).is_loopback else host


def host_and_port(host: str, port: int) -> str:
    """Return HOST:PORT, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def open_tcp(host: str, port: int, option: str = "--port") -> list[socket.socket]:
    """Listen on every address of ``host``, with the same port.

    Args:
        host: an address or a name. ``::`` is every address of this machine, of IPv4 as well in a socket of its own, so
            that no client has a mapped address; without IPv6, those of IPv4 only.
        port: 0 picks a free one.
        option: the option that chose the port, for the error.

    Raises:
        ChatError: the port is in use or not allowed, or the host is not this machine.
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            sock = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            port = port or (sockets[0].getsockname()[1] if len(sockets) > 1 else 0)
            sock.bind((address[0], port, *address[2:]))
            sock.listen(BACKLOG)
    except OSError as error:
        for sock in sockets:
            sock.close()
        raise ChatError(f"cannot listen on {host_and_port(host, port)}: {_reason(error, option)}") from None
    return sockets


def _addresses(host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
    everywhere = host == ANY
    found = socket.getaddrinfo(None if everywhere else host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    families = dict.fromkeys((family, address) for family, _, _, _, address in found)
    return [(family, address) for family, address in families if not everywhere or _is_known(family)]


def _is_known(family: int) -> bool:
    try:
        socket.socket(family, socket.SOCK_STREAM).close()
    except OSError:
        return False
    return True


def _reason(error: OSError, option: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"the port is in use (is another 'chatctl serve' running? choose another with {option})"
    why = reason_of(error)
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{why} (choose a port from 1024 up with {option})"
    return f"{why} (--host has to be an address or a name of this machine)"
