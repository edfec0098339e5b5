"""Measures the resident memory that a member with TLS costs a server, idle and after it has sent a lot at once.

Run it: ``python benchmarks/tls_memory.py [MEMBERS]``. Once with uvloop where it is installed, and once without; and the
same members without TLS, to compare. Linux only.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

from chatctl.bench.metrics import usage_of
from chatctl.protocol import GREETING

WARM_UP = 50
BURST = b"".join(b'{"type":"ping","t":%d,"more":"%0*d"}\n' % (number, 4000, 0) for number in range(1, 101))
"""400 KB of frames that leave nothing in the room's memory."""


def server(folder: str, *, with_uvloop: bool) -> tuple[subprocess.Popen[str], int, int]:
    """Start a server; return its process, its plain port and its TLS port."""
    path = [str(Path(__file__).parent.parent)]
    if not with_uvloop:
        (Path(folder) / "uvloop.py").write_text("raise ImportError\n")
        path.insert(0, folder)
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path), "CHATCTL_STATE_DIR": folder}
    command = [sys.executable, "-m", "chatctl", "serve", "--port", "0", "--tls", "self", "--tls-port", "0"]
    command += ["--rate", "off", "--journal", "none", "--quiet", "--max-clients", "20000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout is not None
    ports = [re.search(r":(\d+)( with TLS)?$", process.stdout.readline().strip()) for _ in range(2)]
    plain, secure = (int(found[1]) for found in ports if found is not None)
    return process, plain, secure


def member(port: int, context: ssl.SSLContext | None, first: bytes) -> socket.socket:
    """Join, send ``first``, and wait until it was read."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock = context.wrap_socket(sock) if context is not None else sock
    hello = b'{"type":"hello","v":1,"nick":"m%d","mode":"post"}\n' % id(sock)
    sock.sendall(hello + first + b'{"type":"ping","t":0.5}\n')
    seen = b""
    while b'"t":0.5' not in seen:
        seen += sock.recv(65536)
    assert seen.startswith(GREETING)
    return sock


def measure(members: int, first: bytes, *, secure: bool, with_uvloop: bool) -> float:
    """Return the bytes a member costs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with tempfile.TemporaryDirectory() as folder:
        process, plain_port, tls_port = server(folder, with_uvloop=with_uvloop)
        port, used = (tls_port, context) if secure else (plain_port, None)
        try:
            held = [member(port, used, first) for _ in range(WARM_UP)]
            before = usage_of(process.pid).resident
            held += [member(port, used, first) for _ in range(members)]
            return (usage_of(process.pid).resident - before) / members
        finally:
            process.terminate()
            process.wait()
            for sock in held:
                sock.close()


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    for with_uvloop in (True, False):
        for secure in (False, True):
            for name, first in (("idle", b""), ("after 400 KB at once", BURST)):
                each = measure(count, first, secure=secure, with_uvloop=with_uvloop)
                loop = "uvloop" if with_uvloop else "asyncio"
                print(f"{loop:8} {'TLS' if secure else 'plain':6} {name:22} {each / 1024:6.1f} KiB a member")
