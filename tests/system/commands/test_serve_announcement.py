"""``chatctl serve``: what it prints on stdout, and what it says when it can't start."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl.journal.sqlite import sqlite_defect
from chatctl.journal.store import Store
from tests.support.environment import DEADLINE
from tests.support.fixture_types import Run, Start
from tests.support.processes import err_line
from tests.support.server_process import Server
from tests.support.wire import Wire
from tests.system.exits.stage import paste

Serve = Callable[..., Server]


# --- the line that says how to join


def lines_of(process: subprocess.Popen[bytes], first: str = "") -> list[str]:
    """Return the lines of a server's stdout, after the ``first`` if that was read, up to how to join."""
    assert process.stdout is not None
    lines = [first or process.stdout.readline().decode()]
    while not lines[-1].startswith("join with: "):
        lines.append(process.stdout.readline().decode())
        assert lines[-1], lines
    return [line.rstrip("\n") for line in lines]


@pytest.mark.parametrize("more", [(), ("-q", "--log-format", "json")])
def test_what_is_printed_joins_as_it_stands(
    serve: Serve, env: dict[str, str], tmp_path: Path, more: tuple[str, ...]
) -> None:
    """Whatever the log is like, and whatever the environment says where it is pasted."""
    server = serve(*more)
    lines = lines_of(server.process, server.first_line)
    assert lines == [
        f"chatctl 0.2.0 listening on 127.0.0.1:{server.port}",
        "messages are kept in memory only",
        f"join with: chatctl join --host 127.0.0.1 --port {server.port}",
    ]
    watcher = server.member("", mode="watch")
    elsewhere = env | {"CHATCTL_HOST": "host.invalid", "CHATCTL_PORT": "1"}
    done = paste(lines[-1].removeprefix("join with: "), elsewhere, tmp_path, stdin=b"hello\n")
    assert done.returncode == 0, done
    assert watcher.frame("msg")["text"] == "hello"


def test_the_unix_socket_is_joined_from_another_directory(start: Start, env: dict[str, str], tmp_path: Path) -> None:
    """The path that was given is one of the server's directory, with what a shell takes for its own."""
    folder = tmp_path / "our room's"
    folder.mkdir()
    lines = lines_of(start("serve", "-q", "--unix", "our room's/s.sock", "--no-tcp"))
    assert lines[0] == "chatctl 0.2.0 listening on our room's/s.sock"
    with Wire(str(folder / "s.sock")) as watcher:
        watcher.greeted().enter("", mode="watch")
        done = paste(lines[-1].removeprefix("join with: "), env, folder, stdin=b"hello\n")
        assert done.returncode == 0, done
        assert watcher.frame("msg")["text"] == "hello"


def test_no_password_is_in_it(serve: Serve, tmp_path: Path) -> None:
    """``join`` asks for it, or takes it from a file."""
    (tmp_path / "room.password").write_text("open sesame\n")
    (tmp_path / "room.password").chmod(0o600)
    server = serve("--password-file", str(tmp_path / "room.password"))
    lines = lines_of(server.process, server.first_line)
    assert lines[-1] == f"join with: chatctl join --host 127.0.0.1 --port {server.port}"
    assert "sesame" not in "\n".join(lines) + server.stop()


ONE_BY_ONE = """
from chatctl.server.startup import announce
announce("the first line")
input()
announce("the second line")
announce("the last line")
"""


