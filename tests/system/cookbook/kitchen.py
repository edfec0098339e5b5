"""Where recipes are cooked: a home directory, a PATH, a real server, and the people in the room.

The environment is an operator's: ``~/bin`` and ``~/.local/bin`` on the PATH, and where the server is in
``CHATCTL_PORT``, so that no recipe has to name it. What is printed is compared after ``masked``.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.support.environment import DEADLINE
from tests.support.wire import Wire
from tests.system.cookbook.book import Block, Recipe, crontab, recipes, transcript

END = "\x1e"
USER = pwd.getpwuid(os.getuid()).pw_name

MASKS = (
    (r"\d{4}-\d\d-\d\d", "DATE"),
    (r"\d\d:\d\d:\d\d", "TIME"),
    (r"\b[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d TIME \d{4}\b", "DAY TIME"),  # as C's ctime writes it
    (r"\b\d+(\.\d+)?(?= ?(ms|s|%|[KMGT])\b|%)", "N"),  # how long, how full, how big
    (r"\b\d+\.\d{3,}\b", "N"),  # a figure of Prometheus
    (r"\b[0-9a-f]{7,12}\b(?= )", "COMMIT"),
    (r"\b[a-z][2-9]+(?=\] | is this question's tag)|(?<=answer ')[a-z][2-9]+(?= )", "TAG"),  # of a question
    (r"[ \t]+", " "),
    (r" (?=\n)", ""),
)


def masked(text: str) -> str:
    """Take out what no two runs share."""
    for pattern, word in MASKS:
        text = re.sub(pattern, word, text)
    return text


class Kitchen:
    """One recipe's home, and the server that it talks to."""

    def __init__(self, home: Path, recipe: Recipe) -> None:
        """Lay out the home directory; no server runs yet."""
        self.home = home
        self.recipe = recipe
        self.processes: list[subprocess.Popen[bytes]] = []
        for folder in ("bin", ".local/bin"):
            (home / folder).mkdir(parents=True)
        python = Path(sys.executable).parent
        (home / ".local/bin/chatctl").symlink_to(python / "chatctl")
        path = f"{home}/bin:{home}/.local/bin:{python}:{os.environ['PATH']}"
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("CHATCTL_", "XDG_", "GIT_"))}
        self.env = ours | {"HOME": str(home), "PATH": path, "LC_ALL": "C.UTF-8"}

    @property
    def port(self) -> int:
        """Where the server is, or was; 0 before the first one."""
        return int(self.env.get("CHATCTL_PORT", "0"))

    # --- the server

    def serve(self, command: str = "chatctl serve --room ops --room builds") -> subprocess.Popen[bytes]:
        """Start a server, the first time on a free port, and wait until it says where it listens."""
        server = self.start(command, CHATCTL_PORT=str(self.port))
        assert server.stdout is not None
        line = server.stdout.readline().decode()
        assert "listening on" in line, self.log_of(server)
        if port := re.search(r":(\d+)$", line.strip()):
            self.env["CHATCTL_PORT"] = port[1]
        return server

    def person(self, nick: str, room: str = "lobby", **more: object) -> Wire:
        """Let somebody in."""
        return Wire(("127.0.0.1", self.port)).greeted().enter(nick, room, **more)

    def said(self, room: str = "lobby") -> list[str]:
        """Return all that was said there: ``nick: text``."""
        log = self.run(f"chatctl tail -n 100 --no-follow --json --room {room}")
        entries = [json.loads(line) for line in log.stdout.splitlines()]
        return [f"{entry['nick']}: {entry['text']}" for entry in entries]

    # --- files and commands

    def put_files(self) -> None:
        """Write the recipe's files where it says they are."""
        for block in (*recipes()["before_you_start"].files(), *self.recipe.files()):
            path = self.home / block.name.removeprefix("~/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            path.chmod(0o755 if block.text.startswith("#!") else 0o644)

    def run(self, command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run shell commands to their end, in the home directory."""
        return self._run(["bash", "-c", command], self.env | env)

    def cron(self, block: Block, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a crontab's one job as cron does: through sh, with next to nothing in its environment."""
        settings, (job,) = crontab(block.text)
        bare = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "ops"}
        return self._run(["/bin/sh", "-c", job], bare | {"CHATCTL_PORT": str(self.port)} | settings | env)

    def _run(self, words: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, env=env, cwd=self.home, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=3 * DEADLINE, check=False,
        )  # fmt: skip

    def start(self, command: str, *, stdin: int = subprocess.DEVNULL, **env: str) -> subprocess.Popen[bytes]:
        """Start shell commands that go on, in a process group of their own, which the end of the test ends."""
        self.processes.append(
            subprocess.Popen(
                ["bash", "-c", command], env=self.env | env, cwd=self.home, stdin=stdin,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            )
        )  # fmt: skip
        return self.processes[-1]

    def stop(self, process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> str:
        """End it and all that it started; give what it told."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        process.wait(DEADLINE)
        return self.log_of(process)

    def log_of(self, process: subprocess.Popen[bytes]) -> str:
        """Return the stderr of a process that has ended."""
        assert process.stderr is not None
        return process.stderr.read().decode()

    def close(self) -> None:
        """End what still runs."""
        for process in self.processes:
            self.stop(process, signal.SIGKILL)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    # --- what the cookbook shows

    def show(self, **env: str) -> None:
        """Run the recipe's next transcript in one shell, and compare what each command prints."""
        block = self.recipe.take("console")
        parts = transcript(block.text)
        script = "".join(f"{command}\nstatus=$?; printf '{END}'; (exit $status)\n" for command, _ in parts)
        done = self.run(f"exec 2>&1\n{script}", **env)
        printed = done.stdout.split(END)[: len(parts)]
        assert len(printed) == len(parts), f"{block}: {done.stdout}"
        shown = [f"$ {command}\n{masked(output)}" for command, output in parts]
        seen = [f"$ {command}\n{self._seen(real)}" for (command, _), real in zip(parts, printed, strict=True)]
        assert seen == shown, f"{block}\n{done.stdout}"

    def _seen(self, text: str) -> str:
        for real, shown in (
            (f".1:{self.port}", ".1:5500"),
            (str(self.home), "/home/nadia"),
            (f"by {USER}\n", "by nadia\n"),
            (f" on {os.uname().nodename}:", " on db1:"),
        ):
            text = text.replace(real, shown)
        return masked(text)


@contextlib.contextmanager
def answering(person: Wire, question: str, answer: str) -> Iterator[None]:
    """Have somebody answer, in a thread, when they read the question."""

    def answer_it() -> None:
        person.frame("msg", where=lambda frame: question in frame["text"])
        person.say(answer)

    thread = threading.Thread(target=answer_it, daemon=True)
    thread.start()
    yield
    thread.join(DEADLINE)
    assert not thread.is_alive(), f"nobody asked {question!r}"
