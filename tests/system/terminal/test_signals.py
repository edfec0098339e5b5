"""Signals, and terminals that vanish or that nobody reads: it ends, what was typed is kept, no fault is told."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL, DEADLINE
from tests.support.server_process import Server
from tests.support.wire import Wire
from tests.system.terminal.term import Start, terminal_env

Other = Callable[..., Wire]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGQUIT, 131)]
)
def test_a_signal_right_after_a_key(join: Start, number: int, code: int) -> None:
    """The draft is kept, however short it stood there; the terminal is restored."""
    term = join()
    term.keys("a draft")
    term.wait_input("a draft")
    term.child.send_signal(number)
    assert term.wait_end() == code
    term.assert_restored()
    back = join()
    back.keys("\x1b[A")
    back.wait_input("a draft")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM])
def test_the_plain_screen_ends_by_signals_too(join: Start, number: int, room: str) -> None:
    """With its last line."""
    term = join("--plain", ready=False)
    term.keys("hello\r")
    term.wait_for("nadia: hello")
    term.child.send_signal(number)
    assert term.wait_end() == 128 + number
    term.wait_for(f"left {room}; come back")


class Window:
    """``join`` on a terminal whose other end the test holds alone, so that it can vanish."""

    def __init__(self, house: Server, room: str, state: Path, *options: str, nohup: bool = False) -> None:
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self.child = subprocess.Popen(
            [*CHATCTL, "join", "--port", str(house.port), "--room", room, "--nick", "nadia", *options],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=terminal_env(state),
            start_new_session=True,
            preexec_fn=lambda: _prepare(nohup=nohup),
        )
        os.close(slave)

    def read_until(self, text: bytes) -> None:
        seen, end = b"", time.monotonic() + DEADLINE
        while text not in seen:
            assert select.select([self.master], [], [], max(0, end - time.monotonic()))[0], seen
            seen += os.read(self.master, 4096)


def _prepare(*, nohup: bool) -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    if nohup:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


@pytest.fixture
def window(house: Server, room: str, state: Path) -> Iterator[Callable[..., Window]]:
    windows: list[Window] = []

    def open_one(*options: str, **more: bool) -> Window:
        windows.append(Window(house, room, state, *options, **more))
        return windows[-1]

    yield open_one
    for one in windows:
        one.child.kill()
        one.child.wait()


@pytest.mark.parametrize("nohup", [False, True])
def test_a_closed_window_keeps_the_draft(
    window: Callable[..., Window], join: Start, state: Path, *, nohup: bool
) -> None:
    """Closed right after a key; with SIGHUP ignored as well, when the end of the terminal is all that is seen."""
    one = window(nohup=nohup)
    one.read_until(b"(1)>")
    os.write(one.master, b"keep me")
    one.read_until(b"me")
    os.close(one.master)
    assert one.child.wait(DEADLINE) == 129
    assert not (state / "crash.log").exists()
    back = join()
    back.keys("\x1b[A")
    back.wait_input("keep me")


@pytest.mark.parametrize("nohup", [False, True])
def test_a_closed_window_ends_the_plain_screen(window: Callable[..., Window], state: Path, *, nohup: bool) -> None:
    """A vanished terminal is no fault of ours."""
    one = window("--plain", nohup=nohup)
    os.write(one.master, b"hello\n")
    one.read_until(b": hello")
    os.close(one.master)
    assert one.child.wait(DEADLINE) in (0, 129)  # the end of stdin is Ctrl-D's too
    assert not (state / "crash.log").exists()


@pytest.mark.parametrize("options", [(), ("--plain",)])
def test_sigterm_ends_it_while_nobody_reads_the_terminal(
    window: Callable[..., Window], other: Other, room: str, options: tuple[str, ...]
) -> None:
    """A window that hangs, or Ctrl-S: a write to it would never return."""
    one = window(*options)
    if not options:
        one.read_until(b"(1)>")
    os.write(one.master, b"hello\n" if options else b"hello\r")
    one.read_until(b": hello")
    omar = other()
    for number in range(40):
        omar.say("x" * 3000, id=str(number))
    omar.frame("ack", where=lambda frame: frame["id"] == "39")
    _wait_until_blocked(one)
    one.child.terminate()
    assert one.child.wait(DEADLINE) == 143


def _wait_until_blocked(one: Window) -> None:
    """Wait until its output buffer holds all that fits: it has begun to write what nobody takes."""
    end, before = time.monotonic() + DEADLINE, -1
    while time.monotonic() < end:
        size = struct.unpack("i", fcntl.ioctl(one.master, termios.FIONREAD, b"\0" * 4))[0]
        if size == before and size > 2000:
            return
        before = size
        time.sleep(0.2)
    raise AssertionError(f"{before} bytes wait")


def test_any_encoding_shows_what_it_can(house: Server, room: str, state: Path, other: Other) -> None:
    """One emoji of anybody must not end a client with ``PYTHONIOENCODING=latin-1``."""
    omar = other()
    env = terminal_env(state, PYTHONIOENCODING="latin-1")
    argv = [*CHATCTL, "join", "--plain", "--port", str(house.port), "--room", room, "--nick", "nadia"]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
    try:
        omar.frame("join")
        omar.say("漢字 grüße")
        assert child.stdin is not None
        assert child.stdout is not None
        line = next(line for line in child.stdout if b"omar: " in line)
        assert "omar: \\u6f22\\u5b57 grüße" in line.decode("latin-1")
        child.stdin.close()
        assert child.wait(DEADLINE) == 0
    finally:
        child.kill()
        child.wait()
        child.stdout.close()  # type: ignore[union-attr]
