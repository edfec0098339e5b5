"""``join`` in a real tmux and a real GNU screen, and what they keep on screen and in scrollback."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from tests.support.environment import DEADLINE
from tests.system.terminal.term import Term, terminal_env

_POLL_SECONDS = 0.03
"""Between two looks that each start a program."""
_GLANCE_SECONDS = 0.003
"""Between two that start none."""
_COPY_SECONDS = 1.0
_MOST_ROWS = 1000
"""As many as GNU screen gives to a window."""
PROMPT = re.compile(r"\S+\(\d+\)> ?")
CLEAR_LINE = "\x05\x15"
"""To the end of the line, and cut off what is before; Ctrl-A would speak to GNU screen."""


class Multiplexer(Protocol):
    """A program in a window that can be resized, and that keeps what scrolls off."""

    def keys(self, keys: str) -> None:
        """Send what keys send."""

    def resize(self, columns: int, rows: int = 20) -> None:
        """Give the window another size."""

    def wait_for_size(self, columns: int, rows: int = 20) -> None:
        """Return when the program, too, can know that the window has that size."""

    def lines(self) -> list[str]:
        """Return scrollback and screen, as far as they can be seen."""

    def kept(self) -> list[str]:
        """Return scrollback and screen, with what can't be seen at the present size."""

    def stands(self, text: str, lines: list[str]) -> int:
        """Return how often a line stands among others, whole and by itself where that can be known."""

    def close(self) -> None:
        """End it."""


def wait(until: Callable[[], object], what: str, shown: Callable[[], list[str]], every: float = _POLL_SECONDS) -> None:
    """Wait until ``until``, which is called so often, is true; fail with what is ``shown`` if it never is."""
    end = time.monotonic() + DEADLINE
    while not until():
        assert time.monotonic() < end, f"no {what}:\n" + "\n".join(f"|{line}" for line in shown()[-60:])
        threading.Event().wait(every)


def wait_for_size(tty: str, columns: int, rows: int, shown: Callable[[], list[str]]) -> None:
    """Wait until a terminal has that size."""
    with Path(tty).open() as terminal:
        wait(lambda: termios.tcgetwinsize(terminal) == (rows, columns), "new size", shown, _GLANCE_SECONDS)


class Tmux:
    """A pane of a tmux server of its own."""

    def __init__(self, argv: Sequence[str], state: Path, columns: int = 80, rows: int = 20) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tmux-"))  # short: it holds a socket
        config = self._folder / "conf"
        config.write_text("set -g history-limit 200000\nset -g status off\n")
        self._base = ("tmux", "-S", str(self._folder / "s"), "-f", str(config))
        env = terminal_env(state, TERM="xterm-256color", VTE_VERSION="7006")  # inherited, and of no meaning here
        size = ("-x", str(columns), "-y", str(rows))
        subprocess.run([*self._base, "new-session", "-d", *size, shlex.join(argv)], env=env, check=True)
        self._run("set", "-g", "window-size", "manual")  # in the configuration, tmux 3.3a crashes of it

    def _run(self, *argv: str) -> str:
        done = subprocess.run([*self._base, *argv], capture_output=True, check=True, timeout=DEADLINE)
        return done.stdout.decode()

    def keys(self, keys: str) -> None:
        self._run("send-keys", "-H", *(f"{byte:x}" for byte in keys.encode()))

    def paste(self, text: str) -> None:
        """Paste, between brackets if the program asks for them."""
        subprocess.run([*self._base, "load-buffer", "-"], input=text.encode(), check=True, timeout=DEADLINE)
        self._run("paste-buffer", "-p")

    def resize(self, columns: int, rows: int = 20) -> None:
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def wait_for_size(self, columns: int, rows: int = 20) -> None:
        """It wraps the rows anew at once, and tells the program up to a quarter of a second later."""
        wait_for_size(self._run("display-message", "-p", "#{pane_tty}").strip(), columns, rows, self.lines)

    def stands(self, text: str, lines: list[str]) -> int:
        return lines.count(text)

    def lines(self) -> list[str]:
        """As the interface has it: a line for each that was not ended by wrapping."""
        return [line.rstrip() for line in self._run("capture-pane", "-p", "-J", "-S", "-").rstrip("\n").split("\n")]

    def attach(self, env: dict[str, str]) -> Term:
        """Show it in a terminal, which tells of the focus."""
        self._run("set", "-g", "focus-events", "on")
        return Term([*self._base, "attach-session"], env)

    def title(self) -> str:
        """Return what it has been told of the window's title."""
        return self._run("display-message", "-p", "#{pane_title}").strip()

    def kept(self) -> list[str]:
        return self.lines()

    def close(self) -> None:
        subprocess.run([*self._base, "kill-server"], capture_output=True, check=False)
        shutil.rmtree(self._folder, ignore_errors=True)


