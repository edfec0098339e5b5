"""TLS for a load: whom to trust is decided once, by its first connection; the others share its context.

Each further one has to show a certificate that passes the same check: nobody is let in between. Handshakes are whole
ones, as those of members that come from everywhere. Imported only where TLS was asked for: ``ssl`` takes time to load.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from chatctl.client.core.address import Address
from chatctl.client.io.blocking_connection import look_again
from chatctl.client.io.blocking_tls import certificate_of, secure
from chatctl.client.security.trust import Trust, handshake_failed


class _NonBlocking(ssl.SSLSocket):
    """One whose reads and writes fail as a plain socket's do when there is nothing to be had.

    A read of a record's size (16 KiB) or more leaves nothing in OpenSSL that epoll would not tell of.
    """

    def recv(self, *args: Any, **more: Any) -> bytes:
        with _as_a_plain_one():
            return super().recv(*args, **more)

    def recv_into(self, *args: Any, **more: Any) -> int:
        with _as_a_plain_one():
            return super().recv_into(*args, **more)

    def send(self, *args: Any, **more: Any) -> int:
        with _as_a_plain_one():
            return super().send(*args, **more)


@contextlib.contextmanager
def _as_a_plain_one() -> Iterator[None]:
    try:
        yield
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        raise BlockingIOError from None


def begin(sock: socket.socket, address: Address, seconds: float) -> tuple[Tls, ssl.SSLSocket]:
    """Shake hands on the first connection, and decide; give what the others do it with. Raises as ``secure``."""
    tls = Tls(sock, address)
    return tls, secure(sock, address, seconds, lambda: look_again(address), tls.trust)


class Tls:
    """What all connections of a load share."""

    def __init__(self, sock: socket.socket, address: Address) -> None:
        """Prepare. Raises Untrusted as ``Trust``; ``sock`` is closed then."""
        self._address = address
        try:
            self.trust = Trust(address)
        except BaseException:
            sock.close()
            raise
        self.trust.context.sslsocket_class = _NonBlocking

    def on(self, sock: socket.socket) -> ssl.SSLSocket:
        """Put TLS on a connected socket that is non-blocking, if there is none yet."""
        if isinstance(sock, ssl.SSLSocket):
            return sock
        return self.trust.context.wrap_socket(sock, server_hostname=self._address.host, do_handshake_on_connect=False)

    def shake(self, sock: ssl.SSLSocket) -> int:
        """Shake hands as far as it goes; give which of epoll's events to wait for, 0 when it is done.

        Raises:
            Untrusted: it is not the right server; nothing was sent.
            ChatError: it failed.
        """
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            return select.EPOLLIN
        except ssl.SSLWantWriteError:
            return select.EPOLLOUT
        except (OSError, ValueError) as error:
            raise handshake_failed(self._address, error) from None
        self.channel(sock)
        return 0

    def channel(self, sock: socket.socket) -> bytes:
        """Check the certificate that was shown, and give its digest. Raises Untrusted."""
        return self.trust.check(certificate_of(sock))
