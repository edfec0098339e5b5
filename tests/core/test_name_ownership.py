"""core/name_ownership.py: the one place that decides about names."""

from __future__ import annotations

from itertools import product

import pytest

from chatctl.core import name_claims
from chatctl.core.members import Member, Members
from chatctl.core.name_claims import MAX_PER_HOUR, NameClaim, NameClaims
from chatctl.core.name_ownership import NOBODY, Ask, Decision, Granted, Intent, Names, Owner, Refused, owner_of
from chatctl.core.roster import Roster
from chatctl.errors import NickInvalid, NickTaken, NoSuchNick
from tests.core import name_world
from tests.core.name_machine import NameMachine
from tests.support.state_machine import run

MINE, OTHER = owner_of("a" * 32), owner_of("b" * 32)

ASKERS = {
    "nobody": NOBODY,
    "token": Owner(MINE),
    "key": Owner(None, "mine"),
    "token and key": Owner(MINE, "mine"),
    "another token and key": Owner(OTHER, "mine"),
    "others": Owner(OTHER, "theirs"),
}
HOLDERS = {"nobody": NOBODY, "token": Owner(MINE), "token and key": Owner(MINE, "mine"), "stranger": Owner(b"x", "x")}
OWNED_BY = {  # whose a holder's place is
    "nobody": set[str](),
    "token": {"token", "token and key"},
    "token and key": {"key", "token and key", "another token and key"},
    "stranger": set[str](),
}
NAME, ALIKE = "rajat", "rаjat"
WHERE = [(room, nick) for room in ("lobby", "ops") for nick in (NAME, ALIKE)]
CLAIMS = [None, *product((NAME, ALIKE), ("mine", "x"))]


class NamesWithRooms(Names):
    """Names with rosters, to put people into rooms."""

    def __init__(self, *claims: NameClaim, binding: bool = True, longest: int = 32) -> None:
        book = NameClaims(binding=binding)
        for claim in claims:
            book.add(claim)
        super().__init__(book, Members(), longest=longest)
        self.rosters = {room: Roster(room, self.here) for room in ("lobby", "ops")}

    def put(self, nick: str, owner: Owner, room: str = "lobby") -> Member[None]:
        return self.rosters[room].add(nick, owner.token, None, 0, owner.key)

    def ask(self, nick: str, owner: Owner = NOBODY, intent: Intent = "enter", room: str = "lobby") -> Decision:
        return self.decide(Ask(nick, owner, intent, room), 5.0)


def refusal(decision: Decision) -> str:
    assert isinstance(decision, Refused), decision
    return decision.error.text


# --- all combinations


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("where", [None, *WHERE], ids=str)
@pytest.mark.parametrize("intent", ["enter", "rename", "post", "whisper", "read"])
def test_the_table(intent: Intent, where: tuple[str, str] | None, claim: tuple[str, str] | None) -> None:
    """Who asks, what for, who holds the name or one like it, in which room, who has bound which of the two."""
    for (asker, owner), (kind, held_by) in product(ASKERS.items(), HOLDERS.items()):
        names = NamesWithRooms(*([NameClaim(*claim, 1.0)] if claim else []))
        holder = names.put(where[1], held_by, where[0]) if where else None
        own = names.put("zoe", owner) if intent == "rename" else None
        decision = names.decide(Ask(NAME, owner, intent, "lobby", place=own), 5.0)

        free = claim is None or claim[1] == owner.key
        mine = holder is None or asker in OWNED_BY[kind]
        same_place = where == ("lobby", NAME)
        bound = claim is not None and claim[0] == NAME
        expected = {
            "enter": free and mine,
            "rename": free and mine and not same_place,
            "post": free and mine,
            "whisper": same_place and (not bound or (claim is not None and claim[1] == held_by.key)),
            "read": True,
        }[intent]
        case = f"{asker} asks, {kind} holds"
        assert isinstance(decision, Granted) is expected, case
        if isinstance(decision, Granted):
            gets_place = same_place and intent in ("enter", "whisper")
            assert decision.place is (holder if gets_place else None), case
            keyless = holder is not None and not same_place and held_by.key != owner.key
            binds = intent == "enter" and owner.key is not None and not bound
            assert (decision.claim is not None) is (binds and not keyless), case
            assert bool(decision.unbound) is (binds and keyless), case


