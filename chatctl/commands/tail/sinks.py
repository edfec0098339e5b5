"""Where ``tail`` puts what it gets: lines on stdout, JSON on stdout, or a command that is run for each message."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import click

from chatctl.cli.output import emit, emit_json, message_lines, message_start, note
from chatctl.client.core.deadline import Deadline, DeadlinePassed
from chatctl.common.text import clean
from chatctl.errors import ChatError, reason_of
from chatctl.protocol import Msg

Sink = Callable[[Msg], None]
"""Takes an entry. When it returns, the entry has left this process."""


def json_sink(end: str) -> Sink:
    """Print each entry as a JSON object, ``end`` after it."""
    return lambda entry: emit_json(entry, end)


def print_lines(entry: Msg) -> None:
    """Print each line of an entry under its author's name, so that none can pass for another author's."""
    for line in message_lines(entry):
        emit(line)


def print_record(entry: Msg) -> None:
    """Print an entry and a NUL, which no cleaned text holds: its own line ends stay."""
    emit(message_start(entry) + clean(entry.text, lines=True), "\0")


def split_command(command: str) -> list[str]:
    """Give the argument list of ``--exec``, cut as a shell cuts words; no shell sees it."""
    import shlex

    try:
        words = shlex.split(command)
    except ValueError as error:
        raise click.BadParameter(f"{command!r}: {error}".lower(), param_hint="'--exec'") from None
    if not words:
        raise click.BadParameter("the command is empty", param_hint="'--exec'")
    return words


class Exec:
    """Runs a command for each entry: the fields in its environment, the cleaned text and an LF on its stdin."""

    def __init__(self, words: Sequence[str], room: str, deadline: Deadline, *, keep_going: bool) -> None:
        """Run ``words``, at most until ``deadline``."""
        self._words = list(words)
        self._room = room
        self._deadline = deadline
        self._keep_going = keep_going

    def __call__(self, entry: Msg) -> None:
        """Run it. Raises ChatError where it fails and that is to be the end; DeadlinePassed."""
        trouble = self._run(entry)
        if trouble is None:
            return
        trouble = f"{self._words[0]} {trouble} at message {entry.seq}"
        if not self._keep_going:
            raise ChatError(f"{trouble} (--keep-going goes on)")
        note(f"chatctl: {trouble}")

    def _run(self, entry: Msg) -> str | None:
        import subprocess

        stdin = clean(entry.text, lines=True).encode() + b"\n"
        try:
            done = subprocess.run(  # noqa: S603 — the person who runs tail chose it; no shell sees it
                self._words, input=stdin, env=self._environment(entry), timeout=self._deadline.left(), check=False
            )
        except subprocess.TimeoutExpired:
            raise DeadlinePassed("the deadline passed") from None
        except OSError as error:
            raise ChatError(f"cannot run {self._words[0]}: {reason_of(error)}") from None
        if done.returncode < 0:
            return f"was ended by signal {-done.returncode}"
        return f"ended with status {done.returncode}" if done.returncode else None

    def _environment(self, entry: Msg) -> dict[str, str]:
        return os.environ | {
            "CHATCTL_AUTHOR": clean(entry.nick),
            "CHATCTL_SEQ": str(entry.seq),
            "CHATCTL_TIME": f"{entry.time:.6f}",
            "CHATCTL_ROOM": self._room,
            "CHATCTL_ACTION": "1" if entry.action else "",
        }
