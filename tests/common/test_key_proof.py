"""What a key signs: whose bytes they are, and where they may be used."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from chatctl.common.key_proof import label_of, place_of_tcp, place_of_tls, place_of_unix, signed, statement
from chatctl.protocol import Hello


@given(st.binary(max_size=80), st.binary(min_size=32, max_size=32))
def test_no_bytes_pass_for_a_signature(signature: bytes, key: bytes) -> None:
    assert not signed(key, b64encode(signature).decode(), b"x")


@given(st.lists(st.text(max_size=9), min_size=2, max_size=2), st.lists(st.text(max_size=9), min_size=2, max_size=2))
def test_two_statements_never_share_their_bytes(one: list[str], other: list[str]) -> None:
    """Or a name could be moved into a room."""
    made = [statement(Hello(v=1, nick=nick, room=room), b"n", "p") for nick, room in (one, other)]
    assert (made[0] == made[1]) == (one == other)


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("127.0.0.1", "tcp:127.0.0.1:5500"),
        ("::ffff:192.0.2.1", "tcp:192.0.2.1:5500"),
        ("FE80::1%eth0", "tcp:fe80::1:5500"),
    ],
)
def test_a_place_is_spelt_in_one_way(host: str, place: str) -> None:
    """A socket for both families shows IPv4 as IPv6, and a scope is each machine's own."""
    assert place_of_tcp(host, 5500) == place


def test_places_of_another_kind_are_no_tcp_places() -> None:
    assert place_of_tls(b"\1" * 32) == "tls:" + "01" * 32
    assert place_of_unix("/run/chat.sock") == "unix:/run/chat.sock"
    assert place_of_unix(b"\0chat") == "unix:@chat"


def test_a_path_has_a_label_of_its_own() -> None:
    """An older server takes the old one for every unix socket: it must not take this."""
    hello, old, new = Hello(v=1, nick="a"), "unix", place_of_unix("/run/chat.sock")
    assert statement(hello, b"n", old)[4:18] == label_of(old).encode() == b"chatctl-key-v1"
    assert statement(hello, b"n", new)[4:18] == label_of(new).encode() == b"chatctl-key-v2"


def test_a_path_that_is_no_utf8_can_be_signed() -> None:
    assert statement(Hello(v=1, nick="a"), b"n", place_of_unix(b"/run/\xff.sock")).endswith(b"unix:/run/\xff.sock")


_P = 2**255 - 19
_EIGHT = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL = [
    (y | sign << 255).to_bytes(32, "little") for y in (0, 1, _P - 1, _EIGHT, _P - _EIGHT, _P, _P + 1) for sign in (0, 1)
]
"""The points of small order, in every spelling."""


def test_a_key_of_small_order_signs_nothing() -> None:
    """Anybody could have made this signature: with 32 statements to choose from, one fits that OpenSSL takes."""
    forged = [b64encode(point + bytes(32)).decode() for point in SMALL]
    for key in SMALL:
        taken = [(one, b"%d" % number) for number in range(32) for one in forged if is_taken(key, one, b"%d" % number)]
        assert taken, "OpenSSL refuses it by itself now"
        assert not any(signed(key, one, data) for one, data in taken)


def is_taken(key: bytes, signature: str, data: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(b64decode(signature), data)
    except InvalidSignature:
        return False
    return True


@given(st.binary(min_size=32, max_size=32))
def test_every_key_that_somebody_has_signs(secret: bytes) -> None:
    private = Ed25519PrivateKey.from_private_bytes(secret)
    signature = b64encode(private.sign(b"this")).decode()
    assert signed(private.public_key().public_bytes_raw(), signature, b"this")
