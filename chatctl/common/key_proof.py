"""Proving an identity with an Ed25519 key: what is signed, and checking a signature.

Does not live here: where keys are kept (client/security/), what a proved key gives its owner (core/auth.py,
core/name_claims.py). Source: docs/protocol.md, "Proving".
"""

from __future__ import annotations

from base64 import b64decode

from chatctl.common.ip_addresses import parse_address
from chatctl.common.ssh_wire import pack
from chatctl.protocol import Hello

LABEL, LABEL_OF_PATHS = "chatctl-key-v1", "chatctl-key-v2"
"""First part of every statement: keeps signatures of other protocols from being valid here, and ours there. The second
one stands where the place is the path of a unix socket: with the first one, every unix socket was one place."""

NONCE_BYTES = 32

_P = 2**255 - 19
_EIGHT = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
_SMALL = frozenset({0, 1, _P - 1, _EIGHT, _P - _EIGHT})
"""The y of the points of Ed25519 whose order is 1, 2, 4 or 8; they are no public keys of anybody."""


def statement(hello: Hello, nonce: bytes, place: str) -> bytes:
    """Return the bytes to sign: this key sends this hello, once, to this server.

    Args:
        hello: as it was sent.
        nonce: of the challenge, ``NONCE_BYTES`` long and fresh: an old signature does not fit.
        place: where the server was reached (``place_of_tls`` and others): a server in between can't pass it on.
    """
    fields = (hello.room, hello.nick, hello.mode, hello.token or "")
    label = label_of(place).encode()
    return pack(label, nonce, *(field.encode() for field in fields), place.encode("utf-8", "surrogateescape"))


def label_of(place: str) -> str:
    """Return the label of the statements that name this place."""
    return LABEL_OF_PATHS if place.startswith(_UNIX) else LABEL


def place_of_tls(certificate: bytes) -> str:
    """Return the name of a server that showed a certificate with this SHA-256 (32 bytes)."""
    return f"tls:{certificate.hex()}"


def place_of_tcp(host: str, port: int) -> str:
    """Return the name of a server that was reached at this IP address and port.

    Raises:
        ValueError: ``host`` is no IP address.
    """
    return f"tcp:{parse_address(host)}:{port}"


OLD_PLACE_OF_UNIX = "unix"
"""What was signed for every server on a unix socket, whoever it was that listened there. Nobody takes it any more."""

_UNIX = "unix:"


def place_of_unix(name: str | bytes) -> str:
    """Return the name of a server that was reached at this unix socket.

    Args:
        name: its path, absolute and without symbolic links, as both ends resolve it; or of an abstract one the name,
            with its first NUL.
    """
    path = name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")
    return f"{_UNIX}@{path[1:]}" if path.startswith("\0") else f"{_UNIX}{path}"


def is_unix(place: str) -> bool:
    """Return whether a place is a unix socket."""
    return place.startswith(_UNIX)


def signed(key: bytes, signature: str | None, data: bytes) -> bool:
    """Return whether ``signature`` (base64) was made over ``data`` with the private key of ``key`` (32 bytes).

    Never for a key of small order: a signature that anybody can make fits one in eight statements or more (RFC 8032
    leaves the check to us, and OpenSSL does not do it).
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(b64decode(signature or "", validate=True), data)
    except (InvalidSignature, ValueError):
        return False
    return not _has_small_order(key)


def _has_small_order(key: bytes) -> bool:
    """Return whether a public key is a point of small order, or no point in its one spelling (y below 2^255 - 19)."""
    y = int.from_bytes(key, "little") % 2**255  # without the bit that is the sign of x
    return y >= _P or y in _SMALL
