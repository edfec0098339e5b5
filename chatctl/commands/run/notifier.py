"""Telling the room of a run: that it started, and how it ended. No failure here may change the run itself."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterable
from types import FrameType, TracebackType
from typing import NoReturn, Self

from chatctl.cli.output import hush_python, warn
from chatctl.client.core.speaker import Speaker
from chatctl.client.io.blocking_transport import drive
from chatctl.commands.run.last_lines import fit
from chatctl.commands.run.signal_relay import FORWARDED
from chatctl.errors import OutcomeUnknown
from chatctl.protocol import Limits


class _Interrupted(Exception):
    """A signal came after CMD had ended: there is nothing left to wait for."""


_LAST_SECONDS = 1.0


class RunNotifier:
    """Tells the room that a run started and how it ended. A failure is reported once, and changes nothing else."""

    def __init__(
        self, speaker: Callable[[], Speaker], title: str, *, quiet_success: bool, retry_for: float | None = None
    ) -> None:
        """Say nothing yet.

        Args:
            speaker: makes what speaks; it raises NickInvalid for a name that is not valid.
            title: the run's name in the room.
            quiet_success: say nothing of a run that succeeds.
            retry_for: seconds for telling how it ended, unless the server was away at the start; None: one try.
        """
        self._speaker = speaker
        self._title = title
        self._quiet_success = quiet_success
        self._retry_for = retry_for
        self._said_start = False
        self._starting: threading.Thread | None = None
        self._warned = False
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Tell a room that heard of the start if a signal came before it; who sent that waits a second at most."""
        if isinstance(error, SystemExit) and self._said_start and not self._over:
            number = error.code - 128 if isinstance(error.code, int) else 0
            said = f"ended by {signal.Signals(number).name} before it started: {self._title}"
            telling = threading.Thread(target=self._say, args=(said,), daemon=True)
            telling.start()
            telling.join(_LAST_SECONDS)

    def require_room(self) -> None:
        """Tell the room that it starts, or with ``quiet_success`` check that it can be told. Raises ChatError."""
        if self._quiet_success:
            drive(self._speaker().check())
        else:
            self._said_start = True
            try:
                drive(self._speaker().say(f"started: {self._title}"))
            except OutcomeUnknown as unknown:
                raise OutcomeUnknown(f"{unknown.text}; CMD was not started: start it again") from None

    def start(self) -> None:
        """Tell the room that it started, in a thread: CMD does not wait for that."""
        if not (self._quiet_success or self._said_start):
            self._starting = threading.Thread(target=self._say, args=(f"started: {self._title}",), daemon=True)
            self._starting.start()

    def aside(self, text: str) -> None:
        """Tell the room something of this run while it goes on. A failure changes nothing, and is not reported."""
        with contextlib.suppress(Exception):  # as in _say
            drive(self._speaker().say(f"{text}: {self._title}"))

    def finish(self, status: int, how: str, lines: list[str]) -> None:
        """Tell the room how it ended. A signal ends the attempt.

        Args:
            status: the exit status.
            how: the same in words.
            lines: the last lines of the output.
        """
        self._over = True
        if self._quiet_success and status == 0:
            return
        tried = False
        try:
            for number in FORWARDED:
                signal.signal(number, _interrupt)
            if not self._start_failed():
                # A server that was there restarts, or is busy. One that was away at the start has cost a warning.
                retry_for = None if self._warned else self._retry_for
                self._say(lambda limits: fit(f"{how}: {self._title}", lines, limits.text), retry_for)
            tried = True
            ignore(FORWARDED)  # in here: until then a signal raises
        except _Interrupted:
            if not tried:
                self._warn("interrupted")

    def _start_failed(self) -> bool:
        """Wait for the first message if it is still on its way. Return whether it failed: the last one would too."""
        if self._starting is None or not self._starting.is_alive():
            return False
        self._starting.join()
        return self._warned

    def _say(self, text: str | Callable[[Limits], str], retry_for: float | None = None) -> None:
        try:
            drive(self._speaker().say(text, retry_for=retry_for))
        except _Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 — whatever fails here, the exit status must be that of CMD
            self._warn(str(error))

    def _warn(self, why: str) -> None:
        if not self._warned:
            self._warned = True
            warn(f"can't post to the room: {why}")


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    ignore(FORWARDED)
    hush_python()
    raise _Interrupted


def ignore(signals: Iterable[int]) -> None:
    """Ignore these signals from now on: the status is CMD's."""
    for number in signals:
        signal.signal(number, signal.SIG_IGN)
