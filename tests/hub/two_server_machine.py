"""Two servers of one house under Hypothesis: people who come, are renamed, whisper and go while nothing has settled.

Between any two steps the servers' loops turn as often as Hypothesis likes, one of them may read nothing, be taken for
dead, or the engine may be gone. ``python -m tests.hub.two_server_machine STEPS`` runs that many steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from chatctl import protocol as p
from chatctl.common.names import fold_nick
from chatctl.core.confusables import skeletons
from chatctl.directory import Remote
from tests.hub.name_walk import NAMES, PEOPLE, ROOMS, Way
from tests.support.fakes import FakePeer, House, only
from tests.support.presence import fold
from tests.support.state_machine import CountedMachine, main
from tests.support.two_servers import TwoServers, directory_of

WAYS = [(name, way) for name, ways in PEOPLE.items() for way in ways if way.dialect == "json"]

ways, nicks, rooms = st.sampled_from(WAYS), st.sampled_from(NAMES), st.sampled_from(ROOMS)
places, numbers = st.sampled_from([0, 1]), st.integers(0, 30)


class TwoServersMachine(CountedMachine):
    """What may happen, in any order, and what must hold after each of it."""

    steps_a_run = 60

    def __init__(self) -> None:
        super().__init__()
        self.servers = TwoServers()
        self.servers.two.wall_ahead = 0.001  # no name is bound at both in the same microsecond
        self.people: dict[FakePeer, object] = {}
        self.owner_of_token = {self._hash(way): name for name, way in WAYS if way.token}
        self.owner_of_key = {way.key.fingerprint: name for name, way in WAYS if way.key}
        self.proving: dict[FakePeer, tuple[Way, p.Hello]] = {}
        self.named: set[tuple[object, str]] = set()
        self.texts = 0
        self.posters: dict[str, FakePeer] = {}
        for room in ROOMS:
            self.servers.log.follow(room, self._posted)

    @staticmethod
    def _hash(way: Way) -> bytes | None:
        from chatctl.core.name_ownership import owner_of

        return owner_of(way.token)

    def _house(self, number: int) -> House:
        return self.servers.houses[number]

    def _some(self, number: int) -> FakePeer | None:
        peers = [peer for peer in self.people if peer.member is not None and peer.leaving is None]
        return peers[number % len(peers)] if peers else None

    # --- what happens

    @rule(late=st.booleans())
    def answer_late(self, late: bool) -> None:
        for house in self.servers.houses:
            directory_of(house)._late = late

    @rule(at=places, way=ways, nick=nicks, room=rooms, mode=st.sampled_from(["join", "join", "join", "watch", "post"]))
    def enter(self, at: int, way: tuple[str, Way], nick: str, room: str, mode: p.Mode) -> None:
        name, how = way
        key = how.key.key if how.key is not None else None
        hello = p.Hello(v=1, nick=nick, room=room, mode=mode, token=how.token, key=key)
        peer = self._house(at).peer(hello)
        self.people[peer] = object() if name == "stranger" else name
        self.proving[peer] = how, hello

    @rule(at=places)
    def turn(self, at: int) -> None:
        self._house(at).turn()

    @rule(at=places, way=ways, nick=nicks, room=rooms)
    def visit(self, at: int, way: tuple[str, Way], nick: str, room: str) -> None:
        """Come and go while the other server does nothing."""
        self.enter(at, way, nick, room, "join")
        for _ in range(3):
            self._house(at).settle()
            self._prove()
        self.named.add((way[0], fold_nick(nick)))  # whispers that waited may be heard
        list(self.people)[-1].lose()
        self._house(at).settle()

    @rule(number=numbers, nick=nicks)
    def rename(self, number: int, nick: str) -> None:
        if peer := self._some(number):
            peer.say(p.Nick(nick))

    @rule(number=numbers, nick=nicks)
    def whisper(self, number: int, nick: str) -> None:
        self.texts += 1
        if peer := self._some(number):
            peer.say(p.Whisper(nick, f"text-{self.texts}-{fold_nick(nick)}"))

    @rule(number=numbers)
    def post(self, number: int) -> None:
        """Have somebody speak who is no member."""
        posters = [peer for peer in self.people if peer.session.mode == "post" and peer.room and not peer.leaving]
        if posters:
            self.texts += 1
            peer = posters[number % len(posters)]
            self.posters[f"post-{self.texts}"] = peer
            peer.say(p.Say(f"post-{self.texts}"))

    @rule(number=numbers, half=st.booleans())
    def leave(self, number: int, half: bool) -> None:
        if self.people:
            peer = list(self.people)[number % len(self.people)]
            (peer.end if half else peer.lose)()

    @rule(at=places)
    def read_nothing(self, at: int) -> None:
        directory_of(self._house(at)).stopped = True

    @rule(at=places)
    def read_on(self, at: int) -> None:
        directory = directory_of(self._house(at))
        directory.stopped = False
        directory.read()

    @rule(at=places)
    def take_for_dead(self, at: int) -> None:
        self.servers.engine.fence(directory_of(self._house(at)))

    @rule(gone=st.booleans())
    def lose_the_engine(self, gone: bool) -> None:
        self.servers.engine.gone = gone

    @rule(nick=nicks, at=places)
    def set_free(self, nick: str, at: int) -> None:
        hub = self._house(at).hub
        if (claim := hub.names.claims.find(nick)) is not None:
            key = hub.names.claims.fact_key(claim)
            hub.names.claims.drop(claim)
            self.servers.engine.keep({key: None}, directory_of(self._house(at)))

    @rule()
    def settle(self) -> None:
        """Let all come to rest, and compare what the servers show with what is committed."""
        self.servers.engine.gone = False
        for at in (0, 1):
            self.read_on(at)
        self.servers.settle()
        members = self.servers.engine.members
        for house in self.servers.houses:
            shown = {one.place: (one.room, one.nick) for room in ROOMS for one in house.hub.presence.roster(room)}
            assert shown == {place: (one.room, one.nick) for place, one in members.items()}
            for place in shown:
                member = house.hub.presence.find(place)
                assert member is not None
                assert (member.conn is not None) is (place.server == directory_of(house).sid)
            assert "Traceback" not in house.logged.getvalue()
        claims = [{claim.nick: claim.key for claim in house.hub.names.claims} for house in self.servers.houses]
        assert claims[0] == claims[1]
        for peer in self.people:
            assert peer.closed or peer.member is None or peer.member.place in members
            self._compare_what_it_was_told(peer)

    # --- what must hold

    def _compare_what_it_was_told(self, peer: FakePeer) -> None:
        """Check that its welcome and the news since then make up the roster, by the rule of docs/protocol.md."""
        if peer.closed or peer.room is None or peer not in peer.room.readers:
            return
        [welcome] = only(p.Welcome, frames := peer.frames)
        known = set(welcome.members)
        fold(frames, known)
        assert known == {member.nick for member in peer.room.roster}, frames

    @invariant()
    def nobody_has_what_is_somebody_elses(self) -> None:
        TwoServersMachine.steps += 1
        self._prove()
        members = list(self.servers.engine.members.values())
        for one in members:
            self.named.add((self._person(one), fold_nick(one.nick)))
            for other in members:
                alike = not skeletons(one.nick).isdisjoint(skeletons(other.nick))
                assert not alike or self._person(one) == self._person(other), (one, other)
            for (kind, name), value in self.servers.engine.facts.items():
                if kind == "claim" and value is not None and not skeletons(one.nick).isdisjoint(skeletons(name)):
                    assert self._person(one) == self.owner_of_key[msgspec.json.decode(value)["key"]], (one, value)
        self._hear()

    def _posted(self, entries: Sequence[p.Msg]) -> None:
        """Check that no post is committed while its name is another's at the other server, whether that is shown."""
        for entry in entries:
            poster = self.posters.get(entry.text)
            for one in self.servers.engine.members.values() if poster is not None else ():
                alike = not skeletons(one.nick).isdisjoint(skeletons(entry.nick))
                is_here = one.place.server == directory_of(poster.house).sid
                assert not alike or is_here or self._person(one) == self.people[poster], (one, entry)

    def _person(self, member: Remote) -> object:
        if member.key is not None:
            return self.owner_of_key[member.key]
        return self.owner_of_token[member.token] if member.token is not None else member.place

    def _prove(self) -> None:
        """Answer the challenges that came."""
        for peer, (way, hello) in list(self.proving.items()):
            if peer.leaving is not None or peer.room is not None:
                del self.proving[peer]
            elif way.key is not None and only(p.Challenge, peer.frames):
                del self.proving[peer]
                way.key.prove(peer, hello)

    def _hear(self) -> None:
        """Check that each whisper is heard by one, who has or had that name."""
        heard: dict[str, FakePeer] = {}
        for peer, who in self.people.items():
            for whisper in only(p.Whispered, peer.frames):
                assert heard.setdefault(whisper.text, peer) is peer, f"{whisper.text} was heard twice"
                name = whisper.text.split("-")[2]
                had = (who, name) in self.named or name in _names_of(peer)
                assert not isinstance(who, str) or had, f"{who} heard {whisper.text}"


def _names_of(peer: FakePeer) -> set[str]:
    """Return the names that it was told it has, in folded form: one may have come and gone between two looks."""
    names: list[str] = []
    for frame in peer.frames:
        if isinstance(frame, p.Welcome):
            names.append(fold_nick(frame.nick))
        elif isinstance(frame, p.Rename) and names and fold_nick(frame.old) == names[-1]:
            names.append(fold_nick(frame.new))
    return set(names)


if __name__ == "__main__":
    main(TwoServersMachine)
