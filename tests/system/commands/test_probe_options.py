"""``chatctl probe``: every threshold, every form, and that nothing is OK that was not checked."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from chatctl.client import health
from tests.support.environment import CHATCTL, DEADLINE
from tests.support.fixture_types import PutStub, Start
from tests.support.in_process import InProcess
from tests.support.processes import err_line, told
from tests.support.scripted_peer import Peer
from tests.support.server_process import Server
from tests.support.stub import closed_port
from tests.support.wire import log_of, say_all

NEVER, ALWAYS = "1h", "0s"


@pytest.fixture
def run(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> InProcess:
    """Run commands in this process: there are many of them here."""
    return InProcess(env, tmp_path, monkeypatch, capfd)


def silent(_: socket.socket) -> None:
    """Accept, and say nothing."""


# --- thresholds, against a server


@pytest.mark.parametrize("name", ["connect", "rtt", "echo"])
def test_times(house: Server, run: InProcess, room: str, name: str) -> None:
    def state(*options: str) -> int:
        return run("probe", "--room", room, *options, port=house.port).returncode

    assert state(f"--{name}-warn", NEVER, f"--{name}-critical", NEVER) == 0
    assert state(f"--{name}-warn", ALWAYS, f"--{name}-critical", NEVER) == 1
    assert state(f"--{name}-warn", ALWAYS, f"--{name}-critical", ALWAYS) == 2


def test_users(house: Server, run: InProcess, room: str) -> None:
    with house.member("nadia", room):
        for limit, code in (("1", 0), ("2:", 1), ("@1:5", 1), ("~:0", 1)):
            assert run("probe", "--room", room, "--users-warn", limit, port=house.port).returncode == code
        done = run("probe", "--room", room, "--users-warn", "2:", "--users-critical", "0", port=house.port)
    assert done.returncode == 2
    assert done.stdout.startswith(b"CRITICAL chatctl: users 1 (limit 0), echo ")
    assert b" users=1;2:;0;0 " in done.stdout


def test_silence(house: Server, run: InProcess, room: str) -> None:
    """The age of the newest message, by the server's own clock."""
    house.member("nadia", room).say("hello").frame("msg")
    fine = run("probe", "--room", room, "--silence-critical", NEVER, port=house.port)
    assert fine.returncode == 0
    assert re.search(rb" silence=\d\.\d{6}s;;3600;0$", fine.stdout.rstrip())
    assert run("probe", "--room", room, "--silence-warn", ALWAYS, port=house.port).returncode == 1


def test_the_silence_of_one_name(house: Server, run: InProcess, room: str) -> None:
    """A job that stopped is not heard of; the others, who go on talking, must not hide that."""
    house.member("Backup", room).say("done").frame("msg")
    say_all(house.member("nadia", room), [str(number) for number in range(1, 1201)])  # more than one page
    arguments = ("probe", "--room", room, "--silence-nick", "backup")
    fine = run(*arguments, "--silence-critical", NEVER, port=house.port)
    assert fine.returncode == 0
    assert re.search(rb" silence=\d+\.\d{6}s;;3600;0$", fine.stdout.rstrip())
    late = run(*arguments, "--silence-warn", ALWAYS, "--silence-critical", NEVER, port=house.port)
    assert late.returncode == 1
    assert re.match(rb"WARNING chatctl: silence of backup [\d.]+s \(limit 0s\), echo ", late.stdout)
    gone = run("probe", "--room", room, "--silence-nick", "cleanup", "--silence-critical", NEVER, port=house.port)
    assert gone.returncode == 2
    assert gone.stdout.startswith(b"CRITICAL chatctl: no message of cleanup among the last 1201, echo ")
    assert b" silence=U;;3600;0" in gone.stdout
    metrics = run(*arguments, "--format", "prometheus", port=house.port).stdout.decode()
    assert re.search(
        rf'^chatctl_nick_silence_seconds{{server=".*",room="{room}",nick="backup"}} \d', metrics, re.MULTILINE
    )
    assert "chatctl_room_silence_seconds" not in metrics


def test_a_name_is_looked_for_within_bounds(house: Server, run: InProcess, room: str, monkeypatch: Any) -> None:
    """A check every minute must not read a log of years; it says how far it has looked, and that is no OK."""
    monkeypatch.setattr(health, "MOST_PAGES", 1)
    house.member("Backup", room).say("done").frame("msg")
    say_all(house.member("nadia", room), [str(number) for number in range(1, 1201)])
    arguments = ("probe", "--room", room, "--silence-nick", "Backup", "--silence-warn", NEVER)
    done = run(*arguments, port=house.port)
    assert done.returncode == 1
    assert done.stdout.startswith(b"WARNING chatctl: no message of backup among the last 1000, echo ")
    assert run(*arguments[:5], port=house.port).returncode == 0, "without a limit, nothing is wrong"


