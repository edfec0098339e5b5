"""One conversation of everybody: two joins, a client of the first version, nc, a script and a monitor.

pexpect drives the real programs; what a person would see is read off a pyte screen.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyte
import pytest

from tests.support.environment import CHATCTL, clean_env
from tests.support.first_version import FirstVersionClient
from tests.support.needs import is_met
from tests.support.server_process import Server

pytestmark = pytest.mark.e2e

DEADLINE = 30.0
"""Seconds: eight programs start here, beside whatever else the machine does."""


class Window:
    """A program that pexpect runs, and the screen a person would look at."""

    def __init__(self, argv: list[str], env: dict[str, str]) -> None:
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)
        self.child = pexpect.spawn(argv[0], argv[1:], env=env, dimensions=(24, 80), timeout=DEADLINE)
        self.child.delaybeforesend = None

    def wait_for(self, *texts: str) -> None:
        """Wait until each of these stands on the screen, as lines in this order."""
        end = time.monotonic() + DEADLINE
        while not self._shows(texts):
            try:
                self._stream.feed(self.child.read_nonblocking(65536, timeout=max(0.01, end - time.monotonic())))
            except (pexpect.TIMEOUT, pexpect.EOF):
                shown = "\n".join(line for line in self.screen.display if line.strip())
                raise AssertionError(f"no {texts} on the screen:\n{shown}") from None

    def _shows(self, texts: tuple[str, ...]) -> bool:
        lines = iter(self.screen.display)
        return all(any(text in line for line in lines) for text in texts)

    def type(self, text: str) -> None:
        """Type a line and Enter."""
        self.child.send(f"{text}\r")

    def close(self) -> None:
        """End it."""
        self.child.close(force=True)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return clean_env(tmp_path, TERM="xterm-256color", TZ="UTC")


@pytest.fixture
def server(env: dict[str, str]) -> Iterator[Server]:
    server = Server(env=env)
    yield server
    server.stop()


@pytest.fixture
def window(env: dict[str, str]) -> Iterator[Callable[..., Window]]:
    windows: list[Window] = []

    def window(*argv: str) -> Window:
        windows.append(Window(list(argv), env))
        return windows[-1]

    yield window
    for one in windows:
        one.close()


def netcat(port: int) -> list[str]:
    """Return a real ``nc``; where there is none, bash can do the same."""
    if is_met("nc"):
        return ["nc", "127.0.0.1", str(port)]
    return ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3 & cat >&3"]


def test_everybody_is_in_one_conversation(server: Server, window: Callable[..., Window], env: dict[str, str]) -> None:
    def command(*argv: str) -> subprocess.CompletedProcess[str]:
        argv = (*argv, "--port", str(server.port))
        return subprocess.run([*CHATCTL, *argv], env=env, capture_output=True, text=True, timeout=DEADLINE, check=False)

    join = [*CHATCTL, "join", "--port", str(server.port), "--nick"]
    rajat = window(*join, "Rajat")
    rajat.wait_for("lobby(1)>")
    nadia = window(*join, "nadia")
    nadia.wait_for("lobby(2)>")
    rajat.wait_for("nadia joined", "lobby(2)>")

    old = FirstVersionClient(server.port, "Rajat")  # the name is taken: it gets the next free one
    rajat.wait_for("Rajat_2 joined")
    nc = window(*netcat(server.port))
    nc.wait_for("NAME")
    nc.type("omar")
    nc.wait_for("Connected to server!")
    rajat.wait_for("omar joined", "lobby(4)>")

    rajat.type("Hello")
    nadia.wait_for("Rajat: Hello")
    nadia.type("Howdy! ✨")
    nadia.wait_for("nadia: Howdy! ✨")
    old.wait_for("nadia: Howdy! ?")
    old.say("from 1999")
    nc.wait_for("Rajat_2: from 1999")
    nc.type("from nc")
    nadia.wait_for("omar: from nc")

    said = command("send", "--nick", "ci", "build 7 is green")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    probe = command("probe")
    assert probe.returncode == 0
    assert probe.stdout.startswith("OK chatctl:")
    who = command("who")
    assert [line.split()[0] for line in who.stdout.splitlines() if line] == ["Rajat", "nadia", "Rajat_2", "omar"]
    nadia.type("/me nods")

    everything = ("Rajat: Hello", "nadia: Howdy!", "Rajat_2: from 1999", "omar: from nc", "ci: build 7 is green")
    for one in (rajat, nadia, nc):
        one.wait_for(*everything, "* nadia nods")
    shown = old.wait_for("* nadia nods")
    places = [shown.index(text) for text in everything]
    assert places == sorted(places)
    log = command("tail", "--no-follow", "-n", "100").stdout
    assert [line.split(" ", 2)[2] for line in log.splitlines()] == [
        "Rajat: Hello",
        "nadia: Howdy! ✨",
        "Rajat_2: from 1999",
        "omar: from nc",
        "ci: build 7 is green",
        "* nadia nods",
    ]

    old.close()
    rajat.wait_for("Rajat_2 left")
    nc.type("/quit")
    rajat.wait_for("omar left", "lobby(2)>")
    nadia.type("/quit")
    nadia.child.expect(pexpect.EOF)
    nadia.child.wait()
    assert nadia.child.exitstatus == 0
    rajat.wait_for("nadia left", "lobby(1)>")
