"""``send``: what it says, to whom, from where; and what is too long is found before it is sent."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL, DEADLINE, ROOT
from tests.support.fixture_types import PutStub, Run, Start
from tests.support.in_process import wrong_usage
from tests.support.processes import err_line, line_of, told
from tests.support.scripted_peer import Peer, one_after_another
from tests.support.server_process import Server
from tests.support.wire import log_of


def test_me(house: Server, run: Run, room: str) -> None:
    with house.member("nadia", room) as wire:
        assert run("send", "--me", "deploys", "--nick", "ci", "--room", room, port=house.port).returncode == 0
        msg = wire.frame("msg")
        assert (msg["nick"], msg["text"], msg["action"]) == ("ci", "deploys", True)


def test_a_whisper_reaches_one(house: Server, run: Run, room: str) -> None:
    """Nothing of it is kept: its acknowledgement has no number."""
    with house.member("nadia", room) as wire:
        done = run("send", "psst", "--to", "NADIA", "--nick", "ci", "--room", room, "--json", port=house.port)
        assert done.returncode == 0
        assert "seq" not in json.loads(done.stdout)
        whisper = wire.frame("whisper")
        assert (whisper["from"], whisper["text"]) == ("ci", "psst")
        assert log_of(wire) == []


def test_a_whisper_to_nobody(house: Server, run: Run, room: str) -> None:
    done = run("send", "psst", "--to", "nobody", "--room", room, port=house.port)
    assert done.returncode == 6
    assert "nobody is not here" in err_line(done)


def test_the_id_is_printed(house: Server, run: Run, room: str) -> None:
    done = run("send", "hi", "--print-id", "--room", room, port=house.port)
    made_up = done.stdout.decode().strip()
    again = run("send", "hi", "--id", made_up, "--print-id", "--json", "--room", room, port=house.port)
    first, ack = map(json.loads, again.stdout.splitlines())
    assert first == {"id": made_up}
    assert (ack["id"], ack["duplicate"]) == (made_up, True)


def test_the_id_is_printed_before_anything_can_fail(run: Run) -> None:
    """Who keeps it can find out later, however this run ends."""
    done = run("send", "hi", "--print-id", "--id", "k", port=1)
    assert (done.returncode, done.stdout) == (3, b"k\n")


# --- a file


def test_a_file_is_said_line_by_line(house: Server, run: Run, room: str, tmp_path: Path) -> None:
    """Neither trimmed nor cut: only empty lines are no messages."""
    (tmp_path / "list").write_bytes("one\n\n  zwei, ö \nthree".encode())
    done = run("send", "--file", "list", "--room", room, port=house.port)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert log_of(house.member("nadia", room)) == ["one", "  zwei, ö ", "three"]


def test_a_dash_for_a_file_is_stdin(house: Server, run: Run, room: str) -> None:
    assert run("send", "--file", "-", "--room", room, stdin=b"one\ntwo\n", port=house.port).returncode == 0
    assert log_of(house.member("nadia", room)) == ["one", "two"]


@pytest.mark.parametrize("many", [100, 3])
def test_many_lines_show_their_progress_on_a_terminal(
    house: Server, run: Run, room: str, tmp_path: Path, many: int
) -> None:
    """And only there: a pipe gets nothing."""
    (tmp_path / "list").write_text("line\n" * many)
    ours, theirs = os.openpty()
    try:
        done = run("send", "--file", "list", "--room", room, port=house.port, stderr=theirs)
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
    finally:
        os.close(ours)
    assert done.returncode == 0
    assert (b"100/100" in shown) == (many == 100)
    assert done.stdout == b""


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end of a terminal is closed
        return b""


# --- too long


def test_a_text_that_json_makes_too_long(house: Server, run: Run, room: str) -> None:
    """4 KiB of controls are 24 KiB of JSON, over the limit of a line: the server would hang up."""
    done = run("send", "--room", room, stdin=b"\x01" * 4096, port=house.port)
    assert done.returncode == 6
    assert "as JSON, and the server takes at most 16384: nothing was sent" in err_line(done)


def test_lines_that_can_not_be_said_are_told_and_the_others_are_said(house: Server, run: Run, room: str) -> None:
    """One bad line must not end a watch: the next one may be the alarm."""
    stdin = b"one\n\n" + b"x" * 4097 + b"\ncaf\xe9\nfive\n"
    done = run("send", "--lines", "--room", room, stdin=stdin, port=house.port)
    assert (done.returncode, done.stdout) == (6, b"")
    assert done.stderr.decode().splitlines() == [
        "chatctl: line 3 has 4097 bytes, and the server takes at most 4096: it was not sent",
        "chatctl: line 4 is not UTF-8 (byte 0xe9 at 3): --lossy sends it all the same",
        "chatctl: 2 lines were not sent; the others were",
    ]
    assert log_of(house.member("nadia", room)) == ["one", "five"]


def _refuses(peer: Peer) -> None:
    say = peer.frame("say")
    peer.send(type="error", code="forbidden", text="you are muted", id=say["id"])


def _is_lost(peer: Peer) -> None:
    peer.frame("say")
    peer.close()


@pytest.mark.parametrize(("then", "code"), [(_refuses, 6), (_is_lost, 4)])
def test_what_concerns_all_lines_ends_it_at_once(
    start: Start, stub: PutStub, then: Callable[[Peer], None], code: int
) -> None:
    """Who is muted, refused or cut off is so for the next line, too. What was left out before was told already."""

    def handle(peer: Peer) -> None:
        peer.let_in()
        say = peer.frame("say")
        peer.send(type="ack", id=say["id"], time=1.0, duplicate=False, seq=1)
        then(peer)

    process = start("send", "--lines", "--json", port=stub(one_after_another(handle)).port)
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"caf\xe9\none\n")
    process.stdin.flush()
    assert b"line 1 is not UTF-8" in process.stderr.readline()
    assert json.loads(line_of(process))["seq"] == 1
    process.stdin.write(b"two\n")
    process.stdin.flush()
    assert process.wait(DEADLINE) == code, "its stdin is open still"
    assert told(process).count("\n") == 1


@pytest.mark.parametrize("arguments", [["--lines"], ["--file", "-"], ["--file", "list"]])
def test_with_all_options_every_line_is_said(
    house: Server, run: Run, room: str, arguments: list[str], tmp_path: Path
) -> None:
    data = b"\xef\xbb\xbfone\r\n" + b"x" * 5000 + b"\n10%\r\x1b[31m100%\x1b[0m\ncaf\xe9\n"
    (tmp_path / "list").write_bytes(data)
    options = ["--plain", "--lossy", "--overflow", "truncate"]
    done = run("send", *arguments, *options, "--room", room, stdin=data, port=house.port)
    assert (done.returncode, done.stderr) == (0, b"")
    assert log_of(house.member("nadia", room)) == ["one", "x" * 4093 + "…", "100%", "caf\ufffd"]


def test_a_text_in_several_messages_is_said_once(house: Server, run: Run, room: str) -> None:
    lines = [f"line {number}" for number in range(2000)]
    for _ in range(2):
        stdin = "\n".join(lines).encode()
        done = run("send", "--overflow", "split", "--id", "log", "--room", room, stdin=stdin, port=house.port)
        assert (done.returncode, done.stderr) == (0, b"")
    log = log_of(house.member("nadia", room))
    assert len(log) == 5
    assert "\n".join(log).split("\n") == lines


@pytest.mark.parametrize(("overflow", "code"), [("error", 6), ("truncate", 0), ("split", 6)])
def test_an_endless_stdin_is_refused_or_cut(house: Server, start: Start, room: str, overflow: str, code: int) -> None:
    """What is read of it is bounded, whatever the deadline."""
    with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as endless:
        options = ["--overflow", overflow, "--room", room, "--timeout", "60s"]
        sending = start("send", *options, port=house.port, stdin=endless.stdout)
        assert endless.stdout is not None
        endless.stdout.close()
        _, said = sending.communicate(timeout=DEADLINE)
    assert sending.returncode == code, said
    assert (b"stdin has more than" in said) == (code == 6)


def test_the_deadline_covers_stdin_where_it_was_given(start: Start, house: Server, room: str) -> None:
    """By default the time begins when stdin has ended: ``make | chatctl send`` may take an hour."""
    sending = start("send", "--timeout", "50ms", "--room", room, port=house.port)
    assert sending.wait(DEADLINE) == 3
    assert sending.stderr is not None
    assert sending.stderr.read() == b"chatctl: stdin did not end in time: nothing was sent\n"


def test_a_line_of_a_file_that_is_too_long(house: Server, run: Run, room: str, tmp_path: Path) -> None:
    """A file can be looked through first: nothing of it is sent."""
    (tmp_path / "list").write_bytes(b"one\n" + b"x" * 4097 + b"\n")
    done = run("send", "--file", "list", "--room", room, port=house.port)
    assert done.returncode == 6
    assert "line 2 of list has 4097 bytes" in err_line(done)
    assert log_of(house.member("nadia", room)) == []


# --- wrong usage, and ends that are closed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["hi", "--file", "list"], "leave TEXT out"),
        (["--lines", "--file", "list"], "give one of them"),
        (["--file", "nowhere"], "does not exist"),
        (["hi", "--me", "--to", "nadia"], "can't be a --me"),
        (["hi", "--from", "nadia"], "--from is for --wait-reply"),
        (["hi", "--wait-reply", "("], "is not a regular expression"),
        (["hi", "--wait-reply", "a{99999999999}"], "is not a regular expression"),
        (["hi", "--wait-reply", "x", "--from", "no name"], "can't hold a space"),
        (["hi", "--id", ""], "--id takes 1 to 100 characters"),
        (["hi", "--id", "k" * 101], "--id takes 1 to 100 characters"),
        (["hi", "--classic", "--me"], "--classic takes no other options"),
    ],
)
def test_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str) -> None:
    (tmp_path / "list").write_text("one\n")
    monkeypatch.chdir(tmp_path)
    assert said in wrong_usage("send", *arguments)


@pytest.mark.parametrize("arguments", [[], ["-"], ["--lines"], ["--file", "-"]])
def test_without_a_stdin(house: Server, run: Run, room: str, arguments: list[str]) -> None:
    """As cron jobs of some systems start it: what opens next must not be taken for stdin."""
    done = run("send", *arguments, "--room", room, port=house.port, closing="0<&-")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_text_needs_no_open_descriptor(house: Server, run: Run, room: str) -> None:
    done = run("send", "hi", "--room", room, port=house.port, closing="0<&- 1>&- 2>&-")
    assert done.returncode == 0
    assert log_of(house.member("nadia", room)) == ["hi"]


def test_nobody_reads_it_and_all_is_said(house: Server, start: Start, room: str) -> None:
    """``send --lines --json | head -1``: that nobody reads the receipts must not keep the rest from being said."""
    process = start("send", "--lines", "--json", "--room", room, port=house.port)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"one\n")
    process.stdin.flush()
    assert line_of(process)
    process.stdout.close()
    nadia = house.member("nadia", room)
    for text in ("two", "three", "four"):
        process.stdin.write(text.encode() + b"\n")
        process.stdin.flush()
        assert nadia.frame("msg")["text"] == text
    process.stdin.close()
    assert process.wait(8) == 0


def test_a_full_disk_behind_stdout(house: Server, run: Run, room: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run("send", "hi", "--json", "--room", room, port=house.port, stdout=full)
    assert done.returncode == 1
    assert err_line(done) == "chatctl: cannot write to stdout: no space left on device"


# --- fast


HEAVY = {"asyncio", "hashlib", "secrets", "tempfile", "platformdirs", "subprocess", "random", "prompt_toolkit",
         "precis_i18n", "sqlite3", "ssl", "concurrent", "logging", "json"}  # fmt: skip


def test_it_loads_nothing_that_it_does_not_need(house: Server, run: Run, room: str, env: dict[str, str]) -> None:
    """Each of these costs milliseconds of every line that a script sends."""
    code = (
        "import atexit, sys; atexit.register(lambda: print('\\n'.join(sys.modules)))\n"
        "from chatctl.main import main; main(sys.argv[1:])"
    )
    done = subprocess.run(
        [CHATCTL[0], "-c", code, "send", "hi", "--room", room, "--port", str(house.port)],
        env=env, cwd=ROOT, capture_output=True, timeout=10, check=True,
    )  # fmt: skip
    loaded = set(done.stdout.decode().split("\n"))
    assert "chatctl.client.core.sender" in loaded
    assert loaded & HEAVY == set()
    ours = {name for name in loaded if name.startswith("chatctl.client")}
    assert (
        ours & {f"chatctl.client.{name}" for name in ("follow", "link", "reply", "api", "sync", "aio", "aio_shell")}
        == set()
    )


def test_help_says_all(run: Run) -> None:
    shown = run("send", "--help").stdout.decode()
    for part in ("Examples:", "Exit codes:", "Environment:", "CHATCTL_RETRY_FOR", "--wait-reply"):
        assert part in shown
