"""Proving on one connection who we are, and checking that the server knows our password. Sans-I/O.

Lives here: the offer in the hello, the answer to a challenge, the check of the server's own proof. Does not live here:
where password and key come from (security/credentials.py). Source: docs/protocol.md, "Proving".
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from chatctl.client.core.remedies import Parameters, Remedies
from chatctl.common.key_proof import (
    LABEL,
    LABEL_OF_PATHS,
    NONCE_BYTES,
    label_of,
    place_of_tcp,
    place_of_tls,
    place_of_unix,
    statement,
)
from chatctl.errors import PasswordWanted, PasswordWrong, PeerBroke, Unauthorized, Unsupported
from chatctl.protocol import SCRAM_ITERATIONS, Challenge, Error, Hello, Proof, Welcome

_SERVER_FIRST = re.compile(r"r=[!-+\--~]+,s=[A-Za-z0-9+/]+=*,i=([1-9][0-9]*)")
"""The one form of a server's first message that is taken, without extensions: whoever reads it finds one ``i=``."""


class Signer(Protocol):
    """A key that can sign, wherever it is."""

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature of ``data``, 64 bytes. Raises ChatError."""


class Secrets(Protocol):
    """The password and the key to authenticate with. Reading one raises ChatError if it can't be used."""

    password: str | None
    """The room's password; None without one."""

    @property
    def signer(self) -> Signer | None:
        """Our key; None without one."""

    def but(self, *, password: str | None, key: str | None) -> Secrets:
        """Return a copy with another password or key; None keeps the old one."""
        ...

    def hurry(self, left: Callable[[], float | None]) -> None:
        """Have what is still to be read be ready within the seconds that ``left`` returns; None means no limit."""


def place_of(peer: object, channel: bytes, path: str | None) -> str:
    """Return the name under which a proof is valid at the server that a socket leads to.

    Args:
        peer: the result of ``getpeername``; of a unix socket it is what the other end says, and does not count.
        channel: the SHA-256 of the server's certificate; empty without TLS.
        path: of the unix socket that was connected to, without symbolic links; None over TCP.
    """
    if channel:
        return place_of_tls(channel)
    return place_of_tcp(peer[0], peer[1]) if path is None and isinstance(peer, tuple) else place_of_unix(path or "")


