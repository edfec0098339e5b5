"""contrib/scaling: a primary, a standby and a server that are set up with these files and nothing else."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.engine import Engine, programs
from tests.support.environment import ROOT
from tests.support.fixture_types import Run
from tests.support.server_process import Server

FILES = ROOT / "contrib" / "scaling"


def read(name: str) -> str:
    return (FILES / name).read_text(encoding="utf-8")


def settings() -> dict[str, str]:
    """Return those of PostgreSQL, but for the name and the certificate that an engine of the test does not have."""
    found = dict(re.findall(r"^(\w+) = '?([^'\n]*)'?$", read("postgresql.conf"), re.MULTILINE))
    assert found.pop("synchronous_standby_names") == "db2"
    assert found.pop("ssl") == "on"
    assert {found.pop(f"ssl_{kind}_file").rpartition(".")[2] for kind in ("cert", "key")} == {"pem", "key"}
    return found


def local_rules() -> str:
    """Return the rules of who may connect, for the socket of the test's engine, which has neither network nor TLS."""
    rules, count = re.subn(r"^hostssl( +\S+ +\S+) +10\.0\.0\.0/24", r"local\1", read("pg_hba.conf"), flags=re.MULTILINE)
    assert count == 2
    return rules


@pytest.fixture
def primary() -> Iterator[Engine]:
    engine = Engine(**settings() | {"listen_addresses": ""})
    hba = engine.data / "pg_hba.conf"
    hba.write_text(local_rules() + hba.read_text())
    try:
        yield engine.start()
    finally:
        engine.remove()


@pytest.fixture
def replicated(primary: Engine) -> Iterator[Engine]:
    """Yield it with its roles, and a standby that it waits for."""
    psql = [programs() / "psql", "-v", "ON_ERROR_STOP=1", "-q", "-h", primary.folder, "-U", "postgres"]
    subprocess.run([*psql, "-f", FILES / "roles.sql"], check=True)
    primary.sql("ALTER ROLE chat PASSWORD 'secret'")
    standby = Engine(copy_of=primary, **settings() | {"listen_addresses": ""})
    try:
        standby.start()
        primary.set(synchronous_standby_names=f'"{standby.folder.name}"')
        yield primary
    finally:
        primary.set(synchronous_standby_names="")
        standby.remove()


def service() -> dict[str, str]:
    """Return the variables that a unit's drop-in sets."""
    values = re.findall(r"^Environment=(.*)$", read("chatctl.service.d-postgres.conf"), re.MULTILINE)
    return dict(shlex.split(value)[0].split("=", 1) for value in values)


def test_a_server_keeps_its_messages_on_two_machines_and_owns_nothing_but_its_schema(
    replicated: Engine, run: Run, env: dict[str, str], tmp_path: Path
) -> None:
    """Three connections are what it takes, as the page says."""
    set_up = service()
    assert set_up.pop("PGPASSFILE") == "%d/pgpass"
    password = tmp_path / "pgpass"
    password.write_text("*:*:chat:chat:secret")
    password.chmod(0o600)
    where = set_up.pop("CHATCTL_JOURNAL").replace("db1,db2", "").replace("sslmode=require", f"host={replicated.folder}")
    options = set_up.pop("CHATCTL_OPTIONS").split()
    assert not set_up
    server = Server(*options, env=env | {"CHATCTL_JOURNAL": where, "PGPASSFILE": str(password)})
    try:
        assert "durability=replica" in server.stderr_text()
        assert run("send", "hello", port=server.port).returncode == 0
        assert replicated.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'chat'") == [(3,)]
        with psycopg.connect(where, password="secret", autocommit=True) as db:
            for forbidden in ("CREATE SCHEMA other", "CREATE TABLE public.other ()", "CREATE ROLE other"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    db.execute(forbidden)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(where, password="wrong")
    finally:
        server.stop()


def test_clients_know_the_servers(run: Run, env: dict[str, str]) -> None:
    mine = env | {"CHATCTL_CONFIG": str(FILES / "config.toml"), "CHATCTL_SERVER": "chat"}
    shown = run("config", "show", "--json", "who", env=mine)
    assert shown.returncode == 0, shown.stderr
    assert '"value": "chat1.example.org", "source": "server chat"' in shown.stdout.decode()


def test_the_drop_in_is_one_of_the_unit() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read_string(read("chatctl.service.d-postgres.conf"))
    assert unit.sections() == ["Service"]
    assert unit["Service"]["LoadCredential"] == "pgpass:/etc/chatctl/pgpass"
