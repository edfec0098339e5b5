"""``chatctl serve --journal postgresql://…``: what one server keeps there, and what it says where it can't."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatctl.common.journal_uri import PostgresPlace
from tests.support.engine import Engine
from tests.support.environment import DEADLINE, ROOT
from tests.support.fixture_types import Run, Serve, Start
from tests.support.metrics import metrics_port
from tests.support.processes import err_line
from tests.support.server_process import Server
from tests.support.web import port_of, request, say


@pytest.fixture
def place(engine: Engine) -> PostgresPlace:
    return engine.place()


def at(place: PostgresPlace) -> tuple[str, ...]:
    return "--journal", place.uri, "--journal-schema", place.schema


def test_what_was_said_is_there_after_a_kill_under_the_same_epoch(serve: Serve, run: Run, place: PostgresPlace) -> None:
    first = serve(*at(place))
    assert run("send", "one", "--id", "k", port=first.port).returncode == 0
    epoch = first.member("nadia").welcome["epoch"]
    first.signal(signal.SIGKILL)
    first.wait()
    second = serve(*at(place), port=first.port)  # a token is for one address
    assert run("send", "one", "--id", "k", port=second.port).returncode == 0
    welcome = second.member("nadia").welcome
    assert (welcome["epoch"], welcome["last"], welcome["durability"]) == (epoch, 1, "os")
    said = run("export", "--format", "text", port=second.port).stdout.decode()
    assert said.count("one") == 1
    found = run("search", "ONE", port=second.port)
    assert (found.returncode, found.stdout.count(b"one")) == (0, 1)
    log = second.stop()
    assert f"journal path={place.uri} (schema {place.schema}) durability=os" in log.replace('"', "")


def test_a_name_a_ban_and_a_topic_outlive_the_server(
    serve: Serve, run: Run, place: PostgresPlace, tmp_path: Path
) -> None:
    """Facts, by way of the operator's socket, which is found by the port."""
    first = serve(*at(place), "--admin-socket", str(tmp_path / "s"))
    for order in (("topic", "--room", "lobby", "a freeze"), ("ban", "--for", "2h", "name:rajat")):
        assert run("admin", *order, "--admin-socket", str(tmp_path / "s")).returncode == 0
    first.stop()
    second = serve(*at(place), "--admin-socket", str(tmp_path / "s"))
    assert "rajat" in run("admin", "bans", "--admin-socket", str(tmp_path / "s")).stdout.decode()
    assert second.member("nadia").welcome["topic"] == "a freeze"


def test_a_redaction_says_what_of_the_engine_it_does_not_reach(
    serve: Serve, run: Run, place: PostgresPlace, tmp_path: Path
) -> None:
    server = serve(*at(place), "--admin-socket", str(tmp_path / "s"))
    assert run("send", "secret", port=server.port).returncode == 0
    done = run("admin", "redact", "1", "--admin-socket", str(tmp_path / "s"))
    assert done.returncode == 0
    assert b"the server's own log, the engine's write-ahead log and files, until it writes over them" in done.stdout
    assert b"redacted" in run("export", port=server.port).stdout
    refused = run("admin", "compact", "--admin-socket", str(tmp_path / "s"))
    assert refused.returncode == 6
    assert "VACUUM FULL" in err_line(refused)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--journal", "postgresql://a:b@h/d"), "everybody on this machine can read a password in a command line"),
        (("--journal", "postgresql://h/d", "--max-journal", "5M"), "--max-journal is for a file"),
        (("--journal", "postgresql://h/d", "--journal-schema", "Ops"), "'Ops' is not a name for a schema"),
        (("--journal-schema", "ops"), "--journal-schema needs --journal postgresql://"),
        (("--durability", "replica"), "--durability replica needs --journal postgresql://"),
    ],
)
def test_what_does_not_go_together_is_refused(run: Run, options: tuple[str, ...], why: str) -> None:
    done = run("serve", *options, port=0)
    assert done.returncode == 2
    assert why in err_line(done)


def test_a_password_in_the_environment_is_used_and_never_shown(env: dict[str, str], engine: Engine, run: Run) -> None:
    uri = f"postgresql://chat:secret@/nowhere?host={engine.folder}"
    done = run("serve", port=0, env=env | {"CHATCTL_JOURNAL": uri})
    assert done.returncode == 1
    assert "chat:***@" in err_line(done)
    assert b"secret" not in done.stderr


def test_who_lacks_the_extra_is_told_how_to_get_it(env: dict[str, str]) -> None:
    without = "import sys; sys.modules['psycopg'] = None; from chatctl.main import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", without, "serve", "--port", "0", "--journal", "postgresql:///chat"],
        capture_output=True,
        timeout=DEADLINE,
        env=env,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 1
    assert "in a clone of chatctl, pip install '.[fast,postgres]'" in done.stderr.decode()


@pytest.mark.parametrize("kept", ["file", "none"])
def test_a_server_without_it_loads_nothing_of_it(env: dict[str, str], tmp_path: Path, kept: str) -> None:
    """Most servers have a file. They pay neither memory nor time for this."""
    journal = "none" if kept == "none" else str(tmp_path / "rooms.db")
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "chatctl", "serve", "--port", "0", "--journal", journal],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        cwd=ROOT,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    _, err = process.communicate(timeout=DEADLINE)
    loaded = {line.rpartition("|")[2].strip() for line in err.decode().splitlines()}
    assert "chatctl.server.journals" in loaded
    assert not {name for name in loaded if "psycopg" in name or "journal.postgres" in name}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: to have the engine ask for a password")
