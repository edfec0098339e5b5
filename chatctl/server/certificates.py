"""The server's certificate: reading it, reading it again after a renewal, and making a self-signed one.

Lives here: files in, an SSL context out. Does not live here: handshakes (tls_handshake.py). Source: docs/security.md,
"TLS".
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import re
import socket
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from chatctl.common import fingerprints
from chatctl.common.file_reads import read_file
from chatctl.common.files import create_file, private_folder
from chatctl.errors import ChatError, reason_of

if TYPE_CHECKING:
    from cryptography import x509

VALID_DAYS = 3650
"""How long a self-signed certificate is valid. Clients that pin it ignore its dates; ``probe --cert-warn`` does not."""

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Dates:
    """When a certificate is valid, in Unix seconds."""

    subject: str
    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate in use: the context of handshakes, and the SHA-256 digest that clients know it by."""

    context: ssl.SSLContext
    digest: bytes
    dates: tuple[Dates, ...]
    """Its own, and those of its chain, as far as they can be read."""

    @property
    def fingerprint(self) -> str:
        """The digest as people compare it."""
        return fingerprints.shown(self.digest)


class Tls:
    """The certificate that new TLS connections are shown: ``current``, which ``reload`` replaces."""

    def __init__(self, cert: Path, key: Path | None = None) -> None:
        """Read the certificate and its key.

        Args:
            cert: a PEM file, the server's own certificate before its chain.
            key: the PEM file of the key; by default it is in ``cert``.

        Raises:
            ChatError: a file can't be read, they do not belong together, or others may read the key.
        """
        self.path = cert
        self._key = key or cert
        self.current = load(cert, self._key)

    def describe(self) -> dict[str, str]:
        """Return what the log says after a reload."""
        return {"path": str(self.path), "fingerprint": self.current.fingerprint}

    def reload(self) -> None:
        """Read both files again, for later connections. Raises ChatError, and keeps the certificate it has."""
        self.current = load(self.path, self._key)


def load(cert: Path, key: Path) -> Certificate:
    """Read a certificate and its key. Raises ChatError."""
    pem = _read(cert, "certificate", "--tls-cert")
    _check_private(key)
    first = _CERTIFICATE.search(pem)
    if first is None:
        raise ChatError(f"there is no certificate in {cert}: it has to be PEM")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0  # no client of ours resumes a session, and each ticket costs
    try:
        context.load_cert_chain(cert, key, password=lambda: _is_encrypted(key))
    except (ssl.SSLError, ValueError) as error:
        raise ChatError(_broken(cert, key, error)) from None
    digest = fingerprints.digest(ssl.PEM_cert_to_DER_cert(first[0].decode("ascii", "replace")))
    return Certificate(context, digest, _dates_in(pem))


def _dates_in(pem: bytes) -> tuple[Dates, ...]:
    """Return the dates of all certificates; those that OpenSSL takes and this parser does not are left out."""
    from cryptography import x509

    found = []
    for match in _CERTIFICATE.finditer(pem):
        with contextlib.suppress(ValueError):
            one = x509.load_pem_x509_certificate(match[0])
            begins, ends = one.not_valid_before_utc.timestamp(), one.not_valid_after_utc.timestamp()
            found.append(Dates(one.subject.rfc4514_string(), begins, ends))
    return tuple(found)


def _read(path: Path, what: str, option: str) -> bytes:
    try:
        return read_file(path)  # a pipe would end this server's loop, and OpenSSL reads the file once more
    except OSError as error:
        why = reason_of(error)
        raise ChatError(f"cannot read the {what} in {path}: {why} (name another file with {option})") from None


def _check_private(key: Path) -> None:
    """Raise ChatError for a key that every account can read. A group may: some systems share keys that way."""
    _read(key, "key", "--tls-key")
    mode = stat.S_IMODE(key.stat().st_mode)
    if mode & stat.S_IRWXO:
        raise ChatError(f"others may read the key in {key} (mode {mode:04o}): chmod o= {key}")


def _is_encrypted(key: Path) -> NoReturn:
    raise ChatError(
        f"the key in {key} is encrypted, and there is no terminal to ask for its passphrase: store it without one, "
        "mode 0600"
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


# --- a self-signed one


def self_signed(folder: Path, host: str) -> Path:
    """Return the file (mode 0600) with a key and its certificate; make it if there is none.

    Args:
        folder: where it is kept.
        host: an address or a name that the certificate is for, beside this machine's own.

    Raises:
        ChatError: the file can't be written.
    """
    path = folder / "tls-self.pem"
    try:
        if not path.exists():
            private_folder(folder)
            with contextlib.suppress(FileExistsError):  # of two servers at once, the first one's is both's
                create_file(path, _new_pair(host), durable=True)
    except OSError as error:
        why = reason_of(error)
        raise ChatError(f"cannot make {path}: {why} (choose another folder with CHATCTL_STATE_DIR)") from None
    return path


def _new_pair(host: str) -> bytes:
    """Return a new key and its certificate as PEM. ECDSA on P-256: every TLS library accepts it, unlike Ed25519."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chatctl")])
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, form, plain)
    return secret + certificate.public_bytes(serialization.Encoding.PEM)


def _names(host: str) -> list[x509.GeneralName]:
    """Return the names of this machine and ``host``, each once."""
    from cryptography import x509

    found: dict[str, x509.GeneralName] = {}
    for name in ("localhost", socket.gethostname(), "127.0.0.1", "::1", host):
        try:
            address = ipaddress.ip_address(name)
            if not address.is_unspecified:
                found[name] = x509.IPAddress(address)
        except ValueError:
            if name.isascii() and 0 < len(name) <= 253:
                found[name.lower()] = x509.DNSName(name.lower())
    return list(found.values())
