"""What stands at the port: how each situation of the table is brought about.

Each is a context manager over a stage; what it gives says at which port, and when the command has got as far as the
situation wants it, by what it visibly did.
"""

from __future__ import annotations

import http.server
import os
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chatctl.common.journal_uri import PostgresPlace
from chatctl.common.paths import admin_socket, reachable_socket
from tests.support.environment import DEADLINE, ROOT
from tests.support.scripted_peer import Peer, WebPeer, one_after_another
from tests.support.server_process import Server
from tests.support.stub import Stub
from tests.support.wire import Wire, log_of

if TYPE_CHECKING:
    from tests.support.engine import Engine


@dataclass
class Stage:
    """What is the same for all cells of a worker, and this cell's own room."""

    house: Server
    small: Server
    room: str
    here: Path
    journal: Path
    """The house's."""
    engine: Callable[[], Engine]
    """Starts the PostgreSQL that the tests of a worker share, if it does not run yet."""
    house_web: int = 0
    small_web: int = 0
    """Their ports for browsers."""


@dataclass
class Scene:
    """Something at a port. ``reached`` returns once a started command has got there."""

    port: int
    reached: Callable[[subprocess.Popen[bytes]], None] = lambda _: None
    said: Callable[[], list[str]] | None = None
    """What was said in the room since nadia's hello; None where there is no room to hear it."""
    journal: Path | None = None
    """Another one than the house's."""
    env: dict[str, str] = field(default_factory=dict)
    """Variables for the command; an empty value takes one away."""


Setting = Callable[[Stage], AbstractContextManager[Scene]]


# --- the real thing: a server, and nadia in the room, who has said hello


def _room(stage: Stage) -> Wire:
    nadia = stage.house.member("nadia", stage.room, token="e" * 32)
    nadia.say("hello").frame("msg")
    return nadia


def _heard(nadia: Wire) -> None:
    nadia.frame("msg")


@contextmanager
def room(stage: Stage) -> Iterator[Scene]:
    """Wait, where that is asked for, until nadia hears something."""
    nadia = _room(stage)
    yield Scene(stage.house.port, lambda _: _heard(nadia), lambda: log_of(nadia)[1:])


@contextmanager
def locked(stage: Stage) -> Iterator[Scene]:
    """Nadia has the lock ``backup``."""
    nadia = _room(stage)
    nadia.say_frame(type="lease", kind="lock", name="backup", holder="f" * 32)
    assert nadia.frame("lease")["held"]
    yield Scene(stage.house.port, lambda _: None, lambda: log_of(nadia)[1:])


@contextmanager
def web_room(stage: Stage) -> Iterator[Scene]:
    """The same through the port for browsers."""
    with room(stage) as scene:
        scene.port = stage.house_web
        yield scene


def _seen_joining(nadia: Wire) -> None:
    nadia.frame("join")


@contextmanager
def joined(stage: Stage) -> Iterator[Scene]:
    """Wait until nadia sees somebody join."""
    nadia = _room(stage)
    yield Scene(stage.house.port, lambda _: _seen_joining(nadia))


@contextmanager
def lobby(stage: Stage) -> Iterator[Scene]:
    """A server that has no other room."""
    yield Scene(stage.small.port)


@contextmanager
def web_lobby(stage: Stage) -> Iterator[Scene]:
    """The same through the port for browsers."""
    yield Scene(stage.small_web)


@contextmanager
def crowded(stage: Stage) -> Iterator[Scene]:
    """Somebody has the name that the first member of a bench takes."""
    stage.house.member("m0", stage.room)
    yield Scene(stage.house.port)


@contextmanager
def answers(stage: Stage) -> Iterator[Scene]:
    """Nadia says yes to whatever she hears first."""
    nadia = _room(stage)

    def answer() -> None:
        nadia.frame("msg")
        nadia.say("yes")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()

    def said() -> list[str]:
        thread.join(DEADLINE)
        return log_of(nadia)[1:]

    yield Scene(stage.house.port, said=said)
    thread.join(DEADLINE)


@contextmanager
def printed(_: Stage) -> Iterator[Scene]:
    """Wait for the command's own first line; it needs nobody."""

    def reached(process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], DEADLINE)[0]

    yield Scene(0, reached)


