"""Runs in which messages are sent: at full burst, at a pace, by everybody; and what a member and a ``send`` cost."""

from __future__ import annotations

import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from arena import peers
from arena.peers import Peer
from arena.server_process import RunFailed, Server, running
from chatctl.bench.load import Load, Outcome
from chatctl.bench.metrics import Usage
from chatctl.bench.workload import Workload

Figures = dict[str, float]


@dataclass(frozen=True)
class Scale:
    """How long and how big the loads are; the defaults are those of real measurements."""

    seconds: float = 2.0
    most: int = 1_000_000
    """Most members."""
    core: int = 0
    """The server's."""
    quiet_seconds: float = 0.3
    pairs: int = 10
    """Processes that a turn of ``send_process`` starts, of each kind."""

    def members(self, wanted: int) -> int:
        """Return ``wanted``, or the most that is allowed."""
        return min(wanted, self.most)


def workload_for(server: Server, scale: Scale, members: int, **more: object) -> Workload:
    """Return the workload of a load on a server."""
    usual = {"seconds": scale.seconds, "quiet_seconds": scale.quiet_seconds, "at_once": server.peer.at_once}
    return Workload(
        server.address, members=scale.members(members), wire_format=server.peer.wire_format, **(usual | more)
    )  # type: ignore[arg-type]


@contextmanager
def joined(workload: Workload) -> Iterator[Load]:
    """Join with a load; close it at the end of the block."""
    with closing(Load(workload)) as load:
        load.join()
        load.settle()
        yield load


def measure(server: Server, load: Load, tick: Callable[[float], None] = lambda _: None) -> Figures:
    """Run a load that has joined. Raises RunFailed if anything did not arrive as it should."""
    before = server.usage()
    outcome = load.run(tick)
    after = server.usage()
    if outcome.faults:
        raise RunFailed(f"{server.peer.name}: {outcome.faults[0]} ({len(outcome.faults)} faults)")
    return figures(outcome, before, after)


def figures(outcome: Outcome, before: Usage, after: Usage) -> Figures:
    """Return the figures of a run."""
    cpu, latencies = after.cpu - before.cpu, outcome.latencies
    return {
        "messages_per_s": outcome.sent / outcome.seconds,
        "deliveries_per_s": outcome.delivered / outcome.seconds,
        "per_cpu_second": outcome.delivered / cpu,
        "cpu_per_delivery": cpu / outcome.delivered,
        "p50": latencies.percentile(50),
        "p99": latencies.percentile(99),
        "longest": latencies.longest / 1e9,
        "server_share": cpu / outcome.seconds,
        "load_share": outcome.own_cpu / outcome.seconds,
    }


def burst(peer: Peer, scale: Scale, *, members: int) -> Figures:
    """Send as fast as possible, with 64 messages under way."""
    with running(peer, scale.core) as server, joined(workload_for(server, scale, members)) as load:
        return measure(server, load)


def paced(peer: Peer, scale: Scale) -> Figures:
    """Send 20 messages a second to 1,000 members: there is nothing to batch."""
    with running(peer, scale.core) as server, joined(workload_for(server, scale, 1000, rate=20.0)) as load:
        return measure(server, load)


def talk(peer: Peer, scale: Scale) -> Figures:
    """200 members, each of whom says one message a second."""
    count = scale.members(200)
    everybody = {"rate": float(count), "members_send": True}
    with running(peer, scale.core) as server, joined(workload_for(server, scale, count, **everybody)) as load:
        return measure(server, load)


def memory(peer: Peer, scale: Scale) -> Figures:
    """Measure what each of 2,000 silent members adds to the server's resident memory."""
    members = scale.members(2000)
    with running(peer, scale.core) as server:
        before = server.usage()
        with joined(workload_for(server, scale, members, senders=0)):
            after = server.usage()
    return {
        "bytes_per_member": (after.resident - before.resident) / members,
        "resident": float(after.resident),
        "server_share": 0.0,
        "load_share": 0.0,
    }


def send_process(scale: Scale) -> Figures:
    """``chatctl send`` from start to exit beside ``python -c pass``, in turns."""
    with running(peers.chatctl(), scale.core) as server:
        send = [*_chatctl(), "send", "--port", str(server.port), "--nick", "ci", "done"]
        bare = [sys.executable, "-c", "pass"]
        timed = [(_seconds(send), _seconds(bare)) for _ in range(scale.pairs + 1)][1:]  # the first reads files in
    ours, theirs = (statistics.median(column) for column in zip(*timed, strict=True))
    return {"ratio": ours / theirs, "send": ours, "python": theirs, "server_share": 0.0, "load_share": 0.0}


def _chatctl() -> list[str]:
    script = Path(sysconfig.get_path("scripts")) / "chatctl"
    return [str(script)] if script.exists() else [sys.executable, "-m", "chatctl"]


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, timeout=20, check=False)
    if done.returncode:
        raise RunFailed(f"{command[-1]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-200:]}")
    return time.perf_counter() - started
