"""TLS for a load: the first connection decides whether the server is trusted, the others share its context.

For each of them the server still has to show a certificate that passes the same check. Handshakes are full ones, as for
members that come from everywhere. Imported only where TLS is used: ``ssl`` takes time to load.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from chatctl.client.core.address import Address
from chatctl.client.io.blocking_socket import look_again
from chatctl.client.io.blocking_tls import certificate_of, secure
from chatctl.client.security.trust import Trust, handshake_failed


class _NonBlocking(ssl.SSLSocket):
    """Raises BlockingIOError where a plain socket would.

    A read of 16 KiB (a TLS record) or more leaves no decrypted data in OpenSSL, of which epoll would not know.
    """

    def read(self, *args: Any, **more: Any) -> Any:
        """Read for ``recv`` and ``recv_into``, which call it."""
        with _as_blocking_error():
            return super().read(*args, **more)

    def send(self, *args: Any, **more: Any) -> int:
        with _as_blocking_error():
            return super().send(*args, **more)


@contextlib.contextmanager
def _as_blocking_error() -> Iterator[None]:
    try:
        yield
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        raise BlockingIOError from None


class SharedTls:
    """The TLS context of all connections of a load."""

    def __init__(self, address: Address) -> None:
        """Prepare it. Raises Untrusted as ``Trust``."""
        self._address = address
        self._trust = Trust(address)
        self._trust.context.sslsocket_class = _NonBlocking

    def secure_first(self, sock: socket.socket, seconds: float) -> ssl.SSLSocket:
        """Make the handshake of the first connection, within ``seconds``. Raises as ``secure``."""
        return secure(sock, self._address, seconds, lambda: look_again(self._address), self._trust)

    def wrap(self, sock: socket.socket) -> ssl.SSLSocket:
        """Return a connected, non-blocking socket with TLS; as it is if it has TLS."""
        if isinstance(sock, ssl.SSLSocket):
            return sock
        return self._trust.context.wrap_socket(sock, server_hostname=self._address.host, do_handshake_on_connect=False)

    def handshake(self, sock: ssl.SSLSocket) -> int:
        """Continue the handshake.

        Returns:
            The epoll events to wait for; 0 once it is done.

        Raises:
            Untrusted: the certificate is not the right one; nothing was sent.
            ChatError: the handshake failed.
        """
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            return select.EPOLLIN
        except ssl.SSLWantWriteError:
            return select.EPOLLOUT
        except (OSError, ValueError) as error:
            raise handshake_failed(self._address, error) from None
        self.certificate_digest(sock)
        return 0

    def certificate_digest(self, sock: socket.socket) -> bytes:
        """Check the server's certificate, and return its digest. Raises Untrusted."""
        return self._trust.check(certificate_of(sock))
