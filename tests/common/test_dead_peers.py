"""A peer that is gone is let go, whatever is under way: here with times of a second.

``benchmarks/dead_peers.py`` measures the real ones.
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
import sys

import pytest

from chatctl.client.core.address import Address
from chatctl.client.io.aio_connection import connect
from chatctl.client.io.blocking_socket import open_tcp
from chatctl.client.io.clock import deadline_in
from chatctl.common import dead_peers
from chatctl.common.dead_peers import IDLE_SECONDS, PROBE_SECONDS, PROBES, UNACKNOWLEDGED_SECONDS, tcp_options
from chatctl.core.limits import ServerLimits
from chatctl.protocol import Hello
from tests.support.environment import DEADLINE
from tests.support.in_process_server import in_process_server
from tests.support.needs import need
from tests.support.wire import Wire

LINUX = sys.platform == "linux"
SO_ATTACH_FILTER = 26


def go_deaf(sock: socket.socket) -> None:
    """Drop every packet that comes in, acknowledgements too: as if the cable were cut."""
    return_nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    program = struct.pack("HL" if struct.calcsize("P") == 4 else "HxxxxxxQ", 1, ctypes.addressof(return_nothing))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each of the times be a second, and one probe do."""
    short = {"TCP_USER_TIMEOUT": 1000}
    options = tuple((level, option, short.get(option, 1)) for level, option, _ in dead_peers._OPTIONS)
    monkeypatch.setattr(dead_peers, "_OPTIONS", options)


def enter(port: int, dialect: str) -> Wire:
    wire = Wire(("127.0.0.1", port)).greeted()
    if dialect == "json":
        return wire.enter(dialect)
    wire.send(dialect.encode() + b"\n" * (dialect == "text"))
    wire.until(b"Connected to server!\n")
    return wire


@pytest.mark.skipif(not LINUX, reason="packets are dropped by a filter of Linux")
@pytest.mark.usefixtures("hurried")
def test_a_peer_whose_packets_are_lost_is_gone_though_it_is_spoken_to() -> None:
    """Keepalive probes stop while something is unacknowledged; it was a member for another quarter of an hour."""
    need("packet filter")
    with in_process_server(ServerLimits()) as port:
        speaker = Wire(("127.0.0.1", port)).greeted().enter("speaker")
        peers = [enter(port, dialect) for dialect in ("json", "text", "classic")]
        for peer in peers:
            go_deaf(peer.sock)
        speaker.say("are you there?")
        left: set[str] = set()
        while len(left) < len(peers):
            left |= set(speaker.frame("leave")["nicks"])
        assert left == {"json", "text", "classic"}


def test_the_times_add_up_to_less_than_three_minutes() -> None:
    """Something said just before the last probe is given up has its own time from there."""
    assert IDLE_SECONDS + PROBES * PROBE_SECONDS + UNACKNOWLEDGED_SECONDS < 3 * 60 + PROBE_SECONDS
    assert max(UNACKNOWLEDGED_SECONDS, IDLE_SECONDS + PROBE_SECONDS) + UNACKNOWLEDGED_SECONDS < 3 * 60


def test_a_platform_is_asked_for_what_it_has_alone() -> None:
    """macOS has no limit for what is unacknowledged: the write stall and pings are left."""

    class Bare:
        SOL_SOCKET, SO_KEEPALIVE, IPPROTO_TCP, TCP_KEEPCNT = 1, 9, 6, 5

    assert tcp_options(Bare) == [(1, 9, 1), (6, 5, PROBES)]


def options_of(sock: socket.socket) -> list[int]:
    return [sock.getsockopt(level, option) for level, option, _ in tcp_options(socket)]


def test_clients_set_the_same_on_their_side() -> None:
    """``join --classic`` and ``tail`` notice a server that is gone, too."""
    wanted = [value for _, _, value in tcp_options(socket)]
    with in_process_server(ServerLimits()) as port:
        address = Address("127.0.0.1", port)
        with open_tcp(address, deadline_in(DEADLINE)) as sock:
            assert options_of(sock) == wanted

        async def main() -> list[int]:
            connection = await connect(address, Hello(v=1, nick="nadia"), deadline_in(DEADLINE))
            assert connection._transport is not None
            found = options_of(connection._transport.get_extra_info("socket"))
            connection.close()
            return found

        assert asyncio.run(main()) == wanted
