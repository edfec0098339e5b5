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

from chatctl.commands.run.child import Child
from chatctl.commands.run.output import PassedOn
from chatctl.commands.run.signal_relay import FORWARDED
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


def test_a_process_in_the_background_is_not_waited_for_and_lives_on(
    house: Server, start: Start, room: str, tmp_path: Path
) -> None:
    """A shell would not wait either. When nobody reads its pipe any more, its next line ends it."""
    os.mkfifo(tmp_path / "go")
    process = start(*where(house, room), "sh", "-c", "(read go <go; echo late; echo later >&2; echo end) & exit 4")
    assert process.wait(DEADLINE) == 4
    (tmp_path / "go").write_text("go\n")
    out, err = process.communicate(timeout=DEADLINE)
    assert (out, err) == (b"late\nend\n", b"later\n")


def test_one_file_for_both_streams_keeps_their_order(house: Server, env: dict[str, str], room: str) -> None:
    """Through two pipes, what came first is not known."""
    script = "for n in 1 2 3 4 5; do echo o$n; echo e$n >&2; done"
    done = subprocess.run(
        [*CHATCTL, *where(house, room), "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=env,
        timeout=DEADLINE,
        check=True,
    )
    assert done.stdout.decode().split() == [f"{kind}{n}" for n in range(1, 6) for kind in "oe"]
    assert said(house, room)[1].split("\n")[1:] == done.stdout.decode().split()


@pytest.mark.parametrize(("script", "status"), [("seq 20000", 1), ("seq 20000; exit 7", 7)])
def test_a_full_disk_is_no_success(house: Server, run: Run, room: str, script: str, status: int) -> None:
    """It goes on, so that a deployment is not left half done, and the room sees its last lines all the same."""
    with Path("/dev/full").open("wb") as full:
        done = run(*where(house, room), "sh", "-c", script, stdout=full)
    lost = "stdout could not be written: no space left on device"
    assert (done.returncode, err_line(done)) == (status, f"chatctl: the output of sh is not whole: {lost}")
    head, *lines = said(house, room)[1].split("\n")
    assert f" ({lost}): sh -c" in head
    assert lines[-1] == "20000"


def test_with_cron_only_a_failure_prints(house: Server, run: Run, room: str) -> None:
    """Also more than is kept in memory, and byte for byte."""
    write = "head -c 3000000 /dev/zero; echo out; echo err >&2"
    done = run(*where(house, room, "--cron"), "sh", "-c", write)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    done = run(*where(house, room, "--cron"), "sh", "-c", f"{write}; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, bytes(3_000_000) + b"out\n", b"err\n")


def test_with_cron_a_full_disk_is_told_of(house: Server, run: Run, room: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run(*where(house, room, "--cron"), "sh", "-c", "echo out; exit 3", stdout=full)
    assert (done.returncode, b"no space left on device" in done.stderr) == (3, True)


def test_what_runs_too_long_is_ended_with_all_that_it_started(house: Server, start: Start, room: str) -> None:
    process = start(*where(house, room, "--max-time", "300ms"), "sh", "-c", "sleep 60; echo over")
    out, err = process.communicate(timeout=DEADLINE)  # the end of the pipe: sleep has ended, too
    told = b"chatctl: sh was stopped: it ran longer than --max-time\n"
    assert (process.returncode, out, err) == (124, b"", told)
    assert said(house, room)[1].startswith("ended by --max-time after 0.")


def test_what_ignores_sigterm_is_killed(
    house: Server, start: Start, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatctl.commands.run.child.KILL_AFTER", 0.1)
    child = Child(["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"], max_time=0.2)
    assert child.pass_on(lambda *_: None, PassedOn()) == 124


def test_in_time_its_status_is_its_own(house: Server, run: Run, room: str) -> None:
    assert run(*where(house, room, "--max-time", "10m"), "sh", "-c", "exit 5").returncode == 5


def test_a_script_without_a_first_line_for_its_interpreter(house: Server, run: Run, room: str, tmp_path: Path) -> None:
    """As a shell and execvp run it; but no program for another machine."""
    (tmp_path / "-script").write_text('echo "$0 $1 in a shell"\n')
    (tmp_path / "program").write_bytes(b"\x7fELF\0\0")
    for name in ("-script", "program"):
        (tmp_path / name).chmod(0o755)
    done = run(*where(house, room), "./-script", "one")
    assert (done.returncode, done.stdout.decode()) == (0, f"{tmp_path}/-script one in a shell\n")
    done = run(*where(house, room), "./program")
    assert (done.returncode, err_line(done)) == (126, "chatctl: cannot run ./program: exec format error")


def test_metrics_of_a_run(house: Server, run: Run, room: str, tmp_path: Path) -> None:
    assert run(*where(house, room, "--title", "job", "--metrics", "job.prom"), "sh", "-c", "exit 5").returncode == 5
    assert 'chatctl_run_exit_status{title="job"} 5\n' in (tmp_path / "job.prom").read_text()
    done = run(*where(house, room, "--metrics", "/nonexistent/job.prom"), "true")
    assert (done.returncode, err_line(done)) == (
        0,
        "chatctl: cannot write /nonexistent/job.prom: no such file or directory",
    )


# --- signals


@pytest.mark.parametrize("number", FORWARDED)
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


def test_a_signal_that_was_sent_reaches_the_program_at_a_terminal(
    house: Server, env: dict[str, str], room: str
) -> None:
    """As ``timeout --foreground -s INT`` sends it, to us alone. It is not one of a key."""
    script = "trap 'echo got it; exit 9' INT; echo ready; while :; do sleep 0.05; done"
    arguments = [*CHATCTL, *where(house, room), "sh", "-c", script]
    child = pexpect.spawn(arguments[0], arguments[1:], env=env, timeout=DEADLINE)
    child.expect_exact("ready")
    os.kill(child.pid, signal.SIGINT)
    child.expect_exact("got it")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 9


def test_ctrl_c_ends_what_has_a_group_of_its_own(house: Server, env: dict[str, str], room: str) -> None:
    arguments = [*CHATCTL, *where(house, room, "--max-time", "1h"), "sh", "-c", "echo ready; sleep 60"]
    child = pexpect.spawn(arguments[0], arguments[1:], env=env, timeout=DEADLINE)
    child.expect_exact("ready")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_a_caller_that_ignores_the_end_of_its_children(house: Server, env: dict[str, str], room: str) -> None:
    """The kernel then forgets the status, and a failure would look like a success."""
    code = "import os,signal,sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execvp(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", code, *CHATCTL, *where(house, room), "sh", "-c", "exit 3"]
    assert subprocess.run(command, env=env, timeout=DEADLINE, check=False).returncode == 3


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
    assert err_line(done).startswith("chatctl: can't post to the room: cannot reach")


@pytest.mark.parametrize("more", [["--room", "No"], ["--nick", "no name"]])
def test_nor_does_a_room_or_a_name_that_cannot_be(house: Server, run: Run, more: list[str]) -> None:
    done = run("run", "--port", str(house.port), *more, "--", "echo", "out")
    assert (done.returncode, done.stdout) == (0, b"out\n")
    assert err_line(done).startswith("chatctl: can't post to the room: ")


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
    assert told(process) == "chatctl: can't post to the room: interrupted\n"


def test_a_silent_server_costs_one_deadline(run: Run, stub: PutStub) -> None:
    calls: list[object] = []
    port = stub(calls.append).port
    done = run("run", "--timeout", "400ms", "--port", str(port), "--", "sh", "-c", "exit 6")
    assert (done.returncode, len(calls)) == (6, 1)
    assert "does not answer" in err_line(done)


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
    process = start(
        "run", "--timeout", "1s", "--port", str(server.port), "--", "sh", "-c", "echo ready; read line; exit 2"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    server.close()
    _, warning = process.communicate(b"\n", DEADLINE)
    assert process.returncode == 2
    assert warning.count(b"can't post to the room") == 1


def test_help_tells_all(run: Run) -> None:
    shown_help = run("run", "--help").stdout.decode()
    for part in ("Examples:", "Exit codes:", "Environment:", "--require-room", "--quiet-success"):
        assert part in shown_help
