"""core/members.py: who is here under which name, in all rooms."""

from chatctl.core.members import Members
from chatctl.core.roster import Roster


def test_the_rosters_of_all_rooms_keep_it() -> None:
    everywhere = Members[None]()
    lobby, ops = Roster("lobby", everywhere), Roster("ops", everywhere)
    here, there = lobby.add("nadia", None, None, 0), ops.add("nadia", None, None, 0)
    assert set(everywhere.alike("nаdia")) == {here, there}
    assert [member.room for member in (here, there)] == ["lobby", "ops"]
    ops.rename(there, "omar")
    assert list(everywhere.alike("nadia")) == [here]
    assert list(everywhere.alike("OMAR")) == [there]
    lobby.unlist(here)
    assert list(everywhere.alike("nadia")) == []
