"""TLS on a blocking socket. Import this only where TLS is used: ``ssl`` takes time to load."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

from chatctl.client.core.address import Address
from chatctl.client.security.trust import Trust, UnknownServer, handshake_failed
from chatctl.common import fingerprints
from chatctl.errors import ChatError, PeerBroke, Untrusted

Again = Callable[[], socket.socket]
"""Connects once more, with its own timeout."""


def secure(
    sock: socket.socket, address: Address, seconds: float | None, again: Again, trust: Trust | None = None
) -> ssl.SSLSocket:
    """Make a TLS handshake on a connected socket, and check the certificate before anything is sent.

    Args:
        sock: the socket; closed on failure.
        address: of the server.
        seconds: for the whole handshake; None means no limit.
        again: connects to the same address, for a look at a certificate that no authority vouches for.
        trust: the conditions for the certificate, if several connections share them.

    Raises:
        Untrusted: it is not the right server, or nobody can tell. The text has the fingerprints and what to do.
        ChatError: the server speaks no TLS, or not in time.
    """
    try:
        sock.settimeout(seconds)
        trust = trust or Trust(address, wait=seconds)
        secured = _wrap(sock, trust, address)
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


def _wrap(sock: socket.socket, trust: Trust, address: Address) -> ssl.SSLSocket:
    """Make the handshake. Raises ssl.SSLCertVerificationError, ChatError, and closes the socket then."""
    try:
        return trust.context.wrap_socket(sock, server_hostname=address.host)
    except ssl.SSLCertVerificationError:
        sock.close()
        raise
    except (OSError, ValueError) as error:
        sock.close()
        raise handshake_failed(address, error) from None


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
