"""The server's certificate: which files are refused, and what a renewal that fails leaves in use."""

from __future__ import annotations

import ipaddress
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chatctl.errors import ChatError
from chatctl.server.certificates import Tls, self_signed


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """Return a file with a key and its certificate."""
    return self_signed(tmp_path / "state", "chat.example.org")


def other_pair(folder: Path) -> Path:
    return self_signed(folder / "other", "chat.example.org")


def parts_of(pair: Path, folder: Path) -> tuple[Path, Path]:
    """Write the key and the certificate of a pair into two files."""
    pem = pair.read_bytes()
    begin = pem.index(b"-----BEGIN CERTIFICATE")
    key, cert = folder / "key.pem", folder / "cert.pem"
    key.touch(0o600)
    key.write_bytes(pem[:begin])
    cert.write_bytes(pem[begin:])
    return key, cert


def test_a_pair_may_stand_in_one_file_or_in_two(pair: Path, tmp_path: Path) -> None:
    key, cert = parts_of(pair, tmp_path)
    one, two = Tls(pair), Tls(cert, key)
    assert one.current.digest == two.current.digest
    assert one.current.fingerprint.startswith("SHA256:")
    assert one.current.context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert two.describe() == {"path": str(cert), "fingerprint": one.current.fingerprint}


@pytest.mark.parametrize(("mode", "taken"), [(0o600, True), (0o640, True), (0o604, False), (0o601, False)])
def test_a_key_is_not_for_everybody(pair: Path, tmp_path: Path, mode: int, taken: bool) -> None:
    """A group may read it: some systems share keys that way. The certificate is public."""
    key, cert = parts_of(pair, tmp_path)
    cert.chmod(0o644)
    key.chmod(mode)
    if taken:
        Tls(cert, key)
        return
    with pytest.raises(ChatError, match=f"others may read the key in .*mode 0{mode:o}"):
        Tls(cert, key)


def test_what_can_not_be_used_is_told(pair: Path, tmp_path: Path) -> None:
    key, cert = parts_of(pair, tmp_path)
    broken, encrypted = tmp_path / "broken.pem", tmp_path / "encrypted.pem"
    broken.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    encrypted.touch(0o600)
    encrypted.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    for cert_file, key_file, why in (
        (tmp_path / "missing", key, r"cannot read the certificate in .* \(name another file with --tls-cert\)"),
        (cert, tmp_path / "missing", r"cannot read the key in .* \(name another file with --tls-key\)"),
        (key, key, "there is no certificate in"),
        (cert, other_pair(tmp_path), "is not that of the certificate"),
        (broken, key, "both have to be PEM"),
        (cert, encrypted, "is encrypted, and there is no terminal to ask"),
    ):
        with pytest.raises(ChatError, match=why):
            Tls(cert_file, key_file)


def test_a_renewal_is_used_and_a_broken_one_is_not(pair: Path, tmp_path: Path) -> None:
    tls = Tls(pair)
    old = tls.current
    pair.write_bytes(b"half of a")
    with pytest.raises(ChatError):
        tls.reload()
    assert tls.current is old
    pair.write_bytes(other_pair(tmp_path).read_bytes())
    tls.reload()
    assert tls.current.digest != old.digest


def test_one_is_made_once_for_this_machine_and_the_host(pair: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(pair.stat().st_mode) == 0o600
    made = pair.read_bytes()
    assert self_signed(tmp_path / "state", "another.example.org") == pair
    assert pair.read_bytes() == made
    names = x509.load_pem_x509_certificate(made[made.index(b"-----BEGIN CERTIFICATE") :]).extensions
    found = names.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "chat.example.org"} <= set(found.get_values_for_type(x509.DNSName))
    assert found.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]


@pytest.mark.parametrize(("host", "addresses"), [("0.0.0.0", 2), ("::", 2), ("192.0.2.7", 3), ("::1", 2)])
def test_no_certificate_is_for_every_address(tmp_path: Path, host: str, addresses: int) -> None:
    pem = self_signed(tmp_path, host).read_bytes()
    names = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :]).extensions
    found = names.get_extension_for_class(x509.SubjectAlternativeName).value
    assert len(found.get_values_for_type(x509.IPAddress)) == addresses


def test_no_place_to_make_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ChatError, match="choose another folder with CHATCTL_STATE_DIR"):
        self_signed(tmp_path / "file", "localhost")
