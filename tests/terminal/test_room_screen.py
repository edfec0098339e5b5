"""What becomes of a room's lines while another room is shown."""

from __future__ import annotations

from chatctl.protocol import Msg, Redacted
from chatctl.terminal.colors import Palette
from chatctl.terminal.render import FrameRenderer
from chatctl.terminal.room_screen import MAX_WAITING, RoomScreen
from tests.terminal.fakes import FakeScreen


def room(screen: FakeScreen, *, several: bool = False) -> RoomScreen:
    return RoomScreen("ops", screen, FrameRenderer(Palette(0), now=lambda: 0.0), several=lambda: several)


def msg(seq: int, text: str = "x") -> Msg:
    return Msg(seq=seq, time=0.0, nick="omar", text=text)


def test_lines_wait_until_the_room_is_shown_and_come_in_order() -> None:
    screen = FakeScreen()
    ops = room(screen)
    ops.show(["before"])
    ops.hide()
    assert not ops.has_unseen
    ops.show(["omar joined"])
    assert not ops.has_unseen, "that is no message: the position in the log is the same"
    ops.message(msg(1, "one"), "nadia")
    ops.show(["a note"])
    ops.message(msg(2, "two"), "nadia")
    assert screen.lines == ["before"]
    assert ops.has_unseen
    ops.open("ops: 2 unread")
    assert screen.lines[1:] == [
        "— ops: 2 unread —",
        "omar joined",
        "00:00 omar: one",
        "a note",
        "00:00 omar: two",
    ]
    assert not ops.has_unseen
    ops.message(msg(3, "three"), "nadia")
    assert screen.lines[-1] == "00:00 omar: three"


def test_one_line_stands_above_the_first_message_that_comes_while_the_user_looks_elsewhere() -> None:
    """Not above one's own, which tells nothing new; and a room that is not shown has a line of its own."""
    screen = FakeScreen()
    ops = room(screen)
    screen.unread = True
    ops.show(["omar joined"])
    ops.message(Msg(seq=1, time=0.0, nick="nadia", text="mine"), "nadia")
    ops.message(msg(2, "two"), "nadia")
    ops.message(msg(3, "three"), "nadia")
    assert screen.lines == ["omar joined", "00:00 nadia: mine", "— unread —", "00:00 omar: two", "00:00 omar: three"]
    ops.hide()
    screen.unread = True
    ops.message(msg(4, "four"), "nadia")
    assert ops.unread_line() == []
    assert screen.unread, "for the room that is shown"


def test_what_waits_is_bounded_and_what_is_left_out_is_told() -> None:
    screen = FakeScreen()
    ops = room(screen)
    ops.hide()
    for seq in range(1, MAX_WAITING + 1235):
        ops.message(msg(seq, str(seq)), "nadia")
    ops.open("ops")
    assert screen.lines[:3] == ["— ops —", "— 1,234 before these: /history shows them —", "00:00 omar: 1235"]
    assert len(screen.lines) == MAX_WAITING + 2


def test_what_is_told_nowhere_else_is_counted_outlasts_a_flood_and_comes_at_the_end() -> None:
    """A whisper, a message that was refused: no history has them."""
    screen, said = FakeScreen(), list[bool]()
    ops = RoomScreen("ops", screen, FrameRenderer(Palette(0), now=lambda: 0.0), said.append)
    ops.tell(["seen"])
    ops.hide()
    ops.tell(["omar -> you (privately): psst"])
    assert (screen.lines, said) == (["seen"], [True])
    for seq in range(1, 2 * MAX_WAITING):
        ops.message(msg(seq), "nadia")
    ops.print_all()
    assert screen.lines == ["seen", "[ops] omar -> you (privately): psst"]
    assert ops.has_unseen

    again = RoomScreen("ops", screen, FrameRenderer(Palette(0), now=lambda: 0.0))
    again.hide()
    for number in range(2 * MAX_WAITING):
        again.tell([str(number)])
    again.open("ops")
    assert len(screen.lines) == 3 + MAX_WAITING, "they are bounded, too"
    assert screen.lines[-1] == str(2 * MAX_WAITING - 1)


def test_what_an_operator_empties_meanwhile_is_never_shown() -> None:
    screen = FakeScreen()
    ops = room(screen)
    ops.hide()
    ops.message(msg(1, "secret"), "nadia")
    ops.message(msg(2, "harmless"), "nadia")
    ops.redact(Redacted([1]))
    ops.open("ops")
    assert screen.lines[1:] == ["00:00 (redacted)", "00:00 omar: harmless"]


def test_a_screen_of_lines_shows_all_rooms_and_says_which() -> None:
    screen = FakeScreen()
    screen.mixes_rooms = True
    ops = room(screen, several=True)
    ops.hide()
    ops.message(msg(1, "one"), "nadia")
    assert screen.lines == ["[ops] 00:00 omar: one"]
    assert not ops.has_unseen


def test_an_alert_says_which_room_it_is_of() -> None:
    screen = FakeScreen()
    ops = room(screen)
    ops.alert("omar mentions you")
    ops.hide()
    ops.alert("omar mentions you")
    assert screen.alerts == ["omar mentions you", "ops: omar mentions you"]


def test_a_room_that_is_left_is_told_of_and_what_waits_is_not_seen_by_that() -> None:
    screen = FakeScreen()
    ops = room(screen)
    ops.hide()
    ops.message(msg(1), "nadia")
    ops.print_all()
    ops.show(["not acknowledged yet: 1 of your lines"])
    assert screen.lines == ["[ops] not acknowledged yet: 1 of your lines"]
    assert ops.has_unseen


def test_only_the_room_that_is_shown_waits_for_a_slow_terminal() -> None:
    screen = FakeScreen()
    screen.is_busy = True
    ops = room(screen)
    assert ops.busy()
    ops.hide()
    assert not ops.busy()
