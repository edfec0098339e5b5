"""The table of verbs and hub/admin_commands.py: every verb, by every role, on every kind of target, through the hub.

The table is walked, not written down again: what it allows has to happen, what it does not has to be refused.
"""

from __future__ import annotations

import msgspec
import pytest

from chatctl import protocol as p
from chatctl.common.verbs import KINDS, ROLES, VERBS, Kind, Role
from chatctl.core.admission import Admission
from chatctl.core.moderation import RoomRules
from chatctl.core.name_claims import NameClaim, NameClaims
from chatctl.core.permissions import check_verb
from chatctl.errors import ChatError, Forbidden, NoSuchNick
from chatctl.hub.admin_commands import PLANNERS
from chatctl.hub.admin_target import Actor
from chatctl.hub.journal_commands import JournalCommands
from tests.support.fakes import House, KeepingJournal, only, order
from tests.support.key_holders import OTHER, OWNER, Person

SECOND = Person(3)
STRANGER = Person(4)

TARGETS: dict[Kind, str] = {
    "member": "Rajat",
    "operator": "chief",
    "name": "Absent",
    "key": STRANGER.fingerprint,
    "address": "198.51.100.0/24",
    "room": "",
    "server": "",
}
LOCK = "backup"
ALL = [(verb, role, kind) for verb in VERBS for role in ROLES for kind in KINDS]
ROOM_VERBS = {verb for verb, one in VERBS.items() if "room" in one.may}
SERVER_VERBS = {verb for verb, one in VERBS.items() if "server" in one.may}


def village() -> House:
    """Return a house with two operators (nadia, chief), a member (Rajat), and something to lift for each kind."""
    journal = KeepingJournal()
    claims = NameClaims()
    for nick, person in (("Rajat", OTHER), ("Absent", STRANGER), ("chief", SECOND)):
        claims.add(NameClaim(nick, person.fingerprint, 0.0))
    house = House(journal=journal, admission=Admission("test", claims=claims))
    house.hub.rules.configured = frozenset({OWNER.fingerprint})
    house.hub.rules.appointed = {SECOND.fingerprint}
    house.hub.admin.outside |= {"reload": lambda _: "read again", "drain": lambda _: "ends", "trim": lambda _: "goes"}
    for person, nick in ((OWNER, "nadia"), (SECOND, "chief"), (OTHER, "Rajat")):
        person.join(house, nick).take()
    return house


def here(house: House) -> list[str]:
    return house.hub.history.rooms["lobby"].roster.nicks(99)


def prepare(house: House, verb: str, kind: Kind) -> None:
    """Set what the verb would lift."""
    if verb == "unlock":
        house.join("ci", "a" * 32, mode="post").say(p.Lease("lock", LOCK, "1" * 32))
        house.settle()
    first = {"unban": "ban", "unmute": "mute"}.get(verb)
    if first is not None and kind in VERBS[first].may:
        assert isinstance(order(house, "console", first, TARGETS[kind]), p.Done)


@pytest.mark.parametrize(("verb", "role", "kind"), ALL)
def test_what_the_table_allows_is_done_and_nothing_else(verb: str, role: Role, kind: Kind) -> None:
    fits = (kind == "room") == (verb in ROOM_VERBS) and (kind == "server" or verb not in SERVER_VERBS or kind == "room")
    if not fits or (verb in SERVER_VERBS and kind != "server"):
        with pytest.raises(ChatError):  # no order can be written that is aimed so: the table alone can say it
            check_verb(verb, "console", kind)
        return
    house = village()
    prepare(house, verb, kind)
    house.peer(p.Hello(v=1, nick="Anna"), p.Say("hi"))
    house.settle()
    before, there = dict(house.journal.kept), here(house)  # type: ignore[attr-defined]
    target = LOCK if verb == "unlock" else TARGETS[kind]
    outcome = order(house, role, verb, target, text="because", seconds=60, seqs=[1])
    allowed = role in VERBS[verb].may.get(kind, frozenset())
    assert isinstance(outcome, p.Done) == allowed, outcome
    if not allowed:
        assert isinstance(outcome, Forbidden | NoSuchNick)
        assert house.journal.kept == before  # type: ignore[attr-defined]
        assert here(house) == there


def test_a_member_may_do_nothing_of_it() -> None:
    assert not [verb for verb, one in VERBS.items() if any("member" in may for may in one.may.values())]


