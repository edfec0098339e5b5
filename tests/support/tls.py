"""What these tests share: an authority of our own, servers with TLS, raw TLS connections, trust at a terminal."""

from __future__ import annotations

import datetime
import ipaddress
import re
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.environment import DEADLINE, clean_env
from tests.support.server_process import Server
from tests.support.wire import Wire


class Authority:
    """Signs certificates. ``path`` is its own, for who trusts it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the tests' authority")])
        own = self._builder(self._name, self._key, 30).add_extension(x509.BasicConstraints(True, None), critical=True)
        own = own.add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True
        )
        self.path = folder / "authority.pem"
        self.path.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, days: float) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        of_authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(of_authority, critical=False)
        )

    def sign(self, name: str, *, days: float = 30) -> Path:
        """Return a file with the key and the certificate of a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            shown: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            shown = x509.DNSName(name)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(subject, key, days).add_extension(x509.SubjectAlternativeName([shown]), critical=False)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self.folder / f"{name}-{days:g}-{x509.random_serial_number()}.pem"
        path.touch(mode=0o600)
        path.write_bytes(secret + made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path


class TlsServer(Server):
    """A real ``chatctl serve`` with TLS. ``port`` is the plain one, 0 with --no-plain."""

    def __init__(self, *options: str, env: Mapping[str, str], tls_port: int = 0) -> None:
        super().__init__("--tls-port", str(tls_port), *options, env=env)
        assert self.process.stdout is not None
        self.lines = [self.first_line.rstrip("\n")]
        while not self.lines[-1].startswith("join with: "):
            line = self.process.stdout.readline().decode()
            assert line, self.stderr_text()
            self.lines.append(line.rstrip("\n"))
        found = re.search(r":(\d+) with TLS$", "\n".join(self.lines), re.MULTILINE)
        assert found is not None, self.lines
        self.tls_port = int(found[1])

    @property
    def pin(self) -> str:
        """The fingerprint that is in the line to join with."""
        return self.lines[-1].split()[-1]

    def secure(self, **more: object) -> TlsWire:
        """Connect to it with TLS, and be greeted."""
        wire = TlsWire(self.tls_port, **more)  # type: ignore[arg-type]
        assert wire.take(4) == b"NAME"
        return wire


def guarded(folder: Path, word: str, *options: str) -> TlsServer:
    """Start a server with TLS whose password is ``word``."""
    file = folder / "room.password"
    file.touch(0o600)
    file.write_text(word)
    return TlsServer("--tls", "self", "--password-file", str(file), *options, env=clean_env(folder))


def context(**limits: ssl.TLSVersion) -> ssl.SSLContext:
    """Return a context that takes every certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    for name, version in limits.items():
        setattr(made, name, version)
    return made


class TlsWire(Wire):
    """A raw TLS connection: as ``Wire``."""

    def __init__(self, port: int, *, receive_buffer: int | None = None, using: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", port), receive_buffer=receive_buffer)
        self.sock = (using or context()).wrap_socket(self.sock)
        self._opened.append(self)

    @property
    def certificate(self) -> bytes:
        """What the server showed."""
        assert isinstance(self.sock, ssl.SSLSocket)
        der = self.sock.getpeercert(binary_form=True)
        assert der
        return der

    def rest(self) -> bytes:
        """Read until the server closes."""
        try:
            return super().rest()
        except ssl.SSLError:
            return b""


def fingerprint_of(path: Path) -> str:
    """Return a certificate's fingerprint, worked out by another library than the one under test."""
    import base64

    found = x509.load_pem_x509_certificate(path.read_bytes()).fingerprint(hashes.SHA256())
    return "SHA256:" + base64.b64encode(found).decode().rstrip("=")


def silent(port: int, first: bytes = b"") -> socket.socket:
    """Connect, send ``first`` and nothing more."""
    sock = socket.create_connection(("127.0.0.1", port), DEADLINE)
    sock.sendall(first)
    return sock
