"""``chatctl serve --proxied-from`` and whole programs behind a proxy."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.environment import DEADLINE, clean_env
from tests.support.fixture_types import Run
from tests.support.processes import err_line
from tests.support.proxy_headers import v1, v2
from tests.support.server_process import Server
from tests.support.wire import Wire

Serve = Callable[..., Server]
SOMEBODY = "203.0.113.7"


@contextlib.contextmanager
def proxy_to(port: int, source: str) -> Iterator[int]:
    """Run a proxy that tells the server on ``port`` that its clients are ``source``; give its own port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = listener.getsockname()[1]
        ends: list[socket.socket] = []

        def copy(one: socket.socket, other: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := one.recv(65536):
                    other.sendall(data)
                other.shutdown(socket.SHUT_WR)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, (_, its_port) = listener.accept()
                    server = socket.create_connection(("127.0.0.1", port), DEADLINE)
                    server.settimeout(None)
                    server.sendall(v2(source, its_port, "127.0.0.1", here))
                    ends.extend((client, server))
                    for pair in ((client, server), (server, client)):
                        threading.Thread(target=copy, args=pair, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield here
        listener.shutdown(socket.SHUT_RDWR)
        for end in ends:
            end.close()


def test_whole_programs_come_through_a_proxy_and_bans_find_them(serve: Serve, run: Run, tmp_path: Path) -> None:
    """A key signs where its owner reached the server, which is the proxy; the header says that, too."""
    journal = str(tmp_path / "rooms.db")
    server = serve("--journal", journal, "--proxied-from", "127.0.0.1", "-v")
    own = partial(run, env=clean_env(tmp_path / "state"))  # its key is for this test alone
    assert own("key").returncode == 0
    with proxy_to(server.port, SOMEBODY) as port:
        done = own("send", "hello", "--nick", "nadia", port=port)
        assert (done.returncode, done.stderr) == (0, b"")
        assert own("probe", port=port).returncode == 0
        server.wait_for_log(f"Connected with {SOMEBODY}:", times=2)
        banned = own("admin", "ban", "127.0.0.1", "--journal", journal)
        assert b"it is a proxy's address: name the address of the client behind it" in banned.stdout + banned.stderr
        assert own("send", "hello", port=port).returncode == 0
        assert own("admin", "ban", SOMEBODY, "--journal", journal).returncode == 0
        assert "your address is banned" in err_line(own("send", "hello", port=port))
    direct = own("send", "hello", port=server.port)
    assert "this server accepts connections from your address through a proxy only" in err_line(direct)


def test_the_list_of_proxies_is_read_again(serve: Serve, tmp_path: Path) -> None:
    proxies = tmp_path / "proxies"
    proxies.write_text("192.0.2.0/24  # the old one\n")
    server = serve("--proxied-from", f"@{proxies}")
    assert b"--proxied-from does not name" in Wire(("127.0.0.1", server.port)).send(v1(SOMEBODY, 1)).rest()
    proxies.write_text("127.0.0.1\n")
    server.signal(signal.SIGHUP)
    server.wait_for_log("network list read again")
    Wire(("127.0.0.1", server.port)).send(v1(SOMEBODY, 1)).greeted().enter("nadia")
    proxies.write_text("")
    server.signal(signal.SIGHUP)
    server.wait_for_log("--proxied-from has no network left in it")
    Wire(("127.0.0.1", server.port)).send(v1(SOMEBODY, 1)).greeted().enter("omar")


@pytest.mark.parametrize("wrong", ["10.0.0.0/33", "example.org", ""])
def test_what_is_no_network_is_a_usage_error(run: Run, wrong: str) -> None:
    done = run("serve", "--proxied-from", wrong)
    assert done.returncode == 2
    assert "is not a network" in err_line(done)
