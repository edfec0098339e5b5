"""common/fingerprints.py: fingerprints, their one form and OpenSSL's."""

import hashlib

import pytest

from chatctl.common import fingerprints
from chatctl.errors import ChatError

KNOWN_BY = hashlib.sha256(b"a certificate").digest()


def test_a_fingerprint_reads_back_in_every_form() -> None:
    """As the server prints it, with base64's padding, and as ``openssl x509 -fingerprint -sha256`` prints it."""
    shown = fingerprints.shown(KNOWN_BY)
    assert shown.startswith("SHA256:")
    assert len(shown) == 50
    for form in (shown, shown + "=", KNOWN_BY.hex(), KNOWN_BY.hex(":").upper()):
        assert fingerprints.parse(form) == shown


@pytest.mark.parametrize(
    "text", ["", "SHA256:", "SHA256:" + "x" * 42, "MD5:" + "x" * 43, "ab" * 31, "SHA256:é" + "x" * 42]
)
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write SHA256: and its 43 characters"):
        fingerprints.parse(text)


@pytest.mark.parametrize("last", "BCD")
def test_a_last_character_that_no_fingerprint_has_is_refused(last: str) -> None:
    """43 characters have 258 bits, of 256: taken as another one, it would be repeated otherwise than it was typed."""
    assert fingerprints.parse("SHA256:" + "A" * 43) == "SHA256:" + "A" * 43
    with pytest.raises(ValueError, match=f"A{last}' is not a fingerprint: correct its last character$"):
        fingerprints.parse("SHA256:" + "A" * 42 + last)
    with pytest.raises(ChatError, match=f"A{last}' is not a key's fingerprint: correct its last character, as 'whois'"):
        fingerprints.parse_key("SHA256:" + "A" * 42 + last, "--operator")


def test_an_operators_key_is_read_in_the_same_forms() -> None:
    shown = fingerprints.of_key(bytes(range(32)))
    assert fingerprints.parse_key(f"{shown}=", "--operator") == shown
    with pytest.raises(ChatError, match=r"^file, line 2: 'nadia' is not a key's fingerprint"):
        fingerprints.parse_key("nadia", "file, line 2")