def test_no_operator_can_do_anything_to_another_one() -> None:
    """Or the first whose key is stolen takes the room from all others."""
    against = {verb for verb, one in VERBS.items() if "operator" in one.may.get("operator", ())}
    assert against == set()


def test_what_only_the_console_can_do_is_this() -> None:
    """Whoever adds a right to the table adds it here as well: it is no slip of the pen."""
    console_alone = {verb for verb, one in VERBS.items() if not any("operator" in may for may in one.may.values())}
    assert console_alone == {"unclaim", "op", "deop", "compact", "reload", "drain", "trim"}


def test_an_operator_is_one_where_no_names_are_bound_too() -> None:
    """It is the key of who is here that makes them one, with a claim on the name or without."""
    house = House(admission=Admission("test"))
    house.hub.rules.configured = frozenset({OWNER.fingerprint, SECOND.fingerprint})
    SECOND.join(house, "chief")
    assert isinstance(order(house, "operator", "kick", "chief"), Forbidden)
    assert isinstance(order(house, "operator", "ban", "chief"), Forbidden)
    assert isinstance(order(house, "console", "kick", "chief"), p.Done)


def test_an_operator_orders_in_the_room_and_is_answered_there() -> None:
    house = village()
    rajat = next(peer for peer in house.hub.peers if peer.session.nick == "Rajat")
    nadia = next(peer for peer in house.hub.peers if peer.session.nick == "nadia")
    nadia.say(p.Admin(verb="kick", target="RAJAT", text="spam", id="1"))  # type: ignore[attr-defined]
    house.settle()
    got = nadia.take()  # type: ignore[attr-defined]
    assert only(p.Done, got)[0].id == "1"
    assert only(p.Notice, got)[0].text == "Rajat was kicked by nadia: spam"
    assert only(p.Leave, got)[0].nicks == ["Rajat"]
    assert only(p.Bye, rajat.take()) == [p.Bye(why="you were kicked by nadia: spam", final=True)]  # type: ignore[attr-defined]
    assert rajat.closed  # type: ignore[attr-defined]
    assert "ordered verb=kick by=nadia target=RAJAT" in house.logged.getvalue()


def test_who_proved_no_operators_key_is_refused_in_the_room() -> None:
    house = village()
    rajat = next(peer for peer in house.hub.peers if peer.session.nick == "Rajat")
    house.join("omar")
    rajat.take()  # type: ignore[attr-defined]
    rajat.say(p.Admin(verb="kick", target="omar", id="1"))  # type: ignore[attr-defined]
    house.settle()
    [error] = only(p.Error, rajat.take())  # type: ignore[attr-defined]
    assert (error.code, error.id) == ("forbidden", "1")


def test_a_name_that_only_says_that_it_is_an_operator_is_none() -> None:
    """It is the key that counts, whatever somebody calls themselves."""
    house = village()
    house.join("nadia2")
    outcome = order(house, "operator", "kick", "nadia2")
    assert isinstance(outcome, p.Done)


def test_what_can_not_be_kept_is_not_done() -> None:
    house = village()
    house.journal.at_once = False  # type: ignore[attr-defined]
    outcomes: list[object] = []
    house.hub.admin.carry_out(p.Admin(verb="ban", target="Rajat"), Actor("console"), outcomes.append)
    house.settle()
    assert (outcomes, len(house.hub.rules.bans)) == ([], 0), "committed first, shown after"
    house.journal.fail()  # type: ignore[attr-defined]
    house.settle()
    assert [type(one).__name__ for one in outcomes] == ["StorageFailed"]
    assert len(house.hub.rules.bans) == 0
    assert len(house.hub.history.rooms["lobby"].roster) == 3


def test_what_follows_an_order_finds_it_done_and_the_answers_come_before_the_end() -> None:
    """As lines that are piped into ``join``: also while it is still being kept, at several servers for longer."""
    house = village()
    nadia = next(peer for peer in house.hub.peers if peer.session.nick == "nadia")
    house.journal.at_once = False  # type: ignore[attr-defined]
    nadia.say(p.Admin(verb="ban", target="Rajat"), p.Admin(verb="bans"), p.Bye())  # type: ignore[attr-defined]
    house.settle()
    assert only(p.Done, nadia.take()) == []  # type: ignore[attr-defined]
    house.journal.commit()  # type: ignore[attr-defined]
    house.settle()
    ban, bans = only(p.Done, nadia.frames)  # type: ignore[attr-defined]
    assert (ban.verb, [row["name"] for row in bans.rows]) == ("ban", ["Rajat"])
    assert nadia.closed  # type: ignore[attr-defined]