class GnuScreen:
    """A window of GNU screen, which itself runs in a terminal of the tests."""

    def __init__(self, argv: Sequence[str], state: Path, columns: int = 80, rows: int = 20) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="screen-"))
        self._copy, self._tty = self._folder / "copy", self._folder / "tty"
        self._behind = self._folder / "behind"  # is there once the copy is whole
        config = self._folder / "rc"
        config.write_text("startup_message off\ndefscrollback 60000\nvbell off\ndefutf8 on\n")
        self._folder.chmod(0o700)
        env = terminal_env(state, TERM="xterm-256color", VTE_VERSION="7006", SCREENDIR=str(self._folder))
        self._env = env
        self._name = self._folder.name
        inside = ("sh", "-c", 'tty >"$0" && exec "$@"', str(self._tty), *argv)
        command = ("screen", "-U", "-S", self._name, "-c", str(config), "-T", "screen-256color", *inside)
        self._term = Term(command, env, columns=columns, rows=rows)

    def _run(self, *argv: str) -> None:
        command = ["screen", "-S", self._name, *argv]
        subprocess.run(command, env=self._env, capture_output=True, check=False, timeout=DEADLINE)

    def keys(self, keys: str) -> None:
        self._term.keys(keys)

    def resize(self, columns: int, rows: int = 20) -> None:
        """Return when the window has that size: a message that meets the change would prove nothing."""
        self._term.resize(columns, rows)
        self.wait_for_size(columns, rows)

    def wait_for_size(self, columns: int, rows: int = 20) -> None:
        wait_for_size(self._tty.read_text().strip(), columns, rows, self.lines)

    def stands(self, text: str, lines: list[str]) -> int:
        """Where screen has joined a message to an old prompt, it counts, too: it is all there."""
        return without_blanks("".join(lines)).count(without_blanks(text))

    def kept(self) -> list[str]:
        """In a window of so many rows that none is out of reach.

        Screen shows as many rows of its scrollback as have been scrolled into it. Those that it moves there itself, as
        it wraps rows anew in a narrower window, it does not count (``ChangeWindowSize`` in its resize.c leaves
        ``w_scrollback_height`` as it was): as many of the oldest can't be reached then, of whatever program.
        """
        with Path(self._tty.read_text().strip()).open() as tty:
            rows, columns = termios.tcgetwinsize(tty)
        self._run("-X", "height", "-w", str(_MOST_ROWS))
        self.wait_for_size(columns, _MOST_ROWS)
        lines = self.lines()
        self._run("-X", "height", "-w", str(rows))
        self.wait_for_size(columns, rows)
        return lines

    def lines(self) -> list[str]:
        """As the interface has it: rows, and ASCII alone is right, since screen copies one byte of a character."""
        for path in (self._copy, self._behind):
            path.unlink(missing_ok=True)
        self._run("-X", "eval", f"hardcopy -h {self._copy}", f"hardcopy {self._behind}")
        end = time.monotonic() + _COPY_SECONDS
        while not self._behind.exists() and time.monotonic() < end:  # screen answers before it has written
            threading.Event().wait(_GLANCE_SECONDS)
        text = self._copy.read_bytes().decode("utf-8", "replace") if self._copy.exists() else ""
        return [line.rstrip() for line in text.rstrip("\n").split("\n")]

    def close(self) -> None:
        self._run("-X", "quit")
        self._term.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def without_blanks(text: str) -> str:
    return re.sub(r"\s", "", text)


