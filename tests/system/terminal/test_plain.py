"""The linear mode: on a terminal, and through pipes. And the first version's protocol, in both modes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL, DEADLINE, clean_env
from tests.support.first_version import FirstVersionServer
from tests.support.server_pair import option_of
from tests.support.server_process import Server
from tests.support.wire import Wire
from tests.system.terminal.term import Start

Other = Callable[..., Wire]
Pipe = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def pipe(house: Server, room: str, state: Path) -> Pipe:
    """Run ``join`` with pipes at both ends."""

    def pipe(data: bytes, *options: str, port: int | None = None) -> subprocess.CompletedProcess[bytes]:
        where = (*option_of(port or house.port), "--room", room, "--nick", "nadia")
        argv = [*CHATCTL, "join", *where, *options]
        return subprocess.run(
            argv, input=data, capture_output=True, timeout=3 * DEADLINE, env=clean_env(state), check=False
        )

    return pipe


@pytest.mark.parametrize("how", [{"TERM": "dumb"}, {"options": "--plain"}])
def test_on_a_terminal(join: Start, other: Other, how: dict[str, str]) -> None:
    """One line an event: nothing moves a cursor, nothing is coloured, nothing is drawn twice."""
    omar = other()
    options = [how["options"]] if "options" in how else []
    term = join(*options, ready=False, **{key: value for key, value in how.items() if key != "options"})
    omar.frame("join")
    omar.say("hello nadia")
    term.wait_for("omar: hello nadia")
    term.keys("hi there\r")
    term.wait_for("nadia: hi there")
    assert omar.texts("hi there") == ["hello nadia", "hi there"]
    omar.close()
    term.wait_for("omar left (1 here)")
    term.keys("/who\r")
    term.wait_for("1 here:")
    assert b"\x1b" not in term.raw
    assert term.cooked
    term.keys("\x04")
    assert term.wait_end() == 0
    assert "come back with: chatctl join" in term.text()


def test_on_a_terminal_a_restart_is_told_in_lines(join: Start, serve: Callable[..., Server]) -> None:
    """What was written meanwhile is said afterwards."""
    server = serve()
    term = join("--plain", port=server.port, ready=False)
    term.keys("before\r")
    term.wait_for("nadia: before")
    server.process.kill()
    server.wait()
    term.wait_for("! disconnected: ")
    term.keys("meanwhile\r")
    serve(port=server.port)
    term.wait_for("connected again", "nadia: meanwhile")


def test_echo_into_join(pipe: Pipe, other: Other) -> None:
    """The lines are sent, their acknowledgements waited for, and it leaves with 0."""
    omar = other()
    done = pipe(b"hi\nthere\n")
    assert done.returncode == 0, done.stderr
    assert omar.texts("there") == ["hi", "there"]
    assert done.stderr == b""
    assert b"nadia: hi\n" in done.stdout
    assert b"You are" not in done.stdout
    assert b"\x1b" not in done.stdout


def test_no_end_of_line_and_no_line_at_all(pipe: Pipe, other: Other) -> None:
    omar = other()
    assert pipe(b"no newline").returncode == 0
    assert omar.texts("no newline") == ["no newline"]
    assert pipe(b"").returncode == 0


def test_bytes_that_are_no_text(pipe: Pipe, other: Other) -> None:
    """They are said as what can be shown of them; the lines after them are not lost."""
    omar = other()
    done = pipe(b"caf\xe9 \xff\xfe\r\nafter\n")
    assert done.returncode == 0
    assert done.stdout.count("! the next line has bytes that are no text in UTF-8 (e9 ff fe): \ufffd".encode()) == 1
    assert omar.texts("after") == ["caf\ufffd \ufffd\ufffd", "after"]


def test_many_lines(pipe: Pipe, other: Other) -> None:
    """More than the outbox holds: they are read as fast as the server takes them."""
    omar = other()
    done = pipe(b"".join(b"line %d\n" % number for number in range(3000)), "--history", "0")
    assert done.returncode == 0, done.stderr
    assert omar.texts("line 2999") == [f"line {number}" for number in range(3000)]


def test_a_slow_server_is_waited_for(serve: Callable[..., Server], pipe: Pipe, room: str) -> None:
    """Over the rate the server reads no further: that is no failure, however long it takes in all."""
    server = serve("--rate", "50:5")
    done = pipe(b"".join(b"line %d\n" % number for number in range(60)), port=server.port)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("line", "why"), [(b"/hlep", b"no command /hlep"), (b"x" * 5000, b"at most 4096"), (b"/msg ghost hi", b"ghost")]
)
def test_a_refused_line_is_no_success(pipe: Pipe, other: Other, line: bytes, why: bytes) -> None:
    """The rest is said; the exit code tells."""
    omar = other()
    done = pipe(line + b"\nafter\n")
    assert done.returncode == 6
    assert omar.texts("after") == ["after"]
    assert why in done.stdout
    assert done.stderr == b"chatctl: 1 of the lines was refused\n"


def test_the_reader_of_the_pipe_goes_away(house: Server, room: str, state: Path) -> None:
    """``join | head``: quiet."""
    where = f"--port {house.port} --room {room} --nick nadia"
    script = f"(echo one; echo two; sleep 1) | {' '.join(CHATCTL)} join {where} | head -n 1"
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, timeout=DEADLINE * 2, env=clean_env(state), check=False
    )
    assert done.stderr == b""


def test_closed_ends(house: Server, room: str, state: Path) -> None:
    """Without a stdin there is nothing to say."""
    script = f"{' '.join(CHATCTL)} join --port {house.port} --room {room} --nick nadia <&-"
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, timeout=DEADLINE, env=clean_env(state), check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


# --- the first version


@pytest.fixture
def first_version() -> Iterator[FirstVersionServer]:
    server = FirstVersionServer()
    yield server
    server.close()


def test_classic_on_a_terminal(start: Start, first_version: FirstVersionServer) -> None:
    """What comes is shown, what is typed is said; what can't be said is told and stays."""
    term = start(*CHATCTL, "join", "--classic", "--port", str(first_version.port), "--nick", "nadia")
    term.wait_for("Connected to server!", "classic>")
    term.keys("hello\r")
    assert first_version.heard.get(timeout=DEADLINE) == b"nadia: hello"
    term.wait_for("nadia: hello")
    term.keys("caf\u00e9\r")
    term.wait_for("carries ASCII only")
    term.keys("\x15/who\r")
    term.wait_for("this server knows no commands but /quit")
    term.keys("\x15/quit\r")
    assert term.wait_end() == 0
    term.assert_restored()


def test_classic_through_a_pipe(first_version: FirstVersionServer, state: Path) -> None:
    argv = [*CHATCTL, "join", "--classic", "--port", str(first_version.port), "--nick", "nadia"]
    done = subprocess.run(
        argv, input=b"one\ntwo\n", capture_output=True, timeout=DEADLINE, env=clean_env(state), check=False
    )
    assert done.returncode == 0, done.stderr
    assert [first_version.heard.get(timeout=DEADLINE) for _ in range(2)] == [b"nadia: one", b"nadia: two"]


def test_without_classic_it_says_so(join: Start, first_version: FirstVersionServer) -> None:
    term = join(port=first_version.port, ready=False)
    assert term.wait_end() == 7
    assert "use --classic" in term.text()
