"""The parameters of ``connect``: which server they mean, and what contradicts itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chatctl.client.connect_options import address_of
from chatctl.client.core.address import Address
from chatctl.client.security.credentials import Credentials
from chatctl.client.security.key_files import make_key

WORD = "correct horse"
OTHER_PIN = "SHA256:" + "A" * 43


def address(server: str | Address, **more: Any) -> Address:
    return address_of(server, **({"tls": None, "pin": None, "ca": None, "password": None, "key": None} | more))


GIVEN = Address("a.example", 7, tls=True, pin=OTHER_PIN, ca="/ca")


@pytest.mark.parametrize(
    ("server", "more", "wanted"),
    [
        ("a.example", {}, Address("a.example", 5500)),
        ("a.example", {"tls": True}, Address("a.example", 5501, tls=True)),
        ("::1", {"tls": True}, Address("::1", 5501, tls=True)),
        ("a.example:5500", {"tls": True}, Address("a.example", 5500, tls=True)),
        ("a.example", {"pin": OTHER_PIN}, Address("a.example", 5501, tls=True, pin=OTHER_PIN)),
        ("a.example:7", {"ca": Path("/ca")}, Address("a.example", 7, tls=True, ca="/ca")),
        ("a.example", {"tls": False}, Address("a.example", 5500)),
        (GIVEN, {}, GIVEN),
        (GIVEN, {"ca": "/other"}, GIVEN._replace(ca="/other")),
        (GIVEN, {"tls": False}, Address("a.example", 7)),
    ],
)
def test_which_server_the_parameters_mean(server: str | Address, more: dict[str, Any], wanted: Address) -> None:
    assert address(server, **more) == wanted


@pytest.mark.parametrize(
    ("server", "more", "why"),
    [
        ("a.example", {"pin": "SHA256:short"}, "not a fingerprint"),
        ("a.example", {"tls": False, "pin": OTHER_PIN}, "nothing to check"),
        ("/run/chat.sock", {"tls": True}, "a unix socket has no TLS"),
        ("a.example", {"password": ""}, "the password is empty"),
        ("a.example", {"key": ""}, "the key is empty"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(server: str, more: dict[str, Any], why: str) -> None:
    """Before anything is connected: a wish for TLS or for a password is never lost silently."""
    with pytest.raises(ValueError, match=why):
        address(server, **more)


def test_what_is_proved_goes_over_what_an_address_proves(tmp_path: Path) -> None:
    """A key beside an Address with a password: without it, we would no longer check that the server has it."""
    ours, other = (make_key(tmp_path / name).public for name in ("ours", "other"))
    given = GIVEN._replace(credentials=Credentials(password=WORD, key=str(tmp_path / "ours")))
    assert proved(given, key=tmp_path / "other") == (WORD, other)
    assert proved(given, password="another") == ("another", ours)
    assert proved(given) == (WORD, ours), "and the Address is as it was"
    assert proved("a.example", password=WORD) == (WORD, None), "nothing of it is our own default key"


def proved(server: str | Address, **more: Any) -> tuple[str | None, bytes | None]:
    credentials = address(server, **more).credentials
    assert credentials is not None
    return credentials.password, credentials.signer.public if credentials.signer else None
