"""admission.py: which rooms there are."""

import pytest

from chatctl.core.admission import MAX_OPEN_ROOMS, Admission
from chatctl.errors import RoomInvalid


def test_the_lobby_and_the_rooms_named_are_open() -> None:
    admission = Admission("s", ["ops"])
    assert admission.room("lobby", []) == "lobby"
    assert admission.room("ops", []) == "ops"
    with pytest.raises(RoomInvalid, match="lobby, ops"):
        admission.room("builds", [])


def test_guests_open_rooms_only_where_they_may_and_only_so_many() -> None:
    admission = Admission("s", open_rooms=True)
    assert admission.room("builds", []) == "builds"
    many = ["lobby", *(f"r{i}" for i in range(MAX_OPEN_ROOMS))]
    assert admission.room("r5", many) == "r5"
    with pytest.raises(RoomInvalid):
        admission.room("one-more", many)


@pytest.mark.parametrize("room", ["", "Ops", "a b", "\x1b[2J", "x" * 33])
def test_a_room_that_cannot_be_one_is_refused_even_where_guests_open_rooms(room: str) -> None:
    with pytest.raises(RoomInvalid):
        Admission("s", open_rooms=True).room(room, [])
    with pytest.raises(RoomInvalid):
        Admission("s", [room])
