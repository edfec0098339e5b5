"""Client and server of the very first version, in our own words: unframed ASCII, one read is one message."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading

from tests.support.environment import DEADLINE


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