def test_who_reads_the_first_line_alone_ends_nothing(env: dict[str, str]) -> None:
    """``chatctl serve | head -1``, and scripts that close the pipe once they know the port: before the other lines."""
    with subprocess.Popen(
        [sys.executable, "-c", ONE_BY_ONE],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"the first line\n"
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(b"\n", timeout=DEADLINE)
    assert (process.returncode, err) == (0, b"")


# --- SQLite's version


@pytest.mark.parametrize("options", [("-q",), (), ("-v",)])
def test_the_defect_of_sqlite_is_logged_for_who_looks_for_a_fault(
    serve: Serve, options: tuple[str, ...], tmp_path: Path
) -> None:
    """Nobody can act on it: the journal has one connection, which is what the defect needs two of."""
    server = serve("--journal", str(tmp_path / "rooms.db"), *options)
    log = server.stop()
    assert ("can corrupt" in log) == (options == ("-v",) and sqlite_defect() is not None)


# --- starts that fail


def test_a_second_server_on_the_same_journal_names_the_option(serve: Serve, run: Run, tmp_path: Path) -> None:
    journal = str(tmp_path / "rooms.db")
    serve("--journal", journal)
    done = run("serve", "--journal", journal, port=0)
    assert (done.returncode, done.stdout) == (1, b"")
    assert err_line(done) == (
        f"chatctl: the journal {journal} is in use: stop the other server, or name another file with --journal"
    )


@pytest.mark.parametrize(
    "fact",
    [
        ("ban", "ana", "{"),
        ("ban", "ana", '{"what": "ban", "since": "soon"}'),
        ("ban", "192.0.2.0/99", '{"what": "ban", "since": 1.0, "network": "192.0.2.0/99"}'),
        ("ban", "ana", '{"what": "ban", "since": 1.0, "name": "ana", "token": "zz"}'),
        ("mute", "ana", "[]"),
        ("room", "lobby", '{"slow": "a while"}'),
        ("claim", "ana", "{}"),
    ],
)
def test_a_journal_with_facts_that_are_none_is_refused(run: Run, tmp_path: Path, fact: tuple[str, str, str]) -> None:
    """Somebody has edited it; it is no fault of chatctl's."""
    journal = tmp_path / "rooms.db"
    store = Store(journal)
    store.keep({fact[:2]: fact[2]})
    store.close()
    done = run("serve", "--journal", str(journal), port=0)
    assert (done.returncode, done.stdout) == (1, b"")
    last = done.stderr.decode().splitlines()[-1]
    assert last.startswith(f"chatctl: the journal {journal} is damaged (a setting in it is invalid: ")


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ("--journal no.db/x.db", "cannot open the journal {here}/no.db/x.db: not a directory (check that it is a file "
         "you may write, in such a folder, or name another with --journal)"),
        ("--journal no.db", "{here}/no.db is not a chatctl journal: name another file with --journal"),
        ("--host 192.0.2.1", "cannot listen on 192.0.2.1:0: cannot assign requested address (--host has to be an "
         "address or a name of this machine)"),
        ("--host 2001:db8::1", "cannot listen on [2001:db8::1]:0: "),
        ("--unix none/x.sock", "cannot listen on none/x.sock: no such file or directory (choose another path with "
         "--unix)"),
        ("--unix no.db", "cannot listen on no.db: a file that is not a socket is there (choose another path "
         "with --unix)"),
        ("--admin-socket no.db/x", "cannot listen on {here}/no.db/x: not a directory (choose another path "
         "with --admin-socket)"),
        ("--tls-cert none", "cannot read the certificate in none: no such file or directory (name another file with "
         "--tls-cert)"),
        ("--tls-cert no.db --tls-key none", "cannot read the key in none: no such file or directory (name another file "
         "with --tls-key)"),
        ("--password-file none", "cannot read the password in none: no such file or directory (name another file with "
         "--password-file)"),
        ("--operators none", "cannot read the operators in none: no such file or directory"),
        ("--allow @none", "cannot read the networks in {here}/none: no such file or directory"),
        ("--tls-port {taken} --tls self", "cannot listen on 127.0.0.1:{taken}: the port is in use (is another 'chatctl "
         "serve' running? choose another with --tls-port)"),
    ],
)  # fmt: skip
def test_a_start_that_fails_names_the_option(
    run: Run, house: Server, env: dict[str, str], tmp_path: Path, options: str, wanted: str
) -> None:
    """One line says what happened, to what, and what to do; nothing is printed before."""
    (tmp_path / "no.db").write_text("this is no journal, no socket and no folder either" * 100)
    (tmp_path / "no.db").chmod(0o600)
    known = {"here": tmp_path, "taken": house.port}
    own = {"CHATCTL_STATE_DIR": str(tmp_path / "state")}  # for the certificate
    done = run("serve", *shlex.split(options.format(**known)), port=0, env=env | own)
    assert (done.returncode, done.stdout) == (1, b"")
    assert err_line(done).startswith(f"chatctl: {wanted.format(**known)}")
