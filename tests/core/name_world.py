"""A server's names without the server: people who enter, rename, bind, post, whisper and leave, and what must hold.

The world knows who is who; the code under test sees proofs alone. ``python -m tests.core.name_world STEPS [SEED]``
walks at random for that many steps and prints what it did; docs/security.md has the figures.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from chatctl.common.names import fold_nick
from chatctl.core.confusables import skeletons
from chatctl.core.members import Member, Members
from chatctl.core.name_claims import UNUSED_SECONDS, NameClaim, NameClaims
from chatctl.core.name_ownership import NOBODY, Ask, Decision, Granted, Intent, Names, Owner, Refused
from chatctl.core.roster import Roster
from tests.support.random_walk import Broken, main, walk_steps

ROOMS = ("lobby", "ops", "builds")

NAMES = ("nadia", "NADIA", "nаdia", "dbl", "db1", "dbI", "dbi", "warren", "vvarren", "rajat")
"""Look-alikes of each other in groups; ``dbI`` looks like two that do not look like each other."""


def _token(number: int) -> bytes:
    return bytes([number]) * 32


PROOFS: dict[str, tuple[Owner, ...]] = {
    "nadia": (Owner(_token(1)), Owner(_token(1), "K1"), Owner(_token(2), "K1"), Owner(None, "K1")),
    "rajat": (Owner(_token(3)), Owner(_token(4))),
    "mallory": (Owner(_token(5)), Owner(_token(5), "K5"), Owner(_token(6), "K6"), Owner(None, "K5")),
    "eve": (Owner(_token(7), "K7"), Owner(_token(7)), Owner(None, "K8")),
    "somebody": (NOBODY,),
}
"""What each person can prove. Two of them are attackers; ``somebody`` is a new person each time."""


@dataclass(eq=False)
class Visit:
    """One connection that was let in."""

    person: object
    owner: Owner
    mode: Intent
    room: str
    nick: str
    member: Member[Visit] | None = None


@dataclass(eq=False)
class Binding:
    """A claim that is not committed yet, and who waits for it."""

    claim: NameClaim
    person: object
    ask: Ask


class NameWorld:
    """Several rooms, their members and posters, and the claims."""

    def __init__(self) -> None:
        """Start with nobody."""
        self.now = 1000.0
        self.here: Members[Visit] = Members()
        self.claims = NameClaims()
        self.names = Names(self.claims, self.here)
        self.rosters = {room: Roster(room, self.here) for room in ROOMS}
        self.visits: list[Visit] = []
        self.bindings: list[Binding] = []
        self.owners: dict[str, object] = {}  # persons by key: whose each is
        self.done: Counter[str] = Counter()

    # --- steps

    def enter(self, name: str, number: int, nick: str, room: str, intent: Intent = "enter") -> Decision:
        """Have a person say hello with one of their proofs; whatever is granted is carried out, a claim is proposed."""
        owner = PROOFS[name][number % len(PROOFS[name])]
        person: object = object() if owner is NOBODY else name
        self.owners |= {owner.key: name} if owner.key else {}
        ask = Ask(nick, owner, intent, room, name)
        claim = self.claims.find(nick)
        decision = self.names.decide(ask, self.now)
        mine = claim is not None and claim.key == owner.key and claim.nick == nick  # dbi may not be spelt dbI
        if mine and not self._is_pending(claim) and isinstance(decision, Refused):
            raise Broken(f"the owner of {nick} is kept out: {decision.error.text}")
        if isinstance(decision, Granted) and decision.claim is not None:
            self.done["claims"] += 1
            self.claims.add(decision.claim)
            self.bindings.append(Binding(decision.claim, person, ask))
        elif isinstance(decision, Granted):
            self._let_in(person, ask, decision)
        else:
            self.done[f"{intent} refused"] += 1
        return decision

    def commit(self, number: int, *, fails: bool = False, gone: bool = False) -> None:
        """End a binding: committed or not, its owner still there or gone."""
        if not self.bindings:
            return
        binding = self.bindings.pop(number % len(self.bindings))
        holds = self.claims.has(binding.claim)
        if fails and holds:
            self.claims.drop(binding.claim)
        if not gone:
            decision = self.names.decide(binding.ask, self.now)
            if isinstance(decision, Granted):
                self._let_in(binding.person, binding.ask, decision)
            elif holds and not fails:
                raise Broken(f"bound, and refused: {decision.error.text}")
        if holds and not fails:
            for holder in self.names.without_key(binding.claim):
                self._remove(holder.conn)

    def rename(self, number: int, nick: str) -> None:
        """Have a member ask for another name."""
        members = [visit for visit in self.visits if visit.member is not None]
        if not members:
            return
        visit = members[number % len(members)]
        decision = self.names.decide(Ask(nick, visit.owner, "rename", visit.room, place=visit.member), self.now)
        self.done["renamed" if isinstance(decision, Granted) else "rename refused"] += 1
        if isinstance(decision, Granted) and visit.member is not None:
            self.rosters[visit.room].rename(visit.member, decision.nick)
            visit.nick = decision.nick

    def post(self, number: int) -> None:
        """Have a poster say something."""
        posters = [visit for visit in self.visits if visit.mode == "post"]
        if not posters:
            return
        visit = posters[number % len(posters)]
        decision = self.names.decide(Ask(visit.nick, visit.owner, "post", visit.room), self.now)
        self.done["posted" if isinstance(decision, Granted) else "post refused"] += 1
        others = [one for one in self.here.alike(visit.nick) if one.conn.person is not visit.person]
        key = self._owner_of_claim(visit.nick)
        if isinstance(decision, Granted) and (others or (key is not None and self.owners[key] is not visit.person)):
            raise Broken(f"{visit.person} posted as {visit.nick}")

    def whisper(self, nick: str, room: str) -> None:
        """Have somebody whisper to a name."""
        decision = self.names.decide(Ask(nick, NOBODY, "whisper", room), self.now)
        self.done["whispered" if isinstance(decision, Granted) else "whisper refused"] += 1
        if isinstance(decision, Granted):
            to = decision.place
            key = self._owner_of_claim(nick)
            if to is None or to.room != room or to.key != fold_nick(nick):
                raise Broken(f"a whisper to {nick} in {room} went to {to}")
            if key is not None and self.owners[key] is not to.conn.person:
                raise Broken(f"a whisper to {nick} went to {to.conn.person}")

    def leave(self, number: int) -> None:
        """Have one leave."""
        if self.visits:
            self._remove(self.visits[number % len(self.visits)])

    def unclaim(self, nick: str) -> None:
        """Have the operator set a name free, whoever is here."""
        claim = self.claims.find(nick)
        if claim is not None:
            self.claims.drop(claim)
            self.done["unclaimed"] += 1

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and claims expire that nobody used."""
        self.now += seconds
        for claim in self.claims.expired(self.now):
            if not self.names.is_used(claim):
                self.claims.drop(claim)
                self.done["expired"] += 1

    # --- carrying out, as hub/login.py does

    def _let_in(self, person: object, ask: Ask, granted: Granted) -> None:
        self.done[ask.intent] += 1
        visit = Visit(person, ask.owner, ask.intent, ask.room, granted.nick)
        if ask.intent == "enter":
            place, roster = granted.place, self.rosters[ask.room]
            if place is None:
                visit.member = roster.add(granted.nick, ask.owner.token, visit, self.now, ask.owner.key)
            else:
                self._take_over(visit, place)
        self.visits.append(visit)

    def _take_over(self, visit: Visit, place: Member[Visit]) -> None:
        self.done["taken over"] += 1
        if place.conn.person is not visit.person:
            raise Broken(f"{visit.person} took the place of {place.conn.person}")
        self.visits.remove(place.conn)
        place.conn, place.token, place.proved = visit, visit.owner.token, visit.owner.key
        visit.member = place
        if place.nick != visit.nick:
            self.rosters[visit.room].rename(place, visit.nick)

    def _remove(self, visit: Visit) -> None:
        self.done["left"] += 1
        self.visits.remove(visit)
        if visit.member is not None:
            self.rosters[visit.room].unlist(visit.member)
            self.rosters[visit.room].gone(visit.member)

    def _is_pending(self, claim: NameClaim | None) -> bool:
        return any(binding.claim is claim for binding in self.bindings)

    def _owner_of_claim(self, nick: str) -> str | None:
        claim = self.claims.find(nick)
        return claim.key if claim is not None else None

    # --- what must hold

    def check(self, nicks: tuple[str, ...] = NAMES) -> None:
        """Raise Broken if somebody has what belongs to another one, under these names."""
        for nick in nicks:
            for skeleton in skeletons(nick):
                self._check_skeleton(nick, skeleton)

    def _check_skeleton(self, nick: str, skeleton: str) -> None:
        holders = [one for one in self.here.alike(nick) if skeleton in skeletons(one.nick)]
        claims = [claim for claim in self.claims.alike(nick) if skeleton in skeletons(claim.nick)]
        persons = {id(one.conn.person) for one in holders} | {id(self.owners[claim.key]) for claim in claims}
        if len(persons) > 1:
            raise Broken(f"{skeleton} has {len(persons)} owners")
        if any(
            not _share(one.conn.owner, other.conn.owner) for one in holders for other in holders if one is not other
        ):
            raise Broken(f"{skeleton} is held by proofs that have nothing in common")
        for claim in claims:
            if not self._is_pending(claim) and any(one.proved != claim.key for one in holders):
                raise Broken(f"{claim.nick} is bound, and somebody has it without the key")


