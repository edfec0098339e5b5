"""Something else at the port: exit 7, and one line that says what answered."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.fixture_types import Run, Serve
from tests.support.processes import err_line
from tests.support.stub import Stub
from tests.support.web import port_of


@pytest.fixture
def web_port() -> Iterator[int]:
    """A real web server, as somebody may have started it there."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        default_request_version = "HTTP/1.0"  # a status line in each answer; before 3.14 Python leaves it out

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(8)


@pytest.mark.parametrize("command", [["send", "hi"], ["tail"], ["who"]])
def test_a_web_server(run: Run, web_port: int, command: list[str]) -> None:
    done = run(*command, port=web_port)
    assert done.returncode == 7
    assert f"127.0.0.1:{web_port} is not a chatctl server" in err_line(done)
    assert "a web server answered (HTTP/1.0 400" in err_line(done)
    assert done.stdout == b""


def test_our_own_port_for_browsers(run: Run, serve: Serve) -> None:
    """Whoever takes one of the server's ports for the other is told at once."""
    port = port_of(serve("--web", "0"))
    done = run("send", "hi", port=port)
    assert done.returncode == 7
    assert f"127.0.0.1:{port} is not a chatctl server: a web server answered (HTTP/1.1 400" in err_line(done)


@pytest.mark.parametrize(
    ("greeting", "what"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "an SSH server"),
        (b"220 mail.example.org ESMTP\r\n", "a mail or FTP server"),
        (b"INFO {}\r\n", "a NATS server"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "a web server"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "a TLS server"),
        (b"NAM", "does not answer"),
        (b"NAMEhello\n", "something else"),
        (b"\x1b[2J\x9b\xff", "something else"),
    ],
)
def test_what_answers_is_named(run: Run, stub: Callable[..., Stub], greeting: bytes, what: str) -> None:
    """And none of its bytes act on the terminal."""
    done = run("who", "--timeout", "1s", port=stub(lambda sock: sock.sendall(greeting)).port)
    assert done.returncode == (3 if what == "does not answer" else 7)
    assert what in err_line(done)
    assert err_line(done).isprintable()


def test_one_that_hangs_up(run: Run, stub: Callable[..., Stub]) -> None:
    done = run("who", port=stub(socket.socket.close).port)
    assert done.returncode == 3
    assert "before it answered the hello" in err_line(done)


def test_a_later_version(run: Run, stub: Callable[..., Stub]) -> None:
    def later(sock: socket.socket) -> None:
        sock.sendall(b"NAME")
        sock.recv(4096)
        sock.sendall(b'{"type":"error","code":"version","text":"this server speaks version 2, not 1"}\n')

    done = run("who", port=stub(later).port)
    assert done.returncode == 7
    assert "version 2" in err_line(done)
