"""Who has the terminal at the end of a loan. With an editor in a real terminal: system/terminal/test_editor.py."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from chatctl.terminal.terminal_loan import TerminalLoan


def loan() -> TerminalLoan:
    """Return one of a terminal that shows nothing."""
    painter: Any = SimpleNamespace(hold=lambda: None, go_on=lambda is_lost: None, reports=SimpleNamespace(due=False))
    output: Any = SimpleNamespace(release=lambda: None)
    modes: Any = SimpleNamespace(lent=nullcontext, typed_before=bytes)
    return TerminalLoan(painter, output, modes, lambda typed: None)


def test_a_signal_that_came_before_the_end_was_the_programs() -> None:
    """Ctrl-C goes to both; who had the terminal then decides, not who has it when the loop sees the signal."""

    async def scenario() -> list[bool]:
        lent, was_on = loan(), list[bool]()
        running = asyncio.get_running_loop()
        running.add_signal_handler(signal.SIGUSR1, lambda: was_on.append(lent.is_on))
        async with lent.lent():
            os.kill(os.getpid(), signal.SIGUSR1)
        while not was_on:
            await asyncio.sleep(0)
        running.remove_signal_handler(signal.SIGUSR1)
        return was_on

    assert asyncio.run(scenario()) == [True]


def test_the_terminal_has_answered_before_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """While we still have it: to the shell, the answer would be keys."""
    steps: list[object] = []
    reports = SimpleNamespace(due=True)
    painter: Any = SimpleNamespace(reports=reports)
    output: Any = SimpleNamespace(release=lambda: steps.append("released"))
    monkeypatch.setattr(os, "kill", lambda *what: steps.append(what))

    def read_until(done: Callable[[], bool], _seconds: float) -> None:
        steps.append(done())
        reports.due = False
        steps.append(done())

    asyncio.run(TerminalLoan(painter, output, nullcontext, lambda _: None).stop(read_until))  # type: ignore[arg-type]
    assert steps == [False, True, "released", (0, signal.SIGTSTP)]
