"""What tests of whole programs share: a real server, a raw socket, the commands, and the very first version.

Every wait has a deadline and waits for an event; nothing here sleeps to let something happen.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import queue
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from chatctl.core.admission import Admission
from chatctl.hub.event_log import Log
from chatctl.hub.hub import Hub
from chatctl.journal import Journal
from chatctl.journal.memory import MemoryJournal
from chatctl.protocol import Limits
from chatctl.server.certificates import Tls
from chatctl.server.listener import open_tcp
from chatctl.server.server import Server as ChatServer

DEADLINE = 20.0
"""Seconds after which something that should have happened will not."""

ROOT = Path(__file__).parent.parent
CHATCTL = (sys.executable, "-m", "chatctl")
Frame = dict[str, Any]


def clean_env(state: Path, **more: str) -> dict[str, str]:
    """Give an environment in which no setting of the person who runs the tests counts, and no message is kept."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("CHATCTL_", "PYTHON"))}
    return (
        env
        | {
            "CHATCTL_STATE_DIR": str(state),
            "CHATCTL_JOURNAL": "none",
            "XDG_CONFIG_HOME": str(state / "config"),
            "PYTHONPATH": str(ROOT),
            "LC_ALL": "C.UTF-8",
        }
        | more
    )


# --- a real server


