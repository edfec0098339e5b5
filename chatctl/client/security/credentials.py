"""The room's password and our key. They are read when a server asks for them, and kept in memory then.

Does not live here: proving with them (core/prover.py), the options that name them (cli/credential_options.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatctl.client.core.remedies import Parameters, Remedies
from chatctl.errors import ChatError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chatctl.client.core.prover import Signer

NO_KEY, AGENT = "none", "agent"


class Credentials:
    """A password and a key to prove; see ``Secrets``. Nothing is read before it is needed; what was read is kept."""

    def __init__(
        self,
        *,
        password: str | None = None,
        password_file: Path | None = None,
        key: str | None = None,
        wait: float | None = None,
        remedies: Remedies = Parameters,
    ) -> None:
        """Name the secrets; read nothing yet.

        Args:
            password: the room's password.
            password_file: a file whose first line is the password.
            key: the path of a key in OpenSSH's format, ``agent``, ``agent:FINGERPRINT``, ``none``; None is this
                account's own key if it has one.
            wait: seconds that a pipe has, which one of the files may be, to end, and an ssh-agent to answer; None for
                no limit.
            remedies: what errors about them say to do.
        """
        self._password = password
        self._password_file = password_file
        self._key = key
        self._wait = wait
        self._remedies = remedies
        self._left: Callable[[], float | None] | None = None
        self._signer: Signer | None = None
        self._looked = False

    @property
    def password(self) -> str | None:
        """The room's password; None without one. Raises ChatError if its file can't be used."""
        if self._password is None and self._password_file is not None:
            from chatctl.common.file_reads import read_password

            line = read_password(self._password_file, self._seconds())
            if line.startswith("SCRAM-SHA-256$"):
                raise ChatError(
                    f"{self._password_file} holds a server's verifier, and a client needs the password itself"
                )
            self._password = line
        return self._password or None

    @password.setter
    def password(self, password: str | None) -> None:
        self._password = password

    def hurry(self, left: Callable[[], float | None]) -> None:
        """Have what is still to be read, and signed, be ready in time for one connection.

        Args:
            left: returns the seconds that are left for it, None for no limit; raises DeadlinePassed.
        """
        self._left = left

    def _seconds(self) -> float | None:
        left = self._left() if self._left is not None else None
        return self._wait if left is None else left if self._wait is None else min(left, self._wait)

    @property
    def signer(self) -> Signer | None:
        """Our key; None without one. Raises ChatError if it can't be used."""
        if not self._looked:
            self._signer = self._find()
            self._looked = True
        return self._signer

    def but(self, *, password: str | None, key: str | None) -> Credentials:
        """Return a copy with another password or key; None keeps the old one."""
        return Credentials(
            password=self._password if password is None else password,
            password_file=self._password_file,
            key=self._key if key is None else key,
            wait=self._wait,
            remedies=self._remedies,
        )

    def _find(self) -> Signer | None:
        if self._key == NO_KEY:
            return None
        if self._key is not None and self._key.partition(":")[0] == AGENT:
            from chatctl.client.security.ssh_agent import agent_key

            return agent_key(self._key.partition(":")[2] or None, self._seconds)
        from pathlib import Path

        from chatctl.client.security.key_files import read_key
        from chatctl.common.paths import existing_key

        path = self._key or existing_key()
        if path is None:
            return None
        return read_key(Path(path).expanduser(), wait=self._seconds(), named_by=self._remedies.key_file)
