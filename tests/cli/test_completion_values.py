"""What Tab offers for a value, whatever the shell: from the file, and from the server that the line means."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl.cli import completion_values, shell_completion
from chatctl.main import cli
from tests.support.environment import DEADLINE
from tests.support.fixture_types import PutStub, Serve
from tests.support.loaded_modules import HEAVY, loaded_by
from tests.support.scripted_peer import Peer
from tests.support.server_process import Server
from tests.support.stub import closed_port

Offered = Callable[..., list[str]]

HOSTILE = ["$(touch pwned)", "`id`", "\x1b]0;title\x07", "a b", "-rf", "x\ny", "a,b", "‮rtl", "nadia"]


@pytest.fixture
def offered(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Offered:
    """Return the completions of the last word; check that nothing else is printed."""
    for name, value in (env | {"CHATCTL_CONFIG": str(tmp_path / "config.toml")}).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "config.toml").touch()
    monkeypatch.setattr(completion_values, "ASK_SECONDS", DEADLINE)  # a busy machine is not what is tested
    shell_completion.install()

    def offer(*words: str, config: str = "", **variables: str) -> list[str]:
        (tmp_path / "config.toml").write_text(config, encoding="utf-8")
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            found = shell_completion.Zsh(cli, {}, "chatctl", "_CHATCTL_COMPLETE").get_completions(
                list(words[:-1]), words[-1]
            )
        assert capfd.readouterr() == ("", "")
        return [item.value for item in found]

    return offer


# --- from the file and the environment

CONFIG = """
[default]
room = "builds"
[server.work]
host = "127.0.0.1"
room = "ops"
[server."my work"]
host = "x"
room = "NO ROOM"
[server."\\u001b[2J"]
host = "x"
"""


def test_servers_are_those_of_the_file(offered: Offered) -> None:
    assert offered("send", "--server", "", config=CONFIG) == ["my work", "work"]
    assert offered("who", "--server=wo", config=CONFIG) == ["--server=work"]
    assert offered("who", "--server", "") == []


def test_rooms_are_those_that_are_named_somewhere(offered: Offered) -> None:
    assert offered("tail", "--room", "", config=CONFIG, CHATCTL_ROOM="mine") == ["builds", "lobby", "mine", "ops"]
    assert offered("tail", "--room", "l") == ["lobby"]


def test_a_file_that_was_named_on_the_line_is_the_one(offered: Offered, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("[server.other]\nhost = 'x'\n")
    line = ("--config", str(tmp_path / "other.toml"), "who", "--server", "")
    assert offered(*line, config=CONFIG) == ["other"]


def test_a_broken_file_offers_nothing_and_says_nothing(offered: Offered) -> None:
    for broken in ("no TOML", "[sennd]\n", "[server.work]\nhots = 'x'"):
        assert offered("who", "--server", "", config=broken) == []
        assert offered("who", "--room", "", config=broken) == ["lobby"]
        assert offered("who", "", config=broken) == []


def test_what_click_knows_is_offered_still(offered: Offered) -> None:
    assert offered("probe", "--format", "") == ["nagios", "json", "prometheus", "text"]
    assert offered("config", "show", "se") == ["search", "send", "serve"]
    assert [item.type for item in completion("send", "--file", "")] == ["file"]
    assert [item.type for item in completion("who", "--unix", "")] == ["file"]


def completion(*words: str) -> list[shell_completion.CompletionItem[str]]:
    return shell_completion.Zsh(cli, {}, "chatctl", "_CHATCTL_COMPLETE").get_completions(list(words[:-1]), words[-1])


# --- from a server


def test_rooms_are_asked_of_the_server(house: Server, offered: Offered, room: str) -> None:
    """Those of the server that the line means; a server that does not answer, or not so, offers none."""
    with house.member("nadia", room):
        for command in ("tail", "join"):
            where = (command, "--port", str(house.port), "--room", room)
            assert offered(*where) == [room]
    assert offered("join", "--port", str(closed_port()), "--room", "r") == []


@pytest.mark.parametrize(
    "words",
    [["send", "--to"], ["send", "--from"], ["tail", "--from"], ["ask", "now?", "--from"], ["who"]],
    ids=" ".join,
)
def test_members_are_asked_of_the_room(house: Server, offered: Offered, room: str, words: list[str]) -> None:
    for nick in ("nadia", "Nils", "abel"):
        house.member(nick, room)
    house.member("elsewhere", room + "b")
    command, *rest = words
    here = (command, "--port", str(house.port), "--room", room, *rest)
    assert offered(*here, "") == ["Nils", "abel", "nadia"]
    assert offered(*here, "na") == ["nadia"]


def test_the_line_says_which_server(house: Server, offered: Offered, room: str) -> None:
    """As the command would take it: what is typed over the environment over the file."""
    house.member("nadia", room)
    gone, port = str(closed_port()), str(house.port)
    named = f"[server.work]\nhost = '127.0.0.1'\nport = {port}\nroom = '{room}'\n"
    away = {"CHATCTL_PORT": gone, "CHATCTL_ROOM": "elsewhere"}
    assert offered("who", "--server", "work", "", config=named, **away) == ["nadia"]
    assert offered("send", "--server", f"localhost:{port}", "--room", room, "--to", "", **away) == ["nadia"]
    assert offered("who", f"--port={port}", f"--room={room}", "", **away) == ["nadia"]
    assert offered("who", "", config=named, CHATCTL_SERVER="work") == ["nadia"]
    assert offered("who", "", config=f"{named}[default]\nserver = 'work'\n") == ["nadia"]
    assert offered("who", "", config=f"[who]\nport = {port}\nroom = '{room}'\n") == ["nadia"]
    assert offered("who", "--port", gone, "--room", room, "", CHATCTL_PORT=port) == []
    assert offered("who", "--server", "work", "--room", "elsewhere", "", config=named) == []


def test_a_unix_socket_is_a_server_too(serve: Serve, offered: Offered, tmp_path: Path) -> None:
    server = serve("--unix", str(tmp_path / "s"))
    server.member("nadia")
    assert offered("who", "--unix", str(tmp_path / "s"), "") == ["nadia"]


def test_what_no_nickname_can_be_is_left_out(stub: PutStub, offered: Offered) -> None:
    """A server may send anything. What is no nickname could be given to no command anyhow."""

    def handle(sock: socket.socket) -> None:
        Peer(sock).let_in(members=HOSTILE, count=len(HOSTILE))

    assert offered("send", "--port", str(stub(handle).port), "--to", "") == ["nadia"]


def test_a_full_room_is_asked_for_everybody(stub: PutStub, offered: Offered) -> None:
    """A welcome names 200 at most."""

    def handle(sock: socket.socket) -> None:
        peer = Peer(sock)
        peer.let_in(members=["a"], count=2)
        peer.frame("who")
        rows = [{"nick": nick, "since": 1.0, "idle": 1.0} for nick in "ab"]
        peer.send(type="roster", members=rows, count=2, watchers=0)

    assert offered("who", "--port", str(stub(handle).port), "") == ["a", "b"]


def test_a_silent_peer_offers_nothing(stub: PutStub, offered: Offered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion_values, "ASK_SECONDS", 0.05)
    assert offered("who", "--port", str(stub(lambda _: None).port), "") == []


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"NAME{]\n", b'NAME{"type":"welcome"}\n'])
def test_a_stranger_offers_nothing(stub: PutStub, offered: Offered, answer: bytes) -> None:
    assert offered("who", "--port", str(stub(lambda sock: sock.sendall(answer)).port), "") == []


def test_a_look_up_that_hangs_does_not_hold_the_line(offered: Offered, monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket's deadline bounds it."""
    over, asked = threading.Event(), threading.Event()

    def hang(*_: object, flags: int = 0, **__: object) -> list[object]:
        if not flags:  # with flags it is a look whether the name is a number
            asked.set()
            over.wait()
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(completion_values, "ASK_SECONDS", 0.05)
    assert offered("who", "--host", "chat.example.org", "") == []
    assert asked.wait(DEADLINE)
    over.set()


def test_it_loads_little(house: Server, room: str, tmp_path: Path) -> None:
    """A Tab costs what a command costs, and less where nobody is asked."""
    house.member("nadia", room)
    (tmp_path / "c.toml").write_text("[server.work]\nhost = 'x'\n")
    env = {"CHATCTL_CONFIG": str(tmp_path / "c.toml"), "_CHATCTL_COMPLETE": "bash_complete"}
    _, names = loaded_by(COMP_WORDS=f"chatctl\nwho\n--room\n{room}\n--port\n{house.port}\n", COMP_CWORD="6", **env)
    assert "chatctl.client.io.blocking_connection" in names
    assert not names & (set(HEAVY) - {"msgspec"})
    shown, names = loaded_by(COMP_WORDS="chatctl\nsend\n--server\n", COMP_CWORD="3", **env)
    assert shown == "plain,work\n"
    assert not names & {*HEAVY, "socket"}
