"""Proving who we are on one connection, and that the server is the one that knows our password. Sans-I/O.

Lives here: what is offered in the hello, the answer to a challenge, the check of the server's own proof. Does not live
here: where password and key come from (credentials.py). Source: docs/protocol.md, "Proving".
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

import msgspec

from chatctl.common.key_proof import NONCE_BYTES, PLACE_OF_UNIX, place_of_tcp, place_of_tls, statement
from chatctl.errors import PasswordWanted, PasswordWrong, PeerBroke, Unauthorized
from chatctl.protocol import Challenge, Error, Hello, Proof, Welcome

if TYPE_CHECKING:
    from chatctl.client.security.credentials import Credentials

MOST_ITERATIONS = 1_000_000
"""Half a second of work: a server may not have us do more for it."""

_ITERATIONS = re.compile(r",i=([0-9]{1,9})(?:,|$)")


def place_of(peer: object, channel: bytes) -> str:
    """Name the server that a socket leads to.

    Args:
        peer: what ``getpeername`` gives.
        channel: the SHA-256 of the certificate that it showed, empty without TLS.
    """
    if channel:
        return place_of_tls(channel)
    return place_of_tcp(peer[0], peer[1]) if isinstance(peer, tuple) else PLACE_OF_UNIX


class Prover:
    """Good for one connection: ``offer``, then ``answer`` if there is a challenge, then ``check``."""

    def __init__(self, credentials: Credentials, place: str, channel: bytes = b"") -> None:
        """Prove it at ``place`` (proof.py), over a connection with this ``channel`` (as in ``place_of``)."""
        self._credentials = credentials
        self._place = place
        self._channel = channel
        self._scram: Any = None
        self._hello: Hello | None = None
        self._answered = False

    def offer(self, hello: Hello) -> Hello:
        """Give the hello with what we can prove. A key is of use to those who have a name only.

        Raises:
            ChatError: password or key can't be had.
        """
        signer = self._credentials.signer if hello.mode in ("join", "post") else None
        key = b64encode(signer.public).decode() if signer is not None else None
        self._hello = msgspec.structs.replace(hello, key=key, scram=self._begin_scram())
        return self._hello

    def _begin_scram(self) -> str | None:
        password = self._credentials.password
        if password is None:
            return None
        from chatctl.common.scram import ScramError, client

        try:
            self._scram = client(password, self._channel)
            return str(self._scram.get_client_first())
        except ScramError as error:
            raise Unauthorized(f"this can't be a password: {error}") from None

    def answer(self, challenge: Challenge) -> Proof:
        """Prove what we offered.

        Raises:
            PeerBroke: it asks what can't be, or twice.
            ChatError: the key can't sign.
        """
        if self._hello is None or self._answered:
            raise PeerBroke("the server wants something proved that was not offered")
        self._answered = True
        return Proof(signature=self._sign(challenge.nonce), scram=self._answer_scram(challenge.scram))

    def _sign(self, nonce: str | None) -> str | None:
        signer, hello = self._credentials.signer, self._hello
        if nonce is None or signer is None or hello is None or hello.key is None:
            return None
        try:
            raw = b64decode(nonce, validate=True)
        except ValueError:
            raw = b""
        if len(raw) != NONCE_BYTES:
            raise PeerBroke("the server sent a nonce that is none")
        return b64encode(signer.sign(statement(hello, raw, self._place))).decode()

    def _answer_scram(self, first: str | None) -> str | None:
        if self._scram is None:
            return None
        if first is None:
            raise self._unasked()
        found = _ITERATIONS.search(first)
        if found is not None and int(found[1]) > MOST_ITERATIONS:
            raise PeerBroke(f"the server wants {found[1]} rounds of work for a password, {MOST_ITERATIONS} at most")
        from chatctl.common.scram import ScramError

        try:
            self._scram.set_server_first(first)
            return str(self._scram.get_client_final())
        except ScramError as error:
            raise PeerBroke(f"the server's SCRAM is none: {error}") from None

    def check(self, welcome: Welcome) -> None:
        """Make sure that who lets us in knows the password that we have. Raises Unauthorized."""
        if self._scram is None:
            return
        if not self._answered or welcome.scram is None:
            raise self._unasked()
        from chatctl.common.scram import ScramError

        try:
            self._scram.set_server_final(welcome.scram)
        except ScramError:
            raise Unauthorized("the server does not know the password: it is not the one it seems") from None

    @staticmethod
    def _unasked() -> Unauthorized:
        return Unauthorized(
            "there is a password for this server, which does not ask for it: it may be another one in its place "
            "(if it has none, take the password away: CHATCTL_PASSWORD, --password-file)"
        )

    def explain(self, error: Error) -> Unauthorized | None:
        """Tell more of a refusal, if it was about a password."""
        if error.code != Unauthorized.wire_code:
            return None
        if self._scram is None and not self._answered and error.retry_after is None:
            return PasswordWanted(error.text)
        if self._scram is not None and self._answered and error.retry_after is not None:
            return PasswordWrong(error.text, retry_after=error.retry_after)
        return None
