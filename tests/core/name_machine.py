"""``NameWorld`` under Hypothesis, which shrinks what it finds to the fewest steps.

``python -m tests.core.name_machine STEPS`` runs that many steps; the suite runs some hundred.
"""

from __future__ import annotations

import sys
import time

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from chatctl.core.name_claims import UNUSED_SECONDS
from tests.core.name_world import NAMES, PROOFS, ROOMS, NameWorld

STEPS_A_RUN = 100

people, nicks, rooms = st.sampled_from(sorted(PROOFS)), st.sampled_from(NAMES), st.sampled_from(ROOMS)
numbers = st.integers(0, 30)


class NameMachine(RuleBasedStateMachine):
    """The steps of the world, in any order."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.world = NameWorld()

    @rule(name=people, number=numbers, nick=nicks, room=rooms)
    def enter(self, name: str, number: int, nick: str, room: str) -> None:
        self.world.enter(name, number, nick, room)

    @rule(name=people, number=numbers, nick=nicks, room=rooms)
    def enter_to_post(self, name: str, number: int, nick: str, room: str) -> None:
        self.world.enter(name, number, nick, room, "post")

    @rule(number=numbers, fails=st.booleans(), gone=st.booleans())
    def commit(self, number: int, fails: bool, gone: bool) -> None:
        self.world.commit(number, fails=fails, gone=gone)

    @rule(number=numbers, nick=nicks)
    def rename(self, number: int, nick: str) -> None:
        self.world.rename(number, nick)

    @rule(number=numbers)
    def post(self, number: int) -> None:
        self.world.post(number)

    @rule(nick=nicks, room=rooms)
    def whisper(self, nick: str, room: str) -> None:
        self.world.whisper(nick, room)

    @rule(number=numbers)
    def leave(self, number: int) -> None:
        self.world.leave(number)

    @rule(nick=nicks)
    def unclaim(self, nick: str) -> None:
        self.world.unclaim(nick)

    @rule()
    def pass_time(self) -> None:
        self.world.pass_time(UNUSED_SECONDS / 3)

    @invariant()
    def nobody_has_what_is_somebody_elses(self) -> None:
        NameMachine.steps += 1
        self.world.check()


def run(steps: int) -> None:
    """Run about so many steps; an AssertionError shows the fewest that break something."""
    wanted = settings(
        max_examples=max(1, steps // STEPS_A_RUN),
        stateful_step_count=STEPS_A_RUN,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    run_state_machine_as_test(NameMachine, settings=wanted)  # type: ignore[no-untyped-call]


def main() -> None:
    """Run as the command line says."""
    wanted, begun = int(sys.argv[1]), time.monotonic()
    while NameMachine.steps < wanted:
        run(wanted - NameMachine.steps)
    print(f"{NameMachine.steps} steps, {time.monotonic() - begun:.0f} s: nothing broken")


if __name__ == "__main__":
    main()