def test_two_of_one_name_in_two_rooms_are_not_banned_for_each_other() -> None:
    house = House(admission=Admission("test", ["ops"]))
    house.join("Ana", token="a" * 32, mode="post")  # members of one name are one person
    house.join("Ana", token="b" * 32, mode="post", room="ops")
    assert isinstance(order(house, "console", "ban", "Ana"), Forbidden)
    assert isinstance(order(house, "console", "ban", "Ana", room="ops"), p.Done)


def test_op_lasts_and_deop_ends_it() -> None:
    house = village()
    done = order(house, "console", "op", "Rajat")
    assert isinstance(done, p.Done)
    assert done.text == f"Rajat ({OTHER.fingerprint}) is an operator"
    assert house.hub.rules.is_operator(OTHER.fingerprint)
    assert house.journal.kept[("operator", OTHER.fingerprint)] == ""  # type: ignore[attr-defined]
    assert isinstance(order(house, "console", "deop", "Rajat"), p.Done)
    assert not house.hub.rules.is_operator(OTHER.fingerprint)


def test_who_is_an_operator_by_the_command_line_stays_one() -> None:
    house = village()
    assert isinstance(order(house, "console", "deop", "nadia"), Forbidden)
    assert house.hub.rules.is_operator(OWNER.fingerprint)


def test_the_list_of_bans_holds_no_secret_and_tells_operators_no_address() -> None:
    house = House()
    house.join("Ana", token="a" * 32)
    order(house, "console", "ban", "Ana", address=True, text="spam")
    [row] = order(house, "console", "bans", "").rows  # type: ignore[union-attr]
    assert (row["name"], row["reason"], row["network"]) == ("Ana", "spam", "192.0.2.7/32")
    [row] = order(house, "operator", "bans", "").rows  # type: ignore[union-attr]
    assert not {"network", "token"} & set(row)


def test_a_list_is_counted_as_a_person_would() -> None:
    def count(verb: str) -> str:
        return order(house, "console", verb, "").text  # type: ignore[union-attr]

    house = village()
    assert (count("bans"), count("ops")) == ("no bans, no mutes", "2 operators' keys")
    order(house, "console", "mute", "One")
    assert count("bans") == "1 mute"
    order(house, "console", "ban", "Two")
    order(house, "console", "ban", "Three")
    assert count("bans") == "2 bans, 1 mute"
    order(house, "console", "op", "SHA256:" + "E" * 43)
    assert count("ops") == "3 operators' keys"


def test_every_verb_of_the_table_has_a_function_that_does_it() -> None:
    on_journal = [verb for verb in VERBS if hasattr(JournalCommands, verb)]
    done = [*PLANNERS, *on_journal, *village().hub.admin.outside]
    assert sorted(done) == sorted(VERBS)


# --- orders that come before the one before is committed


@pytest.mark.parametrize("fails", [False, True])
def test_an_order_that_comes_meanwhile_changes_nothing_of_the_one_before(fails: bool) -> None:
    journal = KeepingJournal()
    house = House(journal=journal, admission=Admission("test"))
    house.join("Rajat")
    journal.at_once, outcomes = False, list[p.Done | ChatError]()
    for ask in (p.Admin("topic", text="freeze"), p.Admin("slow", seconds=7), p.Admin("read-only", on=True)):
        house.hub.admin.carry_out(ask, Actor("console"), outcomes.append)
    if fails:
        journal.fail()
    while journal.waiting:
        journal.commit()
    rules = RoomRules("" if fails else "freeze", 7, read_only=True)
    assert house.hub.rules.room("lobby") == rules
    assert msgspec.json.decode(journal.kept["room", "lobby"] or "", type=RoomRules) == rules
    assert [isinstance(one, p.Done) for one in outcomes] == [not fails, True, True]


def test_a_client_is_told_whether_it_is_an_operators() -> None:
    """So that it can show an operator's commands to operators alone."""
    house = House(journal=KeepingJournal())
    house.hub.rules.configured = frozenset({OWNER.fingerprint})
    told = [only(p.Welcome, person.join(house, nick).take()) for person, nick in ((OWNER, "nadia"), (OTHER, "Rajat"))]
    assert [welcome[0].operator for welcome in told] == [True, False]
