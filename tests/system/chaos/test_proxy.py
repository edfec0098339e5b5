"""The bad network does what it says: what gets through is a part of what was sent, and nothing else."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.chaos.proxy import Fate, Proxy

DEADLINE = 8.0
LINES = b"".join(b"line %d\n" % number for number in range(1000))


class Echo:
    """What stands behind the proxy: it takes all there is, and then says it again."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, contextlib.suppress(OSError):
                    client.settimeout(DEADLINE)
                    client.sendall(take(client, len(LINES)))
                    client.recv(1)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(DEADLINE)


def take(sock: socket.socket, count: int) -> bytes:
    """Read so many bytes, or until the end, whatever kind of end it is."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while len(data) < count and (part := sock.recv(count - len(data))):
            data += part
    return data


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    echo = Echo()
    proxy = Proxy()
    proxy.upstream = echo.port
    yield proxy
    proxy.close()
    echo.close()


def through(proxy: Proxy, fate: Fate, patience: float = DEADLINE) -> bytes | None:
    """Send all lines through a connection of this fate; give what comes back, None for silence."""
    proxy.fates.append(fate)
    with socket.create_connection(("127.0.0.1", proxy.port), DEADLINE) as client:
        client.sendall(LINES)
        client.settimeout(patience)
        try:
            return take(client, len(LINES))
        except TimeoutError:
            return None


@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize("kind", ["clean", "slow"])
def test_what_gets_through_is_what_was_sent(proxy: Proxy, kind: str, upwards: bool) -> None:
    assert through(proxy, Fate(kind, upwards=upwards)) == LINES
    assert proxy.cuts == 0


def test_a_cut_lets_a_part_through_and_then_ends(proxy: Proxy) -> None:
    got = through(proxy, Fate("cut", upwards=False))
    assert got is not None
    assert len(got) < len(LINES)
    assert LINES.startswith(got)
    assert proxy.cuts == 1


@pytest.mark.parametrize("upwards", [True, False])
def test_a_dead_connection_stays_open_and_is_silent(proxy: Proxy, upwards: bool) -> None:
    assert through(proxy, Fate("mute", upwards=upwards), patience=0.2) is None
    assert proxy.cuts == 1


def test_all_are_cut_at_once_and_nothing_is_cut_in_calm(proxy: Proxy) -> None:
    proxy.fates.append(Fate())
    with socket.create_connection(("127.0.0.1", proxy.port), DEADLINE) as client:
        client.sendall(LINES)
        client.settimeout(DEADLINE)
        assert take(client, len(LINES)) == LINES
        proxy.settle()
        assert take(client, 1) == b""
    assert proxy.cuts == 1
    with socket.create_connection(("127.0.0.1", proxy.port), DEADLINE) as client:
        client.sendall(LINES)
        client.settimeout(DEADLINE)
        assert take(client, len(LINES)) == LINES


def test_without_a_server_nobody_gets_through(proxy: Proxy) -> None:
    proxy.upstream = None
    with socket.create_connection(("127.0.0.1", proxy.port), DEADLINE) as client:
        assert take(client, 1) == b""


@pytest.mark.parametrize("upwards", [True, False])
def test_what_is_held_comes_whole_once_it_is_let_go(proxy: Proxy, upwards: bool) -> None:
    """What comes of a new connection, too."""
    proxy.calm = True
    for new in (False, True):
        if new:
            proxy.hold(upwards=upwards)
        with socket.create_connection(("127.0.0.1", proxy.port), DEADLINE) as client:
            proxy.hold(upwards=upwards)
            client.sendall(LINES)
            client.settimeout(0.1)
            with pytest.raises(TimeoutError):
                client.recv(1)
            proxy.let_go()
            client.settimeout(DEADLINE)
            assert take(client, len(LINES)) == LINES


def test_it_listens_on_a_socket_in_front_of_a_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "up"))
        listener.listen()
        proxy = Proxy(socket=tmp_path / "down")
        proxy.calm, proxy.upstream = True, tmp_path / "up"
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(tmp_path / "down"))
                client.sendall(b"hi")
                server, _ = listener.accept()
                with server:
                    assert server.recv(2) == b"hi"
        finally:
            proxy.close()
