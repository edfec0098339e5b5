"""contrib/clients: programs written from docs/protocol.md alone. What they get wrong, the page may have told wrong."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.environment import DEADLINE, ROOT
from tests.support.fixture_types import Lossy, Serve
from tests.support.needs import need
from tests.support.processes import kill
from tests.support.server_process import Server
from tests.support.wire import log_of, say_all

TOKEN = "5f0c2d9e8b7a46138c1d2e3f4a5b6c7d"


@pytest.fixture
def node() -> list[str]:
    need("node")
    return ["node", str(ROOT / "contrib" / "clients" / "chat.mjs")]


def run(command: list[str], *arguments: object, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=2 * DEADLINE, check=False,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "CHAT_TOKEN": TOKEN},
    )  # fmt: skip


def say(command: list[str], port: int, room: str, text: str, ident: str = "x") -> str:
    done = run(command, "127.0.0.1", port, "say", "node", room, text, ident)
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def tailing(node: list[str]) -> Iterator[Any]:
    """Start ``tail``; its stdout is a pipe."""
    started: list[subprocess.Popen[str]] = []

    def start(port: int, room: str) -> subprocess.Popen[str]:
        command = [*node, "127.0.0.1", str(port), "tail", room]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for one in started:
        kill(one)  # type: ignore[arg-type]  # text or bytes, it ends


def test_it_says_something_once(node: list[str], house: Server, room: str) -> None:
    assert say(node, house.port, room, "grüße ☺") == "1 false\n"
    assert say(node, house.port, room, "grüße ☺") == "1 true\n"
    assert log_of(house.member("nadia", room)) == ["grüße ☺"]


def test_an_acknowledgement_that_got_lost(node: list[str], house: Server, lossy: Lossy, room: str) -> None:
    proxy = lossy(house.port)
    assert say(node, proxy.port, room, "hi") == "1 true\n"
    assert proxy.cuts == 1
    assert log_of(house.member("nadia", room)) == ["hi"]


def test_a_refusal_is_told(node: list[str], house: Server, room: str) -> None:
    house.member("node", room)
    done = run(node, "127.0.0.1", house.port, "say", "node", room, "hi")
    assert done.returncode == 1
    assert "nickname" in done.stderr


def test_it_follows_across_a_server_that_is_killed(serve: Serve, tailing: Any, tmp_path: Path) -> None:
    """Each entry once, in order, and none that acts on a terminal."""
    journal = ("--journal", str(tmp_path / "rooms.db"))
    server = serve(*journal)
    say_all(server.member("nadia"), ["one", "two \x1b[2J"])
    tail = tailing(server.port, "lobby")
    assert [tail.stdout.readline() for _ in range(2)] == ["nadia: one\n", "nadia: two ␛[2J\n"]
    server.signal(signal.SIGKILL)
    server.wait()
    say_all(serve(*journal, port=server.port).member("nadia"), ["three"])
    assert tail.stdout.readline() == "nadia: three\n"


def test_it_makes_of_the_vectors_what_they_say(node: list[str]) -> None:
    lines = (ROOT / "docs" / "vectors.jsonl").read_text(encoding="utf-8").splitlines()
    vectors = [json.loads(line) for line in lines]
    mine = [
        one
        for one in vectors
        if "raw" in one or "log" in one or (one.get("to") in ("server", "client") and "error" not in one)
    ]
    done = run(node, "vectors", text="".join(json.dumps(one) + "\n" for one in mine))
    assert done.stderr == ""
    found = [json.loads(line) for line in done.stdout.rstrip("\n").split("\n")]
    for vector, got in zip(mine, found, strict=True):
        if "raw" in vector:
            assert got == vector["clean"]
            continue
        if "log" in vector:
            assert got == vector["then"], vector["about"]
            continue
        pairs = zip(vector["frames"], known(got), strict=True)
        named = [{key: frame[key] for key in wanted} for wanted, frame in pairs]
        assert named == vector["frames"], vector["about"]


def known(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out frames of a later version, which a client ignores."""
    return [frame for frame in frames if frame["type"] != "later"]
