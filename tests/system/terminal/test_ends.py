"""How it ends: bad input, signals, faults of our own. One clear line, an exit code, a terminal as it was found."""

from __future__ import annotations

import signal
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatctl.core.limits import ServerLimits
from tests.support.environment import CHATCTL
from tests.support.in_process_server import in_process_server
from tests.support.server_process import Server
from tests.support.stub import Stub, closed_port
from tests.support.wire import Wire
from tests.system.terminal.term import Start

FAULT = """
import sys
from chatctl.main import main
from chatctl.terminal.render import FrameRenderer
from chatctl.terminal.slash_commands import COMMANDS
import chatctl.terminal.controller as controller

def broken(*_, **__):
    raise ZeroDivisionError("on purpose")

if sys.argv.pop(1) == "frame":
    FrameRenderer.whisper = broken
else:
    controller.parse = broken
main()
"""


@pytest.fixture
def stub() -> Iterator[Callable[..., Stub]]:
    """Put something else at a port."""
    stubs: list[Stub] = []

    def put(handle: Callable[[socket.socket], None]) -> Stub:
        stubs.append(Stub(handle))
        return stubs[-1]

    yield put
    for one in stubs:
        one.close()


def web_server(client: socket.socket) -> None:
    client.recv(4096)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def refused(join: Start, port: int, *options: str, nick: str = "nadia") -> tuple[int, str]:
    """Try to join; give the exit code and the one line."""
    term = join(*options, nick=nick, port=port, ready=False)
    code = term.wait_end()
    term.assert_restored()
    lines = term.lines()
    assert len(lines) == 1, lines
    return code, lines[0]


def test_nobody_there(join: Start) -> None:
    code, line = refused(join, port := closed_port())
    assert (code, line) == (
        3,
        f"chatctl: cannot reach 127.0.0.1:{port}: connection refused (is 'chatctl serve' running there?)",
    )


def test_a_web_server(join: Start, stub: Callable[..., Stub]) -> None:
    code, line = refused(join, stub(web_server).port)
    assert code == 7
    assert "is not a chatctl server: a web server answered" in line


def test_a_full_server(join: Start) -> None:
    with in_process_server(ServerLimits(clients=1)) as port, Wire(("127.0.0.1", port)).greeted().enter("omar"):
        code, line = refused(join, port, "--room", "lobby")
    assert code == 6
    assert "full" in line


def test_a_name_that_is_taken(join: Start, house: Server, room: str) -> None:
    house.member("nadia", room)
    code, line = refused(join, house.port)
    assert code == 5
    assert "nadia" in line


def test_a_name_that_can_be_none(join: Start, house: Server) -> None:
    code, line = refused(join, house.port, nick="a:b")
    assert code == 5
    assert "':'" in line


def test_a_room_that_is_not_there(join: Start, room: str, tmp_path: Path) -> None:
    from tests.support.environment import clean_env

    server = Server(env=clean_env(tmp_path / "server"))
    code, line = refused(join, server.port)
    server.stop()
    assert code == 6
    assert room in line


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals(join: Start, number: int, code: int) -> None:
    """The draft is kept, the terminal is restored."""
    term = join()
    term.keys("a draft")
    term.wait_input("a draft")
    term.child.send_signal(number)
    assert term.wait_end() == code
    term.assert_restored()
    back = join()
    back.keys("\x1b[A")
    back.wait_input("a draft")


@pytest.mark.parametrize("where", ["frame", "key"])
def test_a_fault_of_our_own(start: Start, house: Server, room: str, state: Path, tmp_path: Path, where: str) -> None:
    """Wherever it is: one line that names the file with the traceback, exit code 1, a restored terminal."""
    script = tmp_path / "fault.py"
    script.write_text(FAULT)
    term = start(
        sys.executable, str(script), where, "join", "--port", str(house.port), "--room", room, "--nick", "nadia"
    )
    term.wait_ready()
    omar = house.member("omar", room)
    if where == "frame":
        omar.say_frame(type="whisper", to="nadia", text="psst")
    else:
        term.keys("a line\r")
    assert term.wait_end() == 1
    term.assert_restored()
    text = "".join(term.lines())
    log = state / "crash.log"
    assert "internal error in chatctl: ZeroDivisionError('on purpose'); the details are in" in text
    assert str(log) in text
    assert "Traceback" not in text
    assert "in broken" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_interrupted_before_anybody_answered(start: Start, stub: Callable[..., Stub]) -> None:
    """Ctrl-C while it connects ends it at once."""
    silent = stub(lambda client: client.recv(1))
    term = start(*CHATCTL, "join", "--port", str(silent.port), "--nick", "nadia")
    term.wait(lambda: silent._open, "connection")
    term.keys("\x03")
    assert term.wait_end() == 130
