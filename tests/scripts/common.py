"""What these tests share: small servers that follow a script, and a proxy that loses acknowledgements."""

from __future__ import annotations

import contextlib
import json
import queue
import selectors
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from click.testing import CliRunner

from chatctl.main import cli
from tests.support import DEADLINE, Stub, Wire

WELCOME: dict[str, Any] = {
    "type": "welcome", "v": 1, "server": "stub", "room": "lobby", "nick": "ci", "epoch": "e", "first": 1, "last": 0,
    "members": [], "count": 0, "watchers": 0, "durability": "memory", "limits": {},
}  # fmt: skip


class Peer:
    """A server's end of one connection, as a test plays it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._data = b""

    def frame(self, *kinds: str) -> dict[str, Any]:
        """Read up to a frame of one of these types."""
        while True:
            while b"\n" not in self._data:
                piece = self.sock.recv(65536)
                if not piece:
                    raise ConnectionResetError
                self._data += piece
            line, _, self._data = self._data.partition(b"\n")
            frame: dict[str, Any] = json.loads(line)
            if frame["type"] in kinds:
                return frame

    def send(self, **frame: object) -> None:
        self.sock.sendall(json.dumps(frame).encode() + b"\n")

    def let_in(self, **more: object) -> dict[str, Any]:
        """Greet, and welcome; give the hello."""
        self.sock.sendall(b"NAME")
        hello = self.frame("hello")
        self.send(**(WELCOME | more))
        return hello

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


def one_after_another(*handlers: Callable[[Peer], None]) -> Callable[[socket.socket], None]:
    """Give what handles the first connection with the first handler, and so on; the last one has all that follow."""
    left = list(handlers)

    def handle(sock: socket.socket) -> None:
        handler = left.pop(0) if len(left) > 1 else left[0]
        handler(Peer(sock))

    return handle


def acknowledge(peer: Peer) -> None:
    """Let in, and say yes to the first message."""
    peer.let_in()
    say = peer.frame("say")
    peer.send(type="ack", id=say["id"], time=1.0, duplicate=False, seq=1)


def swallow(peer: Peer) -> None:
    """Take a message, and die with it in hand."""
    peer.let_in()
    peer.frame("say")
    peer.close()


class LossyProxy:
    """Hands bytes on to a server and back, and cuts the first ``times`` connections at an acknowledgement.

    The server has heard and kept the message; the sender does not know. ``after`` acknowledgements get through first.
    """

    def __init__(self, port: int, times: int = 1, after: int = 0) -> None:
        self._target = port
        self._times = times
        self._after = after
        self.cuts = 0
        self._stub = Stub(lambda client: self._threads.append(self._go(client)))
        self._threads: list[threading.Thread] = []
        self.port = self._stub.port

    def _go(self, client: socket.socket) -> threading.Thread:
        thread = threading.Thread(target=self._carry, args=(client,), daemon=True)
        thread.start()
        return thread

    def _carry(self, client: socket.socket) -> None:
        acks = 0
        with socket.create_connection(("127.0.0.1", self._target)) as server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            with contextlib.suppress(OSError):
                while True:
                    for key, _ in ready.select():
                        data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                        if not data:
                            return client.shutdown(socket.SHUT_RDWR)
                        if key.fileobj is server and self.cuts < self._times:
                            acks += data.count(b'"ack"')
                            if acks > self._after:
                                self.cuts += 1
                                return client.shutdown(socket.SHUT_RDWR)
                        key.data.sendall(data)

    def close(self) -> None:
        self._stub.close()
        for thread in self._threads:
            thread.join(DEADLINE)


def wrong_usage(*arguments: str) -> str:
    """Give what is told of a usage that is wrong: exit code 2, and nobody is asked anything."""
    done = CliRunner().invoke(cli, [*arguments, "--port", "1"])
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    return done.stderr


def line_of(process: subprocess.Popen[bytes]) -> str:
    """Read a line that a command prints."""
    assert process.stdout is not None
    return process.stdout.readline().decode().rstrip("\n")


def told(process: subprocess.Popen[bytes]) -> str:
    """Give all that a command told the person; it has ended."""
    assert process.stderr is not None
    return process.stderr.read().decode()


def texts_of(wire: Wire, count: int) -> list[str]:
    """Read so many messages."""
    return [wire.frame("msg")["text"] for _ in range(count)]


def log_of(wire: Wire) -> list[str]:
    """Give all that was ever said there."""
    wire.say_frame(type="history", after=0, limit=1000)
    return [entry["text"] for entry in wire.frame("page")["entries"]]


def wait_for_watcher(wire: Wire, count: int = 1) -> None:
    """Ask until so many watch: each answer is an event of the server's."""
    wire.say_frame(type="who")
    while wire.frame("roster")["watchers"] < count:
        wire.say_frame(type="who")


def say_all(wire: Wire, texts: Sequence[str]) -> None:
    """Say them, and wait until they are said."""
    for text in texts:
        wire.say(text)
    texts_of(wire, len(texts))


@contextlib.contextmanager
def lines_as_they_come(process: subprocess.Popen[bytes]) -> Iterator[queue.Queue[str]]:
    """Read a command's stdout in a thread."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line.decode().rstrip("\n"))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    yield lines
    thread.join(DEADLINE)
