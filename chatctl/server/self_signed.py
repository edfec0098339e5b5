"""A key and a certificate of our own, for who has none: made once and kept. Clients know it by its fingerprint."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from chatctl.common.files import create_file, private_folder
from chatctl.errors import ChatError, reason_of

if TYPE_CHECKING:
    from cryptography import x509

VALID_DAYS = 3650
"""Clients that pin it do not look at its dates; ``probe --cert-warn`` does."""


def self_signed(folder: Path, host: str) -> Path:
    """Give the file (0600) with the key and the certificate in ``folder``, made now if there is none.

    Args:
        folder: where it is kept.
        host: an address or a name that the certificate is for, beside this machine's own.

    Raises:
        ChatError: it can't be made there.
    """
    path = folder / "tls-self.pem"
    try:
        if not path.exists():
            private_folder(folder)
            with contextlib.suppress(FileExistsError):  # of two servers at once, the first one's is both's
                create_file(path, _made(host), durable=True)
    except OSError as error:
        why = reason_of(error)
        raise ChatError(f"cannot make {path}: {why} (choose another folder with CHATCTL_STATE_DIR)") from None
    return path


def _made(host: str) -> bytes:
    """Give key and certificate as PEM. ECDSA on P-256: every TLS library of today takes it, unlike Ed25519."""
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
    """Give what this machine may be called, each once."""
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