def _share(one: Owner, other: Owner) -> bool:
    return (one.key is not None and one.key == other.key) or (one.token is not None and one.token == other.token)


def walk(steps: int, seed: int) -> Counter[str]:
    """Walk at random and check after each step; return how often what was done. Raises Broken."""
    chance, world = random.Random(seed), NameWorld()
    walk_steps(lambda: _step(world, chance), steps, seed)
    world.check()
    return world.done


_PEOPLE = [name for name, proofs in PROOFS.items() for _ in proofs]


def _step(world: NameWorld, chance: random.Random) -> None:
    nick, number = chance.choice(NAMES), chance.randrange(1000)
    match chance.randrange(20):
        case 0 | 1 | 2 | 3 | 4:
            world.enter(chance.choice(_PEOPLE), number, nick, chance.choice(ROOMS))
        case 5 | 6:
            world.enter(chance.choice(_PEOPLE), number, nick, chance.choice(ROOMS), "post")
        case 7 | 8:
            world.commit(number, fails=number % 7 == 0, gone=number % 5 == 0)
        case 9 | 10:
            world.rename(number, nick)
        case 11 | 12 | 13:
            world.post(number)
        case 14 | 15:
            world.whisper(nick, chance.choice(ROOMS))
        case 16:
            world.unclaim(nick)
        case 17:
            world.pass_time(UNUSED_SECONDS / 8)
        case _:
            world.leave(number)
            if len(world.visits) > 8:
                world.leave(number + 1)
    world.check((nick,))


if __name__ == "__main__":
    main(walk)