def test_a_room_where_nobody_ever_spoke_is_silent_for_ever(house: Server, run: InProcess, room: str) -> None:
    assert run("probe", "--room", room, port=house.port).returncode == 0
    done = run("probe", "--room", room, "--silence-warn", NEVER, port=house.port)
    assert done.returncode == 1
    assert b"there is no message at all" in done.stdout
    assert b" silence=U;3600;;0" in done.stdout
    as_json = json.loads(run("probe", "--room", room, "--json", port=house.port).stdout)
    assert as_json["silence"] is None


def test_expect_version(house: Server, run: InProcess, room: str) -> None:
    """A server tells the protocol's version and what it calls itself."""
    for wanted in ("1", "chatctl"):
        assert run("probe", "--room", room, "--expect-version", wanted, port=house.port).returncode == 0
    done = run("probe", "--room", room, "--expect-version", "2", port=house.port)
    assert done.returncode == 2
    assert b"version is 1 (chatctl), not 2" in done.stdout


# --- unreachable


@pytest.mark.parametrize(("state", "code"), [("ok", 0), ("warning", 1), ("critical", 2), ("unknown", 3)])
def test_nobody_there(run: InProcess, state: str, code: int) -> None:
    assert run("probe", "--on-unreachable", state, port=closed_port()).returncode == code


def test_refused_and_timed_out_are_critical(run: InProcess, stub: PutStub) -> None:
    """As UNKNOWN they would wake nobody."""
    assert run("probe", port=closed_port()).returncode == 2
    done = run("probe", "--timeout", "300ms", port=stub(silent).port)
    assert (done.returncode, done.stderr) == (2, b"")
    assert done.stdout.startswith(b"CRITICAL chatctl: cannot reach")


def test_a_deadline_in_the_middle_is_unreachable_too(run: InProcess, stub: PutStub) -> None:
    port = stub(lambda sock: Peer(sock).let_in()).port
    assert run("probe", "--timeout", "400ms", port=port).returncode == 2
    assert run("probe", "--timeout", "400ms", "--on-unreachable", "unknown", port=port).returncode == 3


def test_something_else_there_is_critical_whatever_unreachable_is(run: InProcess, stub: PutStub) -> None:
    """And its bytes can't end the text and begin performance data of their own."""
    port = stub(lambda sock: sock.sendall(b"SSH-2.0-x | users=5\r\n")).port
    done = run("probe", "--on-unreachable", "ok", port=port)
    assert done.returncode == 2
    assert b"an SSH server answered" in done.stdout
    assert b"|" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--users-warn", "lots"],
        ["--users-warn", "20:10"],
        ["--users-warn", ":"],
        ["--echo-warn", "soon"],
        ["--format", "xml"],
        ["--count", "0"],
        ["--on-unreachable", "perhaps"],
        ["--config", "x"],
        ["surplus"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_unknown(run: InProcess, arguments: list[str]) -> None:
    assert run("probe", *arguments).returncode == 3


def test_a_broken_configuration_is_unknown(run: InProcess, tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "config.toml").write_text("[probe]\necho-wran = '1s'\n")
    done = run("probe", env=env | {"CHATCTL_CONFIG": "config.toml"})
    assert done.returncode == 3
    assert "did you mean 'echo-warn'?" in err_line(done)


# --- forms


def test_nagios(house: Server, run: InProcess, room: str) -> None:
    """``'label'=value[UOM];[warn];[crit];[min];[max]``, in one line."""
    house.member("nadia", room).say("hello").frame("msg")
    options = ("--echo-warn", "2s", "--echo-critical", "2.5s", "--users-warn", "0:5")
    done = run("probe", "--room", room, *options, port=house.port)
    assert done.returncode == 0
    time = r"\d+\.\d{6}s"
    assert re.fullmatch(
        rf"OK chatctl: echo \d+\.\d ms, \d members? in {room} \| "
        rf"connect={time};;;0 rtt={time};;;0 echo={time};2;2\.5;0 users=\d;0:5;;0 silence={time};;;0\n",
        done.stdout.decode(),
    )


def test_the_locale_changes_nothing(house: Server, run: InProcess, room: str, env: dict[str, str]) -> None:
    done = run("probe", "--room", room, port=house.port, env=env | {"LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"})
    assert re.search(rb"rtt=\d+\.\d{6}s", done.stdout)


def test_json_is_one_object_without_exponents(house: Server, run: InProcess, room: str) -> None:
    for form in (["--json"], ["--format", "json"]):
        done = run("probe", *form, "--room", room, port=house.port)
        found = json.loads(done.stdout, parse_float=str)
        assert (found["state"], found["up"], found["users"], found["silence"]) == ("OK", True, 0, None)
        assert re.fullmatch(r"0\.\d+", found["rtt"])
        assert done.stdout.count(b"\n") == 1


def test_json_of_a_failure(run: InProcess) -> None:
    found = json.loads(run("probe", "--json", port=closed_port()).stdout)
    assert (found["state"], found["up"]) == ("CRITICAL", False)
    assert "rtt" not in found


def test_prometheus(house: Server, run: InProcess, room: str) -> None:
    """Each metric with its HELP and TYPE; what is not known has no sample."""
    done = run("probe", "--format", "prometheus", "--room", room, port=house.port)
    lines = done.stdout.decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) % 3 == 0
    values = {}
    for about, kind, sample in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        match = re.fullmatch(r'(\w+)\{server="127\.0\.0\.1:\d+",room="' + room + r'"\} (\d+(?:\.\d+)?)', sample)
        assert match is not None, sample
        assert about.startswith(f"# HELP {match[1]} ")
        assert kind == f"# TYPE {match[1]} gauge"
        values[match[1]] = float(match[2])
    assert (values["chatctl_probe_up"], values["chatctl_probe_state"], values["chatctl_room_members"]) == (1, 0, 0)
    assert 0 < values["chatctl_probe_echo_seconds"] < 5
    assert "chatctl_room_silence_seconds" not in values


