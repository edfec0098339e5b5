"""Stamps and durations while the wall clock is set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatctl.core.clock import BRIDGE_SECONDS, ServerClock

NOON = 1_700_000_000.0


class Machine:
    """Two clocks, of which one is set at times."""

    def __init__(self) -> None:
        self.wall, self.monotonic = NOON, 50.0
        self.steps: list[float] = []
        self.clock = ServerClock(lambda: self.wall, lambda: self.monotonic, self.steps.append)

    def pass_time(self, seconds: float, *, set_by: float = 0.0) -> float:
        """Let time pass and the wall clock be set; return a stamp."""
        self.monotonic += seconds
        self.wall += seconds + set_by
        return self.clock()


def test_a_small_step_back_is_waited_for() -> None:
    machine = Machine()
    assert machine.pass_time(100) == NOON + 100
    assert machine.pass_time(10, set_by=-60) == NOON + 100
    assert machine.pass_time(40) == NOON + 100
    assert machine.pass_time(20) == NOON + 110
    assert machine.steps == []


def test_a_large_step_back_is_taken_and_reported_once() -> None:
    machine = Machine()
    assert machine.pass_time(10, set_by=-3600) == NOON - 3590
    assert machine.pass_time(10) == NOON - 3580
    assert machine.steps == [-3600]


def test_small_steps_back_that_add_up_are_taken_too() -> None:
    """A log that stood still for long would be worse."""
    machine = Machine()
    assert machine.pass_time(0, set_by=-200) == NOON
    assert machine.pass_time(0, set_by=-200) == NOON - 400
    assert machine.steps == [-400]


def test_a_step_ahead_is_reported_and_its_way_back_is_too() -> None:
    machine = Machine()
    assert machine.pass_time(1, set_by=86_400) == NOON + 86_401
    assert machine.pass_time(1, set_by=-86_400) == NOON + 2
    assert machine.steps == [86_400, -86_400]


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-BRIDGE_SECONDS / 10, 100)), max_size=10))
def test_stamps_never_go_down_and_are_never_far_from_the_wall_clock(steps: list[tuple[float, float]]) -> None:
    machine = Machine()
    last = machine.clock()
    for seconds, set_by in steps:
        stamp = machine.pass_time(seconds, set_by=set_by)
        assert last <= stamp
        assert machine.wall <= stamp <= machine.wall + BRIDGE_SECONDS
        last = stamp


def test_how_long_something_lasts_is_nobodys_to_set() -> None:
    machine = Machine()
    begun = machine.clock.steady()
    assert begun == NOON
    machine.pass_time(30, set_by=-3600)
    assert machine.clock.steady() - begun == 30
    assert machine.clock.kept(begun) == NOON - 3600, "30 s ago by the clock on the wall"


def test_a_log_that_ends_a_little_later_is_followed() -> None:
    """After a restart in which the clock was set back. A log that ends next year is not."""
    machine = Machine()
    machine.clock.follow(NOON + 200)
    assert machine.pass_time(1) == NOON + 200
    machine.clock.follow(NOON + 365 * 86_400)
    assert machine.pass_time(300) == NOON + 301
    machine.clock.follow(NOON)
    assert machine.pass_time(1) == NOON + 302


def test_what_was_kept_is_read_in_the_steady_time_again() -> None:
    wall, monotonic = [1000.0], [5.0]
    clock = ServerClock(lambda: wall[0], lambda: monotonic[0])
    wall[0], monotonic[0] = 1500.0, 6.0  # it was set
    assert clock.steady_of(clock.kept(1003.0)) == 1003.0
    assert clock.steady_of(1500.0) == clock.steady()
