"""How full the door is for whom."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from chatctl.core.crowding import Crowding


def test_each_network_sees_the_others_as_if_they_had_no_more_than_itself() -> None:
    door = Crowding()
    for network in "aaaaabbbc":
        door.add(network)
    assert [door.seen_from(network) for network in "abcd"] == [9, 4 + 3 + 1, 2 + 2 + 1, 3]


@given(st.lists(st.sampled_from("abcd")), st.data())
def test_it_is_what_counting_anew_would_give(arrivals: list[str], data: st.DataObject) -> None:
    door, waiting = Crowding(), Counter(arrivals)
    for network in arrivals:
        door.add(network)
    for network in data.draw(st.permutations(arrivals))[: len(arrivals) // 2]:
        door.remove(network)
        waiting[network] -= 1
    for network in "abcde":
        assert door.seen_from(network) == sum(min(count, waiting[network] + 1) for count in waiting.values())