def test_prometheus_of_a_failure(run: InProcess) -> None:
    done = run("probe", "--format", "prometheus", port=closed_port())
    assert done.returncode == 2
    assert b"} 0\n" in done.stdout
    assert b"_seconds{" not in done.stdout


def test_text(house: Server, run: InProcess, room: str) -> None:
    done = run("probe", "--format", "text", "--room", room, port=house.port)
    assert re.fullmatch(
        rf"OK: echo .* ms, 0 members in {room} \(connect \d+\.\d+ ms, rtt .* ms, echo .* ms\)\n", done.stdout.decode()
    )


# --- --outfile


def test_outfile(house: Server, run: InProcess, room: str, tmp_path: Path) -> None:
    """Whoever collects reads a whole file, may read it, and finds nothing beside it."""
    path = tmp_path / "chatctl.prom"
    path.write_text("old")
    path.chmod(0o600)
    before = path.stat().st_ino
    done = run("probe", "--format", "prometheus", "--outfile", str(path), "--room", room, port=house.port)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert path.read_text().startswith("# HELP chatctl_probe_up")
    assert path.stat().st_ino != before
    assert path.stat().st_mode & 0o777 == 0o666 & ~os_umask()
    assert [one.name for one in tmp_path.iterdir()] == ["chatctl.prom"]


def os_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_an_outfile_tells_of_a_failure(run: InProcess, tmp_path: Path) -> None:
    done = run("probe", "--format", "prometheus", "--outfile", "out.prom", port=closed_port())
    assert done.returncode == 2
    assert "chatctl_probe_state{" in (tmp_path / "out.prom").read_text()


@pytest.mark.parametrize("path", ["no/such/folder/x.prom", "/dev/null"])
def test_an_outfile_that_cannot_be_written_is_unknown(house: Server, run: InProcess, room: str, path: str) -> None:
    """And a device is not replaced by a file."""
    done = run("probe", "--outfile", path, "--room", room, port=house.port)
    assert (done.returncode, done.stdout) == (3, b"")
    assert "cannot write" in err_line(done)
    assert not Path("/dev/null").is_file()


def test_a_full_disk_is_unknown(house: Server, start: Start, room: str) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start("probe", "--room", room, port=house.port, stdout=full)
        assert process.wait(DEADLINE) == 3
    assert "no space left" in told(process)


def test_nobody_reads_it(house: Server, start: Start, room: str) -> None:
    """The exit code still is the state: 0 would be a lie."""
    process = start("probe", "--echo-critical", ALWAYS, "--room", room, port=house.port)
    process.stdout.close()  # type: ignore[union-attr]
    assert process.wait(DEADLINE) == 2
    assert told(process) == ""


# --- --count, --wait


def test_count_gives_a_summary_as_ping_does(house: Server, run: InProcess, room: str) -> None:
    done = run("probe", "--format", "text", "--count", "3", "--interval", "1ms", "--room", room, port=house.port)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert [line.split(":")[0] for line in lines[:3]] == ["1", "2", "3"]
    assert lines[3] == "3 checks, 3 passed, 0% loss: OK"
    assert re.fullmatch(r"echo min/avg/max/mdev = (\d+\.\d{3}/){3}\d+\.\d{3} ms", lines[-1])