@contextmanager
def serves(stage: Stage) -> Iterator[Scene]:
    """Wait until somebody can be reached at the socket ``chat.sock``: for a server that can't print where it is."""

    def reached(_: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + DEADLINE
        with reachable_socket(stage.here / "chat.sock") as name:
            while True:
                with socket.socket(socket.AF_UNIX) as sock:
                    if sock.connect_ex(name) == 0:
                        return
                assert time.monotonic() < until, "it does not listen"
                time.sleep(0.01)

    yield Scene(0, reached)


# --- nobody, or not one of us


@contextmanager
def nobody(_: Stage) -> Iterator[Scene]:
    """Bound, so that nobody else takes it, and not listening."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield Scene(sock.getsockname()[1])


@contextmanager
def silent(_: Stage) -> Iterator[Scene]:
    """The kernel accepts; nobody else does anything."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield Scene(sock.getsockname()[1])


@contextmanager
def taken(_: Stage) -> Iterator[Scene]:
    """A port at which somebody listens already."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield Scene(sock.getsockname()[1])


class _Quiet(http.server.SimpleHTTPRequestHandler):
    default_request_version = (
        "HTTP/1.0"  # a status line in each answer, as from nginx; before 3.14 Python leaves it out
    )

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web(_: Stage) -> Iterator[Scene]:
    """A real web server, as somebody may have started it there."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield Scene(server.server_port)
        server.shutdown()
        thread.join(DEADLINE)


_HANGING = """import socket, time

asked = socket.getaddrinfo


def hang(host, *more, flags=0, **named):
    if flags or host is None:  # whether it is a number: no name server is asked
        return asked(host, *more, flags=flags, **named)
    time.sleep(600)


socket.getaddrinfo = hang
"""
_NO_ACCOUNT = """import pwd


def nobody(uid):
    raise KeyError(uid)


pwd.getpwuid = nobody
"""


def _python_that(text: str, **env: str) -> Setting:
    """Have the command's Python run that first: what it does no test can do to a whole machine."""

    @contextmanager
    def put(stage: Stage) -> Iterator[Scene]:
        folder = stage.here / ".site"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(text)
        with room(stage) as scene:
            scene.env = {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", **env}
            yield scene

    return put


# --- one of us at first


def _stub(*handlers: Callable[[Peer], None], kind: type[Peer] = Peer) -> Setting:
    @contextmanager
    def put(_: Stage) -> Iterator[Scene]:
        there = threading.Event()

        def handle(sock: socket.socket) -> None:
            play(sock)
            there.set()

        play = one_after_another(*handlers, kind=kind)
        with closing(Stub(handle)) as stub:
            yield Scene(stub.port, lambda _: _seen(there))

    return put


def _seen(there: threading.Event) -> None:
    assert there.wait(DEADLINE), "the command never got there"


def _any_frame(peer: Peer) -> None:
    """Wait until it asks for something, or says something."""
    peer.frame("say", "whisper", "who", "ping", "history", "search")


def holds(peer: Peer) -> None:
    """Let it in, hear it, and say nothing."""
    peer.let_in(last=5, features=["search"])
    _any_frame(peer)


def drops(peer: Peer) -> None:
    """Let it in, hear it, and be gone."""
    holds(peer)
    peer.close()


def garbles(peer: Peer) -> None:
    """Let it in, hear it, and talk nonsense."""
    holds(peer)
    peer.sock.sendall(b"\x1b[2J nonsense\n")


def lets_in(peer: Peer) -> None:
    """Let it in, and say nothing."""
    peer.let_in()


def lets_in_and_drops(peer: Peer) -> None:
    """Let it in, and be gone."""
    peer.let_in()
    peer.close()


def lets_in_and_garbles(peer: Peer) -> None:
    """Let it in, and talk nonsense."""
    peer.let_in()
    peer.sock.sendall(b"\x1b[2J nonsense\n")


def lets_in_and_tells(peer: Peer) -> None:
    """Let it in, and tell what nadia said meanwhile."""
    peer.let_in()
    peer.send(type="msg", seq=1, time=1.0, nick="nadia", text="hello")


def acks(peer: Peer) -> None:
    """Let it in, and say yes to the first message."""
    peer.let_in()
    say = peer.frame("say")
    peer.send(type="ack", id=say["id"], time=1.0, duplicate=False, seq=1)
    peer.send(type="pong", t=peer.frame("ping").get("t"), last=1)


# --- an operator's socket, for backup


def _operator(do: Callable[[socket.socket], None]) -> Setting:
    @contextmanager
    def put(stage: Stage) -> Iterator[Scene]:
        journal = stage.here / "rooms.db"
        there = threading.Event()

        def serve() -> None:
            with suppress(OSError):
                client, _ = listener.accept()
                client.recv(4096)
                there.set()
                do(client)
                kept.append(client)

        kept: list[socket.socket] = []
        with reachable_socket(admin_socket(journal)) as name, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(name)
            listener.listen()
            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            yield Scene(0, lambda _: _seen(there), journal=journal)
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(DEADLINE)
        for client in kept:
            client.close()

    return put


@contextmanager
def accepts(_: Stage) -> Iterator[Scene]:
    """Something that accepts one connection and says nothing."""
    there = threading.Event()
    kept: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            kept.append(listener.accept()[0])
            there.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield Scene(listener.getsockname()[1], lambda _: _seen(there))
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(DEADLINE)
    for client in kept:
        client.close()


@contextmanager
def engine(stage: Stage) -> Iterator[Scene]:
    """A PostgreSQL with a journal in one schema, and the file of another journal."""
    from tests.support.journals import write

    database = stage.engine()
    database.drop("chatctl", "kept")
    write(stage.here / "rooms.db", "hello")
    write(PostgresPlace(database.uri, "kept"), "hello")
    yield Scene(0, env={"PGHOST": str(database.folder), "PGUSER": "chat"})


@contextmanager
def no_journal(stage: Stage) -> Iterator[Scene]:
    """No server, and no file either."""
    yield Scene(0, journal=stage.here / "rooms.db")


PEERS: dict[str, Setting] = {
    "room": room,
    "web room": web_room,
    "locked": locked,
    "joined": joined,
    "lobby": lobby,
    "web lobby": web_lobby,
    "crowded": crowded,
    "answers": answers,
    "printed": printed,
    "serves": serves,
    "nobody": nobody,
    "silent": silent,
    "web": web,
    "hanging": _python_that(_HANGING),
    "no account": _python_that(_NO_ACCOUNT, HOME="", CHATCTL_STATE_DIR="", XDG_CONFIG_HOME="", XDG_STATE_HOME=""),
    "taken": taken,
    "holds": _stub(holds),
    "web holds": _stub(holds, kind=WebPeer),
    "web drops": _stub(drops, kind=WebPeer),
    "web garbage": _stub(garbles, kind=WebPeer),
    "lets in": _stub(lets_in),
    "drops": _stub(drops),
    "lets in, drops": _stub(lets_in_and_drops),
    "lets in, drops, comes back": _stub(lets_in_and_drops, lets_in_and_tells),
    "drops, comes back": _stub(drops, acks),
    "garbage, comes back": _stub(lets_in_and_garbles, acks),
    "listens, drops": _stub(lets_in, drops),
    "garbage": _stub(garbles),
    "lets in, garbage": _stub(lets_in_and_garbles),
    "listens, garbage": _stub(lets_in, garbles),
    "no journal": no_journal,
    "accepts": accepts,
    "engine": engine,
    "operator silent": _operator(lambda _: None),
    "operator drops": _operator(socket.socket.close),
    "operator garbage": _operator(lambda sock: sock.sendall(b"\x1b[2J nonsense\n")),
}

OF_SITUATION = {
    "refused": "nobody",
    "silent peer": "silent",
    "web server": "web",
    "drops mid-way": "drops",
    "garbage": "garbage",
    "room missing": "lobby",
    "SIGINT": "holds",
    "SIGTERM": "holds",
    "SIGHUP": "holds",
    "SIGUSR1": "holds",
    "hanging DNS": "hanging",
    "no home": "no account",
}
"""What stands there where a cell names nothing else; elsewhere, the room."""
