"""``chatctl serve --metrics``: the port for monitoring systems of a real server, on uvloop where that is installed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from chatctl import __version__
from tests.support.environment import DEADLINE
from tests.support.fixture_types import Run, Serve
from tests.support.loaded_modules import loaded_by_server
from tests.support.metrics import metrics_port, scrape
from tests.support.needs import need
from tests.support.processes import err_line
from tests.support.server_process import Server
from tests.support.tls import guarded
from tests.support.web import port_of, request, say
from tests.support.wire import Wire
from tests.system.commands.manager import handed_over

LIBRARY = {"prometheus_client", "chatctl.server.metrics.start"}


def test_what_happens_is_in_the_next_scrape(serve: Serve) -> None:
    server = serve("--metrics", "0", "--room", "ops")
    port = metrics_port(server)
    before = scrape(port)
    nadia, omar = server.member("nadia"), server.wire().send(b"omar\n")
    nadia.frame("join", where=lambda frame: frame["nicks"] == ["omar"])
    for number in range(3):
        nadia.say(str(number))
    nadia.texts(last="2")
    assert omar.until(b"nadia: 2\n")
    nadia.say_frame(type="whisper", to="nobody", text="x")
    nadia.frame("error")
    after = scrape(port)
    assert after.value("chatctl_connections", dialect="json", tls="false") == 1
    assert after.value("chatctl_connections", dialect="text", tls="false") == 1
    assert after.value("chatctl_room_members", room="lobby") == 2
    assert after.value("chatctl_room_members", room="ops") == 0
    assert after.value("chatctl_room_messages_total", room="lobby") == 3
    assert after.value("chatctl_room_deliveries_total", room="lobby") == 6
    assert after.value("chatctl_refusals_total", code="no_such_nick") == 1
    assert after.value("chatctl_journal_commit_seconds_count") > before.value("chatctl_journal_commit_seconds_count")
    assert after.value("chatctl_sent_bytes_total") > before.value("chatctl_sent_bytes_total") + 3 * 60
    assert after.value("chatctl_received_bytes_total") > 3 * 30
    assert after.value("chatctl_memory_used_bytes", share="rings") > 0


def test_a_slow_reader_and_its_gap_are_seen(serve: Serve) -> None:
    server = serve("--metrics", "0", "--rate", "off", "--ring-entries", "10", "--out-buffer", "1024")
    port = metrics_port(server)
    slow = Wire(("127.0.0.1", server.port), receive_buffer=2048).greeted().enter("slow")
    nadia = server.member("nadia")
    text, number = "x" * 4000, 0
    while not scrape(port).value("chatctl_slow_readers"):
        nadia.say(f"{number} {text}").frame("msg", where=lambda frame, n=number: frame["text"].startswith(f"{n} "))
        number += 1
    for _ in range(20):
        nadia.say(f"{number} {text}").frame("msg", where=lambda frame, n=number: frame["text"].startswith(f"{n} "))
        number += 1
    gap = slow.frame("gap")
    found = scrape(port)
    assert found.value("chatctl_gaps_total", why="slow") == 1
    missed = gap["to"] - gap["from"] + 1
    slow.frame("msg", where=lambda frame: frame["seq"] == number)
    assert scrape(port).value("chatctl_room_deliveries_total", room="lobby") == 2 * number - missed


def test_health_is_of_the_journal_on_its_disk(serve: Serve, tmp_path: Path) -> None:
    """On a disk of its own that is full: load balancers turn away before anybody's message is refused."""
    need("mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)
    try:
        server = serve("--web", "0", "--metrics", "0", "--journal", str(disk / "rooms.db"))
        web, port = port_of(server), metrics_port(server)
        key = {"authorization": "Bearer " + "ab" * 16, "idempotency_key": "1"}
        assert say(web, "kept", **key).json["seq"] == 1
        well = request(port, target="/healthz")
        assert (well.status, well.body) == (200, b"ok\n")
        assert scrape(port).value("chatctl_journal_free_bytes") > 0
        _fill(disk / "filler")
        _await_status(port, 503)
        assert scrape(port).value("chatctl_journal_free_bytes") == 0
        refused = say(web, "x" * 4000)
        assert (refused.refusal, refused.headers["retry-after"]) == ((503, "storage"), "5")
        assert say(web, "kept", **key).json["duplicate"] is True, "what is stored needs no room"
        assert len(request(web).body.splitlines()) == 1
        (disk / "filler").unlink()
        _await_status(port, 200)
        server.stop()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _fill(file: Path) -> None:
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(1 << 16))


