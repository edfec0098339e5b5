"""core/people.py: which connections are one person's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.core.name_ownership import NOBODY, Owner
from chatctl.core.people import people

T1, T2 = b"1" * 32, b"2" * 32


@pytest.mark.parametrize(
    ("owners", "persons"),
    [
        ([], 0),
        ([Owner(T1)], 1),
        ([Owner(T1), Owner(T1)], 1),
        ([Owner(T1), Owner(T2)], 2),
        ([NOBODY, NOBODY], 2),
        ([Owner(T1, "a"), Owner(T2, "a")], 1),
        ([Owner(T1, "a"), Owner(T1, "b")], 1),
        ([Owner(T1, "a"), Owner(T2, "b")], 2),
        ([Owner(T1), Owner(T2), Owner(T1, "a"), Owner(T2, "a")], 1),
        ([Owner(T1), Owner(None, "a"), NOBODY], 3),
    ],
)
def test_who_shares_a_key_or_a_token_is_one_person(owners: list[Owner], persons: int) -> None:
    assert len(people(owners, lambda one: one)) == persons


OWNERS = st.lists(
    st.builds(Owner, st.sampled_from([None, T1, T2, b"3" * 32]), st.sampled_from([None, "a", "b", "c"])), max_size=8
)


@given(OWNERS)
def test_each_connection_is_one_persons_and_no_proof_is_two_persons(owners: list[Owner]) -> None:
    groups = people(range(len(owners)), owners.__getitem__)
    assert sorted(number for group in groups for number in group) == list(range(len(owners)))
    for field in ("token", "key"):
        holders = [{getattr(owners[number], field) for number in group} - {None} for group in groups]
        assert sum(map(len, holders)) == len(set().union(*holders))


def test_ten_thousand_connections_are_told_apart_at_once() -> None:
    """As many as a server has may post under one name; an order waits for it, and the loop with it."""
    owners = [Owner(b"%d" % (number // 2), f"{(number + 1) // 2}") for number in range(10_000)]  # a chain
    looked_at: list[Owner] = []
    [group] = people(owners, lambda one: (looked_at.append(one), one)[1])
    assert group == looked_at == owners
    assert len(people(owners[::2] + [NOBODY] * 5000, lambda one: one)) == 10_000
