"""Sinks of ``tail``: text or JSON on stdout, or a command that is run for each message."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from chatctl.cli.output import emit, emit_json, json_line, message_lines, message_start, warn
from chatctl.client.core.deadline import Deadline, DeadlinePassed
from chatctl.common.text import clean
from chatctl.errors import ChatError, reason_of
from chatctl.protocol import Msg

Sink = Callable[[Msg], None]
"""Takes a message. When it returns, the message has left this process."""


def make_sink(
    words: list[str] | None, room: str, deadline: Deadline, *, as_json: bool, null: bool, keep_going: bool
) -> Sink:
    """Return the sink that the options name; ``words`` is the argument list of ``--exec``."""
    if words is not None:
        return Exec(words, room, deadline, keep_going=keep_going)
    end = "\0" if null else "\n"
    if as_json:
        return lambda entry: emit_json(json_line(entry), end)
    return _print_record if null else _print_lines


def _print_lines(entry: Msg) -> None:
    for line in message_lines(entry):
        emit(line)


def _print_record(entry: Msg) -> None:
    """Print a message with its own line ends, and a NUL, which no cleaned text holds."""
    if entry.redacted:
        emit("".join(message_lines(entry)), "\0")
        return
    emit(message_start(entry) + clean(entry.text, lines=True), "\0")


class Exec:
    """Runs a command for each message: the fields in its environment, the cleaned text and an LF on its stdin."""

    def __init__(self, words: Sequence[str], room: str, deadline: Deadline, *, keep_going: bool) -> None:
        """Run ``words``; a run that reaches ``deadline`` is killed."""
        self._words = list(words)
        self._room = room
        self._deadline = deadline
        self._keep_going = keep_going

    def __call__(self, entry: Msg) -> None:
        """Run it.

        Raises:
            ChatError: it can't be run, or it failed without ``--keep-going``.
            DeadlinePassed: it ran until the deadline.
        """
        failure = self._run(entry) if not entry.redacted else None  # it says nothing to act on
        if failure is None:
            return
        failure = f"{self._words[0]} {failure} at message {entry.seq}"
        if not self._keep_going:
            raise ChatError(f"{failure} (--keep-going continues)")
        warn(failure)

    def _run(self, entry: Msg) -> str | None:
        import subprocess

        from chatctl.common.programs import start

        stdin = clean(entry.text, lines=True).encode() + b"\n"
        try:
            process = start(self._words, stdin=subprocess.PIPE, env=self._environment(entry))
        except (FileNotFoundError, PermissionError) as error:
            raise ChatError(f"cannot run {self._words[0]}: {reason_of(error)}") from None
        except OSError as error:  # too long an environment, too many processes: the next message may fare better
            return f"could not be started ({reason_of(error)})"
        with process:
            try:
                process.communicate(stdin, self._deadline.left())
            except subprocess.TimeoutExpired:
                raise DeadlinePassed("the deadline passed") from None
            finally:
                process.kill()  # it may run on after what was raised; one that has ended is let be
        code = process.returncode
        if code < 0:
            return f"was ended by signal {-code}"
        return f"ended with status {code}" if code else None

    def _environment(self, entry: Msg) -> dict[str, str]:
        return os.environ | {
            "CHATCTL_AUTHOR": clean(entry.nick),
            "CHATCTL_SEQ": str(entry.seq),
            "CHATCTL_TIME": f"{entry.time:.6f}",
            "CHATCTL_ROOM": self._room,
            "CHATCTL_ACTION": "1" if entry.action else "",
        }
