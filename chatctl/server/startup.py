"""What a start tells: where it listens, how to join, who can read along.

Lives here: the lines, and refusing what would not be safe. Does not live here: opening sockets (listen.py).
"""

from __future__ import annotations

import ipaddress
import os
import shlex
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chatctl.common.text import clean
from chatctl.errors import ChatError, reason_of
from chatctl.hub.event_log import Log

Bound = tuple[Any, ...]
"""Where a TCP socket is bound, as ``getsockname`` returns it: an address, a port and perhaps more."""

HOST = "HOST"
"""Stands for a host that we don't know, as in ``--help``."""


def announce(line: str) -> None:
    """Print a line. That nobody reads it is no reason not to serve. Raises ChatError: it can't be written."""
    try:
        print(clean(line), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter's end complains
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ChatError(f"cannot write to stdout: {reason_of(error)}") from None


def insist_on_safety(sockets: Sequence[socket.socket]) -> None:
    """Raise ChatError, and close them, where a password would not keep out who is on the way."""
    exposed = [sock for sock in sockets if not ipaddress.ip_address(_host_of(sock)).is_loopback]
    if not exposed:
        return
    where = ", ".join(map(name_of, exposed))
    for sock in sockets:
        sock.close()
    raise ChatError(
        f"a password needs TLS beyond this machine, and {where} has none: add --tls self --no-plain, or listen on "
        "127.0.0.1 or a unix socket only"
    )


def warn_if_exposed(sockets: Sequence[socket.socket], log: Log) -> None:
    """Say once that others on the way can read along, where they can."""
    exposed = [name_of(sock) for sock in sockets if not ipaddress.ip_address(_host_of(sock)).is_loopback]
    if exposed:
        log.warning(
            "listening beyond this machine without TLS: whoever is on the way can read and change what is said "
            "(--tls self and --no-plain end that)",
            address=", ".join(exposed),
        )


def _host_of(sock: socket.socket) -> str:
    return str(sock.getsockname()[0]).partition("%")[0]


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

    Host and port are always in it, so that it leads here whatever ``CHATCTL_HOST`` and ``CHATCTL_PORT`` say where it
    is pasted. A password is never in it: ``join`` asks for one.

    Args:
        host: what the operator gave as ``--host``.
        tcp: where the sockets without TLS are bound.
        secure: where those with TLS are.
        unix: the unix socket's path; it has to be given where both are empty.
        pin: the fingerprint of a certificate of our own. None with one of the operator's: then the host has to be a
            name that the certificate is for, and only the operator knows which of them leads here.
        machine: this machine's name.
    """
    if not (secure or tcp):
        return shlex.join(["chatctl", "join", "--unix", str((unix or Path()).absolute())])
    address, port = (secure or tcp)[0][:2]
    name = HOST if secure and pin is None else _known_as(host, str(address), machine)
    tls = [] if not secure else ["--tls"] if pin is None else ["--tls", "--pin", pin]
    return shlex.join(["chatctl", "join", "--host", name, "--port", str(port), *tls])


def _known_as(host: str | None, address: str, machine: str) -> str:
    """Return what others call the host: for every address of this machine its name, unless it has none."""
    if not ipaddress.ip_address(address.partition("%")[0]).is_unspecified:
        return host or address
    return HOST if machine.partition(".")[0] in ("", "localhost") else machine


def name_of(sock: socket.socket) -> str:
    """Give where a socket listens, as people write it."""
    if sock.family == socket.AF_UNIX:
        return str(sock.getsockname())
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
