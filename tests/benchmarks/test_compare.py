"""The whole harness, end to end with tiny crowds: it must not rot between two comparisons."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support.environment import DEADLINE, ROOT, clean_env

COMPARE = (sys.executable, str(ROOT / "benchmarks" / "compare.py"), "--quick", "--turns", "1")
FLOOR = "a bare send() loop"
OURS = ("chatctl", FLOOR, "1,000 members", "with the 200", "chatctl send")
SCENARIOS = ("burst-300", "paced", "storm", "herd", "slow", "start")


def test_it_measures_chatctl_and_the_bare_loop_and_writes_the_page(tmp_path: Path) -> None:
    """Each kind of scenario once: its figures are there, and are those of real runs."""
    out = tmp_path / "new" / "RESULTS.md"
    command = [*COMPARE, "--seconds", "0.1", "--out", str(out), "--only", *SCENARIOS, "--peers", *OURS]
    done = subprocess.run(
        command, capture_output=True, text=True, env=clean_env(tmp_path), timeout=5 * DEADLINE, check=False
    )
    assert done.returncode == 0, done.stderr
    kept = json.loads(out.with_name("results.json").read_text())["scenarios"]
    assert {name: one["failed"] for name, one in kept.items()} == {name: [] for name in SCENARIOS}, done.stdout
    for name in ("chatctl", FLOOR):
        assert kept["burst-300"]["turns"][name][0]["per_cpu_second"] > 1000
        assert kept["paced"]["turns"][name][0]["p99"] > 0
    assert kept["storm"]["turns"]["1,000 members"][0]["bytes_per_member"] > 100
    assert kept["slow"]["turns"]["with the 200"][0]["stalled"] == 5
    assert 0 < kept["herd"]["turns"]["chatctl"][0]["caught_up"] < 100
    assert kept["start"]["turns"]["chatctl send"][0]["ratio"] > 1
    page = out.read_text()
    assert "| burst, 300 members: deliveries per CPU second | ngIRCd | ≥ 3.00× | not measured | – |" in page
    assert "### paced, 1,000 members at 20 messages a second" in page
    for picture in ("burst", "paced-cpu", "paced-latency", "memory"):
        assert f"](plots/{picture}.svg)" in page
        assert (out.parent / "plots" / f"{picture}.svg").read_text().startswith("<svg")


def test_a_harness_that_is_killed_leaves_no_server_behind(tmp_path: Path) -> None:
    """It would take a core from whatever is measured next."""
    command = [*COMPARE, "--seconds", "60", "--out", str(tmp_path / "R.md"), "--only", "burst-300", "--peers", FLOOR]
    harness = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=clean_env(tmp_path))
    try:
        servers = wait_for_children(harness.pid)
        harness.send_signal(signal.SIGKILL)
    finally:
        harness.kill()
        harness.wait(DEADLINE)
    end = time.monotonic() + DEADLINE
    while any(runs(pid) for pid in servers):
        assert time.monotonic() < end, "the server goes on"
        time.sleep(0.01)


def wait_for_children(pid: int) -> list[int]:
    """Wait until the harness runs a server; compilers and the like end by themselves."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            if servers := [int(child) for child in children if "floor." in command_of(int(child))]:
                return servers
        time.sleep(0.01)
    raise AssertionError("no server was started")


def command_of(pid: int) -> str:
    """Return the command line of a child; that of a compiler does not count."""
    command = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes())
    return "" if "-O2" in command else command


def runs(pid: int) -> bool:
    """Whether it runs: an orphan that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
