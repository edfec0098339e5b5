"""``NameWorld`` under Hypothesis, which shrinks what it finds to the fewest steps.

``python -m tests.core.name_machine STEPS`` runs that many steps; the suite runs some hundred.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from chatctl.core.name_claims import UNUSED_SECONDS
from tests.core.name_world import NAMES, PROOFS, ROOMS, NameWorld
from tests.support.state_machine import CountedMachine, main

people, nicks, rooms = st.sampled_from(sorted(PROOFS)), st.sampled_from(NAMES), st.sampled_from(ROOMS)
numbers = st.integers(0, 30)


class NameMachine(CountedMachine):
    """The steps of the world, in any order."""

    steps_a_run = 100

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


if __name__ == "__main__":
    main(NameMachine)
