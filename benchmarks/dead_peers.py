"""Measures how soon a server lets go of peers whose packets are lost, with the real times.

Run it: ``python benchmarks/dead_peers.py``. It takes three minutes, on Linux alone: one peer of each dialect in a room
where nobody speaks, one in a room where somebody speaks every 15 s, and two that are not let in yet. Fails if one of
them is still there after three minutes.
"""

from __future__ import annotations

import ctypes
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

SO_ATTACH_FILTER = 26
EVERY, MOST = 15.0, 180.0
DIALECTS = {
    "json": b'{"type":"hello","v":1,"nick":"json-%s","room":"%s"}\n',
    "text": b"text-%s\n",
    "classic": b"classic-%s",
}


def go_deaf(sock: socket.socket) -> None:
    """Drop every packet that comes in, acknowledgements too."""
    nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    program = struct.pack("HxxxxxxQ", 1, ctypes.addressof(nothing))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def member(port: int, first: bytes) -> socket.socket:
    """Connect, send what makes a member, and wait for its welcome."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.sendall(first)
    seen = b""
    while first and b"welcome" not in seen and b"Connected" not in seen:
        seen += sock.recv(65536)
    return sock


class Watched:
    """A server, and when it logged that a peer was gone."""

    def __init__(self) -> None:
        """Start it."""
        command = [sys.executable, "-m", "chatctl", "serve", "--port", "0", "--journal", "none"]
        self._folder = tempfile.TemporaryDirectory()
        env = {"CHATCTL_STATE_DIR": self._folder.name, "PYTHONPATH": ".", "PATH": "/usr/bin:/bin"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        assert self.process.stdout is not None
        found = re.search(r":(\d+)$", self.process.stdout.readline().strip())
        assert found is not None
        self.port = int(found[1])
        self.gone: dict[str, float] = {}
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"(\S+) left \(|Connection closed \(127\.0\.0\.1:(\d+)\)", line):
                self.gone.setdefault(found[1] or found[2], time.monotonic())

    def end(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()
        self._folder.cleanup()


def measure(speaks: bool) -> tuple[Watched, dict[str, socket.socket], socket.socket]:
    """Start a server with a deaf peer of each dialect, and some that are not let in; one who may speak."""
    server, kind = Watched(), b"spoken" if speaks else b"quiet"
    peers = {}
    for dialect, first in DIALECTS.items():
        hello = first % ((kind, b"lobby") if dialect == "json" else kind)
        peers[f"{dialect}-{kind.decode()}"] = member(server.port, hello)
    for half in (b"", b'{"type":'):
        sock = member(server.port, b"")
        sock.sendall(half)
        peers[str(sock.getsockname()[1])] = sock
    speaker = member(server.port, b'{"type":"hello","v":1,"nick":"speaker"}\n')
    threading.Thread(target=answer, args=(speaker,), daemon=True).start()
    for sock in peers.values():
        go_deaf(sock)
    return server, peers, speaker


def answer(sock: socket.socket) -> None:
    """Read, and answer pings."""
    for line in sock.makefile("rb"):
        if b'"ping"' in line:
            sock.sendall(line.replace(b'"ping"', b'"pong"'))


def main() -> int:
    """Measure, print a line for each peer; return the exit code."""
    begun, late = time.monotonic(), 0
    runs = [measure(speaks=False), measure(speaks=True)]
    waited = 0.0
    while waited < MOST + 30 and any(set(peers) - set(server.gone) for server, peers, _ in runs):
        runs[1][2].sendall(b'{"type":"say","text":"are you there?"}\n')
        time.sleep(EVERY)
        waited = time.monotonic() - begun
    for server, peers, _ in runs:
        for name in peers:
            seconds = server.gone.get(name, float("inf")) - begun
            late += seconds > MOST
            print(f"{name if '-' in name else 'not let in':16} gone after {seconds:5.1f} s")
        server.end()
    return late


if __name__ == "__main__":
    sys.exit(main())
