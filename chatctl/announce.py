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

from chatctl.errors import ChatError
from chatctl.log import Log
from chatctl.text import clean
from chatctl.tls import Tls


def announce(line: str) -> None:
    """Print a line. That nobody reads it is no reason not to serve. Raises ChatError: it can't be written."""
    try:
        print(clean(line), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter's end complains
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ChatError(f"cannot write to stdout: {(error.strerror or str(error)).lower()}") from None


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


def how_to_join(host: str | None, sock: socket.socket, tls: Tls) -> str:
    """Give the command that joins from elsewhere; who listens everywhere is known by this machine's name."""
    everywhere = ipaddress.ip_address(_host_of(sock)).is_unspecified
    name = socket.gethostname() if everywhere or host is None else host
    port, pin = sock.getsockname()[1], tls.current.fingerprint
    return shlex.join(["chatctl", "join", "--host", name, "--port", str(port), "--pin", pin])


def name_of(sock: socket.socket) -> str:
    """Give where a socket listens, as people write it."""
    if sock.family == socket.AF_UNIX:
        return str(sock.getsockname())
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
