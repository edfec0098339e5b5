"""Two servers of one house, whose operators give orders while their members take locks and ask questions.

As ``two_server_machine.py`` does with names, Hypothesis has each of these happen between any two turns of the loops:
what a journal keeps is changed at one server while the other one changes it, too. ``python -m
tests.hub.two_server_orders STEPS`` runs that many steps.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from chatctl import protocol as p
from chatctl.core.bans import Sanction
from chatctl.core.lease import changes_of
from chatctl.core.moderation import RoomRules
from chatctl.core.peer import person_of
from chatctl.errors import ChatError, StorageFailed
from chatctl.hub.admin_people import name_of
from chatctl.hub.admin_target import Actor
from tests.support.fakes import FakePeer, House, only
from tests.support.state_machine import CountedMachine, main
from tests.support.two_servers import TwoServers, directory_of, journal_of

TOKENS = {"nadia": "1" * 32, "rajat": "3" * 32, "omar": "5" * 32}

places, numbers, late = st.sampled_from([0, 1]), st.integers(0, 5), st.booleans()
names, tags = st.sampled_from([*TOKENS, "zoe"]), st.sampled_from(["a3", "b4"])


class OrdersMachine(CountedMachine):
    """What may happen, in any order, and what must hold once all has come to rest."""

    steps_a_run = 60

    def __init__(self) -> None:
        super().__init__()
        self.servers = TwoServers()
        self.servers.know()
        self.peers: list[FakePeer] = []
        self.given = 0
        self.outcomes: list[p.Done | ChatError] = []
        self.refused: list[ChatError] = []
        for at, name in ((0, "nadia"), (1, "rajat")):
            self.come(at, name, name)
        self.servers.settle()

    def _house(self, number: int) -> House:
        return self.servers.houses[number]

    def _some(self, number: int) -> FakePeer | None:
        peers = [peer for peer in self.peers if peer.member is not None and peer.leaving is None]
        return peers[number % len(peers)] if peers else None

    def _order(self, at: int, verb: str, target: str = "", **more: object) -> None:
        self.given += 1
        ask = p.Admin(verb, target, **more)  # type: ignore[arg-type]
        self._house(at).hub.admin.carry_out(ask, Actor("console"), self.outcomes.append)

    # --- what happens at a server, and between them

    @rule(at=places)
    def turn(self, at: int) -> None:
        self._house(at).turn()

    @rule(late=late)
    def answer_late(self, late: bool) -> None:
        for house in self.servers.houses:
            directory_of(house)._late = late

    @rule(at=places)
    def read_nothing(self, at: int) -> None:
        directory_of(self._house(at)).stopped = True

    @rule(at=places)
    def read_on(self, at: int) -> None:
        directory = directory_of(self._house(at))
        directory.stopped = False
        directory.read()

    @rule(at=places)
    def commit_later(self, at: int) -> None:
        journal = journal_of(self._house(at))
        journal.waiting = journal.waiting or []

    @rule(at=places)
    def commit(self, at: int) -> None:
        journal_of(self._house(at)).commit()

    @rule(at=places)
    def take_for_dead(self, at: int) -> None:
        self.servers.engine.fence(directory_of(self._house(at)))
        self.servers.know()

    @rule(seconds=st.sampled_from([1.0, 61.0]))
    def pass_time(self, seconds: float) -> None:
        for house in self.servers.houses:
            house.now += seconds
            house.hub.leasing.expire()

    # --- members

    @rule(at=places, person=st.sampled_from([*TOKENS]), nick=names)
    def come(self, at: int, person: str, nick: str) -> None:
        self.peers.append(self._house(at).peer(p.Hello(v=1, nick=nick, token=TOKENS[person])))

    @rule(number=numbers, half=st.booleans())
    def leave(self, number: int, half: bool) -> None:
        if peer := self._some(number):
            (peer.end if half else peer.lose)()

    @rule(number=numbers, nick=names)
    def rename(self, number: int, nick: str) -> None:
        if peer := self._some(number):
            peer.say(p.Nick(nick))

    @rule(number=numbers, name=tags, do=st.sampled_from(["take", "take", "release", "withdraw"]), kind=st.booleans())
    def lease(self, number: int, name: str, do: str, kind: bool) -> None:
        """Have a process that may have connections to both servers ask for one."""
        if peer := self._some(number):
            peer.say(p.Lease("lock" if kind else "question", name, "a" * 32, do))  # type: ignore[arg-type]

    @rule(number=numbers, name=tags)
    def ask(self, number: int, name: str) -> None:
        if peer := self._some(number):
            peer.say(p.Lease("question", name, "a" * 32), p.Say(f"[{name}] go?", asks=name))

    # --- operators

    @rule(at=places, verb=st.sampled_from(["ban", "unban", "mute", "unmute", "kick"]), nick=names)
    def order_about(self, at: int, verb: str, nick: str) -> None:
        self._order(at, verb, f"name:{nick}")

    @rule(at=places, verb=st.sampled_from(["topic", "slow", "read-only"]))
    def order_in(self, at: int, verb: str) -> None:
        more = {"topic": {"text": f"topic {self.given}"}, "slow": {"seconds": 0.001 * self.given}}
        self._order(at, verb, room="lobby", **more.get(verb, {"on": bool(self.given % 2)}))

    @rule(at=places, name=tags)
    def unlock(self, at: int, name: str) -> None:
        self._order(at, "unlock", name, room="lobby")

    # --- what must hold

    @invariant()
    def count(self) -> None:
        OrdersMachine.steps += 1

    @rule()
    def settle(self) -> None:
        """Let all come to rest, and compare what each server goes by with what is kept, and what it told."""
        for at in (0, 1):
            self.commit(at)
            self.read_on(at)
        self.servers.settle()
        assert len(self.outcomes) == self.given, "each order is answered once"
        for outcome in self.outcomes:
            assert not isinstance(outcome, StorageFailed) or "it may have arrived" in outcome.text, outcome
        for house in self.servers.houses:
            assert "Traceback" not in house.logged.getvalue()
            self._compare_leases(house)
            self._compare_rules(house)
        self._compare_what_holders_were_told()

    def _kept(self, *kinds: str) -> Mapping[tuple[str, str], str]:
        facts = self.servers.engine.facts.items()
        return {key: value for key, value in facts if value is not None and key[0] in kinds}

    def _compare_leases(self, house: House) -> None:
        here = [changes_of(lease.place, lease) for lease in house.hub.leasing.leases]
        mine = {key: value for changes in here for key, value in changes.items() if value is not None}
        assert mine == self._kept("lease", "asked")

    def _compare_rules(self, house: House) -> None:
        rules = house.hub.rules
        for what in ("ban", "mute"):
            there = {msgspec.json.decode(value, type=Sanction).name for value in self._kept(what).values()}
            assert {one.name for one in rules.sanctions(what)} == there  # type: ignore[arg-type]
        room = self._kept("room").get(("room", "lobby"), "{}")
        assert rules.room("lobby") == msgspec.json.decode(room, type=RoomRules)
        assert {order.done for order in rules.log} == {
            msgspec.json.decode(value)["done"] for value in self._kept("order").values()
        }
        for peer in house.hub.peers:
            rules.check_entry(person_of(peer, name_of(peer)), house.hub.clock.steady())

    def _compare_what_holders_were_told(self) -> None:
        """Check that whoever was told last that it has a lease has it, by this connection or a later one."""
        for peer in self.peers:
            told = {(state.kind, state.name): state.held for state in only(p.LeaseState, peer.frames)}
            for place, held in told.items():
                leases = peer.house.hub.leasing.leases
                holds = any((lease.kind, lease.name) == place for lease in leases.holds(peer))
                assert held or not holds, place
                has = [one for one in leases if (one.kind, one.name) == place and one.closed is None]
                is_alone = (
                    sum(one.token == peer.token for one in self.peers) == 1
                )  # else another connection may have it
                assert not (held and is_alone and peer.leaving is None) or has, place

    def teardown(self) -> None:
        self.settle()


if __name__ == "__main__":
    main(OrdersMachine)