class Server:
    """A real ``chatctl serve``, and what it printed."""

    def __init__(self, *options: str, port: int | None = 0, env: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it says where it listens; ``port`` None leaves that to ``options``."""
        where = () if port is None else ("--port", str(port))
        self.process = subprocess.Popen(
            [*CHATCTL, "serve", *where, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env) if env is not None else None,
            cwd=ROOT,
        )
        self._err: list[bytes] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._reader.start()
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline().decode()
        if not self.first_line:
            self.process.wait(DEADLINE)
            raise AssertionError(f"it did not start: {self.stderr_text()}")
        port_shown = re.search(r":(\d+)$", self.first_line.strip())
        self.port = int(port_shown[1]) if port_shown else 0

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self._err.append(line)
                self._news.notify_all()

    def stderr_text(self) -> str:
        """Give what it has logged so far."""
        with self._news:
            return b"".join(self._err).decode()

    def wait_for_log(self, wanted: str, times: int = 1) -> str:
        """Wait until the log holds ``wanted`` so many times; give the log."""

        def there() -> bool:
            return b"".join(self._err).decode().count(wanted) >= times

        with self._news:
            assert self._news.wait_for(there, DEADLINE), f"no {wanted!r} in:\n{b''.join(self._err).decode()}"
            return b"".join(self._err).decode()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end; give its exit code."""
        return self.process.wait(DEADLINE)

    def stop(self) -> str:
        """End it in order if it still runs; give all that it logged, in which there is no traceback."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it did not end:\n{self.stderr_text()}") from None
        finally:
            self._reader.join(DEADLINE)
            for pipe in (self.process.stdout, self.process.stderr):
                if pipe is not None:
                    pipe.close()
        log = self.stderr_text()
        assert "Traceback" not in log, log
        assert "a fault of chatctl's own" not in log, log
        return log

    def wire(self) -> Wire:
        """Connect to it, and be greeted."""
        return Wire(("127.0.0.1", self.port)).greeted()

    def member(self, nick: str, room: str = "lobby", **more: object) -> Wire:
        """Connect and be let in."""
        return self.wire().enter(nick, room, **more)


@contextlib.contextmanager
def in_process_server(
    limits: Limits, tls: Tls | None = None, *, journal: Journal | None = None, within: float = 2.0
) -> Iterator[int]:
    """Run a server with limits that no option sets, in a thread; give its port. On asyncio's own loop.

    With ``tls``, the port speaks that. At the end it flushes ``within`` so many seconds.
    """
    started: queue.Queue[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()
    log = io.StringIO()

    async def serve() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()

        def hub_of(server: ChatServer) -> Hub:
            everything = Admission("test", open_rooms=True)
            return Hub(journal or MemoryJournal(), everything, limits, Log(out=log), clock=time.time, loop=server.loop)

        server = ChatServer(hub_of, limits, Log(out=log))
        sockets = open_tcp("127.0.0.1", 0)
        server.listen([] if tls is not None else sockets, sockets, tls)
        started.put((sockets[0].getsockname()[1], loop, stop))
        await stop.wait()
        await server.stop("the test is over", within=within)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    port, loop, stop = started.get(timeout=DEADLINE)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(DEADLINE)
        assert "Traceback" not in log.getvalue()
        assert not thread.is_alive()


# --- a raw socket


class Wire:
    """A raw socket to a server: bytes out, lines and frames in, each with a deadline.

    A test need not close it: ``close_all`` does, at the test's end.
    """

    _opened: ClassVar[list[Wire]] = []

    def __init__(self, address: tuple[str, int] | str, *, receive_buffer: int | None = None) -> None:
        """Connect. A small ``receive_buffer`` makes a reader that stops felt soon."""
        family = (
            socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        )
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(DEADLINE)
        self._opened.append(self)
        self.sock.connect(address)
        self.welcome: Frame = {}
        self._data = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket in order."""
        self.sock.close()

    @classmethod
    def close_all(cls) -> None:
        """Close what is still open."""
        while cls._opened:
            cls._opened.pop().close()

    def reset(self) -> None:
        """Close the socket with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def end(self) -> None:
        """Send no more, and still read."""
        self.sock.shutdown(socket.SHUT_WR)

    def greeted(self) -> Self:
        """Take the greeting."""
        assert self.take(4) == b"NAME"
        return self

    def enter(self, nick: str, room: str = "lobby", **more: object) -> Self:
        """Say hello in JSON and wait for the welcome; with mode join also for the own ``join``."""
        self.say_frame(type="hello", v=1, nick=nick, room=room, **more)
        self.welcome = self.frame("welcome")
        if more.get("mode", "join") == "join" and "token" not in more:
            self.frame("join", where=lambda frame: self.welcome["nick"] in frame["nicks"])
        return self

    def send(self, data: bytes) -> Self:
        """Send bytes."""
        self.sock.sendall(data)
        return self

    def push(self, data: bytes) -> Self:
        """Send bytes to a peer that may close in the middle of them."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.sock.sendall(data)
        return self

    def say_frame(self, **frame: object) -> Self:
        """Send a frame."""
        return self.send(json.dumps(frame).encode() + b"\n")

    def say(self, text: str, **more: object) -> Self:
        """Send a ``say``."""
        return self.say_frame(type="say", text=text, **more)

    def take(self, count: int) -> bytes:
        """Read exactly so many bytes."""
        while len(self._data) < count:
            assert self._more(), f"closed after {self._data!r}"
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def until(self, wanted: bytes) -> bytes:
        """Read up to and with ``wanted``."""
        while wanted not in self._data:
            assert self._more(), f"closed without {wanted!r} after {self._data!r}"
        return self.take(self._data.index(wanted) + len(wanted))

    def line(self) -> str:
        """Read a line; give it without its end."""
        return self.until(b"\n").decode()[:-1]

    def lines_until(self, wanted: str) -> list[str]:
        """Read lines up to the first that holds ``wanted``, and with it."""
        lines = [self.line()]
        while wanted not in lines[-1]:
            lines.append(self.line())
        return lines

    def frame(self, kind: str, where: Callable[[Frame], bool] = lambda _: True) -> Frame:
        """Read frames up to one of that type; give it."""
        while True:
            frame = self.next_frame()
            if frame["type"] == kind and where(frame):
                return frame

    def next_frame(self) -> Frame:
        """Read a frame."""
        frame = json.loads(self.line())
        assert isinstance(frame, dict)
        return frame

    def texts(self, last: str) -> list[str]:
        """Read messages up to the one that says ``last``, and with it; give what they say."""
        texts = [self.frame("msg")["text"]]
        while texts[-1] != last:
            texts.append(self.frame("msg")["text"])
        return texts

    def rest(self) -> bytes:
        """Read until the server closes; a reset ends it, too."""
        with contextlib.suppress(ConnectionResetError):
            while self._more():
                pass
        rest, self._data = self._data, b""
        return rest

    def _more(self) -> bool:
        data = self.sock.recv(65536)
        self._data += data
        return bool(data)


# --- the very first version, in our own words


class FirstVersionServer:
    """A server as the very first version was: a thread a client, unframed ASCII, whoever asks is believed."""

    def __init__(self) -> None:
        """Listen."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._clients: list[socket.socket] = []
        self._lock = threading.Lock()
        self.heard: queue.Queue[bytes] = queue.Queue()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.sendall(b"NAME")
                nick = client.recv(1024)
                with self._lock:
                    self._clients.append(client)
                self._tell(nick + b" joined!")
                client.sendall(b"Connected to server!")
                thread = threading.Thread(target=self._handle, args=(client, nick), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _handle(self, client: socket.socket, nick: bytes) -> None:
        with contextlib.suppress(OSError):
            while message := client.recv(1024):
                self.heard.put(message)
                self._tell(message)
        with self._lock:
            self._clients.remove(client)
        client.close()
        self._tell(nick + b" left!")

    def _tell(self, message: bytes) -> None:
        with self._lock:
            for client in self._clients:
                with contextlib.suppress(OSError):
                    client.sendall(message)

    def close(self) -> None:
        """Let everybody go."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for client in self._clients:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(DEADLINE)


def closed_port() -> int:
    """Give a port at which nobody listens, and that nobody else is given while this process lives.

    It is bound, and not listened on. A server that is told to take it can: both may share the address.
    """
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    port = int(sock.getsockname()[1])
    sock.detach()  # open until the end
    return port


class FirstVersionClient:
    """A client as the very first version was: it answers ``NAME``, shows what each read brings, dies of non-ASCII."""

    def __init__(self, port: int, nick: str) -> None:
        """Connect; the nickname goes out when it is asked for."""
        self._sock = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self._nick = nick
        self._shown = ""
        self._news = threading.Condition()
        self.died = False
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        self._sock.settimeout(None)
        try:
            while message := self._sock.recv(1024).decode("ascii"):
                if message == "NAME":
                    self._sock.sendall(self._nick.encode("ascii"))
                    continue
                with self._news:
                    self._shown += message
                    self._news.notify_all()
        except (OSError, UnicodeDecodeError) as error:
            self.died = isinstance(error, UnicodeDecodeError)

    def say(self, text: str, nick: str | None = None) -> None:
        """Send as it did: its own name before it, or one that it makes up."""
        self._sock.sendall(f"{nick or self._nick}: {text}".encode("ascii"))

    def wait_for(self, wanted: str) -> str:
        """Wait until it has shown ``wanted``; give all that it has shown."""
        with self._news:
            assert self._news.wait_for(lambda: wanted in self._shown, DEADLINE), self._shown
            return self._shown

    def close(self) -> None:
        """Close."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE)
        self._sock.close()


# --- other things that may stand at the port


class Stub:
    """A listener that does with each connection what a function says, in a thread."""

    def __init__(self, handle: Callable[[socket.socket], None]) -> None:
        """Listen."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._handle = handle
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                client.settimeout(DEADLINE)
                with contextlib.suppress(OSError):
                    self._handle(client)

    def close(self) -> None:
        """Close it and all that it accepted."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._open:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE)
        for client in self._open:
            client.close()


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process that a test started, and close its pipes."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait(DEADLINE)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def err_line(done: subprocess.CompletedProcess[bytes]) -> str:
    """Give the one line that a command told the person."""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    return lines[0]
