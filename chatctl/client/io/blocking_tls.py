"""TLS on a blocking socket. Import this only where TLS is used: ``ssl`` takes time to load."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import DeadlinePassed
from chatctl.client.io.clock import deadline_in
from chatctl.client.security.trust import Trust, UnknownServer, handshake_failed
from chatctl.common import fingerprints
from chatctl.errors import ChatError, PeerBroke, Untrusted

Again = Callable[[], socket.socket]
"""Connects once more, with its own timeout."""


Wait = Callable[[float | None, int, int], bool]
"""Waits at most so many seconds for events of a descriptor, as poll() has them; False: they have passed."""


def secure(
    sock: socket.socket,
    address: Address,
    seconds: float | None,
    again: Again,
    trust: Trust | None = None,
    wait: Wait | None = None,
) -> ssl.SSLSocket:
    """Make a TLS handshake on a connected socket, and check the certificate before anything is sent.

    Args:
        sock: the socket; closed on failure.
        address: of the server.
        seconds: for the whole handshake; None means no limit.
        again: connects to the same address, for a look at a certificate that no authority vouches for.
        trust: the conditions for the certificate, if several connections share them.
        wait: waits for the server's bytes; by default the socket does.

    Raises:
        Untrusted: it is not the right server, or nobody can tell. The text has the fingerprints and what to do.
        ChatError: the server speaks no TLS, or not in time.
    """
    try:
        sock.settimeout(seconds)
        trust = trust or Trust(address, wait=seconds)
        secured = _wrap(sock, trust, address, wait)
        try:
            trust.check(certificate_of(secured))
        except Untrusted:
            secured.close()
            raise
    except ssl.SSLCertVerificationError as error:
        raise look_closer(address, error, again) from None
    except ChatError:
        sock.close()
        raise
    return secured


def _wrap(sock: socket.socket, trust: Trust, address: Address, wait: Wait | None = None) -> ssl.SSLSocket:
    """Make the handshake. Raises ssl.SSLCertVerificationError, ChatError, and closes the socket then."""
    secured = sock
    try:
        secured = trust.context.wrap_socket(sock, server_hostname=address.host, do_handshake_on_connect=False)
        _shake_hands(secured, wait)
    except (OSError, ValueError, DeadlinePassed) as error:
        secured.close()
        if isinstance(error, ssl.SSLCertVerificationError):
            raise
        raise handshake_failed(address, error) from None
    except BaseException:
        secured.close()
        raise
    return secured


def _shake_hands(sock: ssl.SSLSocket, wait: Wait | None) -> None:
    """Make the handshake within the socket's timeout. Raises OSError, DeadlinePassed, and what ``wait`` raises."""
    seconds = sock.gettimeout()
    if wait is None:
        sock.do_handshake()
        return
    deadline = deadline_in(seconds)
    sock.settimeout(0.0)
    is_done = False
    while not is_done:
        try:
            sock.do_handshake()
            is_done = True
        except ssl.SSLWantReadError:
            wait(deadline.left(), sock.fileno(), select.POLLIN)


def look_closer(address: Address, error: ssl.SSLCertVerificationError, again: Again) -> ChatError:
    """Return the error for a certificate that no authority vouches for. Seeing it takes another connection."""
    try:
        trust = Trust(address, look_only=True)
        with _wrap(again(), trust, address) as secured:
            return UnknownServer(address, fingerprints.shown(trust.check(certificate_of(secured))), error)
    except ChatError as gone:
        return gone


def certificate_of(sock: socket.socket) -> bytes:
    """Return the server's certificate (DER); empty without TLS."""
    return (sock.getpeercert(binary_form=True) or b"") if isinstance(sock, ssl.SSLSocket) else b""


def days_left(certificate: bytes) -> float:
    """Return for how many days a certificate (DER) is still valid; negative once it has expired. Raises PeerBroke."""
    import datetime

    from cryptography import x509

    try:
        end = x509.load_der_x509_certificate(certificate).not_valid_after_utc
    except ValueError as error:
        raise PeerBroke(f"the server's certificate can't be read: {error}") from None
    return (end - datetime.datetime.now(datetime.UTC)) / datetime.timedelta(days=1)
