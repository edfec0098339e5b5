"""What may come of a run in which something failed: the commands that are run, and what is wrong with an end.

Does not live here: how a fault is brought about (injection.py), running it all (faults.py).
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.system.exits.injection import Fault, Interruptions, Lines, Writes

NEVER = (
    "Traceback",
    "Exception ignored",
    "internal error in chatctl",
    "was never awaited",
    "Fatal Python error",
)
"""What stderr must not have, whatever happens."""


@dataclass
class End:
    """What came of a run."""

    code: int
    """As a shell shows it; -1 if it did not end."""
    out: str
    err: str
    said: list[str]
    notices: list[str] = field(default_factory=list)
    """What the server told the room."""
    files: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    """Of the counted things, in a run that reports them."""
    hit: str = ""
    """What failed, if it did."""


@dataclass(frozen=True)
class Job:
    """A command, and what must hold of its ends."""

    command: str
    arguments: tuple[str, ...]
    done: Callable[[End], bool]
    """Whether that what it is for has happened: only then may it end with 0."""
    silent: Callable[[End], bool] = lambda end: not end.said
    """Whether nothing was said: it must be so where it ends with 3."""
    whole: Callable[[End], bool] = lambda _: True
    """Whether the room is left as it should be, however it ended."""
    stdin: str = ""
    code: int = 0

    @property
    def name(self) -> str:
        return " ".join(("chatctl", *self.arguments))


def _ends_well(end: End) -> bool:
    """Whether a room that heard a question hears what came of it, from its asker or from the server."""
    asked = [text for text in end.said if "now?" in text]
    return not asked or "  -> " in asked[-1] or any("is withdrawn" in text for text in end.notices)


def _run_told(end: End) -> bool:
    """Whether a room that heard of the start hears of the end; where that failed, stderr says so."""
    return not end.said or not end.said[-1].startswith("started") or "can't post to the room" in end.err


JOBS = {
    job.command: job
    for job in (
        Job("send", ("send", "--json", "done"), lambda end: end.said == ["done"]),
        Job(
            "lines",
            ("send", "--lines"),
            lambda end: end.said == ["one", "two"],
            lambda end: not end.said,
            stdin="one\ntwo\n",
        ),
        Job(
            "run",
            ("run", "--metrics", "job.prom", "--", "echo", "built"),
            lambda end: end.out == "built\n",
            silent=lambda _: True,
            whole=_run_told,
        ),
        Job(
            "reply",
            ("send", "now?  [1] yes", "--wait-reply", "yes", "--from", "nadia", "--print-id", "--retry-for", "1s"),
            lambda end: end.out.endswith("nadia: yes\n"),
        ),
        Job(
            "cron",
            ("run", "--cron", "--require-room", "--max-time", "20s", "--", "sh", "-c", "echo built; exit 4"),
            lambda end: end.out == "built\n",
            whole=_run_told,
            code=4,
        ),
        Job(
            "exec",
            ("tail", "-n", "1", "--count", "1", "--exec", "cat", "--cursor-file", "seen"),
            lambda end: end.out == "hello\n" and "seen" in end.files,
        ),
        Job(
            "tail",
            ("tail", "--no-follow", "--no-reconnect", "--cursor-file", "seen"),
            lambda end: end.out.endswith("nadia: hello\n") and "seen" in end.files,
        ),
        Job(
            "ask",
            ("ask", "now?", "--timeout", "20s"),
            lambda end: end.said[-1:] != [] and end.said[-1].endswith("now?  -> yes (nadia)"),
            whole=_ends_well,
        ),
        Job(
            "probe",
            ("probe", "--format", "json", "--outfile", "probe.json"),
            lambda end: '"OK"' in end.files.get("probe.json", ""),
        ),
    )
}


def complaints(job: Job, fault: Fault, good: End, end: End) -> Iterator[str]:
    """Yield what is wrong with how a run ended, against one without a fault."""
    if end.code == 128 + signal.SIGKILL:
        yield "it does not end"
    yield from (f"stderr has {word!r}" for word in NEVER if word in end.err)
    if end.err.count("\n") > good.err.count("\n") + 1:
        yield "stderr has more than one line"
    if not job.whole(end):
        yield "the room was left in the middle"
    if end.code == 3 and job.command != "probe" and not job.silent(end):
        yield "3, and something was said"
    if isinstance(fault, Lines):
        if end.code not in (128 + fault.number, good.code):
            yield "another code than the signal's and its own"
        if end.code == good.code and not job.done(end):
            yield "its own code, and it was not done"
        return
    closed = isinstance(fault, Writes) and (fault.error, end.hit) == ("EPIPE", "write to 1")
    if end.code == 0 and not job.done(end) and not closed:  # whoever reads has gone: quiet, as the table has it
        yield "0, and it was not done"
    if isinstance(fault, Interruptions) and end.code != good.code:
        yield "another code, only since it was interrupted"
    if end.code in (120, 128 + signal.SIGPIPE):
        yield "the end of the interpreter failed"
