"""A program in a terminal: keys in, a screen out, and waits that show the screen when they are over."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyte

from tests.support.environment import clean_env
from tests.support.forked import popen
from tests.system.terminal.emulator import BRACKETED_PASTE, FOCUS, SHOWN_CURSOR, Emulator, layout

DEADLINE = 15.0
PROMPT = re.compile(r"^(\S+\((\d+)\)> )(.*)$")
FRAME = re.compile(rb".*?\x1b\[\?25h|.+", re.DOTALL)
"""Up to where the cursor is shown again, which ends what is drawn at once."""


class Term:
    """A child process on a terminal of its own."""

    def __init__(
        self, argv: Sequence[str], env: dict[str, str], *, columns: int = 80, rows: int = 24, first: str = ""
    ) -> None:
        """``first``: Python that chatctl runs before all else (``forked.popen``)."""
        self.recording: list[tuple[float, bytes]] | None = None
        self.screen = Emulator(columns, rows)
        self.raw = bytearray()
        self._news = threading.Condition()
        self._awaited: Callable[[], object] = bool
        self._met = False
        self._stream = pyte.ByteStream(self.screen)
        self._fd, self._tty = pty.openpty()  # the tty stays open here: a last close would reset its modes
        termios.tcsetwinsize(self._tty, (rows, columns))
        self._modes = termios.tcgetattr(self._tty)
        ends = {"stdin": self._tty, "stdout": self._tty, "stderr": self._tty}
        self.child = popen(list(argv), terminal=True, first=first, env=env, **ends)
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            readable = select.select([self._fd], [], [], 0.05)[0]
            if not readable and self.child.poll() is not None:
                break
            data = os.read(self._fd, 65536) if readable else b""
            if self.recording is not None:
                self.recording.append((time.perf_counter(), data))
                continue
            for frame in FRAME.findall(data):
                with self._news:
                    self._take(frame)
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _take(self, frame: bytes) -> None:
        """Show a frame, or a part of one, and look whether it is what somebody waits for: the next may come at once."""
        self.raw += frame
        self._stream.feed(frame)
        with contextlib.suppress(AssertionError):
            self._met = self._met or bool(self._awaited())
        self._news.notify_all()

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Take nothing from the program meanwhile, as after Ctrl-S."""
        with self._news:
            yield

    def replay(self, after_each: Callable[[float], None]) -> None:
        """Let the screen take what was recorded, and whatever follows; ``after_each`` gets each chunk's time."""
        recording, self.recording = self.recording or [], None
        with self._news:
            for at, data in recording:
                self._stream.feed(data)
                after_each(at)

    @property
    def cooked(self) -> bool:
        """Whether the terminal itself echoes keys and takes Backspaces at this moment."""
        return bool(termios.tcgetattr(self._tty)[3] & (termios.ECHO | termios.ICANON))

    # --- in

    def keys(self, keys: str | bytes) -> None:
        data = keys if isinstance(keys, bytes) else keys.encode()
        while data:
            data = data[os.write(self._fd, data) :]

    def paste(self, text: str) -> None:
        """Paste as terminals do: between brackets only if the program has asked for them at that moment."""
        with self._news:
            keys = text.replace("\n", "\r")
            self.keys(f"\x1b[200~{keys}\x1b[201~" if BRACKETED_PASTE in self.screen.mode else keys)

    def focus(self, focused: bool, then: str) -> None:
        """Get or lose the keyboard's focus, told as terminals do if the program wants to know; and type a key."""
        with self._news:
            told = ("\x1b[I" if focused else "\x1b[O") if FOCUS in self.screen.mode else ""
            self.keys(told + then)

    def resize(self, columns: int, rows: int | None = None) -> None:
        with self._news:
            self.screen.resize(columns=columns, lines=rows)
            termios.tcsetwinsize(self._tty, (self.screen.lines, columns))
            self.child.send_signal(signal.SIGWINCH)

    # --- out

    def wait(self, until: Callable[[], object], what: str, seconds: float = DEADLINE) -> None:
        """Wait until ``until`` is true of the screen, if only for one frame of several that come at once."""
        with self._news:
            end = time.monotonic() + seconds
            self._awaited, self._met = until, False
            while not (self._met or until()):
                left = end - time.monotonic()
                if left <= 0 or (self._ended and not until()):
                    raise AssertionError(f"no {what}{' before it ended' if self._ended else ''}:\n{self.picture()}")
                self._news.wait(min(left, 0.5))
            self._awaited = bool

    def wait_for(self, *texts: str) -> None:
        """Wait until all these can be read, each somewhere on the screen or in the scrollback."""
        for text in texts:
            self.wait(lambda text=text: any(text in line for line in self.screen.all_lines()), repr(text))  # type: ignore[misc]

    def wait_ready(self) -> None:
        """Wait until keys can be typed."""
        self.wait(lambda: BRACKETED_PASTE in self.screen.mode and self.drawn(), "prompt")

    def drawn(self, prompt: str = "") -> bool:
        """Tell whether the prompt, this one if it is given, is drawn to its last byte, which shows the cursor again.

        What is read of a frame may end in the middle of it, with a message there and the prompt still to come.
        """
        found = self.prompt()
        return found is not None and prompt in found[1] and not self.screen.cursor.hidden

    def wait_drawn(self, prompt: str = "") -> None:
        """Wait for the end of the frame of which something can be read already."""
        self.wait(lambda: self.drawn(prompt), f"prompt {prompt} to its last byte")

    def wait_shell(self, after: str = "") -> None:
        """Wait until a shell reads the line at the end, below ``after``, and nobody else does.

        What is typed earlier it may throw away. And a shell tells that its job is stopped as soon as its own child is:
        another process of the job that waits for keys takes those that come before it has seen the signal.
        """

        def reads() -> bool:
            lines = self.screen.all_lines()
            told = [number for number, line in enumerate(lines) if after in line]
            last = max((number for number, line in enumerate(lines) if line.rstrip()), default=0)
            is_below = bool(told) and (not after or last > told[-1])
            return is_below and lines[last].rstrip().endswith(("$", "#")) and self._is_alone()

        self.wait(reads, f"shell's prompt after {after!r}")

    def _is_alone(self) -> bool:
        """Tell whether all processes of the terminal but the shell are stopped or gone."""
        states = set()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, _, _, session, *_ = stat.read_text().rpartition(") ")[2].split()
                if int(session) == self.child.pid and int(stat.parent.name) != self.child.pid:
                    states.add(state)
        return states <= {"T", "Z", "X"}

    def lines(self) -> list[str]:
        with self._news:
            return self.screen.all_lines()

    def text(self) -> str:
        return "\n".join(self.lines())

    def picture(self) -> str:
        shown = "\n".join(f"|{self.screen.row(y)}" for y in range(self.screen.lines))
        return f"{shown}\ncursor {self.screen.cursor.y},{self.screen.cursor.x}; last bytes {bytes(self.raw[-600:])!r}"

    def prompt(self) -> tuple[int, str] | None:
        """Return the prompt's row and its fixed part, the last one on the screen."""
        for y in reversed(range(self.screen.lines)):
            if match := PROMPT.match(self.screen.row(y) + " "):
                return y, match[1]
        return None

    def holds(self, text: str, cursor: int | None = None) -> bool:
        """Tell whether exactly this stands in the input line, with the cursor there (default: at its end)."""
        found = self.prompt()
        if found is None or self.screen.cursor.hidden:
            return False
        y, prompt = found
        rows, (row, column) = layout(prompt, text, len(text) if cursor is None else cursor, self.screen.columns - 1)
        shown = [self.screen.row(at) for at in range(y, self.screen.lines)]
        shown += [""] * (len(rows) - len(shown))
        at = (self.screen.cursor.y, self.screen.cursor.x)
        return shown[: len(rows)] == rows and not any(shown[len(rows) :]) and at == (y + row, column)

    def wait_input(self, text: str, cursor: int | None = None) -> None:
        self.wait(lambda: self.holds(text, cursor), f"input line {text!r} with the cursor at {cursor}")

    def style_of(self, text: str) -> list[pyte.screens.Char]:
        """Return the cells where ``text`` stands on the screen, last place first."""
        with self._news:
            for y in reversed(range(self.screen.lines)):
                cells = [self.screen.buffer[y][x] for x in range(self.screen.columns)]
                at = "".join(cell.data or "\0" for cell in cells).find(text)
                if at >= 0:
                    return cells[at : at + len(text)]
        raise AssertionError(f"no {text!r} in\n{self.picture()}")

    # --- the end

    def wait_end(self, seconds: float = DEADLINE) -> int:
        """Wait for its end; give its exit code, as a shell would."""
        self.wait(lambda: self._ended, "end", seconds)
        code = self.child.wait()
        return code if code >= 0 else 128 - code

    def assert_restored(self) -> None:
        """The terminal is as it was found."""
        mode = self.screen.mode
        assert BRACKETED_PASTE not in mode, "bracketed paste is still on"
        assert FOCUS not in mode, "the terminal still tells of the focus"
        assert SHOWN_CURSOR in mode, "the cursor is hidden"
        assert not self.screen.cursor.hidden
        assert self.screen.cursor.x == 0, self.picture()
        assert termios.tcgetattr(self._tty) == self._modes, "stty differs"

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        self._reader.join(DEADLINE)
        os.close(self._fd)
        os.close(self._tty)


Start = Callable[..., Term]


def terminal_env(state: Path, **more: str) -> dict[str, str]:
    """Return the environment of a plain 256-colour terminal, whatever the tests themselves run in."""
    env = clean_env(state, TERM="xterm-256color", TZ="UTC", PROMPT_TOOLKIT_NO_CPR="")
    names = ("TMUX", "NO_COLOR", "COLORTERM", "TERM_PROGRAM", "VTE_VERSION", "KITTY_WINDOW_ID", "WEZTERM_PANE")
    for name in (*names, "ALACRITTY_WINDOW_ID", "KONSOLE_VERSION", "PROMPT_TOOLKIT_NO_CPR", "COLUMNS", "LINES"):
        env.pop(name, None)
    return env | more


def wait_kept(term: Term, state: Path, name: str, wanted: str) -> None:
    """Wait until ``join``'s file of that name, of nadia in one room, holds ``wanted``."""

    def there() -> bool:
        return any(wanted in path.read_text() for path in state.glob(f"rooms/*/*/nadia/{name}"))

    term.wait(there, f"{wanted!r} in {name}")
