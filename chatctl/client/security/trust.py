"""Whether a server's certificate is the right one: known fingerprints, then authorities, then a person.

In this order: the fingerprint given (``Address.pin``) decides alone. One that is kept for this host and port decides
alone. Otherwise the system's authorities (or those of ``Address.ca``) have to vouch for the certificate and its name. A
server that is not trusted is sent nothing. Lives here: the decision and its messages. Does not live here: connections
(io/), asking a person (terminal/login_prompts.py). Source: docs/security.md, "TLS".
"""

from __future__ import annotations

import shlex
import ssl

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import DeadlinePassed
from chatctl.client.security.known_servers import key_of, known_servers, pins_of
from chatctl.common import fingerprints
from chatctl.common.file_reads import read_trusted
from chatctl.errors import ChatError, PeerBroke, Unreachable, Untrusted, reason_of

_PIPE_SECONDS = 5.0
"""Longest time for a pipe that is named as --ca to end."""


class UnknownServer(Untrusted):
    """A certificate that no authority vouches for and that nobody here has accepted."""

    def __init__(self, address: Address, found: str, error: ssl.SSLCertVerificationError) -> None:
        """Build the message for the fingerprint ``found``; ``error`` says why no authority vouches for it."""
        self.found = found
        self.why = error.verify_message.rstrip(".").lower() or "it can't be verified"
        join = shlex.join(["chatctl", "join", "--tls", "--host", address.host, "--port", str(address.port)])
        trust = "" if address.web is not None else f", or trust it once with: {join}"
        super().__init__(
            f"the certificate of {address} is not known here ({self.why}): it is {found}; nothing was sent. If that "
            f"is the one that the server printed when it started, {address.remedies.use_pin(found)}{trust}"
        )


class Trust:
    """The conditions for one server's certificate: make the handshake with ``context``, then call ``check``."""

    def __init__(self, address: Address, *, look_only: bool = False, wait: float | None = None) -> None:
        """Prepare a handshake.

        Args:
            address: of the server.
            look_only: accept any certificate in order to see it.
            wait: seconds for a pipe that is named as --ca to end; None: _PIPE_SECONDS.

        Raises:
            Untrusted: the known servers or the authorities can't be read.
        """
        self._address = address
        pins = [address.pin] if address.pin is not None else pins_of(address)
        self._pins = [] if look_only else pins
        self.by_authority = not (self._pins or look_only)
        seconds = _PIPE_SECONDS if wait is None else min(wait, _PIPE_SECONDS)
        self.context = _context(address, self.by_authority, seconds)

    def check(self, der: bytes | None) -> bytes:
        """Return the digest of the server's certificate (DER), or raise Untrusted: send nothing then."""
        if not der:
            raise Untrusted(f"{self._address} showed no certificate")
        found = fingerprints.digest(der)
        if self._pins and fingerprints.shown(found) not in self._pins:
            raise self._changed(fingerprints.shown(found))
        return found

    def _changed(self, found: str) -> Untrusted:
        where, known = self._address, " or ".join(self._pins)
        if where.pin is not None:
            return Untrusted(
                f"{where} is not the server of {where.remedies.pin} {known}: its certificate is {found}; nothing was "
                "sent. Ask its operator which one is right"
            )
        return Untrusted(
            f"the certificate of {where} HAS CHANGED: it was {known}, it is {found}; nothing was sent. Somebody may "
            f"be in between. If its operator says that the new one is right, take the line '{key_of(where)} …' out of "
            f"{known_servers()} and join again"
        )


def _context(address: Address, by_authority: bool, wait: float) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not by_authority:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # ``check`` compares the certificate itself
    elif address.ca is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(cadata=read_trusted(address.ca, wait=wait).decode("ascii", "ignore"))
        except (OSError, ValueError) as error:
            why = reason_of(error) if _is_of_the_file(error) else "there is no PEM certificate in it"
            raise Untrusted(f"cannot use the authorities in {address.ca}: {(why or str(error)).lower()}") from None
    return context


def _is_of_the_file(error: Exception) -> bool:
    return isinstance(error, OSError) and not isinstance(error, ssl.SSLError)


def handshake_failed(address: Address, error: Exception) -> ChatError:
    """Return the error for a handshake that failed for another reason than trust."""
    if isinstance(error, TimeoutError | DeadlinePassed):
        return Unreachable(
            f"cannot reach {address}: it accepts connections, but does not answer the TLS handshake in time"
        )
    reason = (getattr(error, "reason", None) or "").replace("_", " ").lower()
    if reason in ("wrong version number", "record layer failure", "packet length too long", "http request"):
        remedy = (
            f"{address.remedies.no_tls}, or the port on which it does (5501)" if address.web is None else "use http://"
        )
        return PeerBroke(f"{address} does not speak TLS: {remedy}")
    if "protocol version" in reason or "unsupported protocol" in reason:
        return PeerBroke(f"{address} speaks no TLS of version 1.2 or later")
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return PeerBroke(f"{address} broke the TLS handshake ({reason or error})")
    return Unreachable(
        f"cannot reach {address}: it closed the connection in the TLS handshake (does it speak TLS on this port?)"
    )
