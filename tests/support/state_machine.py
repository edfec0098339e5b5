"""Running a state machine of Hypothesis, which shrinks what it finds to the fewest steps; from a command line, too."""

from __future__ import annotations

import sys
import time
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


class CountedMachine(RuleBasedStateMachine):
    """A machine that counts its steps: an invariant of it adds one to ``steps``."""

    steps: ClassVar[int] = 0
    steps_a_run: ClassVar[int]


def run(machine: type[CountedMachine], steps: int) -> None:
    """Run about so many steps; an AssertionError shows the fewest that break something."""
    wanted = settings(
        max_examples=max(1, steps // machine.steps_a_run),
        stateful_step_count=machine.steps_a_run,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    run_state_machine_as_test(machine, settings=wanted)  # type: ignore[no-untyped-call]


def main(machine: type[CountedMachine]) -> None:
    """Run at least so many steps as the command line says."""
    wanted, begun = int(sys.argv[1]), time.monotonic()
    while machine.steps < wanted:
        run(machine, wanted - machine.steps)
    print(f"{machine.steps} steps, {time.monotonic() - begun:.0f} s: nothing broken")
