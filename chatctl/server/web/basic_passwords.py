"""Passwords of Basic: checked in one thread beside the event loop, for each takes milliseconds of work.

Lives here: when a password is judged, and what is remembered. Does not live here: how one is judged
(core/passwords.py), the count of wrong ones (core/auth.py).
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor

from chatctl.core.auth import Authenticator, ConnectionInfo
from chatctl.core.name_ownership import owner_of
from chatctl.core.passwords import FAILURE_SECONDS, Verifier
from chatctl.errors import RateLimited, Unauthorized
from chatctl.protocol import Hello

MOST_WAITING = 32
"""Passwords that wait for the thread. With more of them a new one is not judged: the wait would be seconds."""


class BasicPasswords:
    """Judges the passwords of requests. The right one is remembered as a keyed digest: the work is done once."""

    def __init__(self, authenticator: Authenticator) -> None:
        """Judge by this one's password, and count wrong ones there."""
        self._authenticator = authenticator
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="password")
        self._waiting = 0
        self._key = secrets.token_bytes(32)
        self._right: tuple[Verifier, bytes] | None = None

    @property
    def is_needed(self) -> bool:
        """Whether the server has a password."""
        return self._authenticator.password is not None

    async def check(self, password: str | None, info: ConnectionInfo, hello: Hello) -> None:
        """Return once the password has proved to be right.

        Args:
            password: of the request, if it has one.
            info: of its connection.
            hello: what it would begin.

        Raises:
            PasswordWrong: it is not. The answer has waited as long as any answer to a wrong one.
            Unauthorized: there is none, or this address gave too many wrong ones.
            RateLimited: too many others wait to be judged.
        """
        verifier, loop = self._authenticator.password, asyncio.get_running_loop()
        if verifier is None:
            return
        if password is None:
            raise Unauthorized("this server requires a password: give it with Basic, as 'curl --user :PASSWORD'")
        self._authenticator.check_lockout(info, hello, loop.time())
        if self._is_remembered(verifier, password) or await self._is_right(verifier, password):
            self._authenticator.lockout.record_success(owner_of(hello.token))
            return
        error = self._authenticator.record_failure(info, hello, loop.time())
        await asyncio.sleep(FAILURE_SECONDS)
        raise error

    def _digest(self, password: str) -> bytes:
        return hmac.digest(self._key, password.encode("utf-8", "surrogatepass"), "sha256")

    def _is_remembered(self, verifier: Verifier, password: str) -> bool:
        right = self._right
        return right is not None and right[0] == verifier and hmac.compare_digest(right[1], self._digest(password))

    async def _is_right(self, verifier: Verifier, password: str) -> bool:
        if self._waiting >= MOST_WAITING:
            raise RateLimited("too many passwords wait to be judged: try again", retry_after=1)
        self._waiting += 1
        try:
            is_right = await asyncio.get_running_loop().run_in_executor(self._thread, verifier.accepts, password)
        finally:
            self._waiting -= 1
        if is_right:
            self._right = (verifier, self._digest(password))
        return is_right

    def close(self) -> None:
        """End the thread once it is done with what it judges."""
        self._thread.shutdown(wait=False, cancel_futures=True)
