"""What several servers with one PostgreSQL carry, beside one server with an SQLite file in the same run.

    python benchmarks/scale.py [--turns 3] [--seconds 3] [--members 1000]

One, two and three servers share an engine of their own, with ``fsync``; they, the engine and the load share the
machine. There is a sender and a member at each server, and an acknowledged message has to arrive at all of them, once
and in one order; every name has to be there once; or the run is void. Variants are measured in turns; what is printed
is the median, and beside it the median of the ratios to SQLite in the same turn. Linked servers of ngIRCd are measured
beside them, where it is installed. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

sys.path.insert(0, str(Path(__file__).parent.parent))

import msgspec
from arena.linked import linked
from arena.peers import Peer, ngircd

from chatctl import protocol
from chatctl.bench.connector import allow_files
from chatctl.bench.load import Load
from chatctl.bench.metrics import usage_of
from chatctl.bench.wire_formats import WireFormat, chatctl_format
from chatctl.bench.workload import Workload
from chatctl.client.core.address import Address
from tests.support.engine import Engine, running
from tests.support.environment import DEADLINE, clean_env
from tests.support.server_process import Server

MANY = 64
"""Messages under way at each server, where batches are to be of many."""
RATE = 200.0
"""Messages a second, for the latency: said at one server, and read at another one where there are several."""
_OPTIONS = ("--rate", "off", "--open-rooms", "--max-clients", "20000", "--quiet")

Figures = dict[str, float]


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    seconds: float
    """Of each load."""
    members: int
    """Who join at each server."""


def wire_format(room: str) -> WireFormat:
    """Return the format of a load, with a token for each connection: by it a name is its own, in all rooms."""
    form = chatctl_format("json", room)

    def owned(hello: bytes, token: str) -> bytes:
        frame = protocol.decode_client(hello.removesuffix(b"\n"))
        assert isinstance(frame, protocol.Hello)
        return protocol.encode(msgspec.structs.replace(frame, token=token))

    return replace(
        form,
        hello=lambda number: owned(form.hello(number), f"a{number:031x}"),
        sender_hello=lambda number: owned(form.sender_hello(number), f"b{number:031x}"),
    )


class Process(Protocol):
    """A server that runs."""

    @property
    def port(self) -> int:
        """Where it listens."""

    @property
    def process(self) -> subprocess.Popen[Any]:
        """Its process."""


@dataclass(frozen=True, kw_only=True)
class Servers:
    """Servers of one room."""

    servers: Sequence[Process]
    wire_format: Callable[[str], WireFormat] = wire_format
    """The format of a load, by its room."""

    def workload(self, room: str, **more: object) -> Workload:
        """Return a load on all servers, with a sender and a member at each."""
        first, *others = (Address("127.0.0.1", server.port) for server in self.servers)
        count = len(self.servers)
        one_each = {"members": count, "senders": count, "wire_format": self.wire_format(room)} | more
        return Workload(first, room, others=tuple(others), **one_each)  # type: ignore[arg-type]

    def cpu(self) -> tuple[float, float]:
        """Return the CPU seconds of the servers, and of the engine."""
        return sum(usage_of(server.process.pid).cpu for server in self.servers), 0.0


@dataclass(frozen=True, kw_only=True)
class House(Servers):
    """Servers of chatctl with one journal. Without an engine it is one, with a file."""

    servers: list[Server]
    engine: Engine | None
    start: Callable[[int], Server]
    """Start a further server, at a port, or at any that is free (0)."""

    def cpu(self) -> tuple[float, float]:
        """Return the CPU seconds of the servers, and of the engine."""
        return super().cpu()[0], self.engine.cpu() if self.engine is not None else 0.0


@contextlib.contextmanager
def house(engine: Engine | None, count: int) -> Iterator[House]:
    """Run servers with a new journal, in the engine or in a file."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        where = ("--journal", str(folder / "rooms.db"), "--durability", "disk")
        if engine is not None:
            place = engine.place()
            where = ("--journal", place.uri, "--journal-schema", place.schema)

        def start(port: int) -> Server:
            server = Server(*_OPTIONS, *where, port=port, env=clean_env(folder))
            stack.callback(server.stop)
            return server

        yield House(servers=[start(0) for _ in range(count)], engine=engine, start=start)


