"""``chatctl admin`` and a real server: over its socket, across a restart, refused to others; reload and drain."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.fixture_types import Run
from tests.support.processes import err_line
from tests.support.server_process import Server
from tests.support.wire import Wire

Serve = Callable[..., Server]
MACHINE = "this machine|its server's own machine"
"""Whose machine it is depends on whose server."""
KEY = "SHA256:" + "A" * 43
OTHER_KEY = "SHA256:" + "B" * 42 + "A"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "rooms.db"


def test_a_ban_by_the_console_holds_across_a_restart(run: Run, serve: Serve, kept: Path) -> None:
    """The whole way: two processes, the socket, the journal, and the sender's exit code."""
    journal = ("--journal", str(kept))
    server = serve(*journal)
    rajat = server.member("Rajat", "lobby")
    trimmed = run("admin", "trim", *journal)
    assert err_line(trimmed) == "chatctl: this server keeps messages for ever: it has no --keep-days"
    done = run("admin", "ban", "rajat", "--for", "2h", "spam", "again", *journal)
    assert (done.returncode, done.stderr) == (0, b"")
    first, second = done.stdout.decode().splitlines()
    assert first.startswith("Rajat was banned for 2h: spam again; the name alone: ")
    assert re.fullmatch(f"  nick=Rajat  room=lobby  address=({MACHINE})", second)
    assert rajat.frame("bye") == {"type": "bye", "why": "you were banned for 2h: spam again", "final": True}
    server.wait_for_log("ordered verb=ban by=console target=rajat")
    server.stop()
    server = serve(*journal)
    refused = run("send", "--nick", "R\u0430jat", "hi", port=server.port)
    assert refused.returncode == 6
    assert re.search("is banned for another (2h|1h 59m): spam again", err_line(refused))
    [row] = map(json.loads, run("admin", "bans", "--json", *journal).stdout.splitlines())
    assert (row["name"], row["reason"], round(row["until"] - row["since"])) == ("Rajat", "spam again", 7200)
    assert run("admin", "unban", "Rajat", *journal).returncode == 0
    assert run("admin", "bans", "--json", *journal).stdout == b""
    assert run("send", "--nick", "Rajat", "hi", port=server.port).returncode == 0


def test_a_dry_run_tells_whom_it_would_hit(run: Run, serve: Serve, kept: Path) -> None:
    """Nothing is done; a server that is too old for it knows no such verb."""
    server = serve("--journal", str(kept))
    rajat = server.member("Rajat", "lobby")
    done = run("admin", "ban", "rajat", "--dry-run", "--json", "--journal", str(kept))
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert told["text"].startswith("nothing was done, it would be: Rajat was banned")
    [hit] = told["hit"]
    assert re.fullmatch(MACHINE, hit.pop("address"))
    assert hit == {"nick": "Rajat", "room": "lobby"}
    assert run("admin", "bans", "--json", "--journal", str(kept)).stdout == b""
    rajat.say("still here")
    assert rajat.frame("msg")["text"] == "still here"


def test_a_room_is_set_and_everybody_in_it_is_told(run: Run, serve: Serve, kept: Path) -> None:
    server = serve("--journal", str(kept), "--room", "ops")
    ana = server.member("Ana", "ops")
    assert run("admin", "topic", "deploy", "freeze", "--room", "ops", "--journal", str(kept)).returncode == 0
    assert ana.frame("room") == {"type": "room", "topic": "deploy freeze"}
    assert ana.frame("notice")["text"] == "the topic was set to 'deploy freeze'"
    bare = run("admin", "topic", "--room", "ops", "--journal", str(kept))
    assert (bare.returncode, bare.stdout) == (2, b"")
    assert "'chatctl who --rooms' shows it" in err_line(bare)
    assert b"deploy freeze" in run("who", "--rooms", port=server.port).stdout
    assert run("admin", "topic", "", "--room", "ops", "--journal", str(kept)).returncode == 0
    assert ana.frame("room") == {"type": "room"}
    assert run("admin", "read-only", "on", "--room", "ops", "--journal", str(kept)).returncode == 0
    assert run("send", "--room", "ops", "hi", port=server.port).returncode == 6
    assert run("admin", "slow", "off", "--room", "nowhere", "--journal", str(kept)).returncode == 6