class Prover:
    """The proofs of one connection: ``offer``, then ``answer`` if there is a challenge, then ``check``."""

    def __init__(self, secrets: Secrets, place: str, channel: bytes = b"", remedies: Remedies = Parameters) -> None:
        """Prove ``secrets`` at ``place`` (see ``place_of``), over a connection with this ``channel``.

        ``remedies`` are what errors say to do about them.
        """
        self._secrets = secrets
        self._place = place
        self._channel = channel
        self._remedies = remedies
        self._scram: Any = None
        self._hello: Hello | None = None
        self._answered = False

    def offer(self, hello: Hello) -> Hello:
        """Return the hello with an offer of what we can prove. A key is offered only under a nickname.

        Raises:
            ChatError: the password or the key can't be used.
        """
        signer = self._secrets.signer if hello.mode in ("join", "post") else None
        key = b64encode(signer.public).decode() if signer is not None else None
        self._hello = msgspec.structs.replace(hello, key=key, scram=self._begin_scram())
        return self._hello

    def _begin_scram(self) -> str | None:
        password = self._secrets.password
        if password is None:
            return None
        from chatctl.common.scram import ScramError, client

        try:
            self._scram = client(password, self._channel)
            return str(self._scram.get_client_first())
        except ScramError as error:
            raise Unauthorized(f"this can't be a password: {error}") from None

    def answer(self, challenge: Challenge) -> Proof:
        """Return the proof of what we offered.

        Raises:
            PeerBroke: the challenge is invalid, or the second one.
            Unsupported: the server takes no signature that names it as we see it; the text says which end to update.
            ChatError: the key can't sign.
        """
        if self._hello is None or self._answered:
            raise PeerBroke("the server requires a proof that was not offered")
        self._answered = True
        return Proof(signature=self._sign(challenge.nonce, challenge.labels), scram=self._answer_scram(challenge.scram))

    def _sign(self, nonce: str | None, labels: Sequence[str] | None) -> str | None:
        signer, hello = self._secrets.signer, self._hello
        if nonce is None or signer is None or hello is None or hello.key is None:
            return None
        try:
            raw = b64decode(nonce, validate=True)
        except ValueError:
            raw = b""
        if len(raw) != NONCE_BYTES:
            raise PeerBroke("the server sent an invalid nonce")
        self._check_label([LABEL] if labels is None else labels)
        return b64encode(signer.sign(statement(hello, raw, self._place))).decode()

    def _check_label(self, taken: Sequence[str]) -> None:
        """Return if the server takes what we sign here. Nothing less is signed instead: it may be a relay that asks."""
        label = label_of(self._place)
        if label in taken:
            return
        or_without = f"(or connect without a key: {self._remedies.no_key})"
        if not {LABEL, LABEL_OF_PATHS}.issuperset(taken):
            raise Unsupported(f"this chatctl is too old to prove a key to this server: update it here {or_without}")
        raise Unsupported(
            "the server is too old, or a relay: it can't take a key as proved for "
            f"{self._place}. Update chatctl where the server runs {or_without}"
        )

    def _answer_scram(self, first: str | None) -> str | None:
        if self._scram is None:
            return None
        if first is None:
            raise self._unasked()
        _check_server_first(first)
        from chatctl.common.scram import ScramError

        try:
            self._scram.set_server_first(first)
            return str(self._scram.get_client_final())
        except ScramError as error:
            raise PeerBroke(f"the server's SCRAM message is invalid: {error}") from None

    def check(self, welcome: Welcome) -> None:
        """Check that the server knows our password. Raises Unauthorized."""
        if self._scram is None:
            return
        if not self._answered or welcome.scram is None:
            raise self._unasked()
        from chatctl.common.scram import ScramError

        try:
            self._scram.set_server_final(welcome.scram)
        except ScramError:
            raise Unauthorized("the server does not know the password: it is not the one it seems") from None

    def _unasked(self) -> Unauthorized:
        return Unauthorized(
            "there is a password for this server, which does not ask for it: it may be another one in its place "
            f"(if it has none, {self._remedies.not_to_authenticate})"
        )

    def explain(self, error: Error) -> Unauthorized | None:
        """Return a more precise error for a refusal that concerns a password or a key; None for any other.

        What to do about it is added here: a server does not know which options, if any, its client has.
        """
        if error.code != Unauthorized.wire_code:
            return None
        if self._scram is None and not self._answered and error.retry_after is None:
            return password_wanted(error.text, self._remedies)
        if self._scram is not None and self._answered and error.retry_after is not None:
            return PasswordWrong(error.text, retry_after=error.retry_after)
        if self._answered and self._hello is not None and self._hello.key is not None and error.retry_after is None:
            without = f"(the operator can add --reached-as; or connect without a key: {self._remedies.no_key})"
            return Unauthorized(with_hint(error.text, f" {without}"))
        return None


def password_wanted(text: str, remedies: Remedies) -> PasswordWanted:
    """Return the error for a refusal, with this text, where nothing was offered."""
    return PasswordWanted(with_hint(text, f": {remedies.to_authenticate}"))


def with_hint(text: str, hint: str) -> str:
    """Return what a server says, and what to do about it. An older server has said that itself."""
    return text if "--" in text else text + hint


def _check_server_first(first: str) -> None:
    """Return if the rounds of work that are asked for are few enough to do, and enough. Raises PeerBroke."""
    found = _SERVER_FIRST.fullmatch(first)
    if found is None:
        raise PeerBroke("the server's SCRAM message is invalid: this is no first message")
    if len(found[1]) > 9 or int(found[1]) not in SCRAM_ITERATIONS:
        raise PeerBroke(
            f"the server asks for {found[1][:12]} iterations for a password, "
            f"{SCRAM_ITERATIONS[0]} to {SCRAM_ITERATIONS[-1]} are right"
        )