def _await_status(port: int, status: int) -> None:
    """Wait until ``/healthz`` answers with it: a probe is believed for a second."""
    until = time.monotonic() + DEADLINE
    while request(port, target="/healthz").status != status:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_server_that_drains_is_no_longer_well(serve: Serve, run: Run, tmp_path: Path) -> None:
    journal = tmp_path / "rooms.db"
    server = serve("--metrics", "0", "--journal", str(journal), "--rate", "off", "--out-buffer", "1024")
    port = metrics_port(server)
    slow = Wire(("127.0.0.1", server.port), receive_buffer=2048).greeted().enter("slow")
    nadia = server.member("nadia")
    while not scrape(port).value("chatctl_slow_readers"):
        nadia.say("x" * 4000).frame("msg")
    assert run("admin", "drain", "--within", "60s", "--journal", str(journal)).returncode == 0
    going = request(port, target="/healthz")
    assert (going.status, going.body) == (503, b"the server is going down\n")
    slow.rest()
    assert server.wait() == 0


def test_the_certificate_s_end_is_known(tmp_path: Path) -> None:
    server = guarded(tmp_path, "sesame", "--no-plain", "--metrics", "0")
    try:
        line = next(line for line in server.lines if line.endswith("for metrics"))
        found = scrape(int(line.split()[4].rpartition(":")[2]))
        assert found.value("chatctl_certificate_expiry_timestamp_seconds") > found.value("process_start_time_seconds")
    finally:
        server.stop()


def test_promtool_finds_no_fault(serve: Serve) -> None:
    need("promtool")
    port = metrics_port(serve("--metrics", "0"))
    tool = shutil.which("promtool")
    assert tool is not None
    text = scrape(port).text.encode()
    done = subprocess.run([tool, "check", "metrics"], input=text, capture_output=True, timeout=DEADLINE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# --- where it listens


def test_it_is_for_this_machine_alone_unless_it_is_told_otherwise(serve: Serve) -> None:
    server = serve("--host", "0.0.0.0", "--metrics", "0")
    assert server.process.stdout is not None
    assert server.process.stdout.readline().decode().startswith(f"chatctl {__version__} listening on 127.0.0.1:")
    open_one = serve("--metrics", "0.0.0.0:0")
    open_one.wait_for_log("everybody who reaches this port can read the metrics")
    assert request(metrics_port(open_one), target="/healthz", host="chat.example.org").status == 200


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--metrics x", "'x' is not [HOST:]PORT"),
        ("--metrics 0 --no-tcp --unix s", "--no-tcp leaves no port for --metrics"),
    ],
)
def test_what_is_not_understood(run: Run, options: str, told: str) -> None:
    done = run("serve", *options.split())
    assert done.returncode == 2
    assert told in err_line(done)


def test_a_port_that_is_in_use_names_the_option(run: Run, house: Server) -> None:
    done = run("serve", "--metrics", str(house.port), port=0)
    assert (done.returncode, done.stdout) == (1, b"")
    assert "choose another with --metrics" in err_line(done)


def test_systemd_hands_over_its_socket(tmp_path: Path) -> None:
    with handed_over(tmp_path, "metrics", "9580") as (port, line):
        assert line == f"chatctl {__version__} listening on 127.0.0.1:{port} for metrics"
        assert request(port, target="/healthz").status == 200


# --- what it costs those who do not use it


@pytest.mark.parametrize("options", [(), ("--metrics", "0")])
def test_its_library_is_imported_by_a_server_with_it_alone(env: dict[str, str], options: tuple[str, ...]) -> None:
    names = loaded_by_server(env, *options)
    assert "chatctl.server.server" in names
    assert LIBRARY & names == (LIBRARY if options else set())