def test_a_start_keeps_claims_that_should_not_be_and_the_operator_sets_them_free(
    run: Run, serve: Serve, kept: Path
) -> None:
    """They were bound by a server that looked at no look-alikes, and took marks that nobody sees."""
    journal = ("--journal", str(kept))
    serve(*journal).stop()
    claims = {
        nick: {"nick": nick, "key": key, "since": since}
        for since, (nick, key) in enumerate([("nadia", KEY), ("n\u0430dia", OTHER_KEY), ("old\u1039", KEY)])
    }
    with closing(sqlite3.connect(kept)) as database, database:
        rows = [("claim", nick, json.dumps(claim)) for nick, claim in claims.items()]
        database.executemany("INSERT INTO facts VALUES (?, ?, ?)", rows)
    serve(*journal)
    suspects = list(map(json.loads, run("admin", "claims", "--suspect", "--json", *journal).stdout.splitlines()))
    assert {(row["nick"], row["why"]) for row in suspects} == {
        ("n\u0430dia", "looks like nadia, which was bound before"),
        ("old\u1039", "it is not a valid nickname any more"),
    }
    assert run("admin", "unclaim", *journal).returncode == 6
    for target in (["old\u1039"], [OTHER_KEY], ["--newer", "1h"]):
        assert run("admin", "unclaim", *target, *journal).returncode == 0
    [left] = map(json.loads, run("admin", "claims", "--json", *journal).stdout.splitlines())
    assert left == claims["nadia"]


def test_the_ends_that_an_order_can_come_to(run: Run, serve: Serve, kept: Path) -> None:
    nobody = run("admin", "kick", "Ana", "--journal", str(kept))
    assert nobody.returncode == 3
    assert "is 'chatctl serve' running?" in err_line(nobody)
    serve("--journal", str(kept))
    absent = run("admin", "kick", "Ana", "--journal", str(kept))
    assert (absent.returncode, err_line(absent)) == (6, "chatctl: nobody of that name is here")
    assert run("admin", "ban", "a b", "--journal", str(kept)).returncode == 5
    assert run("admin", "ban", "--journal", str(kept)).returncode == 2


def test_a_server_without_a_journal_is_reached_by_its_port(run: Run, serve: Serve, env: dict[str, str]) -> None:
    server = serve()
    path = Path(env["CHATCTL_STATE_DIR"]) / f"admin-{server.port}.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    unset = {name: value for name, value in env.items() if name != "CHATCTL_JOURNAL"}
    assert run("admin", "mute", "Ana", "--port", str(server.port), env=unset).returncode == 0
    server.stop()
    assert not path.exists()
    done = run("admin", "mute", "Ana", "--port", str(server.port), env=unset)
    assert done.returncode == 3
    why = "(is 'chatctl serve' running?); without --port, if its journal is a file"
    assert err_line(done) == f"chatctl: no server is there: nobody listens at {path} {why}"


def test_the_socket_is_where_the_operator_says_and_no_ban_of_addresses_reaches_it(
    run: Run, serve: Serve, tmp_path: Path
) -> None:
    """Who has shut everybody out, themselves included, gets in there."""
    where = ("--admin-socket", str(tmp_path / "here.sock"))
    server = serve(*where, "--deny", "0.0.0.0/0", "--deny", "::/0")
    assert run("admin", "ban", "0.0.0.0/0", *where).returncode == 0
    assert Wire(("127.0.0.1", server.port)).rest() == b""
    assert run("admin", "unban", "0.0.0.0/0", *where).stdout == b"an address was let in again (0.0.0.0/0)\n"


@pytest.mark.parametrize(
    "line",
    [
        b"\nx\n",  # an empty line is nothing
        b"[]\n",
        b'{"do":"dance"}\n',
        b'{"do":"ban","seconds":-1}\n',
        b"\xff\n",
        b"{}\n",
        b'{"do":"ops","x":' + b"[" * 32 + b"]" * 32 + b"}\n",
        b"[" * 60_000 + b"\n",
        b"[" * 100_000 + b"\n",
        b'{"do":"ops","x":' + b"9" * 5000 + b"}\n",
    ],
    ids=lambda line: repr(line)[:30],
)
def test_nonsense_on_the_socket_is_refused_and_the_server_lives(
    run: Run, serve: Serve, kept: Path, line: bytes
) -> None:
    serve("--journal", str(kept))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(str(kept.with_name("rooms.db.sock")))
        sock.sendall(line)
        answer = json.loads(sock.makefile("rb").readline())
        assert answer["code"] in ("forbidden", "bad_frame", "too_long")
        assert (answer.get("type"), answer.get("ok")) in (("error", None), (None, False))
    assert run("admin", "ops", "--journal", str(kept)).returncode == 0


@pytest.mark.parametrize(
    "answer", [b"nonsense\n", b"[" * 100_000 + b"\n", b'{"ok":' + b"9" * 5000 + b"}\n"], ids=range(3)
)
def test_an_answer_that_is_none_leaves_the_outcome_open(run: Run, tmp_path: Path, answer: bytes) -> None:
    """Whoever listens there: it is no fault of ours."""

    def serve_once() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(4096)
            peer.sendall(answer)

    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve_once)
        thread.start()
        done = run("admin", "ops", "--admin-socket", str(path))
        thread.join()
    assert done.returncode == 4
    assert err_line(done) == f"chatctl: the server at {path} did not answer: it may or may not have done that"


