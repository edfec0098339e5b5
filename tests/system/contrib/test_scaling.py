"""contrib/scaling: a primary, a standby and a server that are set up with these files and nothing else."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.engine import NOBODY, Engine, programs
from tests.support.environment import DEADLINE, ROOT
from tests.support.fixture_types import Run
from tests.support.server_process import Server
from tests.system.cookbook.book import recipes

FILES = ROOT / "contrib" / "scaling"


def read(name: str) -> str:
    return (FILES / name).read_text(encoding="utf-8")


def settings() -> dict[str, str]:
    """Return those of PostgreSQL, but for a certificate that an engine of the test does not have."""
    found = dict(re.findall(r"^(\w+) = '?([^'\n]*)'?$", read("postgresql.conf"), re.MULTILINE))
    assert "synchronous_standby_names" not in found, "either machine may be the primary"
    assert found.pop("ssl") == "on"
    assert {found.pop(f"ssl_{kind}_file").rpartition(".")[2] for kind in ("cert", "key")} == {"pem", "key"}
    return found | {"listen_addresses": ""}


def local_rules() -> str:
    """Return the rules of who may connect, for the socket of the test's engine, which has neither network nor TLS."""
    rules, count = re.subn(r"^hostssl( +\S+ +\S+) +10\.0\.0\.0/24", r"local\1", read("pg_hba.conf"), flags=re.MULTILINE)
    assert count == 2
    rules, count = re.subn(r"^(local +all +postgres +)peer$", r"\1trust", rules, flags=re.MULTILINE)
    assert count == 1, "the administrator, who is another user here"
    return rules


def steps(language: str) -> list[str]:
    """Return what the page has one type to set up the two machines, and for the failover, in its order."""
    blocks = recipes(ROOT / "docs" / "scaling.md")["a_primary_and_a_standby"].blocks
    return [block.text for block in blocks if block.language == language]


class Machine(Engine):
    """One of the page's two: its engine has the settings and rules of contrib, and is copied as the page has it."""

    def __init__(self, name: str, copy_of: Engine | None = None) -> None:
        self._name = name
        super().__init__(copy_of, **settings())
        if copy_of is None:
            hba = self.data / "pg_hba.conf"
            hba.write_text(local_rules() + hba.read_text())

    def _source(self, primary: Engine) -> str:
        name = f"application_name={self._name} "
        [command] = [line for block in steps("console") for line in block.splitlines() if name in line]
        source = shlex.split(command)[3]  # $ pg_basebackup -d ...
        assert "sslmode=require" in source
        return re.sub(r"host=\w+", f"host={primary.folder}", source).replace(" sslmode=require", "")

    def typed(self, block: str) -> None:
        """Type the SQL of a step."""
        for statement in block.split(";\n"):
            self.sql(statement)


