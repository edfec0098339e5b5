"""``chatctl run``: nobody can tell from outside that it stands between, except the room."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from tests.support.environment import CHATCTL, DEADLINE
from tests.support.fixture_types import PutStub, Run, Start
from tests.support.processes import err_line, told
from tests.support.scripted_peer import Peer
from tests.support.server_process import Server
from tests.support.stub import closed_port
from tests.support.wire import log_of


def where(server: Server, room: str, *more: str) -> list[str]:
    return ["run", "--port", str(server.port), "--room", room, "--nick", "ci", *more, "--"]


def said(server: Server, room: str) -> list[str]:
    return log_of(server.member("", room, mode="watch"))


# --- what the room hears


def test_the_room_hears_how_it_began_and_ended(house: Server, run: Run, room: str) -> None:
    done = run(*where(house, room), "sh", "-c", "echo one; echo two >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"one\n", b"two\n")
    began, ended = said(house, room)
    assert began == "started: sh -c 'echo one; echo two >&2'"
    head, *lines = ended.split("\n")
    assert head.startswith("done in 0.")
    assert head.endswith(" s: sh -c 'echo one; echo two >&2'")
    assert sorted(lines) == ["one", "two"]


def test_a_failure_with_its_last_lines(house: Server, run: Run, room: str) -> None:
    done = run(*where(house, room, "--tail", "2", "--title", "the job"), "sh", "-c", "seq 5; exit 7")
    assert (done.returncode, done.stdout) == (7, b"1\n2\n3\n4\n5\n")
    began, ended = said(house, room)
    assert began == "started: the job"
    assert ended.startswith("failed with 7 after 0.")
    assert ended.endswith(" s: the job\n4\n5")


def test_no_lines(house: Server, run: Run, room: str) -> None:
    run(*where(house, room, "--tail", "0"), "echo", "secret")
    assert "\n" not in said(house, room)[1]


def test_very_long_output_is_cut_to_what_the_server_takes(house: Server, run: Run, room: str) -> None:
    code = "print('\\x1b[31m' + '\"✓' * 5000); print('the end')"
    done = run(*where(house, room, "--title", "long"), sys.executable, "-c", code)
    assert (done.returncode, done.stderr) == (0, b"")
    ended = said(house, room)[1]
    assert ended.endswith("\nthe end")
    assert len(ended.encode()) <= 4096


def test_quiet_success_says_something_only_of_a_failure(house: Server, run: Run, room: str) -> None:
    assert run(*where(house, room, "--quiet-success"), "true").returncode == 0
    assert said(house, room) == []
    assert run(*where(house, room, "--quiet-success"), "false").returncode == 1
    (ended,) = said(house, room)
    assert ended.startswith("failed with 1 after")


def test_its_first_word_is_said_while_it_runs(house: Server, start: Start, room: str) -> None:
    nadia = house.member("nadia", room)
    process = start(*where(house, room), "cat")
    assert nadia.frame("msg")["text"] == "started: cat"
    assert process.communicate(b"through", DEADLINE)[0] == b"through"
    assert nadia.frame("msg")["text"].endswith(": cat\nthrough")


# --- the status


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 1", 1), ("exit 200", 200), ("kill -KILL $$", 137), ("kill -HUP $$", 129)],
)
def test_the_status_is_its_own(house: Server, run: Run, room: str, script: str, status: int) -> None:
    assert run(*where(house, room), "sh", "-c", script).returncode == status


def test_an_empty_command_is_wrong_usage(run: Run) -> None:
    done = run("run", "--", "")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"CMD is empty" in done.stderr


def test_what_cannot_be_started(house: Server, run: Run, room: str, tmp_path: Path) -> None:
    done = run(*where(house, room), "no-such-program")
    assert (done.returncode, err_line(done)) == (127, "chatctl: cannot run no-such-program: not found")
    (tmp_path / "file").write_text("no program")
    done = run(*where(house, room), "./file")
    assert (done.returncode, err_line(done)) == (126, "chatctl: cannot run ./file: permission denied")
    assert said(house, room) == [
        "could not be started (not found): no-such-program",
        "could not be started (permission denied): ./file",
    ]


def test_options_behind_the_command_are_the_command_s(house: Server, run: Run, room: str) -> None:
    arguments = where(house, room)[:-1]
    assert run(*arguments, "echo", "--nick", "-n", "--help").stdout == b"--nick -n --help\n"


def test_no_command_is_a_usage_error(run: Run) -> None:
    assert run("run").returncode == 2
    assert run("run", "--").returncode == 2


# --- streams


def test_every_byte_goes_through(house: Server, run: Run, room: str) -> None:
    """Not a text, and more of it than any pipe holds, on both streams at once."""
    code = (
        "import os, threading\n"
        "data = bytes(range(256)) * 8192\n"
        "both = [threading.Thread(target=lambda fd=fd: os.fdopen(fd, 'wb').write(data)) for fd in (1, 2)]\n"
        "[t.start() for t in both]; [t.join() for t in both]\n"
    )
    done = run(*where(house, room, "--title", "bytes"), sys.executable, "-c", code)
    data = bytes(range(256)) * 8192
    assert done.returncode == 0
    assert done.stdout == data
    assert done.stderr == data


def test_nothing_is_held_back(house: Server, start: Start, room: str) -> None:
    """Half a line is there while the program waits for an answer to it."""
    process = start(*where(house, room), "sh", "-c", "printf 'name? '; read name; echo hello $name")
    assert process.stdout is not None
    assert os.read(process.stdout.fileno(), 100) == b"name? "
    assert process.communicate(b"nadia\n", DEADLINE)[0] == b"hello nadia\n"


def test_a_program_that_it_leaves_running_is_not_waited_for(house: Server, run: Run, room: str) -> None:
    """It holds the pipe open; a shell would not wait either. 60 s would fail this test."""
    done = run(*where(house, room), "sh", "-c", "sleep 60 >&2 & echo $!")
    os.kill(int(done.stdout), signal.SIGKILL)
    assert done.returncode == 0


def test_nobody_reads_any_more(house: Server, start: Start, room: str) -> None:
    """The program gets its SIGPIPE, as without us."""
    process = start(*where(house, room), "yes")
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(DEADLINE) == 128 + signal.SIGPIPE


def test_closed_streams(house: Server, env: dict[str, str], room: str) -> None:
    """A pipe of ours must not become the program's stdout."""
    code = "import sys; sys.stdout.write('x\\n' * 300_000 + 'the end'); sys.exit(4)"
    command = [*CHATCTL, *where(house, room), sys.executable, "-c", code]
    closing = ["sh", "-c", '"$@" >&- 2>&- <&-', "sh", *command]
    done = subprocess.run(closing, capture_output=True, timeout=16, check=False, env=env)
    assert (done.returncode, done.stdout, done.stderr) == (4, b"", b"")
    assert said(house, room)[-1].endswith("\nx\nthe end")