# --- what is measured


def measure(engine: Engine | None, count: int, size: Size) -> Figures:
    """Measure one variant once."""
    with house(engine, count) as ours:
        return (
            speak(ours, "one", size.seconds, window=count)
            | speak(ours, "many", size.seconds, window=MANY * count)
            | speak_paced(ours, size.seconds)
            | enter(ours, size.members)
            | come_back(ours, size.members)
        )


def measure_linked(count: int, size: Size) -> Figures:
    """Measure linked servers of ngIRCd once: a sender at one, a reader at another one, and who joins.

    With a sender at each, members of two servers see two orders: what else is measured above is void there.
    """
    peer = ngircd()
    assert isinstance(peer, Peer)
    with linked(count) as servers:
        ours = Servers(servers=servers, wire_format=lambda _: peer.wire_format)
        found = speak_paced(ours, size.seconds)
        everybody = ours.workload(
            "entering", members=size.members * count, senders=0, at_once=peer.at_once, join_seconds=300.0
        )
        with contextlib.closing(Load(everybody)) as load:
            load.join()
    return found | {"all in": load.outcome.joined_in}


def speak_paced(ours: Servers, seconds: float) -> Figures:
    """Send messages at a fixed rate, with one sender, and one reader at another server where there are several."""
    return speak(ours, "paced", seconds, rate=RATE, members=1, senders=1)


def speak(ours: Servers, room: str, seconds: float, **how: object) -> Figures:
    """Send messages; return how many a second were acknowledged and shown, what each cost, and how late they came."""
    load = Load(ours.workload(room, seconds=seconds, **how))
    with contextlib.closing(load):
        load.join()
        before = ours.cpu()
        outcome = load.run()
        after = ours.cpu()
    check(outcome.faults)
    per_message = [(end - begin) * 1e6 / outcome.sent for begin, end in zip(before, after, strict=True)]
    return {
        f"{room} rate": outcome.sent / outcome.seconds,
        f"{room} server": per_message[0],
        f"{room} engine": per_message[1],
        f"{room} load": outcome.own_cpu / outcome.seconds,
        f"{room} p50": outcome.latencies.percentile(50) * 1e3,
        f"{room} p99": outcome.latencies.percentile(99) * 1e3,
    }


def enter(ours: House, members: int) -> Figures:
    """Let so many join at each server at once, and then leave at once; return the seconds until all have."""
    load = Load(ours.workload("entering", members=members * len(ours.servers), senders=0))
    with contextlib.closing(load):
        load.join()
        check_names(ours, load)
    began = time.monotonic()
    while any(names_at(server, "entering") for server in ours.servers):
        if time.monotonic() > began + DEADLINE:
            sys.exit("the run is void: some who left are still listed")
        time.sleep(0.02)
    return {"all in": load.outcome.joined_in, "all out": time.monotonic() - began}


def come_back(ours: House, members: int) -> Figures:
    """Kill the last server; return the seconds until all of its members are in again.

    They come back at the others, with their tokens; where there is none, it is started again first. Afterwards each of
    them has to hear what is said.
    """
    *left, killed = ours.servers
    there = replace(ours, servers=[killed])
    before = Load(there.workload("returning", members=members, senders=0))
    with contextlib.closing(before):
        before.join()
        killed.signal(signal.SIGKILL)
        began = time.monotonic()
        killed.wait()
    after = replace(ours, servers=left or [ours.start(killed.port)])
    load = Load(after.workload("returning", members=members, seconds=0.2, rate=50.0))
    with contextlib.closing(load):
        load.join()
        took = time.monotonic() - began
        check_names(after, load)
        check(load.run().faults)
    return {"back": took}


# --- what has to hold


def check(faults: list[str]) -> None:
    """End the run if a message was missing, repeated or out of order."""
    if faults:
        sys.exit(f"the run is void: {faults[:3]}")