@pytest.fixture
def primary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Yield ``db1`` with its roles, and a file of passwords that its user has on either machine."""
    machine = Machine("db1").start()
    try:
        machine.set(synchronous_standby_names="db2")  # too early, but the file goes on
        psql = [programs() / "psql", "-v", "ON_ERROR_STOP=1", "-q", "-h", machine.folder, "-U", "postgres"]
        subprocess.run([*psql, "-f", FILES / "roles.sql"], check=True, timeout=DEADLINE)
        machine.set(synchronous_standby_names="")
        for role in ("chat", "standby"):
            machine.sql(f"ALTER ROLE {role} PASSWORD 'secret'")
        [line] = re.findall(r"`(\S+:standby:)PASSWORD`", (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8"))
        passwords = machine.folder / "pgpass"
        passwords.write_text(f"{line}secret\n")
        passwords.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(passwords, NOBODY, NOBODY)
        monkeypatch.setenv("PGPASSFILE", str(passwords))
        yield machine
    finally:
        machine.remove()


@pytest.fixture
def standby(primary: Machine) -> Iterator[Machine]:
    """Yield ``db2``, which ``db1`` waits for."""
    machine = Machine("db2", primary)
    try:
        machine.start()
        primary.typed(steps("sql")[0])
        yield machine
    finally:
        machine.remove()


@pytest.fixture
def server(primary: Machine, standby: Machine, env: dict[str, str], tmp_path: Path) -> Iterator[Server]:
    """Yield a server that has what the drop-in gives it."""
    set_up = service()
    for folder in ("credentials", "run/chatctl"):
        (tmp_path / folder).mkdir(parents=True)
    kept = tmp_path / "credentials" / "pgpass"
    kept.write_text("*:*:chat:chat:secret")
    kept.chmod(0o440)  # as systemd has it since version 254; libpq does not read such a file

    def here(text: str) -> str:
        return text.replace("%d", str(kept.parent)).replace("%t", str(tmp_path / "run"))

    subprocess.run(shlex.split(here(drop_in()["ExecStartPre"])), check=True)
    hosts = f"host={primary.folder},{standby.folder}"
    where = set_up.pop("CHATCTL_JOURNAL").replace("db1,db2", "").replace("sslmode=require", hosts)
    options = set_up.pop("CHATCTL_OPTIONS").split()
    listen = set_up.pop("CHATCTL_LISTEN").split()
    assert listen == ["--host", "::", "--tls-cert", "%d/cert.pem", "--tls-key", "%d/key.pem", "--no-plain"]
    more = {"CHATCTL_JOURNAL": where, "PGPASSFILE": here(set_up.pop("PGPASSFILE"))}
    assert not set_up
    found = Server(*options, env=env | more)
    try:
        yield found
    finally:
        found.stop()


def drop_in() -> configparser.SectionProxy:
    """Return what the drop-in says once."""
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(read("chatctl.service.d-postgres.conf"))
    assert unit.sections() == ["Service"]
    return unit["Service"]


def service() -> dict[str, str]:
    """Return the variables that a unit's drop-in sets."""
    values = re.findall(r"^Environment=(.*)$", read("chatctl.service.d-postgres.conf"), re.MULTILINE)
    return dict(shlex.split(value)[0].split("=", 1) for value in values)


def test_a_server_keeps_its_messages_on_two_machines_and_owns_nothing_but_its_schema(
    server: Server, primary: Machine, run: Run
) -> None:
    """Three connections are what it takes, as the page says."""
    assert "durability=replica" in server.stderr_text()
    assert run("send", "hello", port=server.port).returncode == 0
    assert primary.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'chat'") == [(3,)]
    where = f"postgresql://chat@/chat?host={primary.folder}"
    with psycopg.connect(where, password="secret", autocommit=True) as db:
        for forbidden in ("CREATE SCHEMA other", "CREATE TABLE public.other ()", "CREATE ROLE other"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(forbidden)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(where, password="wrong")


def test_the_standby_takes_over_and_the_old_primary_is_its_standby(
    server: Server, primary: Machine, standby: Machine, run: Run
) -> None:
    """As it is typed on the page. In between nothing is taken: it would be on one machine."""
    _, promoting, naming = steps("sql")
    assert run("send", "before", port=server.port).returncode == 0
    primary.kill()
    standby.typed(promoting)
    server.wait_for_log("--durability replica is required")
    rebuilt = Machine("db1", standby)
    try:
        rebuilt.start()
        standby.typed(naming)
        assert run("send", "--retry-for", "20s", "on two machines again", port=server.port).returncode == 0
        query = "SELECT application_name, sync_state FROM pg_stat_replication"
        assert standby.sql(query) == [("db1", "sync")]
        read = run("tail", "--no-follow", port=server.port).stdout.decode().splitlines()
        assert [line.partition("@")[2] or line.partition(": ")[2] for line in read] == [
            "before",
            "on two machines again",
        ]
    finally:
        standby.set(synchronous_standby_names="")  # the server is to end without waiting for it
        rebuilt.remove()


def test_clients_know_the_servers(run: Run, env: dict[str, str]) -> None:
    mine = env | {"CHATCTL_CONFIG": str(FILES / "config.toml"), "CHATCTL_SERVER": "chat"}
    shown = run("config", "show", "--json", "who", env=mine)
    assert shown.returncode == 0, shown.stderr
    assert '"value": "chat1.example.org", "source": "server chat"' in shown.stdout.decode()


def test_what_the_drop_in_reads_is_what_it_has_the_server_given() -> None:
    given = dict(re.findall(r"^LoadCredential=(\S+):(\S+)$", read("chatctl.service.d-postgres.conf"), re.MULTILINE))
    assert given == {name: f"/etc/chatctl/{name}" for name in ("cert.pem", "key.pem", "pgpass")}
    assert drop_in()["RuntimeDirectory"] == "chatctl"
