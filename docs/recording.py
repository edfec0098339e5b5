"""Record ``docs/recording.svg``: a real ``chatctl join`` in which somebody types while a build floods the room.

    python docs/recording.py

The program runs in a pseudo-terminal; what it writes goes to a terminal emulator (pyte), whose screen is kept whenever
it has changed. The input line is checked in each frame: the recording shows nothing that was not so. It takes 15 s.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pexpect
import pyte

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from chatctl.client import connect  # noqa: E402
from docs.animation import Frame, animation, frame_of  # noqa: E402 — it is beside this file, which is run as a program

TARGET = ROOT / "docs" / "recording.svg"
COLUMNS, ROWS = 76, 14
FRAME_SECONDS = 0.12
KEYS_PER_SECOND = 9
LINES_PER_SECOND = 25
FLOOD_SECONDS = 7.5
BEFORE = "what you type stays hole"
TYPED = f"{BEFORE}{chr(127) * 4}whole, whatever comes in meanwhile"
"""With a typing error and the Backspaces that mend it; those are what other programs lose in a flood."""
PROMPT = re.compile(r"^Rajat@lobby\(\d\)> ?(.*?) *$")


class Terminal:
    """A program in a pseudo-terminal, and what its screen has shown."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._child = pexpect.spawn(command[0], command[1:], dimensions=(ROWS, COLUMNS), env=env)
        self._child.delaybeforesend = None
        self.frames: list[Frame] = []
        self._begun = time.monotonic()
        self._due = self._begun

    def type(self, text: str) -> None:
        """Type as people do, one key after the other."""
        for key in text:
            self._child.send(key)
            self.watch(1 / KEYS_PER_SECOND)

    def watch(self, seconds: float) -> None:
        """Keep what the screen shows for so long."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            try:
                self._stream.feed(self._child.read_nonblocking(1 << 16, timeout=min(end - now, 0.02)))
            except pexpect.TIMEOUT:
                pass
            except pexpect.EOF:
                return
            if now >= self._due:
                self._keep(now)

    def _keep(self, now: float) -> None:
        self._due = now + FRAME_SECONDS
        frame = frame_of(self._screen, now - self._begun)
        if not self.frames or frame.shows != self.frames[-1].shows:
            self.frames.append(frame)

    def wait_for(self, text: str) -> None:
        """Watch until the screen shows ``text``, for ten seconds at most."""
        end = time.monotonic() + 10
        while not any(text in line for line in self._screen.display):
            if time.monotonic() > end:
                raise SystemExit("\n".join([f"no {text!r} on the screen:", *self._screen.display]))
            self.watch(FRAME_SECONDS)


def flood(port: int) -> None:
    """Have a build say a line 25 times a second, and a person something in between."""
    with connect(f"127.0.0.1:{port}", nick="build") as build, connect(f"127.0.0.1:{port}", nick="nadia") as nadia:
        for number in range(int(FLOOD_SECONDS * LINES_PER_SECOND)):
            if number % 60 == 20:
                nadia.say("the build is noisy today")
            build.say(f"[{number + 1:3}] compiling module_{number * 37 % 211:03}.c")
            time.sleep(1 / LINES_PER_SECOND)


def line_in(frame: Frame) -> str | None:
    """Return what stands in the input line; None while there is none."""
    found = [match[1] for line in frame.lines if (match := PROMPT.match(line))]
    return found[-1] if found else None


def typed_so_far() -> Iterator[str]:
    """Yield the line after each key, as it has to be."""
    line = ""
    yield line
    for key in TYPED:
        line = line[:-1] if key == chr(127) else line + key
        yield line


def not_typed(frames: list[Frame]) -> list[str]:
    """Return what stood in the input line without being typed."""
    right = {line.rstrip() for line in typed_so_far()}
    return [line for frame in frames if (line := line_in(frame)) is not None and line not in right]


def record(port: int, env: dict[str, str]) -> list[Frame]:
    """Return the frames of one run. Exits with a message if a line was not as it was typed."""
    program = str(Path(sys.executable).parent / "chatctl")
    terminal = Terminal([program, "join", "--port", str(port), "--nick", "Rajat"], env)
    terminal.wait_for("Rajat@lobby")
    talk = threading.Thread(target=flood, args=[port])
    talk.start()
    terminal.watch(0.8)
    terminal.type(TYPED)
    terminal.watch(0.4)
    terminal.type("\r")
    talk.join()
    terminal.watch(2.5)
    if wrong := not_typed(terminal.frames):
        raise SystemExit(f"this was not typed: {wrong[0]!r}")
    return terminal.frames


def start_server(env: dict[str, str]) -> tuple[pexpect.spawn[bytes], int]:
    """Return a server of its own, and its port."""
    server = pexpect.spawn(
        sys.executable, ["-m", "chatctl", "serve", "-q", "--port", "0", "--journal", "none", "--rate", "off"], env=env
    )
    server.expect(rb"listening on 127\.0\.0\.1:(\d+)")
    return server, int(server.match[1])  # type: ignore[index,union-attr]  # it has matched


def main(out: TextIO = sys.stdout) -> None:
    """Write the recording."""
    with tempfile.TemporaryDirectory() as state:
        ours = {key: value for key, value in os.environ.items() if not key.startswith("CHATCTL_")}
        env = ours | {"CHATCTL_STATE_DIR": state, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "NO_PROXY": "*"}
        os.environ["CHATCTL_STATE_DIR"] = state
        server, port = start_server(env)
        frames = record(port, env)
        server.terminate()
        server.wait()
    TARGET.write_text(animation(frames, "chatctl join: a line is typed while 25 messages a second come in"))
    out.write(f"{len(frames)} frames, {TARGET.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