def check_names(ours: House, load: Load) -> None:
    """Wait until every server lists every member; end the run if a name is there twice."""
    expected = {f"m{number}" for number in range(load.workload.members)}
    for server in ours.servers:
        end = time.monotonic() + DEADLINE
        while set(nicks := names_at(server, load.workload.room)) < expected and time.monotonic() < end:
            load.idle(0.05)
        if sorted(nicks) != sorted(expected):
            sys.exit(f"the run is void: {len(nicks)} names, {len(set(nicks))} different, for {len(expected)} members")


def names_at(server: Server, room: str) -> list[str]:
    """Return the names of a room's members, as a server lists them."""
    with server.wire() as wire:
        wire.enter("", room, mode="watch").say_frame(type="who")
        return [row["nick"] for row in wire.frame("roster")["members"] if not row["nick"].startswith("bench")]


# --- what is printed

ROWS = {
    "one rate": ("acknowledged a second, one under way at each server", "{:,.0f}"),
    "one server": ("CPU of the servers a message, µs", "{:,.0f}"),
    "one engine": ("CPU of the engine a message, µs", "{:,.0f}"),
    "many rate": (f"acknowledged a second, {MANY} under way at each server", "{:,.0f}"),
    "many server": ("CPU of the servers a message, µs", "{:,.0f}"),
    "many engine": ("CPU of the engine a message, µs", "{:,.0f}"),
    "paced p50": (f"from say to msg at another server, {RATE:.0f} a second: p50, ms", "{:.1f}"),
    "paced p99": ("p99, ms", "{:.1f}"),
    "paced server": ("CPU of the servers a message, µs", "{:,.0f}"),
    "paced engine": ("CPU of the engine a message, µs", "{:,.0f}"),
    "all in": ("{members:,} join at each server at once: all in, s", "{:.2f}"),
    "all out": ("they leave at once: no server lists any, s", "{:.2f}"),
    "back": ("a server is killed: its {members:,} members are in again, s", "{:.2f}"),
}


def table(turns: dict[str, list[Figures]], members: int) -> Iterator[str]:
    """Yield the lines of a table: a row for each figure, a column for each variant, the first with no ratios."""
    base, *_ = turns.values()
    yield "| | " + " | ".join(turns) + " |"
    yield "|---" * (len(turns) + 1) + "|"
    for key, (title, form) in ROWS.items():
        cells = []
        for found in turns.values():
            if any(key not in one for one in found):
                cells.append("–")
                continue
            cell = form.format(statistics.median(one[key] for one in found))
            if found is not base and all(one[key] for one in base):
                ratio = statistics.median(one[key] / other[key] for one, other in zip(found, base, strict=True))
                cell += f" ({ratio:.2f})"
            cells.append(cell)
        yield f"| {title.format(members=members)} | " + " | ".join(cells) + " |"


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load [3]")
    parser.add_argument("--members", type=int, default=1000, help="who join at each server [1000]")
    parser.add_argument("--servers", type=int, default=3, help="at most so many [3]")
    options = parser.parse_args()
    size = Size(options.seconds, options.members)
    allow_files(options.members * options.servers)
    with running(fsync="on", shared_buffers="128MB", max_connections="100") as engine:
        variants = {"SQLite": partial(measure, None, 1)}
        variants |= {f"PostgreSQL, {n}": partial(measure, engine, n) for n in range(1, options.servers + 1)}
        if isinstance(peer := ngircd(), Peer):
            variants[f"ngIRCd, {options.servers} linked"] = partial(measure_linked, options.servers)
        else:
            print(f"missing: {peer.name}, {peer.why}", file=sys.stderr)
        turns: dict[str, list[Figures]] = {name: [] for name in variants}
        for number in range(options.turns):
            for name, once in variants.items():
                turns[name].append(once(size))
                shown = "  ".join(f"{key} {value:.4g}" for key, value in turns[name][-1].items())
                load = Path("/proc/loadavg").read_text().split()[0]
                print(f"{number + 1} {name} (load {load}): {shown}", file=sys.stderr, flush=True)
    print("\n".join(table(turns, options.members)))


if __name__ == "__main__":
    main()
