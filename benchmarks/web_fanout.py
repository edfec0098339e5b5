"""Measures what browsers cost a server beside clients of json: processor time of the fan-out, and memory of each.

Run it: ``python benchmarks/web_fanout.py [MEMBERS [MESSAGES]]``. Both kinds take turns, several times, each against a
server of its own; the ratio is that of the medians. Browsers are raw sockets, so that what is measured is the server.
Linux only.
"""

from __future__ import annotations

import json
import os
import re
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chatctl.bench.metrics import usage_of

ROUNDS = 5
WARM_UP = 50
"""Members that come before memory is looked at: the first ones pay for what all share."""
PACE = 0.002
"""Seconds between two messages, so that each is a tick of its own: the dearest case."""
MASK = b"\0\0\0\0"

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def server(folder: str) -> tuple[subprocess.Popen[str], int, int]:
    """Start a server; return its process, its port and that for browsers."""
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent), "CHATCTL_STATE_DIR": folder}
    command = [sys.executable, "-m", "chatctl", "serve", "--port", "0", "--web", "0", "--rate", "off"]
    command += ["--journal", "none", "--quiet", "--max-clients", "20000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout is not None
    ports = [re.search(r":(\d+)( with HTTP)?$", process.stdout.readline().strip()) for _ in range(2)]
    plain, web = (int(found[1]) for found in ports if found is not None)
    return process, plain, web


def watcher(port: int, *, web: bool) -> socket.socket:
    """Come in to read, and wait for the welcome."""
    sock = socket.create_connection(("127.0.0.1", port))
    hello = b'{"type":"hello","v":1,"mode":"watch"}'
    frame = bytes((0x81, 0x80 | len(hello))) + MASK + hello
    sock.sendall(UPGRADE + frame if web else hello + b"\n")
    seen = b""
    while b'"features"' not in seen or not seen.rstrip().endswith(b"}"):
        seen += sock.recv(65536)
    return sock


def drain(sockets: list[socket.socket], wanted: bytes, poster: socket.socket, messages: int) -> None:
    """Say so many messages, and read until everybody has the last one."""
    poll, by_number, tails = select.epoll(), {}, {}
    for sock in sockets:
        sock.setblocking(False)
        poll.register(sock, select.EPOLLIN)
        by_number[sock.fileno()], tails[sock.fileno()] = sock, b""
    said, due, left = 0, time.monotonic(), set(by_number)
    while left:
        if said < messages and time.monotonic() >= due:
            said, due = said + 1, due + PACE
            text = wanted.decode() if said == messages else f"message {said} " + "x" * 60
            poster.sendall(json.dumps({"type": "say", "text": text}).encode() + b"\n")
        for number, _ in poll.poll(PACE / 2):
            data = tails[number] + by_number[number].recv(1 << 18)
            tails[number] = data[-len(wanted) :]
            if wanted in data:
                left.discard(number)


def measure(members: int, messages: int, *, web: bool) -> tuple[float, float]:
    """Return the microseconds of processor time for each delivery, and the KiB of each member."""
    with tempfile.TemporaryDirectory() as folder:
        process, plain, web_port = server(folder)
        try:
            port = web_port if web else plain
            sockets = [watcher(port, web=web) for _ in range(WARM_UP)]
            before = usage_of(process.pid)
            sockets += [watcher(port, web=web) for _ in range(members)]
            after = usage_of(process.pid)
            poster = socket.create_connection(("127.0.0.1", plain))
            poster.sendall(b'{"type":"hello","v":1,"nick":"poster","mode":"post"}\n')
            while b'"features"' not in poster.recv(65536):
                pass
            begun = usage_of(process.pid)
            drain(sockets, b"the last of them", poster, messages)
            ended = usage_of(process.pid)
            for sock in (*sockets, poster):
                sock.close()
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    spent = ended.cpu - begun.cpu
    return spent * 1e6 / (messages * len(sockets)), (after.resident - before.resident) / members / 1024


def main() -> None:
    """Print both kinds and their ratio."""
    members = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    messages = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    results: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for _ in range(ROUNDS):
        for web in (False, True):
            results[web].append(measure(members, messages, web=web))
    medians = {web: [statistics.median(column) for column in zip(*rows, strict=True)] for web, rows in results.items()}
    for web, name in ((False, "json"), (True, "browsers")):
        cpu, size = medians[web]
        spread = ", ".join(f"{one:.2f}" for one, _ in results[web])
        print(f"{members} {name}: {cpu:.2f} us a delivery ({spread}), {size:.1f} KiB each")
    print(f"ratio: {medians[True][0] / medians[False][0]:.2f}")


if __name__ == "__main__":
    main()
