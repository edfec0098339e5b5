"""``chatctl admin redact``, ``log`` and ``compact`` with real programs: what is left of a message, where, and when."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.fixture_types import Run
from tests.support.processes import err_line
from tests.support.server_process import Server
from tests.support.wire import log_of, say_all

Serve = Callable[..., Server]
NEEDLE = "hunter2"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "rooms.db"


def holding(folder: Path) -> list[str]:
    """Return the names of the files that hold the word."""
    return [file.name for file in folder.iterdir() if file.is_file() and NEEDLE.encode() in file.read_bytes()]


def talk(server: Server, nick: str, *texts: str) -> None:
    with server.wire() as wire:
        wire.enter(nick)
        say_all(wire, texts)


def test_nothing_of_it_is_left_anywhere_on_the_server(run: Run, serve: Serve, kept: Path) -> None:
    """Rings, files, exports, backups, over a kill and a restart: the number stays, and nothing else."""
    journal = ("--journal", str(kept))
    server = serve(*journal)
    talk(server, "Rajat", "before", f"my password is {NEEDLE}", "after")
    assert holding(kept.parent) != []
    done = run("admin", "redact", "2", "--why", "a password", *journal)
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.fullmatch(
        rb"1 message was redacted: a password \(out of reach: screens .*, older backups, .*\)\n", done.stdout
    )
    assert holding(kept.parent) == []

    backup = kept.with_name("backup.db")
    assert run("backup", str(backup), *journal).returncode == 0
    server.signal(signal.SIGKILL)
    server.wait()
    assert holding(kept.parent) == []
    server = serve(*journal)
    assert "epoch" not in server.stderr_text()
    for source, port in ((("--journal", str(backup)), None), ((), server.port)):
        for form in ("jsonl", "text", "html"):
            export = run("export", *source, "--format", form, port=port).stdout.decode()
            assert NEEDLE not in export
            assert "before" in export
            assert "redacted" in export
    lines = run("tail", "-n", "10", "--no-follow", port=server.port).stdout.decode().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["Rajat: before", "(redacted)", "Rajat: after"]
    [_, record, _] = map(
        json.loads, run("tail", "-n", "9", "--no-follow", "--json", port=server.port).stdout.splitlines()
    )
    assert (record["seq"], record["nick"], record["text"], record["redacted"]) == (2, "", "", True)
    [row] = map(json.loads, run("admin", "log", "--json", *journal).stdout.splitlines())
    assert (row["verb"], row["room"], row["why"]) == ("redact", "lobby", "a password")
    assert server.stop()


def test_all_that_one_said_goes_and_those_who_are_here_are_told(run: Run, serve: Serve, kept: Path) -> None:
    server = serve("--journal", str(kept), "--room", "ops")
    ana, nc = server.member("Ana"), server.wire().send(b"Omar\n")
    nc.until(b"Omar joined!")
    talk(server, "Rajat", NEEDLE, "again")
    ana.say("mine")
    done = run("admin", "redact", "--nick", "rajat", "--journal", str(kept))
    assert (done.returncode, done.stderr) == (0, b"")
    assert ana.frame("redacted") == {"type": "redacted", "seqs": [1, 2]}
    assert ana.frame("notice")["text"] == "2 messages were redacted"
    assert nc.lines_until("! 2 messages were redacted")[-1] == "! 2 messages were redacted"
    late = server.member("Late", history=10)
    assert [late.frame("msg").get("redacted", False) for _ in range(3)] == [True, True, False]
    assert log_of(server.member("Log"))[:2] == ["", ""]


@pytest.mark.parametrize(
    ("args", "code", "why"),
    [
        ([], 2, "give the numbers of messages, or --nick NICK"),
        (["1", "--nick", "Ana"], 2, "give the numbers of messages, or --nick NICK"),
        (["0"], 2, "0 is not in the range"),
        (["--nick", "a b"], 5, "nickname"),
        (["9"], 6, "message 9 is not kept in lobby: 1 to 1 are"),
        (["1", "--room", "nowhere"], 6, "there is no room 'nowhere'"),
        (["--nick", "Nobody"], 6, "no message under that name is stored"),
    ],
)
def test_what_can_not_be_redacted_is_refused(
    run: Run, serve: Serve, kept: Path, args: list[str], code: int, why: str
) -> None:
    server = serve("--journal", str(kept))
    talk(server, "Ana", "hi")
    done = run("admin", "redact", *args, "--journal", str(kept))
    assert done.returncode == code
    assert why in done.stderr.decode()


def test_a_tail_that_waits_says_so(run: Run, serve: Serve, kept: Path) -> None:
    """It has printed the text already; whoever reads its output learns what to take away."""
    server = serve("--journal", str(kept))
    talk(server, "Rajat", NEEDLE)
    order = f"{sys.executable} -m chatctl admin redact 1 --journal {kept}"
    done = run("tail", "-n", "1", "--idle", "3s", "--exec", order, port=server.port)
    assert done.returncode == 0
    assert "(redacted by an operator: 1)" in done.stderr.decode()


def test_compact_says_what_it_takes_and_gives_the_space_back(run: Run, serve: Serve, kept: Path) -> None:
    server = serve("--journal", str(kept))
    talk(server, "Rajat", "x" * 1000)
    asked = run("admin", "compact", "--journal", str(kept))
    assert re.fullmatch(rb"the journal has .* MiB: rewriting it needs .* MiB .* \(--yes does it\)\n", asked.stdout)
    done = run("admin", "compact", "--yes", "--journal", str(kept))
    assert re.fullmatch(rb"the journal has .* MiB now; it had .* MiB\n", done.stdout)
    talk(server, "Rajat", "goes on")
    assert len(run("tail", "-n", "9", "--no-follow", port=server.port).stdout.splitlines()) == 2
    without = serve("--journal", "none", "--admin-socket", str(kept.parent / "s.sock"))
    refused = run("admin", "compact", "--admin-socket", str(kept.parent / "s.sock"))
    assert (refused.returncode, err_line(refused)) == (6, "chatctl: this server has no journal")
    without.stop()
