"""approvals.py: one owner counts once, whatever its connections."""

from chatctl.client.core.approvals import Approvals
from chatctl.protocol import Msg


def entry(seq: int, nick: str = "nadia") -> Msg:
    return Msg(seq, 0.0, nick, "yes")


def test_one_owner_counts_once_under_any_name() -> None:
    approvals = Approvals()
    assert approvals.add(entry(1), ["token"])
    assert not approvals.add(entry(2, "nadia2"), ["token", "key"])
    assert not approvals.add(entry(3, "phone"), ["key"])
    assert [one.seq for one in approvals.entries] == [1]


def test_two_that_turn_out_to_be_one() -> None:
    """A laptop and a phone, and then the laptop with the phone's key."""
    approvals = Approvals()
    assert approvals.add(entry(1), ["laptop"])
    assert approvals.add(entry(2), ["phone", "key"])
    assert not approvals.add(entry(3), ["laptop", "key"])
    assert [one.seq for one in approvals.entries] == [1]
    assert approvals.add(entry(4, "abel"), ["abel"])
    assert [one.seq for one in approvals.entries] == [1, 4]
