"""A key over a unix socket: what is signed names the path, so whoever listens at another one can't hand it on."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatctl.client.core.address import Address
from chatctl.client.io.blocking_connection import BlockingConnection
from chatctl.client.io.blocking_socket import follow_links, open_tcp
from chatctl.client.io.clock import deadline_in
from chatctl.client.security.credentials import Credentials
from chatctl.client.security.key_files import read_key
from chatctl.common.key_proof import OLD_PLACE_OF_UNIX, statement
from chatctl.errors import Unauthorized, Unsupported
from chatctl.protocol import Hello
from tests.support.environment import DEADLINE
from tests.support.server_process import Server
from tests.support.wire import Wire
from tests.system.security.conftest import Chatctl, Person

Serve = Callable[..., Server]
Make = Callable[[str], Person]


class Relay:
    """Listens on a socket of its own, and hands everything on; ``change`` says what of the server's it changes."""

    def __init__(self, path: Path, target: Path, change: tuple[bytes, bytes] = (b"", b"")) -> None:
        self._target, self._change = str(target), change
        self.heard = b""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                guest, _ = self._listener.accept()
                with guest, socket.socket(socket.AF_UNIX) as server:
                    server.connect(self._target)
                    self._carry(guest, server)

    def _carry(self, guest: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as ready, contextlib.suppress(OSError):
            ready.register(guest, selectors.EVENT_READ)
            ready.register(server, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    if not data:
                        return
                    if key.fileobj is guest:
                        self.heard += data
                        server.sendall(data)
                    else:
                        guest.sendall(data.replace(*self._change))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(DEADLINE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.sock"


@pytest.fixture
def relays() -> Iterator[list[Relay]]:
    made: list[Relay] = []
    yield made
    for relay in made:
        relay.close()


def enter(person: Person, path: Path | str) -> BlockingConnection:
    """Join as a client of ours does. Raises what it raises."""
    address = Address("127.0.0.1", 5500, str(path), credentials=Credentials(key=str(person.path)))
    return BlockingConnection(address, Hello(v=1, nick="Rajat"), deadline_in(DEADLINE))


def test_a_relay_on_another_socket_gets_nothing_from_its_guests(
    serve: Serve, person: Make, path: Path, tmp_path: Path, relays: list[Relay]
) -> None:
    """It can listen in a folder of its own, and hand hello, challenge and proof on to the server's socket."""
    server, rajat = serve("--unix", str(path), "--claim-names"), person("rajat")
    relays.append(Relay(tmp_path / "evil.sock", path))
    with pytest.raises(Unauthorized, match="a relay or a mount"):
        enter(rajat, tmp_path / "evil.sock")
    enter(rajat, path).close()
    assert server.stop().count("bound nick=Rajat") == 1


@pytest.mark.parametrize(
    ("change", "side"),
    [
        ((b"chatctl-key-v2", b"chatctl-key-v1"), "Update chatctl where the server runs"),
        ((b',"labels":["chatctl-key-v2"]', b""), "Update chatctl where the server runs"),
        ((b"chatctl-key-v2", b"chatctl-key-v3"), "update it here"),
        ((b'"chatctl-key-v2"', b""), "Update chatctl where the server runs"),
    ],
    ids=["the old label", "an old server", "a newer server", "none"],
)
def test_nothing_less_is_signed_for_a_server_that_asks_for_it(
    serve: Serve, person: Make, path: Path, tmp_path: Path, relays: list[Relay], change: tuple[bytes, bytes], side: str
) -> None:
    """A relay would say that it is an old server."""
    serve("--unix", str(path))
    relays.append(Relay(tmp_path / "evil.sock", path, change))
    with pytest.raises(Unsupported, match=side):
        enter(person("rajat"), tmp_path / "evil.sock")
    assert b'"hello"' in relays[0].heard
    assert b"signature" not in relays[0].heard


def test_a_client_that_is_too_old_is_told_to_be_updated(serve: Serve, person: Make, path: Path) -> None:
    serve("--unix", str(path))
    key, hello = read_key(person("rajat").path), Hello(v=1, nick="Rajat")
    wire = Wire(str(path)).greeted().say_frame(type="hello", v=1, nick="Rajat", key=b64encode(key.public).decode())
    challenge = wire.frame("challenge")
    assert challenge["labels"] == ["chatctl-key-v2"]
    signature = key.sign(statement(hello, b64decode(challenge["nonce"]), OLD_PLACE_OF_UNIX))
    error = wire.say_frame(type="proof", signature=b64encode(signature).decode()).frame("error")
    assert (error["code"], "your chatctl is too old" in error["text"]) == ("unauthorized", True)


def test_a_key_is_proved_by_whichever_path_leads_there(
    serve: Serve, person: Make, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a link to the socket or to its folder, and relative to where the client is."""
    serve("--unix", str(path))
    rajat = person("rajat")
    (tmp_path / "link.sock").symlink_to(path)
    folder = tmp_path / ("x" * 120)
    folder.symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    for way in (
        path,
        tmp_path / "link.sock",
        folder / "chat.sock",
        "chat.sock",
        "./../" + tmp_path.name + "/link.sock",
    ):
        enter(rajat, way).close()


def test_a_server_whose_own_path_is_a_link_is_the_same_place(serve: Serve, person: Make, tmp_path: Path) -> None:
    """As with ``/var/run``, which is a link to ``/run``."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    serve("--unix", str(tmp_path / "link" / "chat.sock"))
    for folder in ("link", "real"):
        enter(person(folder), tmp_path / folder / "chat.sock").close()


def test_the_operator_names_the_path_that_others_see(serve: Serve, person: Make, path: Path, tmp_path: Path) -> None:
    """A folder that is mounted into a container has another path there; here it is a second name of the file."""
    other = tmp_path / "other.sock"
    server = serve("--unix", str(path))
    os.link(path, other)
    with pytest.raises(Unauthorized, match="--reached-as"):
        enter(person("rajat"), other)
    other.unlink()
    server.stop()
    serve("--unix", str(path), "--reached-as", f"{tmp_path}/x/../other.sock", "--reached-as", "192.0.2.1:5500")
    os.link(path, other)
    enter(person("rajat2"), other).close()
    enter(person("rajat3"), path).close()


def test_what_is_signed_is_what_was_connected_to(path: Path, tmp_path: Path) -> None:
    """A link that is turned to the true server after the connection would have its name signed for a relay."""
    link = tmp_path / "link.sock"
    link.symlink_to(path)
    address = follow_links(Address("127.0.0.1", 5500, str(link)))
    link.unlink()
    link.symlink_to(tmp_path / "elsewhere.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with open_tcp(address, deadline_in(DEADLINE)) as sock:
            assert sock.getpeername() == str(path)
    assert address.real == str(path)


def test_one_shot_commands_say_which_side_to_update(
    serve: Serve, chatctl: Chatctl, person: Make, path: Path, tmp_path: Path, relays: list[Relay]
) -> None:
    serve("--unix", str(path))
    relays.append(Relay(tmp_path / "old.sock", path, (b',"labels":["chatctl-key-v2"]', b"")))
    words = ("send", "--unix", str(tmp_path / "old.sock"), "--nick", "Rajat", "hi")
    done = chatctl(*words[:1], "--key", str(person("rajat").path), *words[1:])
    assert done.returncode == 6
    assert b"Update chatctl where the server runs" in done.stderr
    assert chatctl(*words[:1], "--key", "none", *words[1:]).returncode == 0
