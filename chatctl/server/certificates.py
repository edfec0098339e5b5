"""The server's certificate: reading it, and reading it again when it was renewed.

Lives here: files in, an SSL context out. Does not live here: handshakes (door.py), making a certificate of our own
(self_signed.py). Source: docs/security.md, "TLS".
"""

from __future__ import annotations

import re
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from chatctl.common import fingerprints
from chatctl.errors import ChatError, reason_of

_FIRST = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate in use: what handshakes need, and the digest that clients know it by."""

    context: ssl.SSLContext
    digest: bytes

    @property
    def fingerprint(self) -> str:
        """Give it as people compare it."""
        return fingerprints.shown(self.digest)


class Tls:
    """What the server shows to who connects with TLS: ``current``, until ``reload`` finds another one."""

    def __init__(self, cert: Path, key: Path | None = None) -> None:
        """Read the certificate (PEM, the server's own first) and its key, from the same file unless ``key`` is given.

        Raises:
            ChatError: one can't be read, they do not belong together, or others may read the key.
        """
        self.path = cert
        self._key = key or cert
        self.current = load(cert, self._key)

    def reload(self) -> None:
        """Read both again, for connections that come from now on. Raises as above; then all is as it was."""
        self.current = load(self.path, self._key)


def load(cert: Path, key: Path) -> Certificate:
    """Read a certificate and its key. Raises ChatError."""
    pem = _read(cert, "certificate", "--tls-cert")
    _check_private(key)
    first = _FIRST.search(pem)
    if first is None:
        raise ChatError(f"there is no certificate in {cert}: it has to be PEM")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0  # nobody resumes a session here, and each ticket costs
    try:
        context.load_cert_chain(cert, key, password=lambda: _is_encrypted(key))
    except (ssl.SSLError, ValueError) as error:
        raise ChatError(_broken(cert, key, error)) from None
    return Certificate(context, fingerprints.digest(ssl.PEM_cert_to_DER_cert(first[0].decode("ascii", "replace"))))


def _read(path: Path, what: str, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        why = reason_of(error)
        raise ChatError(f"cannot read the {what} in {path}: {why} (name another file with {option})") from None


def _check_private(key: Path) -> None:
    """Refuse a key that everybody on this machine can read. A group may: that is how some systems share keys."""
    _read(key, "key", "--tls-key")
    mode = stat.S_IMODE(key.stat().st_mode)
    if mode & stat.S_IRWXO:
        raise ChatError(f"others may read the key in {key} (mode {mode:04o}): chmod o= {key}")


def _is_encrypted(key: Path) -> NoReturn:
    raise ChatError(
        f"the key in {key} is encrypted, and there is nobody to ask: store it without a passphrase, mode 0600"
    )


def _broken(cert: Path, key: Path, error: Exception) -> str:
    reason = getattr(error, "reason", None) or ""
    if reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key} is not that of the certificate in {cert}"
    if reason in ("EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "CA_KEY_TOO_SMALL"):
        return f"the certificate in {cert} is too weak ({reason.lower().replace('_', ' ')})"
    return (
        f"cannot use the certificate in {cert} with the key in {key}: both have to be PEM ({reason.lower() or error})"
    )
