"""What an operator sets for a server: the values of ``chatctl serve``.

Lives here: one field for each thing that can be set, and the defaults that depend on the machine. Does not live here:
parsing a command line (commands/serve/), carrying it out (program.py), limits (core/limits.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chatctl.common.ip_addresses import Network
from chatctl.common.journal_uri import DEFAULT_SCHEMA, PostgresPlace, is_postgres
from chatctl.common.paths import default_journal, parse_journal, state_dir
from chatctl.core.admission import Admission
from chatctl.core.limits import ServerLimits
from chatctl.core.passwords import Verifier
from chatctl.errors import ChatError, NoHome
from chatctl.server.certificates import Tls, self_signed


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """How to listen with TLS."""

    port: int
    cert: Path | None
    """None: a self-signed certificate."""
    key: Path | None
    """None: in the file of the certificate."""

    def open(self, host: str) -> Tls:
        """Read the certificate, or make one for ``host``. Raises ChatError."""
        return Tls(self_signed(state_dir(), host) if self.cert is None else self.cert, self.key)


@dataclass(frozen=True, slots=True)
class WebOptions:
    """How to listen for browsers."""

    host: str | None
    """None: that of the other ports."""
    port: int
    origins: tuple[str, ...] = ()
    """Where browsers may have reached it, beside the address that it listens on."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The options of ``serve``, read and checked."""

    host: str | None
    """None: no TCP."""
    port: int
    unix: Path | None
    admission: Admission
    limits: ServerLimits
    journal: Path | PostgresPlace | None
    """None: memory only."""
    durability: Literal["os", "disk", "replica"] | None
    """At least; None: ``disk`` for a file, and what PostgreSQL gives."""
    keep_messages: int | None
    """Of each room; None: all."""
    keep_days: float | None
    """None: for good."""
    max_journal: int | None
    """Bytes of its files; None: as many as there are."""
    claim_names: bool | None
    """Whether names are bound; None: where there is a journal."""
    password: Verifier | None = None
    read_password: Callable[[], Verifier | None] | None = None
    """Reads it again, if it came from a file."""
    reached_as: Sequence[str] = ()
    """Further places (common/key_proof.py) at which clients reach the server."""
    allow: Sequence[Network | Path] = ()
    """Networks, or files of them, from which connections are accepted; none: from everywhere."""
    deny: Sequence[Network | Path] = ()
    """The same for those that are refused, even if allowed."""
    proxied_from: Sequence[Network | Path] = ()
    """The same for those of proxies, which say with a PROXY header whom each connection is for."""
    tls: TlsOptions | None = None
    plain: bool = True
    """Whether to listen on ``port``."""
    web: WebOptions | None = None
    metrics: tuple[str, int] | None = None
    """Where to answer monitoring systems: host and port."""
    operators: tuple[str, ...] = ()
    """Fingerprints of their keys."""
    operators_file: Path | None = None
    admin_socket: Path | None = None
    """None: beside the journal, or in the state directory."""
    umask: int = 0o077
    """Of the unix socket alone: who may reach it is decided by who starts the server."""

    @property
    def binds_names(self) -> bool:
        """Whether a join with a key binds its name."""
        return self.journal is not None if self.claim_names is None else self.claim_names


def journal_place(chosen: Path | str | None, schema: str | None = None) -> Path | PostgresPlace | None:
    """Return where the journal is: the file or database chosen, None for ``none``, or the default file."""
    if chosen is None:
        try:
            return default_journal()
        except NoHome:
            why = "there is no home directory to keep messages in"
            raise ChatError(f"{why}: name a --journal (none keeps nothing), or set CHATCTL_STATE_DIR") from None
    if chosen == "none":
        return None
    if isinstance(chosen, str) and is_postgres(chosen):
        return PostgresPlace(chosen, schema or DEFAULT_SCHEMA)
    return Path(parse_journal(str(chosen)))
