"""TLS between a server and its engine, and who the server says it is: what goes wrong is told in one line."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError
from chatctl.journal.postgres.connection import DEFAULTS, connect
from chatctl.journal.postgres.store import Store
from tests.support.fixture_types import Run
from tests.support.server_process import Server
from tests.support.tls import Authority
from tests.support.tls_engine import HOST, WORD, TlsEngine, tls_engine


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsEngine]:
    with tls_engine(tmp_path_factory.mktemp("authority")) as engine:
        yield engine


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have libpq find nothing of its own: no certificate, no key, no password, no service."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def opened(uri: str, schema: str = "chatctl") -> str | None:
    """Open a journal there; return why it can't be opened, without the URI."""
    place = PostgresPlace(uri, schema)
    try:
        store = Store(place)
    except ChatError as error:
        said = error.text
    else:
        with closing(store):
            assert store._db is not None
            assert store._db.pgconn.ssl_in_use
        return None
    begin = f"cannot open the journal {place}: "
    assert said.startswith(begin)
    assert WORD not in said
    assert "\n" not in said
    return said.removeprefix(begin)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"sslmode": "verify-full", "sslrootcert": "own"}, None),
        ({"sslmode": "verify-ca", "sslrootcert": "own", "host": "other.test"}, None),
        ({"sslmode": "require"}, None),
        (
            {"sslmode": "verify-full", "sslrootcert": "own", "host": "other.test"},
            'does not match host name "other.test" (name the host as its certificate does',
        ),
        (
            {"sslmode": "verify-full", "sslrootcert": "other"},
            "certificate verify failed (it has expired, or sslrootcert does not name the authority that signed it)",
        ),
        ({"sslmode": "verify-full"}, "does not exist (name the authority that signed the server's certificate with"),
        ({"sslmode": "verify-full", "sslrootcert": "junk"}, "(name the authority that signed the server's certificate"),
        ({"sslmode": "verify_full"}, 'invalid sslmode value: "verify_full"'),
        ({"sslmode": "disable"}, "no encryption (add sslmode=verify-full, or allow it in pg_hba.conf)"),
        ({"sslmode": "require", "channel_binding": "require"}, "(it needs TLS, and a password of scram-sha-256)"),
    ],
    ids=[
        "full",
        "ca",
        "encrypted",
        "another host",
        "another authority",
        "no authority",
        "junk",
        "typo",
        "none",
        "bound",
    ],
)
def test_the_engine_has_to_be_who_the_uri_says(
    own: TlsEngine, tmp_path: Path, options: dict[str, str], why: str | None
) -> None:
    roots = {"own": own.authority.path, "other": Authority(tmp_path).path, "junk": tmp_path / "junk.pem"}
    roots["junk"].write_text("junk")
    given = options | {name: roots[options[name]] for name in options if name == "sslrootcert"}
    found = opened(own.at(**given))  # type: ignore[arg-type]
    assert found == why if why is None else why in (found or "")


def test_a_certificate_that_has_expired_is_told(own: TlsEngine) -> None:
    uri = own.at(sslmode="verify-full", sslrootcert=own.authority.path)
    with own.with_certificate(own.authority.sign(HOST, days=-1)):
        assert "certificate verify failed (it has expired, or" in (opened(uri) or "")
    assert opened(uri) is None


def test_an_engine_without_tls_is_told(own: TlsEngine) -> None:
    with own.without_tls():
        assert "server does not support SSL, but SSL was required (set ssl = on" in (
            opened(own.at(sslmode="require")) or ""
        )
        uri = own.at(role="worded", password=WORD, channel_binding="require", sslmode="disable")
        assert "channel binding required, but SSL not in use (it needs TLS" in (opened(uri, "worded") or "")


