"""Runs in which many members join, resume, or stop reading. With chatctl alone: these aims are absolute."""

from __future__ import annotations

import re
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from arena import peers
from arena.loads import Figures, Scale, joined, measure, workload_for
from arena.server_process import RunFailed, Server, free_port, running
from chatctl import protocol
from chatctl.bench.connection import READ_BYTES, LoadConnection
from chatctl.bench.load import Load
from chatctl.bench.wire_formats import WireFormat, message_text
from chatctl.client.io.blocking_connection import BlockingConnection
from chatctl.client.io.blocking_transport import drive
from chatctl.client.io.clock import deadline_in
from chatctl.errors import PeerBroke
from chatctl.protocol import Ack, Hello, Resume, Say, Welcome

PING_SECONDS = 10.0
"""Between two pings to an idle member, here; the default is 60 s."""
RARER = 5
"""How much less there is to do with the defaults: here pings are six times as frequent, the server's rounds (a tenth of
that, at most 5 s) five times."""
MISSED = 100


def storm(scale: Scale, *, members: int) -> Figures:
    """All connect at once; then nobody sends anything but answers to pings."""
    count = scale.members(members)
    peer = peers.chatctl("--ping", f"{PING_SECONDS:g}s")
    idle_seconds = min(PING_SECONDS + 2, 6 * scale.seconds)  # the rounds come every second: each is asked once
    with running(peer, scale.core) as server:
        workload = workload_for(server, scale, count, at_once=count, senders=0, reconnect=True)
        cpu, mine = server.usage().cpu, time.process_time()
        with closing(Load(workload)) as load:
            load.join()
            joined, busy, own = load.outcome.joined_in, server.usage().cpu - cpu, time.process_time() - mine
            load.settle()
            told = sum(connection.bytes_received for connection in load.members)
            asked, before, idle_from = _pings(load), server.usage(), time.monotonic()
            load.idle(idle_seconds)
            idle = (server.usage().cpu - before.cpu) / (time.monotonic() - idle_from)
            _still_there(server, count)
            asked = _pings(load) - asked
            if not asked and idle_seconds > PING_SECONDS:
                raise RunFailed("nobody was pinged")
    return {
        "all_in": joined,
        "came_again": came_again(load),
        "bytes_per_member": told / count,
        "pings_per_s": asked / idle_seconds,
        "idle_share_here": idle,
        "idle_share": idle * idle_seconds / PING_SECONDS / RARER,
        "server_share": busy / joined,
        "load_share": own / joined,
    }


def came_again(load: Load) -> float:
    """Return how often a connection was cut off while joining, because the server's queue was full, and tried again."""
    return float(sum(connection.reconnects for connection in load.members))


def _pings(load: Load) -> int:
    return sum(connection.pings for connection in load.members)


def _still_there(server: Server, count: int) -> None:
    with BlockingConnection(server.address, Hello(v=protocol.VERSION, mode="watch"), deadline_in(20)) as watcher:
        if watcher.welcome.count != count:
            raise RunFailed(f"{watcher.welcome.count} of {count} members are there")


def herd(scale: Scale) -> Figures:
    """The server is killed while 5,000 members are in, restarts, and all resume at once."""
    count, port = scale.members(5000), free_port()
    with tempfile.TemporaryDirectory(prefix="arena") as name:
        folder = Path(name)
        peer = peers.chatctl(journal="{folder}/rooms.db")
        with running(peer, scale.core, port, folder) as server, joined(workload_for(server, scale, count, senders=0)):
            _say(server, 10)
            stood = _welcome(server)
        with running(peer, scale.core, port, folder) as server:
            _say(server, MISSED)
            return _resume(server, scale, count, stood)


