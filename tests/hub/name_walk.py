"""A server whose people come and go at random: in two rooms, every dialect and mode, across restarts and orders.

What ``tests/core/name_world.py`` plays without a server. Here the server's own connections are between: what is said
and whispered is looked for in what each of them was sent. ``python -m tests.hub.name_walk STEPS [SEED]`` walks for that
many steps; docs/security.md has the figures.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from chatctl import protocol as p
from chatctl.core.admission import Admission
from chatctl.core.confusables import skeletons
from chatctl.core.moderation import Rules
from chatctl.core.name_claims import UNUSED_SECONDS, NameClaims
from tests.support.fakes import FakePeer, House, KeepingJournal, only, order
from tests.support.key_holders import Person
from tests.support.random_walk import Broken, main, walk_steps

ROOMS = ("lobby", "ops")
NAMES = ("nadia", "NADIA", "nаdia", "warren", "vvarren", "5am", "sam", "guest", "guest_2")
KEYS = {number: Person(number) for number in (1, 5, 6, 7)}


@dataclass(frozen=True)
class Way:
    """How somebody comes in: in a dialect, with a token, with a key."""

    dialect: str = "json"
    token: str | None = None
    key: Person | None = None


PEOPLE: dict[str, tuple[Way, ...]] = {
    "nadia": (Way(token="1" * 32), Way(token="1" * 32, key=KEYS[1]), Way(token="2" * 32, key=KEYS[1])),
    "rajat": (Way(token="3" * 32),),
    "mallory": (Way(token="5" * 32), Way(token="5" * 32, key=KEYS[5]), Way(key=KEYS[6])),
    "eve": (Way(token="7" * 32, key=KEYS[7]), Way(token="7" * 32)),
    "stranger": (Way("text"), Way("classic"), Way()),
}
"""Two of them attack; a ``stranger`` proves nothing, and is a new person each time."""


class Walk:
    """One server, and who is who among its connections."""

    def __init__(self, seed: int) -> None:
        """Start with nobody."""
        self.chance = random.Random(seed)
        self.journal = KeepingJournal()
        self.done: Counter[str] = Counter()
        self.people: dict[FakePeer, object] = {}
        self.keys = {person.fingerprint: name for name, ways in PEOPLE.items() for way in ways if (person := way.key)}
        self.now = 1000.0
        self.texts = 0
        self.start()

    def start(self) -> None:
        """Start the server with what its journal has."""
        facts = {key: value for key, value in self.journal.kept.items() if value is not None}
        self.journal.waiting.clear()
        admission = Admission("test", ["ops"], claims=NameClaims(facts))
        self.house = House(journal=self.journal, admission=admission, rules=Rules(facts))
        self.house.now = self.now
        self.people.clear()

    def step(self) -> None:
        """Let something happen, and check."""
        doing = self.chance.choices(
            [self.enter, self.leave, self.rename, self.say, self.whisper, self.commit, self.order, self.wait, self.end],
            [10, 3, 4, 6, 6, 4, 2, 0.2, 0.1],
        )
        doing[0]()
        self.house.settle()
        self.people = {peer: who for peer, who in self.people.items() if not peer.closed}
        self.check()
        for peer in self.people:
            peer.parts.clear()
        self.house.logged.truncate(0)

    # --- what happens

    def enter(self) -> None:
        """Have somebody come in, in some way."""
        name = self.chance.choice(sorted(PEOPLE))
        way, nick = self.chance.choice(PEOPLE[name]), self.chance.choice(NAMES)
        mode = self.chance.choice(["join", "join", "join", "post", "watch"])
        if way.dialect == "text":
            peer = self.house.text(nick)
        elif way.dialect == "classic":
            peer = self.house.classic(nick)
        else:
            peer = self._enter_json(way, nick, self.chance.choice(ROOMS), mode)
        self.people[peer] = object() if name == "stranger" else name
        self.done[
            f"{way.dialect} {mode if way.dialect == 'json' else 'join'}" if peer.room is not None else "not let in"
        ] += 1

    def _enter_json(self, way: Way, nick: str, room: str, mode: str) -> FakePeer:
        key = way.key.key if way.key is not None else None
        hello = p.Hello(v=1, nick=nick, room=room, mode=mode, token=way.token, key=key)  # type: ignore[arg-type]
        peer = self.house.peer(hello)
        self.house.settle()
        if way.key is not None and only(p.Challenge, peer.frames):
            way.key.prove(peer, hello)
        self.house.settle()
        return peer

    def _some(self, *, members: bool = False) -> FakePeer | None:
        found = [peer for peer in self.people if peer.room is not None and (peer.member is not None or not members)]
        return self.chance.choice(found) if found else None

    def leave(self) -> None:
        """Break a connection, or end it; it may wait for its name to be bound."""
        if self.people:
            peer = self.chance.choice(list(self.people))
            (peer.lose if self.chance.random() < 0.7 else peer.end)()
            self.done["left"] += 1

    def rename(self) -> None:
        """Have a member ask for another name."""
        if peer := self._some(members=True):
            nick, before = self.chance.choice(NAMES), peer.member.nick if peer.member else ""
            peer.say(f"/nick {nick}\n".encode() if peer.dialect.name == "text" else p.Nick(nick))
            self.house.settle()
            self.done["renamed" if peer.member is not None and peer.member.nick != before else "kept its name"] += 1

    def say(self) -> None:
        """Have somebody speak; the name that it is shown under has to be nobody else's."""
        peer = self._some()
        if peer is None or peer.dialect.name != "json":
            return
        room, text = peer.room, self._text()
        peer.say(p.Say(text))
        self.house.settle()
        newest = room.ring.entries(room.ring.last - 1, 1) if room is not None else []
        if not (said := [entry for entry in newest if entry.text == text]):
            self.done["said nothing"] += 1
            return
        self.done["said"] += 1
        self._check_is_theirs(peer, said[0].nick)

    def whisper(self) -> None:
        """Have somebody whisper to a name; only its owner may hear it."""
        peer, to = self._some(), self.chance.choice(NAMES)
        if peer is None or peer.dialect.name == "classic":
            return
        text = self._text()
        peer.say(f"/msg {to} {text}\n".encode() if peer.dialect.name == "text" else p.Whisper(to, text))
        self.house.settle()
        heard = [one for one in self.people if text.encode() in one.wire and one is not peer]
        self.done["whispered" if heard else "whispered to nobody"] += 1
        for one in heard:
            if one.member is None or one.room is not peer.room or not skeletons(one.member.nick) & skeletons(to):
                raise Broken(f"a whisper to {to} was heard by {self.people[one]}")
            self._check_is_theirs(one, to)
        if len(heard) > 1:
            raise Broken(f"a whisper to {to} was heard by {len(heard)}")

    def commit(self) -> None:
        """Let the disk be slow, go on, or fail."""
        if not self.journal.waiting:
            self.journal.at_once = self.chance.random() < 0.6
        elif self.chance.random() < 0.8:
            self.journal.commit()
        else:
            self.journal.fail()
            self.done["not kept"] += 1

    def order(self) -> None:
        """Have the operator do something with a name."""
        verb = self.chance.choice([*["unclaim"] * 8, "kick", "ban", *["unban"] * 5])
        at_once, self.journal.at_once = self.journal.at_once, True
        while self.journal.waiting:
            self.journal.commit()
        order(self.house, "console", verb, self.chance.choice(NAMES))
        self.journal.at_once = at_once
        self.done[verb] += 1

    def wait(self) -> None:
        """Let time pass: pings go unanswered, claims expire."""
        self.now += self.chance.choice([30.0, 4000.0, UNUSED_SECONDS / 3])
        self.house.pass_time(self.now - self.house.now)
        self.done["time passed"] += 1

    def end(self) -> None:
        """Restart the server."""
        self.start()
        self.done["restarted"] += 1

    def _text(self) -> str:
        self.texts += 1
        return f"text-{self.texts:07}-"

    # --- what must hold

    def _check_is_theirs(self, peer: FakePeer, nick: str) -> None:
        """Raise Broken if the name, or one that looks like it, is somebody else's."""
        who = self.people[peer]
        others = {
            id(self.people[one]) for one in self.people if one.member in list(self.house.hub.names.here.alike(nick))
        }
        claim = self.house.hub.names.claims.find(nick)
        if others - {id(who)} or (claim is not None and self.keys[claim.key] != who):
            raise Broken(f"{who} spoke or heard as {nick}")

    def check(self) -> None:
        """Raise Broken if a name has two owners, or something failed."""
        if any(word in self.house.logged.getvalue() for word in ("Traceback", "fault of chatctl")):
            raise Broken(self.house.logged.getvalue()[-3000:])
        names = self.house.hub.names
        for skeleton in {one for nick in NAMES for one in skeletons(nick)}:
            here = [peer for peer in self.people if peer.member is not None and skeleton in skeletons(peer.member.nick)]
            owners = {id(self.people[peer]) for peer in here}
            for claim in names.claims:
                if skeleton in skeletons(claim.nick):
                    owners |= {id(self.keys[claim.key])}
                    keyless = any(peer.key != claim.key for peer in here if peer.leaving is None)
                    if keyless and not self.journal.waiting:
                        raise Broken(f"{claim.nick} is bound, and somebody has it without the key")
            if len(owners) > 1:
                raise Broken(f"{skeleton} has {len(owners)} owners")


def walk(steps: int, seed: int) -> Counter[str]:
    """Walk at random; return how often what was done. Raises Broken, with the step."""
    one = Walk(seed)
    walk_steps(one.step, steps, seed)
    return one.done


if __name__ == "__main__":
    main(walk)
