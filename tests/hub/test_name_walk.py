"""Names through the server's own connections: two rooms, every dialect and mode, restarts, orders, a slow disk."""

from __future__ import annotations

import pytest

from tests.hub.name_walk import NAMES, Walk, walk
from tests.support.random_walk import Broken


@pytest.mark.parametrize("seed", [1, 2])
def test_a_walk_at_random_breaks_nothing(seed: int) -> None:
    """``python -m tests.hub.name_walk`` takes hundreds of thousands of steps."""
    done = walk(1500, seed)
    assert not {"json join", "json post", "classic join", "said", "whispered", "renamed", "unclaim", "left"} - set(done)


def test_the_walk_sees_a_name_that_two_people_have() -> None:
    """Or it would prove nothing."""
    one = Walk(0)
    for room, who in (("lobby", "nadia"), ("ops", "mallory")):
        one.people[one.house.join(NAMES[0], "1" * 32, room=room)] = who
    with pytest.raises(Broken, match="has 2 owners"):
        one.check()
