"""``chatctl bench`` as a user runs it: each option does what it says, and the exit code tells what was found."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from chatctl.commands.bench import bench as bench_command
from tests.bench.fake import Fake
from tests.support.environment import CHATCTL, DEADLINE, ROOT, clean_env
from tests.support.processes import err_line
from tests.support.server_process import Server


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return clean_env(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def server(env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server("--rate", "off", "--unix", str(tmp_path_factory.mktemp("u") / "s"), "--room", "load", env=env)
    yield server
    server.stop()


def bench(env: dict[str, str], port: int, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = [
        *CHATCTL,
        "bench",
        "--port",
        str(port),
        "--room",
        "lobby",
        "--members",
        "5",
        "--duration",
        "200ms",
        *options,
    ]
    return subprocess.run(command, capture_output=True, env=env, cwd=ROOT, timeout=2 * DEADLINE, check=False)


def test_json_is_one_object_with_every_figure(env: dict[str, str], server: Server) -> None:
    """Programs read it: names and kinds of the values are a contract."""
    options = ("--rate", "100", "--senders", "2", "--size", "100", "--room", "load", "--pid", str(server.process.pid))
    done = bench(env, server.port, *options, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    found = json.loads(done.stdout)
    assert {name: type(value) for name, value in found.items()} == {
        "ok": bool,
        "members": int,
        "senders": int,
        "rate": float,
        "size": int,
        "dialect": str,
        "joined_in_s": float,
        "seconds": float,
        "messages": int,
        "messages_per_s": float,
        "deliveries": int,
        "deliveries_per_s": float,
        "load_cpu_share": float,
        "latency_p50_ms": float,
        "latency_p90_ms": float,
        "latency_p99_ms": float,
        "latency_p999_ms": float,
        "latency_max_ms": float,
        "latencies": int,
        "server_cpu_share": float,
        "server_us_per_delivery": float,
        "server_memory_mib": float,
        "histogram_ms": list,
        "faults": list,
    }
    assert (found["ok"], found["members"], found["senders"], found["size"]) == (True, 5, 2, 100)
    assert (found["messages"], found["deliveries"], found["latencies"]) == (20, 100, 100)
    assert sum(count for _, count in found["histogram_ms"]) == 100
    assert found["server_memory_mib"] > 5


def test_a_table_and_a_histogram_are_printed_for_people(env: dict[str, str], server: Server) -> None:
    """With nothing on stderr: the progress bar is for terminals. A unix socket will do, as for every command."""
    path = server.process.args[server.process.args.index("--unix") + 1]  # type: ignore[union-attr,index]
    done = bench(env, 1, "--dialect", "text", "--unix", str(path), "--rate", "100")
    shown = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    for wanted in ("5 members (text)", "messages in", "deliveries out", "the load's own CPU", "p99.9", " ms  █"):
        assert wanted in shown


def test_a_terminal_sees_how_far_it_is(env: dict[str, str], server: Server) -> None:
    """On stderr, so that stdout stays data."""
    main, end = pty.openpty()
    command = [
        *CHATCTL,
        "bench",
        "--port",
        str(server.port),
        "--room",
        "lobby",
        "--members",
        "5",
        "--duration",
        "200ms",
        "--json",
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=end, env=env, cwd=ROOT, timeout=DEADLINE, check=True)
    os.close(end)
    shown = os.read(main, 65536).decode()
    os.close(main)
    assert "joining" in shown
    assert "talking" in shown
    assert json.loads(done.stdout)["ok"]


def test_what_is_missing_ends_it_with_8_and_one_line_that_says_what(env: dict[str, str]) -> None:
    """A script that sizes a machine must not take a wrong run for a good one. The figures are printed all the same."""
    fake = Fake(lambda member, message, line: [line] * (2 if (member, message) == (1, 2) else 1))
    try:
        done = bench(env, fake.port, "--rate", "100", "--json")
    finally:
        fake.close()
    assert done.returncode == 8
    assert err_line(done).startswith("chatctl: delivery failed: ")
    assert "message 2" in err_line(done)
    assert json.loads(done.stdout)["ok"] is False
    assert json.loads(done.stdout)["faults"]


def last_of(server: Server) -> object:
    """Return the number of the last message in the lobby."""
    return server.wire().say_frame(type="hello", v=1, mode="watch").frame("welcome")["last"]


@pytest.mark.parametrize("how", ["nothing", "server", "variable", "named server"])
def test_no_room_is_filled_that_was_not_named(env: dict[str, str], server: Server, tmp_path: Path, how: str) -> None:
    """Junk in a live room stays there. A room that is set for every command was not meant for a load."""
    config = tmp_path / "config.toml"
    config.write_text(f'[server.work]\nport = {server.port}\nroom = "lobby"\n')
    options = {"server": ["--port", str(server.port)], "named server": ["--server", "work"]}.get(how, [])
    variables = {"CHATCTL_PORT": str(server.port), "CHATCTL_CONFIG": str(config), "CHATCTL_ROOM": "lobby"}
    command = [*CHATCTL, "bench", "--members", "1", "--duration", "50ms", *options]
    before = last_of(server)
    environment = env | (variables if how != "nothing" else {})
    done = subprocess.run(command, capture_output=True, env=environment, cwd=ROOT, timeout=DEADLINE, check=False)
    assert done.returncode == 2
    assert b"name one that may be filled with --room" in done.stderr
    assert last_of(server) == before


def test_a_room_in_its_own_section_was_named(env: dict[str, str], server: Server, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[bench]\nport = {server.port}\nroom = "load"\n')
    command = [*CHATCTL, "bench", "--members", "1", "--duration", "50ms", "--rate", "100"]
    environment = env | {"CHATCTL_CONFIG": str(config)}
    subprocess.run(command, capture_output=True, env=environment, cwd=ROOT, timeout=DEADLINE, check=True)


def test_nobody_there_is_3(env: dict[str, str]) -> None:
    """As for every command."""
    done = bench(env, 1)
    assert done.returncode == 3
    assert "is 'chatctl serve' running there?" in err_line(done)


def test_a_room_that_is_not_there_is_6(env: dict[str, str], server: Server) -> None:
    """And says what there is."""
    done = bench(env, server.port, "--room", "nowhere")
    assert done.returncode == 6
    assert "there is no room 'nowhere'" in err_line(done)


def test_a_process_that_is_not_there_is_told_before_the_run(env: dict[str, str], server: Server) -> None:
    """Not after the minutes that it took."""
    done = bench(env, server.port, "--pid", "4194304", "--duration", "1h")
    assert done.returncode == 2
    assert b"no process 4194304" in done.stderr


@pytest.mark.parametrize(
    "options", [("--rate", "0"), ("--rate", "fast"), ("--members", "0"), ("--size", "3"), ("--duration", "0")]
)
def test_wrong_values_are_2(options: tuple[str, str]) -> None:
    """Before anything is connected."""
    assert CliRunner().invoke(bench_command, ["--port", "1", *options]).exit_code == 2