def test_count_for_machines_is_one_result(house: Server, run: InProcess, room: str) -> None:
    options = ("--count", "2", "--interval", "1ms", "--room", room)
    done = run("probe", *options, port=house.port)
    assert done.stdout.count(b"\n") == 1
    assert b"2 of 2 checks passed" in done.stdout
    assert done.stdout.rstrip().endswith(b" loss=0%;;;0;100")
    as_json = [json.loads(line) for line in run("probe", "--json", *options, port=house.port).stdout.splitlines()]
    assert [one.get("loss") for one in as_json] == [None, None, 0]


def test_one_that_fails_of_several_stays_a_failure(house: Server, run: InProcess, stub: PutStub, room: str) -> None:
    """Half of them lost is not well on average."""
    calls = []

    def every_other(sock: socket.socket) -> None:
        calls.append(sock)
        if len(calls) % 2:
            return sock.close()
        threading.Thread(target=relay, args=(sock, house.port), daemon=True).start()
        return None

    done = run("probe", "--count", "2", "--interval", "1ms", "--room", room, port=stub(every_other).port)
    assert done.returncode == 2
    assert b"1 of 2 checks passed" in done.stdout
    assert b"loss=50%;;;0;100" in done.stdout


def relay(client: socket.socket, port: int) -> None:
    with socket.create_connection(("127.0.0.1", int(port))) as server:
        back = threading.Thread(target=copy, args=(server, client), daemon=True)
        back.start()
        copy(client, server)
        back.join(DEADLINE)


def copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_wait_until_the_server_is_ready(start: Start, stub: PutStub, run: InProcess, env: dict[str, str]) -> None:
    """For scripts that start one: whoever is first. The probe has been refused once before the server starts."""
    port = closed_port()
    probe = start("probe", "--wait", "8s", "--host", "localhost", port=port)
    server = Server(port=port, env=env)
    try:
        assert probe.wait(DEADLINE) == 0
    finally:
        server.stop()


def test_wait_tries_again(run: InProcess, stub: PutStub, house: Server) -> None:
    """Refused, hung up on, and then there: one result, and it is OK."""
    calls: list[socket.socket] = []

    def late(sock: socket.socket) -> None:
        calls.append(sock)
        if len(calls) < 3:
            return sock.close()
        threading.Thread(target=relay, args=(sock, house.port), daemon=True).start()
        return None

    done = run("probe", "--wait", "8s", port=stub(late).port)
    assert (done.returncode, len(calls)) == (0, 3)
    assert done.stdout.count(b"\n") == 1


def test_wait_ends(run: InProcess) -> None:
    done = run("probe", "--wait", "300ms", port=closed_port())
    assert done.returncode == 2
    assert b"connection refused" in done.stdout


def test_wait_does_not_wait_for_what_will_not_change(house: Server, run: InProcess) -> None:
    """It would take 16 s and fail this test."""
    assert run("probe", "--wait", "1m", "--room", "No", port=house.port).returncode == 2


def test_interrupted_it_still_sums_up(house: Server, start: Start, room: str) -> None:
    process = start("probe", "--format", "text", "--count", "9", "--interval", "1m", "--room", room, port=house.port)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"1: OK")
    process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE) == 130
    assert process.stdout.readline() == b"1 checks, 1 passed, 0% loss: OK\n"


# --- no trace


def test_no_trace(house: Server, run: InProcess, room: str) -> None:
    """Nothing is shown to those who are there, nothing is kept, no number is used up."""
    nadia = house.member("nadia", room)
    for options in ([], ["--count", "3", "--interval", "1ms"], ["--silence-warn", "1s", "--wait", "1s"]):
        run("probe", "--room", room, *options, port=house.port)
    nadia.say("first")
    frame = nadia.next_frame()
    assert (frame["type"], frame["seq"], frame["text"]) == ("msg", 1, "first")
    assert log_of(nadia) == ["first"]


def test_help_tells_all(run: InProcess) -> None:
    shown = run("probe", "--help").stdout.decode()
    for part in ("Examples:", "Exit codes:", "Environment:", "--silence-critical", "CHATCTL_SERVER"):
        assert part in shown


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "log"])
def test_an_outfile_that_is_stdout_keeps_what_stands_in_it(
    house: Server, env: dict[str, str], room: str, tmp_path: Path, name: str
) -> None:
    """A log that stdout goes to has lines of others, which a file that is replaced as a whole would lose."""
    log = tmp_path / "log"
    log.write_text("before\n")
    command = [*CHATCTL, "probe", "--outfile", name, "--room", room, "--port", str(house.port)]
    with log.open("ab") as stdout:
        subprocess.run(command, stdout=stdout, cwd=tmp_path, env=env, timeout=DEADLINE, check=True)
    before, line = log.read_text().splitlines()
    assert before == "before"
    assert line.startswith("OK chatctl: ")
