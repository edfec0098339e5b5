"""web_socket.py: a probe through the port for browsers, and what may stand there in its place."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.server import ServerProtocol

from chatctl.client.core.address import parse_web
from chatctl.client.core.deadline import ConnectionEnded, DeadlinePassed
from chatctl.client.health import Health, check
from chatctl.client.io.clock import deadline_in, now
from chatctl.client.security.credentials import Credentials
from chatctl.core.limits import ServerLimits
from chatctl.errors import BadFrame, ChatError, Forbidden, PasswordWrong, PeerBroke, Unauthorized, Unreachable
from chatctl.server.certificates import Tls, self_signed
from tests.support.environment import DEADLINE
from tests.support.in_process_server import in_process_server
from tests.support.stub import Stub
from tests.support.web import WEB, browser_frame


def probe(port: int, path: str = "/", seconds: float = DEADLINE, **more: object) -> Health:
    address = parse_web(f"http://127.0.0.1:{port}{path}")._replace(**more)  # type: ignore[arg-type]
    return check(address, "lobby", deadline_in(seconds))


# --- with a server


def test_it_measures_what_a_probe_measures_and_leaves_no_trace() -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        health = probe(port)
        assert 0 < health.connect < DEADLINE
        assert 0 < health.echo < DEADLINE
        assert (health.users, health.silence, health.cert_days) == (0, None, None)
        assert probe(port).silence is None, "the first one said nothing"


def test_a_password_is_proved_without_a_certificate_that_a_proxy_may_have_changed() -> None:
    with in_process_server(ServerLimits(), web=WEB, password="sesame") as port:
        assert probe(port, credentials=Credentials(password="sesame")).users == 0
        with pytest.raises(PasswordWrong):
            probe(port, credentials=Credentials(password="simsim"))
        with pytest.raises(Unauthorized, match="this server requires a password"):
            probe(port)


def test_a_server_that_refuses_says_why() -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        with pytest.raises(ChatError, match="404 Not Found: there is nothing at this path"):
            probe(port, "/elsewhere/")
        with pytest.raises(Forbidden, match=r"421 Misdirected Request: .* start it with --web-origin"):
            probe(port, web=f"http://chat.lan:{port}/")


# --- with something else in its place

Handle = Callable[[socket.socket], None]


@pytest.fixture
def put() -> Iterator[Callable[[Handle], int]]:
    stubs: list[Stub] = []

    def put(handle: Handle) -> int:
        stubs.append(Stub(handle))
        return stubs[-1].port

    yield put
    for stub in stubs:
        stub.close()


Put = Callable[[Handle], int]


def answering(answer: bytes) -> Handle:
    def handle(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(answer)
        sock.shutdown(socket.SHUT_WR)

    return handle


PROXY = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"
MOVED = b"HTTP/1.1 301 Moved Permanently\r\nLocation: https://chat.example.org/\r\nContent-Length: 0\r\n\r\n"
STRIPPED = (
    b'HTTP/1.1 426 Upgrade Required\r\nContent-Length: 51\r\n\r\n{"type":"error","code":"bad_frame","text":"no Upg"}'
)


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (PROXY, PeerBroke, "answered 200 OK to a WebSocket: it is no chatctl server, or a proxy"),
        (MOVED, PeerBroke, "answered 301 Moved Permanently: it sends clients to https://chat.example.org/"),
        (STRIPPED, BadFrame, "no Upg (a proxy in front of it has to pass Upgrade on)"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", PeerBroke, "it answered no handshake"),
        (b"HTTP/1.1 \x1b[31m\r\n\r\n", PeerBroke, "it answered no handshake"),
        (b"", ConnectionEnded, "closed the connection before it answered"),
        (b"HTTP/1.1 101 Sw", ConnectionEnded, "closed the connection before it answered"),
    ],
    ids=["another web server", "moved", "stripped", "SSH", "escape", "nothing", "half a line"],
)
def test_what_is_no_chatctl_server_is_told(put: Put, answer: bytes, kind: type[ChatError], told: str) -> None:
    with pytest.raises(kind) as found:
        probe(put(answering(answer)))
    assert told in found.value.text
    assert "\x1b" not in found.value.text


def shake_hands(sock: socket.socket) -> ServerProtocol:
    server = ServerProtocol()
    while not (events := server.events_received()):
        server.receive_data(sock.recv(65536))
    server.send_response(server.accept(events[0]))  # type: ignore[arg-type]
    sock.sendall(b"".join(server.data_to_send()))
    return server


def behind_the_handshake(data: bytes) -> Handle:
    def handle(sock: socket.socket) -> None:
        shake_hands(sock)
        sock.sendall(data)

    return handle


def frame(data: bytes, opcode: int = 1, *, fin: bool = True) -> bytes:
    return browser_frame(data, opcode, fin=fin, mask=b"")


@pytest.mark.parametrize(
    ("data", "kind", "told"),
    [
        (b"\xff\xff\xff", PeerBroke, "broke the protocol"),
        (browser_frame(b"{}", mask=b"mask"), PeerBroke, "broke the protocol"),
        (frame(b"\x03\xeaprotocol error", 8), PeerBroke, "1002 (protocol error) protocol error"),
        (frame(b"\x03\xe8", 8), Unreachable, "closed the connection"),
        (frame(b"hello"), PeerBroke, "is not a chatctl server"),
    ],
    ids=["no frame", "masked", "an error's close", "a close", "no JSON"],
)
def test_what_breaks_behind_the_handshake_is_told(put: Put, data: bytes, kind: type[ChatError], told: str) -> None:
    with pytest.raises(kind) as found:
        probe(put(behind_the_handshake(data)))
    assert told in found.value.text


def silent(_: socket.socket) -> None:
    """Accept, and say nothing."""


def drips(data: bytes) -> Handle:
    """Send a byte every few milliseconds: each of them is in time, all of them are not."""

    def handle(sock: socket.socket) -> None:
        if not data.startswith(b"HTTP"):
            shake_hands(sock)
        sock.settimeout(0.02)
        for byte in data:
            sock.sendall(bytes((byte,)))
            try:
                while sock.recv(65536):
                    pass
            except TimeoutError:
                continue
            return

    return handle


@pytest.mark.parametrize(
    "handle",
    [silent, drips(b"HTTP/1.1 101 Switching Protocols\r\n" * 9), drips(frame(b"{" * 500)), behind_the_handshake(b"")],
    ids=["silent", "slow handshake", "slow frame", "silent behind it"],
)
def test_the_deadline_holds_in_each_phase(put: Put, handle: Handle) -> None:
    port, begun = put(handle), now()
    with pytest.raises((Unreachable, DeadlinePassed)):
        probe(port, seconds=0.2)
    assert now() - begun < DEADLINE / 2


def test_frames_may_be_cut_and_joined_and_pings_are_answered(put: Put) -> None:
    """A proxy may cut messages into fragments; pings come in between."""
    got: list[bytes] = []

    def handle(sock: socket.socket) -> None:
        shake_hands(sock)
        text = b'{"type":"error","code":"room_invalid","text":"no such \xc3\xbcroom"}'
        sock.sendall(frame(text[:40], fin=False) + frame(b"ping", 9) + frame(text[40:52], 0, fin=False))
        sock.sendall(frame(text[52:], 0))
        while b"\x8a\x84" not in b"".join(got):  # a pong of four bytes, masked
            got.append(sock.recv(65536))

    with pytest.raises(ChatError, match="no such üroom"):
        probe(put(handle))


# --- TLS


def test_over_tls_the_certificate_is_checked_as_ever(tmp_path: Path) -> None:
    tls = Tls(self_signed(tmp_path, "127.0.0.1"), None)
    with in_process_server(ServerLimits(), tls, web=WEB, password="sesame") as port:
        address = parse_web(f"https://127.0.0.1:{port}/")._replace(credentials=Credentials(password="sesame"))
        health = check(address._replace(pin=tls.current.fingerprint), "lobby", deadline_in(DEADLINE))
        assert health.cert_days is not None
        with pytest.raises(PeerBroke, match="is not known here") as unknown:
            check(address, "lobby", deadline_in(DEADLINE))
        assert "chatctl join" not in unknown.value.text, "it would speak another protocol there"
        with pytest.raises(ChatError, match="this port speaks TLS only"):
            probe(port)
    with in_process_server(ServerLimits(), web=WEB) as port, pytest.raises(PeerBroke, match="use http://"):
        check(parse_web(f"https://127.0.0.1:{port}/"), "lobby", deadline_in(DEADLINE))