def test_asking_changes_nothing() -> None:
    names = NamesWithRooms(NameClaim("Rajat", "mine", 1.0))
    names.put("zoe", Owner(MINE))
    for intent, owner, nick in product(
        ("enter", "rename", "post", "whisper", "read"), ASKERS.values(), ("Rajat", "zoe", "a")
    ):
        names.ask(nick, owner, intent)  # type: ignore[arg-type]
    assert len(names.claims) == 1
    assert len(list(names.here.alike("zoe"))) == 1


# --- in any order


def test_a_walk_at_random_breaks_nothing() -> None:
    """``python -m tests.core.name_world`` takes ten million steps."""
    done = name_world.walk(6000, 14)
    assert not {"claims", "taken over", "posted", "whispered", "renamed", "expired", "unclaimed"} - set(done)


def test_no_steps_that_hypothesis_finds_break_anything() -> None:
    """``python -m tests.core.name_machine`` takes as many as one has time for."""
    run(NameMachine, 1500)


# --- what is asked


def test_the_server_keeps_a_hash_and_not_the_secret() -> None:
    assert MINE is not None
    assert b"aaaa" not in MINE
    assert owner_of("a" * 32) == MINE != OTHER
    assert owner_of(None) is None


def test_a_free_name_is_given_as_it_will_be_shown() -> None:
    assert NamesWithRooms().ask("Zoe\u0308") == Granted("Zoë")


@pytest.mark.parametrize("asked", ["", " ", "\x1b", "\u202e", "a b", "Rajat：", "\u0301"])
@pytest.mark.parametrize("intent", ["enter", "post", "rename", "whisper"])
def test_a_name_that_cannot_be_one_is_refused(asked: str, intent: Intent) -> None:
    decision = NamesWithRooms().ask(asked, intent=intent)
    assert isinstance(decision, Refused)
    assert isinstance(decision.error, NickInvalid)


def test_a_name_has_the_length_that_the_server_allows() -> None:
    names = NamesWithRooms(longest=5)
    assert isinstance(names.ask("Rajat"), Granted)
    assert "at most 5" in refusal(names.ask("Rajat2"))
    assert names.bend(Ask("Rajat", NOBODY, "enter", "lobby"), ["123"], 5.0) == Granted("Rajat")


def test_those_who_only_read_need_no_name() -> None:
    names = NamesWithRooms()
    names.put("Rajat", Owner(MINE))
    assert names.ask("", intent="read") == Granted("")
    assert names.ask("Rajat", intent="read") == Granted("Rajat")
    assert isinstance(names.ask("\x1b", intent="read"), Refused)


@pytest.mark.parametrize("intent", ["enter", "post"])
def test_a_held_name_is_given_to_its_owner_alone(intent: Intent) -> None:
    """By the key that was proved for the place, else by its token."""
    for held_by, asker in product(HOLDERS, ASKERS):
        names = NamesWithRooms()
        names.put("Rajat", HOLDERS[held_by])
        decision = names.ask("rajat", ASKERS[asker], intent)
        assert isinstance(decision, Granted) is (asker in OWNED_BY[held_by]), (held_by, asker)
        if isinstance(decision, Refused):
            assert isinstance(decision.error, NickTaken)
            assert "somebody else uses the nickname Rajat" in decision.error.text