class Joined:
    """``join`` in a multiplexer, what was said in its room, and what is being typed."""

    def __init__(self, mux: Multiplexer, say: Callable[[str], object]) -> None:
        """``say`` says something in the room."""
        self.mux = mux
        self._say = say
        self.said: list[str] = []
        self.draft = ""
        self._readable = True
        wait(self.prompts, "prompt", mux.lines)

    def say(self, text: str) -> None:
        """Say something in the room, and wait until it is shown: nothing is, before the width is quiet.

        And until the prompt is drawn below it again: a frame that meets a change of width would prove nothing.
        """
        self.said.append(text)
        self._say(text)

        def shown() -> bool:
            lines = self.mux.lines()
            is_there = text in "".join(lines) or self.times(text, lines)
            return bool(is_there) and self._is_drawn(lines)

        wait(shown, f"{text!r} and the prompt", self.mux.lines)

    def _is_drawn(self, lines: list[str]) -> bool:
        if self._readable:
            return self.shown_draft(lines) == without_blanks(self.draft)
        return without_blanks("".join(lines)).endswith(self.draft.split()[-1])

    def times(self, text: str, lines: list[str]) -> int:
        """Return how often a message stands in ``lines``, whole and by itself."""
        hours = {f"{line[:6]}omar: {text}" for line in lines if re.match(r"\d\d:\d\d ", line)}
        return sum(self.mux.stands(hour, lines) for hour in hours)

    def type(self, text: str, *, readable: bool = True) -> None:
        """Type, and wait until it can be read, unless the multiplexer can't tell."""
        self.mux.keys(text)
        self.draft += text
        self._readable = readable
        if readable:
            wait(lambda: self.shown_draft() == without_blanks(self.draft), f"draft {self.draft}", self.mux.lines)

    def clear_line(self) -> None:
        self.mux.keys(CLEAR_LINE)
        self.draft, self._readable = "", True
        wait(lambda: not self.shown_draft(), "empty line", self.mux.lines)

    def resize(self, columns: int, rows: int = 20) -> None:
        self.mux.resize(columns, rows)

    def prompt_width(self) -> int:
        found = PROMPT.match(self.mux.lines()[-1])
        assert found
        return len(found[0].rstrip()) + 1

    def prompts(self) -> int:
        return sum(len(PROMPT.findall(line)) for line in self.mux.lines())

    def shown_draft(self, lines: list[str] | None = None) -> str:
        """Return what stands in the line, without blanks."""
        lines = self.mux.lines() if lines is None else lines
        found = [(at, match) for at, line in enumerate(lines) if (match := PROMPT.match(line))]
        return without_blanks("".join(lines[found[-1][0] :])[found[-1][1].end() :]) if found else ""

    def faults(self, *, prompts: int = 1, readable: bool = True) -> list[str]:
        """Return what is not as it should be: each message once and whole, so many prompts at most, the draft."""
        found: list[str] = []
        if not 1 <= self.prompts() <= prompts:
            found.append(f"{self.prompts()} prompts")
        if readable and self.shown_draft() != without_blanks(self.draft):
            found.append(f"draft {self.shown_draft()!r} for {self.draft!r}")
        kept = self.mux.kept()
        found += [f"{text!r} stands there {n} times" for text in self.said if (n := self.times(text, kept)) != 1]
        return [*found, *(f"|{line}" for line in kept[-40:])] if found else []
