"""Servers of ngIRCd that are linked: one channel on several servers, as one has it today."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from arena.peers import Peer, ngircd
from arena.server_process import START_SECONDS, RunFailed, Server, free_port, running


@contextmanager
def linked(count: int) -> Iterator[list[Server]]:
    """Run so many servers of one network until the block ends; all link to the first.

    Raises:
        RunFailed: ngIRCd is not installed, or one did not start or did not link.
    """
    ports = [free_port() for _ in range(count)]
    with ExitStack() as stack:
        servers = [
            stack.enter_context(running(_peer(number, ports), core=None, port=port))
            for number, port in enumerate(ports)
        ]
        _wait_until_linked(servers)
        yield servers


def _peer(number: int, ports: list[int]) -> Peer:
    if number == 0:
        links = "".join(_link(other, "Passive = yes") for other in range(1, len(ports)))
    else:
        links = _link(0, f"Host = 127.0.0.1\nPort = {ports[0]}")
    peer = ngircd(_name(number), links)
    if not isinstance(peer, Peer):
        raise RunFailed(f"{peer.name}: {peer.why}")
    return peer


def _name(number: int) -> str:
    return f"bench{number}.example.org"


def _link(to: int, how: str) -> str:
    return f"[Server]\nName = {_name(to)}\n{how}\nMyPassword = link\nPeerPassword = link\n"


def _wait_until_linked(servers: list[Server]) -> None:
    """Wait until the first server lists all."""
    end = time.monotonic() + START_SECONDS
    with socket.create_connection(("127.0.0.1", servers[0].port), START_SECONDS) as irc, irc.makefile("rwb", 0) as file:
        file.write(b"NICK look\r\nUSER look 0 * :look\r\n")
        listed = 0
        while listed < len(servers):
            if time.monotonic() > end:
                raise RunFailed(f"{listed} of {len(servers)} servers are linked: {servers[0].said()}")
            file.write(b"LINKS\r\n")
            listed = 0
            while b" 365 " not in (line := file.readline()):
                if not line:
                    raise RunFailed(f"the connection to the first server ended: {servers[0].said()}")
                listed += b" 364 " in line