def test_a_name_that_somebody_has_in_another_room_is_taken_there_alone_by_its_owner() -> None:
    """Or who enters a quiet room with a key has bound the name of one who talks in another."""
    names = NamesWithRooms()
    names.put("nadia", Owner(MINE), "ops")
    for owner in (NOBODY, Owner(OTHER), Owner(OTHER, "theirs")):
        assert "somebody else uses the nickname" in refusal(names.ask("nadia", owner))
    granted = names.ask("nadia", Owner(MINE))
    assert granted == Granted("nadia")


def test_a_member_may_not_take_another_members_name_even_with_the_same_token() -> None:
    """A rename is no takeover: both are here."""
    names = NamesWithRooms()
    own, _ = names.put("a", Owner(MINE)), names.put("b", Owner(MINE))
    assert names.decide(Ask("A", Owner(MINE), "rename", "lobby", place=own), 5.0) == Granted("A")
    assert isinstance(names.decide(Ask("b", Owner(MINE), "rename", "lobby", place=own), 5.0), Refused)


# --- bound names


def test_a_bound_name_is_its_keys_alone() -> None:
    """Neither the token of whoever holds it nor another key will do."""
    names = NamesWithRooms(NameClaim("Rajat", "mine", 1.0))
    assert names.ask("RAJAT", Owner(key="mine")) == Granted("RAJAT")
    for owner in (NOBODY, Owner(MINE), Owner(MINE, "theirs")):
        for intent in ("enter", "rename", "post"):
            assert "Rajat is bound to a key" in refusal(names.ask("rajat", owner, intent))  # type: ignore[arg-type]


@pytest.mark.parametrize("alike", ["rаjat", "Raϳat"])
def test_what_looks_like_a_bound_name_is_refused_whoever_is_here(alike: str) -> None:
    names = NamesWithRooms(NameClaim("Rajat", "mine", 1.0))
    assert "looks like Rajat" in refusal(names.ask(alike, Owner(MINE, "theirs")))
    assert isinstance(names.ask(alike, Owner(key="mine")), Granted)


def test_what_looks_like_a_member_of_any_room_is_refused_and_not_bound() -> None:
    """Or the member's own name is gone with the next reconnect."""
    names = NamesWithRooms()
    member = names.put("nadia", Owner(MINE), "ops")
    for intent in ("enter", "post", "rename"):
        assert "looks like nadia" in refusal(names.ask("nаdia", Owner(OTHER, "theirs"), intent))  # type: ignore[arg-type]
    names.rosters["ops"].unlist(member)
    assert isinstance(names.ask("nаdia", Owner(OTHER, "theirs")), Granted)


def test_a_name_is_bound_once_nobody_has_it_without_the_key() -> None:
    """One's own older connection in another room has proved the token alone: it would speak under a bound name."""
    names = NamesWithRooms()
    older = names.put("nadia", Owner(MINE), "ops")
    first = names.ask("nadia", Owner(MINE, "mine"))
    assert isinstance(first, Granted)
    assert (first.claim, first.unbound) == (None, "you are in ops under it without the key")
    there = names.ask("nadia", Owner(MINE, "mine"), room="ops")
    assert isinstance(there, Granted)
    assert (there.place, there.claim) == (older, NameClaim("nadia", "mine", 5.0, 5.0))


def test_a_spelling_that_looks_like_another_owners_name_is_not_ones_own() -> None:
    """``dbi`` is one name with ``dbI``, and only the second looks like ``dbl``."""
    names = NamesWithRooms(NameClaim("dbi", "mine", 1.0), NameClaim("dbl", "theirs", 2.0))
    assert isinstance(names.ask("dbi", Owner(key="mine")), Granted)
    assert "looks like dbl" in refusal(names.ask("dbI", Owner(key="mine")))


def test_of_claims_that_look_alike_the_older_one_counts() -> None:
    """There are some from before it was checked; they must not shut both owners out."""
    names = NamesWithRooms(NameClaim("nadia", "mine", 1.0), NameClaim("nаdia", "theirs", 2.0))
    assert isinstance(names.ask("nadia", Owner(key="mine")), Granted)
    assert "looks like nadia" in refusal(names.ask("nаdia", Owner(key="theirs")))