@pytest.mark.parametrize("way", ["reload", "SIGHUP"])
def test_the_operators_file_is_read_again_and_nobody_is_dropped(
    run: Run, serve: Serve, kept: Path, tmp_path: Path, way: str
) -> None:
    def reload(times: int) -> int:
        if way == "reload":
            return run("admin", "reload", *journal).returncode
        server.signal(signal.SIGHUP)
        server.wait_for_log("operators", times)
        return 0

    def ops() -> list[str]:
        return [json.loads(line)["key"] for line in run("admin", "ops", "--json", *journal).stdout.splitlines()]

    journal = ("--journal", str(kept))
    file = tmp_path / "operators"
    file.write_text(f"# those on duty\n{KEY} nadia@laptop\n\n")
    server = serve(*journal, "--operators", str(file), "--operator", OTHER_KEY)
    ana = server.member("Ana", "lobby")
    assert ops() == [KEY, OTHER_KEY]
    file.write_text("# nobody\n")
    assert reload(1) == 0
    assert ops() == [OTHER_KEY]
    file.write_text(f"{KEY}\nnadia\n")
    assert reload(2) == (1 if way == "reload" else 0)
    server.wait_for_log("the operator list stays as it was")
    assert ops() == [OTHER_KEY], "half a file is none"
    ana.send(b'{"type":"ping"}\n')
    ana.frame("pong")


def test_another_password_counts_at_once_and_drops_nobody(run: Run, serve: Serve, kept: Path, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.touch(mode=0o600)
    file.write_text("old secret\n")
    server = serve("--journal", str(kept), "--password-file", str(file))
    (tmp_path / "new").touch(mode=0o600)
    (tmp_path / "new").write_text("new secret\n")
    sends = ("send", "hi", "--password-file", str(tmp_path / "new"))
    assert run("send", "hi", "--password-file", str(file), port=server.port).returncode == 0
    file.write_text("new secret\n")
    assert run("admin", "reload", "--journal", str(kept)).stdout == b"read again: operator list, password\n"
    assert run(*sends, port=server.port).returncode == 0
    file.unlink()
    assert run("admin", "reload", "--journal", str(kept)).returncode == 1
    server.wait_for_log("the password stays as it was")
    assert run(*sends, port=server.port).returncode == 0


def test_a_key_that_is_none_stops_the_start(run: Run) -> None:
    done = run("serve", "--operator", "nadia", "--port", "0")
    assert done.returncode == 2
    assert "invalid value for '--operator': 'nadia' is not a fingerprint" in done.stderr.decode()


def test_a_drained_server_sends_everybody_away_for_a_while_and_ends_well(run: Run, serve: Serve, kept: Path) -> None:
    server = serve("--journal", str(kept))
    ana = server.member("Ana", "lobby")
    done = run("admin", "drain", "new", "version", "--within", "5s", "--journal", str(kept))
    assert (done.returncode, done.stderr) == (0, b"")
    assert ana.frame("bye") == {"type": "bye", "why": "new version", "retry_after": 5.0}
    assert server.wait() == 0
    assert run("send", "hi", port=server.port).returncode == 3


OLD_SERVER = b'{"ok": true, "text": "Rajat was kicked", "rows": [], "list": false}\n'


@pytest.mark.parametrize(
    ("answer", "code", "shown"),
    [
        (OLD_SERVER, 0, "Rajat was kicked\n"),
        (b'{"ok": false, "error": "nobody of that name is here", "code": "no_such_nick"}\n', 6, ""),
        (b'{"type": "done", "verb": "kick", "text": "Rajat was kicked"}\n', 0, "Rajat was kicked\n"),
        (b'{"type": "error", "code": "no_such_nick", "text": "nobody of that name is here"}\n', 6, ""),
        (b'{"type": "pong", "last": 0}\n', 4, ""),
        (b'{"type": "dance"}\n', 4, ""),
        (b"{}\n", 4, ""),
    ],
    ids=range(7),
)
def test_a_server_that_is_older_than_the_command_understands_it(
    run: Run, tmp_path: Path, answer: bytes, code: int, shown: str
) -> None:
    """An upgraded command has to drain the server that still runs: one request says it in both forms."""
    asked: list[bytes] = []

    def serve_once() -> None:
        peer, _ = listener.accept()
        with peer:
            asked.append(peer.recv(65_536))
            peer.sendall(answer)

    path = tmp_path / "old.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve_once)
        thread.start()
        done = run("admin", "kick", "Rajat", "--admin-socket", str(path))
        thread.join(20)
    assert (done.returncode, done.stdout.decode()) == (code, shown)
    [request] = map(json.loads, asked)
    assert (request["do"], request["type"], request["verb"], request["target"]) == ("kick", "admin", "kick", "Rajat")