def test_a_password_comes_from_the_file_of_libpq(serve: Serve, run: Run, env: dict[str, str], tmp_path: Path) -> None:
    """And without it, or with a wrong one, one line says what to do."""
    from tests.support.engine import running

    with running() as engine:
        engine.sql("ALTER ROLE chat PASSWORD 'secret'")
        hba = engine.data / "pg_hba.conf"
        hba.write_text("local all postgres trust\nlocal all chat scram-sha-256\n")
        engine.sql("SELECT pg_reload_conf()")
        for content, why in (("", "no password supplied"), ("*:*:*:*:wrong", "password authentication failed")):
            file = tmp_path / "pgpass"
            file.write_text(content)
            file.chmod(0o600)
            done = run("serve", "--journal", engine.uri, port=0, env=env | {"PGPASSFILE": str(file)})
            assert done.returncode == 1
            assert why in err_line(done)
            assert "PGPASSFILE" in err_line(done)
        file.write_text("*:*:*:*:secret")
        server = Server("--journal", engine.uri, env=env | {"PGPASSFILE": str(file)})
        assert run("send", "hi", port=server.port).returncode == 0
        server.stop()


# --- while the engine is not there


@pytest.fixture(scope="module")
def own() -> Iterator[Engine]:
    """An engine that the tests below may break."""
    from tests.support.engine import running

    with running() as engine:
        yield engine


@pytest.fixture
def broken(own: Engine) -> Iterator[Engine]:
    yield own
    if not own.is_running:
        own.start()


def test_a_member_is_told_and_the_room_goes_on_by_itself(serve: Serve, broken: Engine) -> None:
    """Who is there stays there: only what is said meanwhile comes back, with when to try again."""
    server = serve("--web", "0", "--metrics", "0", *at(broken.place()))
    web, health = port_of(server), metrics_port(server)
    nadia, omar = server.member("nadia"), server.member("omar")
    nadia.say("before").frame("msg")
    omar.frame("msg")
    broken.kill()
    nadia.say("sent", id="1")
    server.wait_for_log("the journal can't be used")
    omar.say("not sent", id="2")
    error = omar.frame("error")
    assert (error["code"], error["id"], error["retry_after"]) == ("storage", "2", 5.0)
    assert "can't reach its database: nothing was stored" in error["text"]
    refused = say(web, "not sent")
    assert (refused.refusal, refused.headers["retry-after"]) == ((503, "storage"), "5")
    assert len(request(web).body.splitlines()) == 1, "what is in memory can be read"
    assert request(health, target="/healthz").status == 503
    broken.start()
    server.wait_for_log("the journal can be used again")
    assert nadia.frame("ack")["seq"] == 2
    omar.say("after")
    assert [omar.frame("msg")["text"] for _ in range(2)] == ["sent", "after"]
    log = server.stop()
    assert log.count("the journal can't be used") == 1, "once, not at each try"


def test_scripts_are_told_apart_refused_and_said(serve: Serve, run: Run, start: Start, broken: Engine) -> None:
    """``send`` ends with 6 while it is gone; with ``--retry-for`` it says the message once it is back. ``probe`` sees
    it, too."""
    server = serve(*at(broken.place()))
    broken.kill()
    first = start("send", "unsure", "--id", "u", "--timeout", "30s", port=server.port)
    server.wait_for_log("the journal can't be used")
    refused = run("send", "refused", "--timeout", "20s", port=server.port)
    assert refused.returncode == 6
    assert "the server can't reach its database: nothing was stored, try again later" in err_line(refused)
    probed = run("probe", "--timeout", "20s", port=server.port)
    assert probed.returncode == 2
    assert b"can't reach its database" in probed.stdout
    patient = start("send", "patient", "--id", "p", "--retry-for", "60s", port=server.port)
    broken.start()
    told = first.wait(DEADLINE)
    assert told in (0, 6), "refused, if the server knew by then that its engine is gone"
    assert patient.wait(2 * DEADLINE) == 0
    said = run("export", "--format", "text", port=server.port).stdout.decode()
    assert [said.count(word) for word in ("unsure", "refused", "patient")] == [int(told == 0), 0, 1]


def test_a_server_that_starts_without_its_engine_says_so_and_ends(run: Run, broken: Engine) -> None:
    """A service manager starts it again: nobody waits for a server that hangs."""
    broken.kill()
    done = run("serve", *at(broken.place()), port=0)
    assert done.returncode == 1
    assert "cannot open the journal" in err_line(done)
    assert "is it running there?" in err_line(done)


def test_a_server_that_is_stopped_meanwhile_ends_in_order(serve: Serve, broken: Engine) -> None:
    server = serve(*at(broken.place()))
    nadia = server.member("nadia")
    broken.kill()
    nadia.say("unsure")
    server.wait_for_log("the journal can't be used")
    server.signal(signal.SIGTERM)
    assert nadia.frame("bye")["why"]
    assert server.wait() == 0
