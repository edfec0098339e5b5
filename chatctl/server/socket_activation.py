"""Sockets that systemd opened: it keeps them while the server restarts, so that clients wait instead of being refused.

Lives here: taking them over (sd_listen_fds(3)), and what they may be. Does not live here: those that the server opens
itself (listener.py, unix_socket.py).
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass, field

from chatctl.errors import ChatError, reason_of

FIRST = 3
"""The number of the first descriptor that systemd hands over."""

UNNAMED = ("", "unknown")
"""Names of a socket that nobody named."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Listening sockets, by the names that the unit gave them. Closing one closes it for this process alone."""

    plain: list[socket.socket] = field(default_factory=list)
    tls: list[socket.socket] = field(default_factory=list)
    web: list[socket.socket] = field(default_factory=list)
    metrics: list[socket.socket] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.plain or self.tls or self.web or self.metrics)


def take_sockets(environ: MutableMapping[str, str], first: int = FIRST) -> HandedOver:
    """Return the sockets that were handed to this process. Their variables are removed from ``environ``.

    Args:
        environ: of this process.
        first: the number of the first descriptor.

    Raises:
        ChatError: one has a name that means nothing here, or is not a listening socket of TCP or a path.
    """
    pid, count, names = (environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    handed = HandedOver()
    if pid != str(os.getpid()) or not count.isdecimal():
        return handed
    named = names.split(":") if names else []
    for number in range(int(count)):
        name = named[number] if number < len(named) else ""
        _place(handed, name).append(_listening(first + number, name))
    return handed


def _place(handed: HandedOver, name: str) -> list[socket.socket]:
    if name == "plain" or name in UNNAMED:
        return handed.plain
    if name == "tls":
        return handed.tls
    if name == "web":
        return handed.web
    if name == "metrics":
        return handed.metrics
    names = "plain, tls, web or metrics"
    raise ChatError(f"systemd hands over a socket named {name!r}: call it {names} (FileDescriptorName=)")


def _listening(number: int, name: str) -> socket.socket:
    where = f"descriptor {number}, which systemd hands over{f' as {name}' if name else ''},"
    try:
        os.set_inheritable(number, False)
        sock = socket.socket(fileno=number)
    except OSError as error:
        raise ChatError(f"{where} is not a socket: {reason_of(error)}") from None
    is_stream = sock.family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX) and sock.type == socket.SOCK_STREAM
    if not is_stream or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        sock.detach()
        raise ChatError(f"{where} is not a listening stream socket: use ListenStream= and Accept=no")
    return sock