def test_a_name_is_not_bound_beyond_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """One comes in all the same, and is told why."""
    names = NamesWithRooms(*(NameClaim(f"n{number}", "many", 1.0) for number in range(name_claims.MAX_PER_KEY)))
    many = names.ask("more", Owner(key="many"))
    assert isinstance(many, Granted)
    assert "8 names" in many.unbound
    for _ in range(MAX_PER_HOUR):
        names.claims.count("192.0.2.7", 5.0)
    hasty = names.decide(Ask("more", Owner(key="k"), "enter", "lobby", "192.0.2.7"), 6.0)
    assert isinstance(hasty, Granted)
    assert "within an hour" in hasty.unbound
    monkeypatch.setattr(name_claims, "MAX_CLAIMS", len(names.claims))
    full = names.ask("more", Owner(key="k"))
    assert isinstance(full, Granted)
    assert "no room" in full.unbound


def test_without_binding_no_name_is_bound() -> None:
    assert NamesWithRooms(binding=False).ask("nadia", Owner(key="mine")) == Granted("nadia")


# --- whispers


def test_a_whisper_goes_to_the_member_of_that_name_in_that_room() -> None:
    names = NamesWithRooms()
    nadia = names.put("nadia", Owner(MINE))
    names.put("nadia", Owner(MINE), "ops")
    assert names.ask("NADIA", intent="whisper") == Granted("NADIA", nadia)
    missing = names.ask("nаdia", intent="whisper")
    assert isinstance(missing, Refused)
    assert isinstance(missing.error, NoSuchNick)


# --- names that are bent


def test_a_classic_client_gets_the_next_free_name() -> None:
    names = NamesWithRooms(NameClaim("Rajat_3", "mine", 1.0))
    names.put("Rajat", NOBODY)
    names.put("rajat_2", NOBODY, "ops")
    assert names.bend(Ask("Rajat", NOBODY, "enter", "lobby"), [], 5.0) == Granted("Rajat_4")


@pytest.mark.parametrize(
    ("longest", "given"), [(15, "Maximi_27182818"), (8, "Maximi_2"), (5, "Max_2"), (3, "M_2"), (2, "M2"), (1, "2")]
)
def test_a_classic_client_gets_a_name_within_the_limit_of_the_server(longest: int, given: str) -> None:
    names = NamesWithRooms(longest=longest)
    names.put("Maximilian"[:longest], NOBODY)
    if longest == 15:
        for number in range(2, 10):
            names.put(f"Maximilian_{number}", NOBODY)
    assert names.bend(Ask("Maximilian", NOBODY, "enter", "lobby"), ["27182818"], 5.0) == Granted(given)


def test_a_classic_client_is_told_where_there_is_no_name_left() -> None:
    names = NamesWithRooms(longest=1)
    for nick in "M23456789":
        names.put(nick, NOBODY)
    assert "taken" in refusal(names.bend(Ask("Max", NOBODY, "enter", "lobby"), ["2718", "31"], 5.0))


def test_a_classic_client_gets_a_name_in_a_few_tries_whatever_is_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of numbered names were bound to have each of its connections stop the server."""
    names = NamesWithRooms(*(NameClaim(f"guest_{number}", "mine", 1.0) for number in range(2, 400)))
    names.put("guest", NOBODY)
    asked: list[str] = []
    decide = names.decide
    monkeypatch.setattr(names, "decide", lambda ask, now: (asked.append(ask.nick), decide(ask, now))[1])
    assert names.bend(Ask("guest", NOBODY, "enter", "lobby"), ["31415926"], 5.0) == Granted("guest_31415926")
    assert len(asked) == 10
    assert isinstance(names.bend(Ask("guest", NOBODY, "enter", "lobby"), ["2"], 5.0), Refused)
