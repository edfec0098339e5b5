"""A PostgreSQL engine that is reached over TCP with TLS: Debian's, since that of the wheel has no TLS.

Who connects says who they are with nothing (``chat``), a password (``worded``) or a certificate (``signer``).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.engine import NOBODY, Engine
from tests.support.needs import need
from tests.support.processes import free_port
from tests.support.tls import Authority

HOST = "engine.test"
"""What its certificate is for; ``hostaddr`` says where that is."""

WORD = "secret"

_RULES = """
local     all   all     trust
hostssl   chat  chat    127.0.0.1/32  trust
hostssl   chat  signer  127.0.0.1/32  cert
host      chat  worded  127.0.0.1/32  scram-sha-256
"""


class TlsEngine(Engine):
    """One whose certificate, and whether it uses it, may change."""

    def __init__(self, authority: Authority) -> None:
        """Make it, not started."""
        need("PostgreSQL with TLS")
        self.authority = authority
        self.port = free_port()
        super().__init__(tls=True, listen_addresses="127.0.0.1", port=str(self.port))
        self._certificate = self._own(authority.sign(HOST))
        shutil.copy(authority.path, self.folder / "authority.pem")
        (self.folder / "authority.pem").chmod(0o644)
        (self.data / "pg_hba.conf").write_text(_RULES)
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"ssl = on\nssl_ca_file = '{self.folder}/authority.pem'\n")
            file.writelines(f"ssl_{kind}_file = '{self._certificate}'\n" for kind in ("cert", "key"))

    def create(self) -> TlsEngine:
        """Create a role for each way to connect, and the schema that it owns."""
        super().create()
        for role in ("worded", "signer"):
            self.sql(f"CREATE ROLE {role} LOGIN PASSWORD '{WORD}'")
            self.sql(f"CREATE SCHEMA {role} AUTHORIZATION {role}", database="chat")
        return self

    def _own(self, certificate: Path) -> Path:
        """Put a certificate where the engine's user may read it."""
        copy = self.folder / "server.pem"
        copy.write_bytes(certificate.read_bytes())
        copy.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(copy, NOBODY, NOBODY)
        return copy

    def at(self, *, role: str = "chat", host: str = HOST, **options: object) -> str:
        """Return the URI of its database, for a role, with libpq's options."""
        more = "".join(f"&{name}={value}" for name, value in options.items())
        return f"postgresql://{role}@{host}:{self.port}/chat?hostaddr=127.0.0.1{more}"

    @contextmanager
    def with_certificate(self, certificate: Path) -> Iterator[None]:
        """Use another certificate for a while."""
        before = self._certificate.read_bytes()
        self._own(certificate)
        try:
            self._reload("SELECT pg_reload_conf()")
            yield
        finally:
            self._certificate.write_bytes(before)
            self._reload("SELECT pg_reload_conf()")

    @contextmanager
    def without_tls(self) -> Iterator[None]:
        """Take no connections with TLS for a while."""
        try:
            self._reload("ALTER SYSTEM SET ssl = off")
            yield
        finally:
            self._reload("ALTER SYSTEM RESET ssl")

    def _reload(self, statement: str) -> None:
        """Change something, and wait until new connections see it."""
        [(before,)] = self.sql("SELECT pg_conf_load_time()")
        self.sql(statement)
        self.sql("SELECT pg_reload_conf()")
        while self.sql("SELECT pg_conf_load_time()") == [(before,)]:
            pass


@contextmanager
def tls_engine(folder: Path) -> Iterator[TlsEngine]:
    """One for the tests of a file."""
    engine = TlsEngine(Authority(folder))
    try:
        engine.start()
        yield engine.create()
    finally:
        engine.remove()
