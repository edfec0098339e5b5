"""The command that notifies: what it gets, its bounds, its failures."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl.terminal import notify_command
from chatctl.terminal.notify_command import MAX_A_MINUTE, MAX_RUNNING, Alert, NotifyCommand
from tests.support.environment import DEADLINE

MENTION = Alert("mention", "lobby", "omar\x1b[2J", "nadia: look\x1b]0;x\x07\nhere", 12.5, 7)


def python(script: str, *words: object) -> NotifyCommand:
    return NotifyCommand([sys.executable, "-c", script, *map(str, words)])


async def until(done: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not done():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def run(command: NotifyCommand, *alerts: Alert) -> list[str]:
    """Run it for alerts, one after the other; return what was told."""
    told: list[str] = []

    async def main() -> None:
        for alert in alerts:
            command.run(alert, told.append)
            await until(lambda: not command._running)

    asyncio.run(main())
    return told


def test_what_it_gets(tmp_path: Path) -> None:
    """Cleaned text on its stdin, fields in its environment; no shell sees its words."""
    script = (
        "import json, os, sys; json.dump([sys.stdin.read(), dict(os.environ), sys.argv[2]], open(sys.argv[1], 'w'))"
    )
    whisper = Alert("whisper", "lobby", "omar", "psst", 12.5)
    for number, alert in enumerate((MENTION, whisper)):
        path = tmp_path / str(number)
        assert run(python(script, path, "$HOME; ls"), alert) == []
        text, environ, word = json.loads(path.read_text())
        assert word == "$HOME; ls"
        assert environ["CHATCTL_EVENT"] == alert.kind
        assert (environ["CHATCTL_ROOM"], environ["CHATCTL_TIME"]) == ("lobby", "12.500000")
        assert environ["CHATCTL_SEQ"] == ("7" if alert.seq else "")
        assert environ["PATH"] == os.environ["PATH"]
        assert "\x1b" not in text + environ["CHATCTL_AUTHOR"]
        assert text == ("psst\n" if alert is whisper else "nadia: look␛]0;x␇\nhere\n")


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ("raise SystemExit(3)", "ended with status 3"),
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9"),
    ],
)
def test_a_failure_is_told_once(script: str, failure: str) -> None:
    assert run(python(script), MENTION, MENTION) == [f"--notify-command: {sys.executable} {failure} (told once)"]


def test_a_command_that_is_missing_is_told_once() -> None:
    told = run(NotifyCommand(["there-is-none"]), MENTION, MENTION)
    assert told == ["--notify-command: there-is-none can't be started: no such file or directory (told once)"]


def test_one_that_reads_nothing_is_no_failure() -> None:
    assert run(python("import os; os.close(0)"), MENTION._replace(text="x" * 1_000_000)) == []


def test_one_that_takes_too_long_is_killed_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify_command, "SECONDS", 0.5)
    script = "import os, subprocess, sys; child = subprocess.Popen(['sleep', '99']);" + (
        "open(sys.argv[1], 'w').write(f'{os.getpid()} {child.pid}'); child.wait()"
    )
    told = run(python(script, tmp_path / "pids"), MENTION)
    assert told == [f"--notify-command: {sys.executable} took longer than 0.5 s, and was killed (told once)"]
    pids = (tmp_path / "pids").read_text().split()
    asyncio.run(until(lambda: all(_ended(pid) for pid in pids)))
    assert not Path(f"/proc/{pids[0]}").exists(), "it is a zombie"


def _ended(pid: str) -> bool:
    """The child is init's to reap, where there is one that does."""
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(") ")[2].startswith("Z")


def test_no_more_than_some_at_once_and_the_next_is_told(tmp_path: Path) -> None:
    """A flood of mentions starts no flood of programs."""
    script = "import os, sys; open(sys.argv[1], 'a').write(os.environ['CHATCTL_LEFT_OUT'] + ' '); sys.stdin.read()"
    hold = "import sys, time, os\nwhile not os.path.exists(sys.argv[2]): time.sleep(0.01)\n"
    command = python(hold + script, tmp_path / "runs", tmp_path / "go")

    async def main() -> None:
        for _ in range(100):
            command.run(MENTION, print)
        assert command._running == MAX_RUNNING
        (tmp_path / "go").touch()
        await until(lambda: not command._running)
        command.run(MENTION, print)
        await until(lambda: not command._running)

    asyncio.run(main())
    assert (tmp_path / "runs").read_text().split() == ["0"] * MAX_RUNNING + [str(100 - MAX_RUNNING)]


def test_no_more_than_some_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[Alert] = []
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    command = NotifyCommand(["x"])
    monkeypatch.setattr(command, "_run", lambda alert, _left_out: runs.append(alert))

    async def main() -> None:
        for second in range(120):
            now[0] = float(second)
            command.run(MENTION, print)
            while command._running:
                await asyncio.sleep(0)

    asyncio.run(main())
    assert len(runs) == 2 * MAX_A_MINUTE