@pytest.mark.parametrize(
    ("certificate", "key", "why"),
    [
        ("signer", "signer", None),
        (None, None, "connection requires a valid client certificate (name one with sslcert, and its key with sslkey)"),
        ("nobody", "nobody", 'certificate authentication failed for user "signer" (the certificate has to be for the'),
        ("of another", "of another", "unknown ca (ssl_ca_file of the engine does not name the authority"),
        ("expired", "expired", "certificate expired (the client's certificate: sslcert has to name a newer one)"),
        ("signer", "nobody", "key values mismatch (sslkey has to name the key of sslcert"),
        ("signer", "open", "has group or world access"),
    ],
    ids=["own", "none", "another name", "another authority", "expired", "another key", "open key"],
)
def test_a_certificate_says_who_the_server_is(
    own: TlsEngine, tmp_path: Path, certificate: str | None, key: str | None, why: str | None
) -> None:
    made = {
        "signer": own.authority.sign("signer"),
        "nobody": own.authority.sign("nobody"),
        "expired": own.authority.sign("signer", days=-1),
        "open": own.authority.sign("signer"),
        "of another": Authority(tmp_path).sign("signer"),
    }
    made["open"].chmod(0o644)
    more = {} if certificate is None or key is None else {"sslcert": made[certificate], "sslkey": made[key]}
    found = opened(own.at(role="signer", sslmode="verify-full", sslrootcert=own.authority.path, **more), "signer")
    assert found == why if why is None else why in (found or "")


def test_a_password_says_who_the_server_is(own: TlsEngine, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes from a file that only its owner may read, which libpq else passes over."""
    uri, file = own.at(role="worded", sslmode="require", channel_binding="require"), home / "passwords"
    missing = "no password supplied (name a file of passwords, which only you may read, with PGPASSFILE"
    assert missing in (opened(uri, "worded") or "")
    monkeypatch.setenv("PGPASSFILE", str(file))
    assert missing in (opened(uri, "worded") or "")
    file.write_text(f"*:*:*:*:{WORD}")
    file.chmod(0o644)
    assert missing in (opened(uri, "worded") or "")
    file.chmod(0o600)
    assert opened(uri, "worded") is None
    file.write_text("*:*:*:*:wrong")
    assert 'password authentication failed for user "worded" (check PGPASSFILE' in (opened(uri, "worded") or "")


def test_a_service_says_where_the_engine_is(own: TlsEngine, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home / "services"
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    assert "not found (name it with PGSERVICEFILE)" in (opened("postgresql://?service=chat") or "")
    file.write_text(
        f"[chat]\nhost={HOST}\nhostaddr=127.0.0.1\nport={own.port}\nuser=chat\ndbname=chat\nsslmode=require\n"
    )
    assert opened("postgresql://?service=chat") is None
    other = opened("postgresql://?service=other") or ""
    assert 'definition of service "other" not found (correct ~/.pg_service.conf' in other
    monkeypatch.setenv("PGSERVICE", "chat")
    assert opened("postgresql://") is None


def test_a_whole_server_keeps_its_messages_over_tls(own: TlsEngine, run: Run, env: dict[str, str], home: Path) -> None:
    """All of its connections: the writer's, the directory's and the watcher's."""
    word = home / "passwords"
    word.write_text(f"*:*:*:*:{WORD}")
    word.chmod(0o600)
    uri = own.at(role="worded", sslmode="verify-full", sslrootcert=own.authority.path)
    server = Server("--journal", uri, "--journal-schema", "worded", env=env | {"PGPASSFILE": str(word)})
    try:
        assert run("send", "hello", port=server.port).returncode == 0
        versions = own.sql("SELECT version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'worded'")
        assert versions == [("TLSv1.3",)] * 3
    finally:
        server.stop()


# --- a network that drops all


def test_the_kernel_watches_the_connection_as_libpq_is_told(own: TlsEngine) -> None:
    given: dict[str, Any] = {"tcp_user_timeout": 1234, "keepalives_idle": 56}
    for options, expected in (({}, DEFAULTS), (given, DEFAULTS | given)):
        with ExitStack() as stack:
            db = stack.enter_context(connect(PostgresPlace(own.at(**options)), "test"))
            sock = stack.enter_context(socket.socket(fileno=os.dup(db.fileno())))
            names = {"TCP_USER_TIMEOUT": "tcp_user_timeout", "TCP_KEEPIDLE": "keepalives_idle"}
            names |= {"TCP_KEEPINTVL": "keepalives_interval", "TCP_KEEPCNT": "keepalives_count"}
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            for option, name in names.items():
                assert sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, option)) == expected[name], name