def _resume(server: Server, scale: Scale, count: int, stood: Welcome) -> Figures:
    workload = replace(
        workload_for(server, scale, count, at_once=count, senders=0, reconnect=True),
        wire_format=_resuming(server.peer.wire_format, stood),
    )
    cpu, mine = server.usage().cpu, time.process_time()
    with closing(Load(workload)) as load:
        load.join()
        caught_up, used, own = load.outcome.joined_in, server.usage().cpu - cpu, time.process_time() - mine
        load.settle()
        _still_there(server, count)
    return {
        "caught_up": caught_up,
        "came_again": came_again(load),
        "server_share": used / caught_up,
        "load_share": own / caught_up,
    }


def _resuming(wire_format: WireFormat, stood: Welcome) -> WireFormat:
    """Return the format of members that have joined once they have received all they missed, each once and in order."""
    wanted = [b"%d" % seq for seq in range(stood.last + 1, stood.last + MISSED + 1)]

    def hello(number: int) -> bytes:
        resume = Resume(stood.epoch, stood.last)
        return protocol.encode(Hello(v=protocol.VERSION, nick=f"m{number}", resume=resume))

    def caught_up(seen: bytes) -> bool:
        if not wire_format.admitted(seen) or seen.count(wire_format.mark) < MISSED or not seen.endswith(b"\n"):
            return False
        if (got := re.findall(rb'"msg","seq":(\d+)', seen)) != wanted:
            raise PeerBroke(f"{len(got)} messages came where {MISSED} were missed, {got[:1]} to {got[-1:]}")
        return True

    return replace(wire_format, hello=hello, admitted=caught_up)


def _say(server: Server, count: int) -> None:
    """Send ``count`` messages, and wait until they are committed."""
    deadline = deadline_in(20)
    with BlockingConnection(server.address, Hello(v=protocol.VERSION, mode="post", nick="ci"), deadline) as speaker:
        for number in range(count):
            drive(speaker.send(Say(f"message {number}", id=str(number)), deadline))
        acks = 0
        while acks < count:
            acks += isinstance(drive(speaker.receive(deadline)), Ack)


def _welcome(server: Server) -> Welcome:
    with BlockingConnection(server.address, Hello(v=protocol.VERSION, mode="watch"), deadline_in(20)) as watcher:
        return watcher.welcome


def slow(scale: Scale, *, stalled: int) -> Figures:
    """800 members read at full burst, beside 200 that have stopped or alone.

    The log kept in memory is short here: it would hide what the slow ones cost. At the end they read again, and have to
    get everything or be told what they missed.
    """
    others = scale.members(800)
    stalled = min(stalled, others // 4)
    with running(peers.chatctl("--ring-entries", "1000"), scale.core) as server:
        workload = replace(workload_for(server, scale, 1), members=others + stalled, stalled=stalled)
        with joined(workload) as load:
            before = most = server.usage().resident
            looked = 0.0

            def look(elapsed: float) -> None:
                nonlocal most, looked
                if elapsed - looked > 0.1:
                    looked, most = elapsed, max(most, server.usage().resident)

            found = measure(server, load, look)
            most = max(most, server.usage().resident)
            for connection in load.members[:stalled]:
                _catch_up(connection, load.outcome.sent)
    return found | {"grown": float(most - before), "stalled": float(stalled)}


def _catch_up(connection: LoadConnection, said: int) -> None:
    """Let a stalled member read again: it gets everything, or is told of a gap, and then the newest message.

    Raises RunFailed if it is neither.
    """
    connection.sock.settimeout(10)
    seen, newest = connection.received, b'"text":"%b' % message_text(said - 1, 0)
    while newest not in seen[-1000:]:
        if not (data := connection.sock.recv(READ_BYTES)):
            raise RunFailed(f"{connection.name}, who had stopped reading, was cut off")
        seen += data
    came = connection.wire_format.number.findall(seen)
    if list(map(int, came)) != list(range(said)) and b'{"type":"gap"' not in seen:
        raise RunFailed(
            f"{connection.name}, who had stopped reading, got {len(came)} of {said} messages and was told nothing"
        )
