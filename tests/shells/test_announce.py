"""``chatctl serve``: what it prints on stdout, and what it says when it can't start."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl import listen
from chatctl.errors import ChatError
from chatctl.journal.sqlite import sqlite_defect
from chatctl.listen import open_tcp
from tests.shells.conftest import Run
from tests.support import Server, err_line

Serve = Callable[..., Server]


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
        ("--unix no.db", "cannot listen on no.db: a file that is no socket is there (choose another path with --unix)"),
        ("--admin-socket no.db/x", "cannot listen on {here}/no.db/x: file exists (choose another path with "
         "--admin-socket)"),
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
    run: Run, house: Server, tmp_path: Path, options: str, wanted: str
) -> None:
    """One line says what happened, to what, and what to do; nothing is printed before."""
    (tmp_path / "no.db").write_text("this is no journal, no socket and no folder either" * 100)
    (tmp_path / "no.db").chmod(0o600)
    known = {"here": tmp_path, "taken": house.port}
    done = run("serve", *shlex.split(options.format(**known)), port=0)
    assert (done.returncode, done.stdout) == (1, b"")
    assert err_line(done).startswith(f"chatctl: {wanted.format(**known)}")


def test_a_port_that_is_not_for_everybody_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports below 1024 are root's; whether they are for who runs the tests depends on the machine."""

    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(listen.socket.socket, "bind", refuse)
    with pytest.raises(
        ChatError, match=r"127\.0\.0\.1:80: permission denied \(choose a port from 1024 up with --port\)"
    ):
        open_tcp("127.0.0.1", 80)