def test_files_that_are_handed_down_stay_open(house: Server, env: dict[str, str], room: str, tmp_path: Path) -> None:
    command = [*CHATCTL, *where(house, room), "sh", "-c", "echo down >&7"]
    subprocess.run(["sh", "-c", '"$@" 7>seven', "sh", *command], cwd=tmp_path, timeout=16, check=True, env=env)
    assert (tmp_path / "seven").read_text() == "down\n"


# --- signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_go_to_the_program(house: Server, start: Start, room: str, number: signal.Signals) -> None:
    script = f"trap 'echo got it; exit 9' {number.name.removeprefix('SIG')}; echo ready; while :; do sleep 0.05; done"
    process = start(*where(house, room), "sh", "-c", script, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    assert process.stdout.readline() == b"got it\n"
    assert process.wait(DEADLINE) == 9


def test_one_that_dies_of_it(house: Server, start: Start, room: str) -> None:
    process = start(*where(house, room), "sh", "-c", "echo ready; exec sleep 60", start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.wait(DEADLINE) == 143
    assert said(house, room)[1].startswith("ended by SIGTERM after")


def test_ctrl_c_at_a_terminal_reaches_the_program_once(house: Server, env: dict[str, str], room: str) -> None:
    """The terminal gives it to both of us: handed on, it would be the second one, which means 'at once' to many."""
    count = "import signal,time\nn=0\ndef on(*_):\n global n\n n+=1\nsignal.signal(2,on)\nprint('ready',flush=True)\n"
    wait = "while not n: time.sleep(0.01)\nsignal.pthread_sigmask(signal.SIG_BLOCK, [2])\ntime.sleep(0.3)\n"
    code = count + wait + "print('got', n + (2 in signal.sigpending()))"
    arguments = [*CHATCTL, *where(house, room, "--title", "ctrl-c"), sys.executable, "-c", code]
    child = pexpect.spawn(arguments[0], arguments[1:], env=env, timeout=DEADLINE)
    child.expect_exact("ready")
    child.sendintr()
    child.expect_exact("got 1")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


# --- without a room


def test_a_room_that_cannot_be_reached_changes_nothing_else(run: Run) -> None:
    done = run("run", "--port", str(closed_port()), "--", "sh", "-c", "echo out; exit 5")
    assert (done.returncode, done.stdout) == (5, b"out\n")
    assert err_line(done).startswith("chatctl: the room does not hear of this: cannot reach")


@pytest.mark.parametrize("more", [["--room", "No"], ["--nick", "no name"]])
def test_nor_does_a_room_or_a_name_that_cannot_be(house: Server, run: Run, more: list[str]) -> None:
    done = run("run", "--port", str(house.port), *more, "--", "echo", "out")
    assert (done.returncode, done.stdout) == (0, b"out\n")
    assert err_line(done).startswith("chatctl: the room does not hear of this: ")


def test_a_server_that_is_silent_holds_nothing_up(start: Start, stub: PutStub) -> None:
    """The program runs at once; at its end there is no second wait, and a signal ends the first one."""
    port = stub(lambda _: None).port
    process = start("run", "--timeout", "1h", "--port", str(port), "--", "sh", "-c", "echo $$; exit 6")
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)
    until = time.monotonic() + DEADLINE
    while process.poll() is None and time.monotonic() < until:
        process.terminate()
    assert process.returncode == 6
    assert told(process) == ""


def test_a_silent_server_costs_one_deadline(run: Run, stub: PutStub) -> None:
    calls: list[object] = []
    port = stub(calls.append).port
    done = run("run", "--timeout", "400ms", "--port", str(port), "--", "sh", "-c", "exit 6")
    assert (done.returncode, len(calls)) == (6, 1)
    assert "says nothing" in err_line(done)


def test_require_room(house: Server, run: Run, room: str, tmp_path: Path) -> None:
    for more, code in ((["--port", str(closed_port())], 3), (["--port", str(house.port), "--room", "No"], 6)):
        for quiet in ([], ["--quiet-success"]):
            done = run("run", "--require-room", *quiet, *more, "--", "touch", "started")
            assert done.returncode == code
            assert err_line(done).startswith("chatctl: ")
    assert not (tmp_path / "started").exists()
    assert run(*where(house, room, "--require-room"), "touch", "started").returncode == 0
    assert (tmp_path / "started").exists()
    assert len(said(house, room)) == 2


def test_a_room_that_goes_away_meanwhile(start: Start, stub: PutStub) -> None:
    """One warning, at the end."""

    def once(sock: object) -> None:
        peer = Peer(sock)  # type: ignore[arg-type]
        peer.let_in()
        say = peer.frame("say")
        peer.send(type="ack", id=say["id"], time=1.0, duplicate=False, seq=1)

    server = stub(once)
    process = start("run", "--port", str(server.port), "--", "sh", "-c", "echo ready; read line; exit 2")
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    server.close()
    _, warning = process.communicate(b"\n", DEADLINE)
    assert process.returncode == 2
    assert warning.count(b"does not hear of this") == 1


def test_help_tells_all(run: Run) -> None:
    shown_help = run("run", "--help").stdout.decode()
    for part in ("Examples:", "Exit codes:", "Environment:", "--require-room", "--quiet-success"):
        assert part in shown_help
