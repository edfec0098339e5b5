"""Each command again and again, each time with another fault: the n-th write fails, or a signal comes at the n-th line.

``python -m tests.system.exits.faults --all`` runs all of them against a server of its own and prints what is wrong and
how much was tried; test_faults.py takes a few. A run is a fork of a process that has loaded the command already, so it
takes milliseconds, and ends as the interpreter ends.

Does not live here: how a fault is brought about (injection.py), what may come of it (verdicts.py).
"""

from __future__ import annotations

import argparse
import collections
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tests.support.environment import DEADLINE, ROOT, clean_env
from tests.support.server_process import Server
from tests.support.wire import Wire
from tests.system.exits.injection import ERRORS, HIT, Fault, Interruptions, Lines, Writes
from tests.system.exits.verdicts import JOBS, End, Job, complaints

ROOMS = 900
"""They are used in turn, and a server opens 1,000: what a run has left open is over when its room comes again."""
STORM = 0.001
"""Seconds between two interruptions."""
FEW = 20
"""Up to so many lines, each write fails in one way only."""
INTERPRETERS_OWN = 2
"""Lines of chatctl until it has taken SIGINT out of the interpreter's hands, whose way to end is a traceback."""


class Campaign:
    """Runs jobs against one server, each in a room of its own, in which nadia has said hello and says yes."""

    def __init__(self, port: int, home: Path) -> None:
        """Use the server at ``port``, and folders in ``home``."""
        self._port, self._home = port, home
        self._numbers = iter(range(1, 1 << 30))
        self.runs: collections.Counter[str] = collections.Counter()

    def run(self, job: Job, fault: Fault) -> End:
        """Run it once."""
        number = next(self._numbers)
        self._notices: list[str] = []
        here = self._home / str(number)
        here.mkdir()
        (here / "stdin").write_text(job.stdin)
        room = f"room{os.getpid()}-{number % ROOMS}"  # other runs may use that server, too
        nadia = Wire(("127.0.0.1", self._port)).greeted().enter("nadia", room)
        hello = nadia.say("hello").frame("msg")["seq"]
        env = clean_env(
            here / ".state",
            HOME=str(here),
            CHATCTL_ROOM=room,
            CHATCTL_NICK="ci",
            CHATCTL_PORT=str(self._port),
        )
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            become(job, fault, env, here)
        try:
            code = self._wait(pid, nadia, storm=isinstance(fault, Interruptions))
            return self._end(job, code, here, nadia, hello)
        finally:
            nadia.close()
            self.runs[f"{job.command}, {type(fault).__name__.lower()}"] += 1

    def _wait(self, pid: int, nadia: Wire, *, storm: bool) -> int:
        """Let nadia answer until it has ended; return its status."""
        watch = os.pidfd_open(pid)
        until = time.monotonic() + DEADLINE
        try:
            while time.monotonic() < until:
                ready, _, _ = select.select([watch, nadia.sock], [], [], STORM if storm else DEADLINE)
                if nadia.sock in ready and nadia._more():
                    self._answer(nadia)
                if watch in ready:
                    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                if storm:
                    signal.pidfd_send_signal(watch, Interruptions.NUMBER)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return -signal.SIGKILL
        finally:
            os.close(watch)

    def _answer(self, nadia: Wire) -> None:
        while b"\n" in nadia._data:
            frame = nadia.next_frame()
            if frame["type"] == "msg" and "[1] yes" in frame["text"]:
                nadia.say("yes")
            self._note(frame)

    def _note(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "notice":
            self._notices.append(frame["text"])

    def _end(self, job: Job, code: int, here: Path, nadia: Wire, hello: int) -> End:
        files = {path.name: path.read_text() for path in here.iterdir() if path.is_file()}
        seen = files.pop("counted", "").splitlines()
        code = 128 - code if code < 0 else code
        end = End(code, files.pop("out"), files.pop("err"), [], files=files, seen=seen, hit=files.pop(HIT, ""))
        until = time.monotonic() + 5  # the server has it, and may not have come to it
        while True:
            nadia.say_frame(type="history", after=hello, limit=1000)
            while (frame := nadia.next_frame())["type"] != "page":
                self._note(frame)
            end.said, end.notices = [entry["text"] for entry in frame["entries"]], list(self._notices)
            if job.whole(end) or time.monotonic() > until:
                return end


def become(job: Job, fault: Fault, env: dict[str, str], here: Path) -> NoReturn:
    """Be that command, in a process that was forked for it."""
    os.setsid()
    os.chdir(here)
    os.environ.clear()
    os.environ.update(env)
    for number, name, flags in ((0, "stdin", os.O_RDONLY), (1, "out", os.O_WRONLY), (2, "err", os.O_WRONLY)):
        os.dup2(os.open(here / name, flags | os.O_CREAT | os.O_CLOEXEC), number)
    sys.argv = ["chatctl", *job.arguments]
    from chatctl.__main__ import main

    fault.arm()
    try:
        main()
    finally:
        sys.settrace(None)
        if getattr(fault, "at", 1) == 0:
            (here / "counted").write_text("\n".join(fault.seen))


def preload(campaign: Campaign, job: Job) -> None:
    """Load what a run loads, so that the next ones need not."""
    end = campaign.run(job, _Modules())
    for name in end.seen:
        if name.startswith("chatctl"):
            __import__(name)


class _Modules(Interruptions):
    """No fault: counts modules."""

    at = 0

    @property
    def seen(self) -> list[str]:  # type: ignore[override]
        return list(sys.modules)

    @seen.setter
    def seen(self, _: list[str]) -> None:
        pass


def chosen(seen: Sequence[str], most: int | None) -> list[int]:
    """Return which of the lines that ran to try: the first and the last time of each, or ``most`` of them."""
    first, last = dict[str, int](), dict[str, int]()
    for number, line in enumerate(seen, 1):
        first.setdefault(line, number)
        last[line] = number
    every = sorted({number for number in (*first.values(), *last.values()) if number > INTERPRETERS_OWN})
    return every if most is None else every[:: max(1, len(every) // most)]


def faults_of(job: Job, campaign: Campaign, most: int | None) -> Iterator[Fault]:
    """Yield all faults to try with a command; ``most`` limits the lines."""
    for at in range(1, len(campaign.run(job, Writes()).seen) + 1):
        every = ERRORS if most is None or most > FEW else ERRORS[at % len(ERRORS) :][:1]
        yield from (Writes(at, error) for error in every)
    lines = chosen(campaign.run(job, Lines()).seen, most)
    for at in lines:
        yield Lines(at, signal.SIGINT)
    for at in lines if most is None else lines[1::2]:
        yield Lines(at, signal.SIGTERM)
    yield from (Interruptions() for _ in range(3 if most is not None else 30))


def try_all(job: Job, campaign: Campaign, most: int | None, *, cold: bool) -> list[str]:
    """Try them; return what was wrong, a line each."""
    if not cold:
        preload(campaign, job)
    good = campaign.run(job, Interruptions())
    assert (good.code, job.done(good)) == (job.code, True), good
    wrong = []
    for fault in faults_of(job, campaign, most):
        end = campaign.run(job, fault)
        what = "; ".join(complaints(job, fault, good, end))
        if what:
            wrong.append(f"{job.name}, {described(fault, end, campaign, job)}: {what}: {end}")
    return wrong


def described(fault: Fault, end: End, campaign: Campaign, job: Job) -> str:
    """Return a fault in words; where a line is, is found by counting once more."""
    if isinstance(fault, Interruptions):
        return "interrupted"
    if isinstance(fault, Writes):
        return f"write {fault.at} ({end.hit}) fails with {fault.error}"
    seen = campaign.run(job, Lines()).seen
    where = seen[fault.at - 1] if fault.at <= len(seen) else "behind the end"
    return f"{signal.Signals(fault.number).name} at line {fault.at} ({where})"


def main() -> int:
    """Try what is asked for, print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, help="of a server with --open-rooms --rate off; else one is started")
    parser.add_argument("--most", type=int, default=20, help="lines of each command at which a signal comes")
    parser.add_argument("--all", action="store_true", help="every line")
    parser.add_argument("--cold", action="store_true", help="load chatctl in each run, so that those lines count, too")
    parser.add_argument("commands", nargs="*", default=list(JOBS))
    given = parser.parse_args()
    if given.port is None:
        with tempfile.TemporaryDirectory() as folder:
            return _with_server(Path(folder))
    campaign = Campaign(given.port, Path.cwd())  # no "with" around it: the forks leave through here
    most = None if given.all else given.most
    wrong = 0
    for name in given.commands:
        told = try_all(JOBS[name], campaign, most, cold=given.cold)
        print("".join(f"{line}\n" for line in told), end="", flush=True)
        wrong += len(told)
    for what, count in sorted(campaign.runs.items()):
        print(f"{count:6} {what}")
    print(f"{sum(campaign.runs.values()):6} runs, {wrong} of them wrong")
    return min(wrong, 1)


def _with_server(home: Path) -> int:
    """Start a server, and do all again in a process that has no threads: it forks."""
    import subprocess

    server = Server("--open-rooms", "--rate", "off", "--max-clients", "10000", env=clean_env(home))
    try:
        command = [sys.executable, "-m", "tests.system.exits.faults", "--port", str(server.port), *sys.argv[1:]]
        return subprocess.run(command, cwd=home, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
