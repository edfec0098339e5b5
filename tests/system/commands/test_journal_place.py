"""Where the journal lies, and what becomes of it between two starts: for each there is one answer, and a reader that
keeps its place skips nothing silently. docs/reliability.md has the table.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl.client import connect
from chatctl.protocol import Gap
from tests.support.fixture_types import Run
from tests.support.processes import err_line
from tests.support.server_process import Server
from tests.support.wire import say_all

Serve = Callable[..., Server]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "rooms.db"


def read_on(run: Run, server: Server) -> tuple[list[str], int, str]:
    """Print what follows the kept place: the texts, the exit code, the notes."""
    done = run("tail", "--cursor-file", "seen", "--no-follow", "--json", "-n", "100", port=server.port)
    texts = [json.loads(line)["text"] for line in done.stdout.splitlines()]
    return texts, done.returncode, done.stderr.decode()


def move(kept: Path) -> Path:
    new = kept.with_name("elsewhere.db")
    for suffix in ("", ".stamp"):
        kept.with_name(kept.name + suffix).rename(new.with_name(new.name + suffix))
    return new


def move_alone(kept: Path) -> Path:
    return kept.rename(kept.with_name("elsewhere.db"))


def move_folder(kept: Path) -> Path:
    return kept.parent.rename(kept.parent.with_name("elsewhere")) / kept.name


def change_mode(kept: Path) -> Path:
    kept.chmod(0o400)
    kept.with_name(kept.name + ".stamp").chmod(0o640)
    os.utime(kept.with_name(kept.name + ".stamp"), (1, 1))
    kept.chmod(0o600)
    return kept


def link_folder(kept: Path) -> Path:
    shutil.copytree(kept.parent, kept.parent.with_name("linked"), copy_function=os.link)
    return kept


def copy_folder(kept: Path) -> Path:
    return shutil.copytree(kept.parent, kept.parent.with_name("copied")) / kept.name


def lose_stamp(kept: Path) -> Path:
    kept.with_name(kept.name + ".stamp").unlink()
    return kept


def behind_link(kept: Path) -> Path:
    link = kept.parent.with_name("link.db")
    link.symlink_to(kept)
    return link


def test_a_journal_of_a_size_says_what_it_has_let_go(run: Run, serve: Serve, kept: Path) -> None:
    """3 MB into one: the files stay small, and who reads from the start is told what is missing."""
    server = serve("--journal", str(kept), "--max-journal", "1M", "--rate", "off")
    with server.wire() as wire:
        wire.enter("Rajat")
        say_all(wire, ["x" * 4_000] * 750)
    server.stop()
    assert sum(file.stat().st_size for file in kept.parent.glob("rooms.db*")) <= 1 << 20
    server = serve("--journal", str(kept), "--max-journal", "1M")
    done = run("tail", "--since", "1", "--no-follow", port=server.port)
    assert 100 < len(done.stdout.splitlines()) < 250
    assert done.stderr.decode().endswith(": retention)\n")
    server.stop()


@pytest.mark.parametrize(
    "happens",
    [move, move_alone, move_folder, change_mode, link_folder, copy_folder, lose_stamp, behind_link],
    ids=lambda one: one.__name__,
)
def test_what_happens_to_it_between_two_starts_costs_no_reader_a_message(
    run: Run, serve: Serve, kept: Path, happens: Callable[[Path], Path]
) -> None:
    server = serve("--journal", str(kept))
    say_all(server.member("Ana"), ["one", "two"])
    assert read_on(run, server) == (["one", "two"], 0, "")
    say_all(server.member("Bo"), ["three"])
    server.stop()
    server = serve("--journal", str(happens(kept)))
    say_all(server.member("Cy"), ["four"])
    assert read_on(run, server) == (["three", "four"], 0, "")
    server.stop()


def test_a_restored_backup_goes_on_where_the_two_logs_part(run: Run, serve: Serve, kept: Path, tmp_path: Path) -> None:
    """What the reader had seen and is gone is told; what was said in its place is shown."""
    server = serve("--journal", str(kept))
    say_all(server.member("Ana"), ["one"])
    assert run("backup", "copy.db", "--journal", str(kept)).returncode == 0
    say_all(server.member("Bo"), ["two", "three"])
    assert read_on(run, server)[0] == ["one", "two", "three"]
    server.stop()
    shutil.move(tmp_path / "copy.db", kept)
    server = serve("--journal", str(kept))
    say_all(server.member("Cy"), ["four"])
    texts, code, notes = read_on(run, server)
    assert (texts, code) == (["four"], 0)
    assert notes == "(the log went back: messages 2 to 3 are others now, going on with 2)\n"


def test_a_loss_is_told_though_nothing_new_was_said(run: Run, serve: Serve, kept: Path, tmp_path: Path) -> None:
    """By each reader that ends at the log's end: a run of tail, with either output, and one of a program's own."""
    server = serve("--journal", str(kept))
    say_all(server.member("Ana"), ["one"])
    assert run("backup", "copy.db", "--journal", str(kept)).returncode == 0
    say_all(server.member("Bo"), ["two", "three"])
    assert read_on(run, server)[0] == ["one", "two", "three"]
    for name in ("matching", "program"):
        shutil.copy(tmp_path / "seen", tmp_path / name)
    server.stop()
    shutil.move(tmp_path / "copy.db", kept)
    server = serve("--journal", str(kept))
    told = "(the log went back: messages 2 to 3 are others now, going on with 2)\n"
    matching = run("tail", "--no-follow", "--cursor-file", "matching", "--match", "x", port=server.port)
    assert (matching.returncode, matching.stdout, matching.stderr.decode()) == (0, b"", told)
    assert read_on(run, server) == ([], 0, told)
    assert read_on(run, server) == ([], 0, ""), "once"
    with connect(f"127.0.0.1:{server.port}", nick="ci") as here:
        assert list(here.follow(cursor=tmp_path / "program", live=False)) == [Gap(from_=2, to=3, why="lost")]


def test_a_backup_that_is_put_behind_a_link_after_a_kill_is_not_undone(
    run: Run, serve: Serve, kept: Path, tmp_path: Path
) -> None:
    """The write-ahead log of the killed server lies beside the file, not beside the link."""
    kept.parent.mkdir()
    link = tmp_path / "link.db"
    link.symlink_to(kept)
    server = serve("--journal", str(link))
    say_all(server.member("Ana"), ["one"])
    assert run("backup", "copy.db", "--journal", str(link)).returncode == 0
    say_all(server.member("Bo"), ["not to be kept"])
    server.signal(signal.SIGKILL)
    server.wait()
    kept.write_bytes((tmp_path / "copy.db").read_bytes())
    server = serve("--journal", str(link))
    server.wait_for_log("copy")
    done = run("export", port=server.port)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["one"]
    assert kept.with_name("rooms.db.sock").exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("link")) == ["link.db"]


@pytest.mark.parametrize("gone", ["rooms.db", "rooms.db-wal"])
def test_a_file_that_is_removed_while_it_is_used_ends_the_server(serve: Serve, kept: Path, gone: str) -> None:
    server = serve("--journal", str(kept))
    ana = server.member("Ana")
    say_all(ana, ["one"])
    kept.with_name(gone).unlink()
    ana.send(b'{"type":"say","text":"two","id":"2"}\n')
    assert server.wait() == 1
    server.wait_for_log("was removed or replaced while it was open")
    assert b'"ack"' not in ana.rest()
    if gone.endswith("-wal"):
        again = serve("--journal", str(kept))
        assert again.member("Bo", history=9).texts("one") == ["one"]


@pytest.mark.parametrize("command", [["serve"], ["admin", "bans"], ["backup", "copy.db"], ["export"]])
def test_a_journal_is_no_url(run: Run, tmp_path: Path, command: list[str]) -> None:
    done = run(*command, "--journal", "valkey://chat:secret@db/0")
    assert done.returncode == 2
    assert "valkey:// is neither" in err_line(done)
    assert b"secret" not in done.stderr
    assert not list(tmp_path.glob("valkey*"))


@pytest.mark.parametrize(
    "command",
    [
        *(["serve", "--journal"], ["admin", "bans", "--journal"], ["backup", "copy.db", "--journal"]),
        *(["export", "--journal"], ["journal", "copy", "postgresql:///chat"]),
    ],
    ids=lambda command: command[0],
)
def test_a_mistyped_database_is_no_file(run: Run, tmp_path: Path, command: list[str]) -> None:
    """It would be a new journal without a message, in folders that nobody knows of."""
    before = set(tmp_path.iterdir())
    for written in ("postgresql:/chat:secret@127.0.0.1:5601/chat", "dbname=chat password=secret"):
        done = run(*command, written)
        assert done.returncode == 2
        assert "write postgresql://USER@HOST:PORT/DATABASE for a database" in err_line(done)
        assert b"secret" not in done.stderr
    assert set(tmp_path.iterdir()) == before
