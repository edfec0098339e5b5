"""How typing feels while others talk: key-echo latency, and characters that were lost or came from nowhere.

``python benchmarks/key_echo.py [RUNS]``. The real program and the textbook recipe
(tests/system/terminal/textbook.py), each on a terminal that is judged by its screen. Echo: from a key to the screen
that shows it in the input line. Lost and stray: random keys, 60 a second, 45 % of them Backspace, against what should
stand there in the end.
"""

from __future__ import annotations

import difflib
import itertools
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.environment import CHATCTL, clean_env  # noqa: E402
from tests.support.processes import kill  # noqa: E402
from tests.support.server_process import Server  # noqa: E402
from tests.system.terminal.term import Term, terminal_env  # noqa: E402

RATES = (0, 100, 2000)
ECHO_KEYS = 300
KEY_SECONDS = 0.047
"""Between two of them: no multiple of a frame."""
RANDOM_KEYS = 300
GIVEN_UP = 1.0
"""Seconds after which a key counts as never echoed."""

Program = Callable[[Server, str, Path], Term]


def join(server: Server, room: str, state: Path) -> Term:
    """Start the real program."""
    where = ("--port", str(server.port), "--room", room, "--nick", "nadia")
    return Term([*CHATCTL, "join", *where], terminal_env(state))


def textbook(server: Server, room: str, state: Path) -> Term:
    """Start the textbook recipe."""
    arguments = (str(server.port), room, str(state / "history"), "none")
    return Term([sys.executable, "-m", "tests.system.terminal.textbook", *arguments], terminal_env(state))


def flood(server: Server, room: str, rate: int) -> subprocess.Popen[bytes] | None:
    """Start a program that sends messages for a minute; None at rate 0."""
    if not rate:
        return None
    argv = [
        sys.executable,
        "-m",
        "tests.system.terminal.flood",
        str(server.port),
        room,
        str(rate),
        str(rate * 60),
        "short",
    ]
    return subprocess.Popen(argv, cwd=ROOT)


def echoes(term: Term) -> list[float]:
    """Press keys at a steady pace; return the seconds until each was shown in the input line.

    What the terminal gets is recorded with its time and judged afterwards: emulating it meanwhile would slow it down.
    """
    term.recording = []
    pressed: list[tuple[float, str]] = []
    typed = ""
    for key in itertools.islice(itertools.cycle("abcdefghij"), ECHO_KEYS):
        typed = typed + key if len(typed) < 20 else ""
        pressed.append((time.perf_counter(), typed))
        term.keys(key if typed else "\x15")
        time.sleep(KEY_SECONDS)
    time.sleep(GIVEN_UP)
    times = [GIVEN_UP] * len(pressed)
    due = 0

    def look(at: float) -> None:
        nonlocal due
        while due < len(pressed) and at - pressed[due][0] >= GIVEN_UP:
            due += 1
        for number in range(due, len(pressed)):
            if pressed[number][0] >= at:
                break
            if term.holds(pressed[number][1]):
                for earlier in range(due, number + 1):  # two keys may be echoed together
                    times[earlier] = at - pressed[earlier][0]
                due = number + 1

    term.replay(look)
    term.keys("\x15")
    return times


def typed_wrong(term: Term, seed: int) -> tuple[int, int]:
    """Press random keys; return how many characters are missing from the line, and how many should not be there."""
    chance, expected = random.Random(seed), ""
    for _ in range(RANDOM_KEYS):
        key = "\x7f" if chance.random() < 0.45 else chance.choice("abcdefghijklmnopqrstuvwxyz")
        expected = expected[:-1] if key == "\x7f" else expected + key
        term.keys(key)
        time.sleep(1 / 60)
    try:
        term.wait(lambda: term.holds(expected), "line", 3)
    except AssertionError:
        pass
    else:
        return 0, 0
    y, prompt = term.prompt() or (0, "")
    actual = "".join(term.screen.row(at)[len(prompt) :] for at in range(y, term.screen.lines))
    same = sum(block.size for block in difflib.SequenceMatcher(None, expected, actual).get_matching_blocks())
    return len(expected) - same, len(actual) - same


def measure(program: Program, rate: int, seed: int) -> tuple[list[float], int, int]:
    """Return the echo times, and how many characters were lost and stray."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server("--rate", "off", "--open-rooms", "-q", env=clean_env(Path(folder) / "server"))
        state = Path(folder) / "state"
        state.mkdir()
        term = program(server, "bench", state)
        term.wait_ready()
        others = flood(server, "bench", rate)
        if others is not None:
            term.wait_for("<000000")
        try:
            return echoes(term), *typed_wrong(term, seed)
        finally:
            if others is not None:
                kill(others)
            term.close()
            server.stop()


def main(runs: int) -> None:
    """Print a line for each program and rate."""
    echo = f"{'echo p50':>10} {'p99':>10} {'never':>6}"
    print(f"{'program':<10} {'msg/s':>6} {echo} {'lost':>6} {'stray':>6} {'wrong lines':>12}")
    for program, rate in itertools.product((join, textbook), RATES):
        times: list[float] = []
        lost = stray = wrong = 0
        for run in range(runs):
            took, missing, extra = measure(program, rate, seed=run)
            times += took
            lost, stray, wrong = lost + missing, stray + extra, wrong + bool(missing or extra)
        p99 = statistics.quantiles(times, n=100)[98]
        never = sum(took >= GIVEN_UP for took in times)
        echo = f"{statistics.median(times) * 1000:>7.1f} ms {p99 * 1000:>7.1f} ms {never:>6}"
        typed = f"{lost:>6} {stray:>6} {f'{wrong} of {runs}':>12}"
        print(f"{program.__name__:<10} {rate:>6} {echo} {typed}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
