"""Clients of the fake hub that prove a key."""

from __future__ import annotations

from base64 import b64decode, b64encode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chatctl import protocol as p
from chatctl.common.fingerprints import of_key
from chatctl.common.key_proof import statement
from tests.support.fakes import FakePeer, House, only


class Person:
    """A client with a key."""

    def __init__(self, number: int) -> None:
        self.secret = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        public = self.secret.public_key().public_bytes_raw()
        self.key, self.fingerprint = b64encode(public).decode(), of_key(public)

    def hello(self, nick: str, **fields: object) -> p.Hello:
        return p.Hello(v=1, nick=nick, key=self.key, **fields)  # type: ignore[arg-type]

    def prove(self, peer: FakePeer, hello: p.Hello) -> FakePeer:
        [challenge] = only(p.Challenge, peer.frames)
        data = statement(hello, b64decode(challenge.nonce), peer.info.places[0])
        return peer.say(p.Proof(signature=b64encode(self.secret.sign(data)).decode()))

    def join(self, house: House, nick: str, **fields: object) -> FakePeer:
        hello = self.hello(nick, **fields)
        peer = house.peer(hello)
        house.settle()
        self.prove(peer, hello)
        house.settle()
        return peer


OWNER, OTHER = Person(1), Person(2)
