"""leases.py: who has a lease, whatever the order of losses, restarts and takers. No clock."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chatctl.core.lease import Changes, Lease, LeaseKey, changes_of, lease_of
from chatctl.core.leases import CLOSED_SECONDS, MAX_CLOSED, MAX_PER_ADDRESS, MAX_PER_OWNER, Leases
from chatctl.core.name_ownership import Owner
from chatctl.errors import Forbidden, RateLimited

ANA, BOB = Owner(b"\x01" * 32), Owner(b"\x02" * 32)
ONE, TWO = "1" * 32, "2" * 32
GRACE = 60.0
ASKED = ("asked", "lobby a3")


def wanted(
    name: str = "backup", holder: str = ONE, owner: Owner = ANA, kind: str = "lock", asked: int | None = None
) -> Lease:
    token = owner.token.hex() if owner.token is not None else None
    return Lease("lobby", kind, name, holder, token, owner.key, "ci", 1000.0, asked)  # type: ignore[arg-type]


def test_one_has_it_and_the_other_is_told_who() -> None:
    """The point of it all."""
    leases = Leases()
    mine, changes = leases.take(wanted(), "a")
    assert (mine.nick, list(changes)) == ("ci", [("lease", "lobby lock backup")])
    other, changes = leases.take(wanted(holder=TWO, owner=BOB), "b")
    assert (other, changes) == (mine, {})


def test_another_process_of_the_same_owner_is_another_holder() -> None:
    """Two runs of one account on one machine have one token."""
    leases = Leases()
    leases.take(wanted(), "a")
    assert leases.take(wanted(holder=TWO), "b")[1] == {}


def test_the_same_holder_under_another_token_has_nothing() -> None:
    """Whoever saw the holder's name somewhere does not get its lease."""
    leases = Leases()
    leases.take(wanted(), "a")
    assert leases.take(wanted(owner=BOB), "b")[1] == {}


def test_a_key_owns_it_from_another_token() -> None:
    leases = Leases()
    leases.take(wanted(owner=Owner(b"\x01" * 32, "SHA256:k")), "a")
    leases.lose("a", 0.0, 0.0)
    assert leases.take(wanted(owner=Owner(b"\x09" * 32, "SHA256:k")), "b")[1]


def test_rooms_and_kinds_are_apart() -> None:
    leases = Leases()
    for room, kind in (("lobby", "lock"), ("ops", "lock"), ("lobby", "question")):
        one = msgspec.structs.replace(wanted(), room=room, kind=kind, holder=room + kind)
        assert leases.take(one, "a")[0].holder == room + kind


def test_a_lost_connection_keeps_it_for_its_holder_then_frees_it() -> None:
    leases = Leases(grace=GRACE)
    leases.take(wanted(), "a")
    leases.lose("a", 100.0, 5000.0)
    assert leases.take(wanted(holder=TWO, owner=BOB), "b")[1] == {}
    assert leases.expired(100.0 + GRACE - 0.01) == ([], {})
    (gone,), _ = leases.expired(100.0 + GRACE)
    leases.release(gone, 0, 160.0, 5060.0)
    assert leases.take(wanted(holder=TWO, owner=BOB), "b")[1]


def test_the_loss_of_an_older_connection_means_nothing() -> None:
    """The holder came back before the server noticed that it was gone."""
    leases = Leases(grace=GRACE)
    leases.take(wanted(), "a")
    leases.take(wanted(), "b")
    assert leases.lose("a", 0.0, 0.0) == {}
    assert leases.expired(1e9) == ([], {})


@pytest.mark.parametrize(
    ("until", "left"), [(None, GRACE), (5030.0, 30.0), (4000.0, 0.0), (9e9, GRACE)], ids=["held", "lost", "over", "set"]
)
def test_after_a_restart(until: float | None, left: float) -> None:
    """What was held has its time from the start on; what was lost goes by the wall clock, also if that was set."""
    kept = msgspec.json.encode(msgspec.structs.replace(wanted(), until=until)).decode()
    leases = Leases({wanted().place.fact: kept}, now=7.0, wall=5000.0, grace=GRACE)
    assert leases.expired(7.0 + left - 0.01)[0] == []
    assert len(leases.expired(7.0 + left)[0]) == 1


def test_nobody_owns_nothing() -> None:
    with pytest.raises(Forbidden, match="bring a token"):
        Leases().take(wanted(owner=Owner()), "a")


def test_one_owner_has_only_so_many() -> None:
    leases = Leases()
    for number in range(MAX_PER_OWNER):
        leases.take(wanted(f"n{number}"), "a")
    with pytest.raises(Forbidden, match="at most"):
        leases.take(wanted("another"), "a")
    leases.take(wanted("n0"), "b")  # what it has it can take again
    leases.release(leases.take(wanted("n1"), "a")[0], 0, 0.0, 0.0)
    leases.take(wanted("another"), "a")


def test_one_address_has_only_so_many_whatever_tokens_it_makes() -> None:
    """Lost connections keep theirs for a minute: one address took all that a room has in 14 seconds."""
    leases = Leases()

    def take(number: int, network: str) -> Lease:
        owner = Owner(number.to_bytes(32, "big"))
        return leases.take(wanted(f"n{number}", owner=owner), number, network)[0]

    for number in range(MAX_PER_ADDRESS):
        take(number, "192.0.2.7")
        leases.lose(number, 0.0, 0.0)
    with pytest.raises(RateLimited, match="one address has at most"):
        take(1000, "192.0.2.7")
    for number in range(1001, 1001 + 2 * MAX_PER_ADDRESS):
        take(number, "")  # of this machine
    take(3000, "198.51.100.1")
    for lease in leases.expired(GRACE)[0]:
        leases.release(lease, 0, GRACE, GRACE)
    take(1000, "192.0.2.7")


# --- questions


def tag(name: str) -> LeaseKey:
    return LeaseKey("lobby", "question", name)


def question(leases: Leases, name: str, seq: int | None, owner: Owner = ANA) -> Lease:
    leases.take(wanted(name, name * 16, owner, "question"), name)
    if seq is not None:
        leases.ask(tag(name), owner, "ci", seq)
    found = leases.find(tag(name))
    assert found is not None
    return found


def test_which_questions_are_open_is_judged_by_seq() -> None:
    """What was said before the second question was asked is an answer to the first, however late it is looked at."""
    leases = Leases()
    first = question(leases, "a3", 10)
    question(leases, "b4", 12)
    question(leases, "c5", None)
    assert [leases.open_at("lobby", seq) for seq in (10, 11, 12, 13)] == [[], ["a3"], ["a3"], ["a3", "b4"]]
    leases.release(first, 20, 0.0, 0.0)
    assert [leases.open_at("lobby", seq) for seq in (11, 20, 21)] == [["a3"], ["a3", "b4"], ["b4"]]


def test_only_its_owner_asks_a_question() -> None:
    leases = Leases()
    question(leases, "a3", None)
    assert not leases.may_ask(tag("a3"), BOB)
    assert leases.may_ask(tag("a3"), ANA)
    assert leases.ask(tag("a3"), BOB, "eve", 5) == {ASKED: None}
    assert leases.ask(tag("a3"), ANA, "ci", 5)
    assert not leases.may_ask(tag("a3"), ANA)
    assert leases.ask(tag("a3"), ANA, "ci", 9) == {ASKED: "5"}, "it is asked once; the journal has the other number"


def test_a_question_that_ended_before_it_was_committed_leaves_no_number() -> None:
    """The tag is another's later, who has not asked yet."""
    leases = Leases()
    leases.release(question(leases, "a3", None), 0, 0.0, 0.0)
    assert leases.ask(tag("a3"), ANA, "ci", 5) == {ASKED: None}
    assert leases.take(wanted("a3", TWO, BOB, "question"), "b")[1][ASKED] is None
    assert leases.ask(tag("a3"), ANA, "ci", 5) == {ASKED: None}


def test_the_number_of_a_question_is_not_lost_with_its_connection() -> None:
    """The journal has it, and the hub does not know that yet: what is kept of the lease must not overwrite it."""
    leases = Leases()
    _, facts = leases.take(wanted("a3", ONE, ANA, "question"), "a")
    facts[ASKED] = "7"
    facts |= leases.lose("a", 0.0, 0.0)
    assert Leases({key: value for key, value in facts.items() if value}).open_at("lobby", 8) == ["a3"]


def test_a_question_that_is_over_is_remembered_for_some_time_and_its_tag_not_used() -> None:
    leases = Leases()
    leases.release(question(leases, "a3", 1), 2, 100.0, 0.0)
    assert leases.closed_question("lobby", "a3")
    assert leases.take(wanted("a3", TWO, ANA, "question"), "b")[1] == {}
    assert leases.expired(100.0 + CLOSED_SECONDS) == ([], {("lease", "lobby question a3"): None, ASKED: None})
    assert leases.take(wanted("a3", TWO, ANA, "question"), "b")[1]


def test_so_many_that_are_over_are_remembered() -> None:
    leases = Leases()
    for number in range(MAX_CLOSED + 5):
        leases.release(question(leases, f"q{number}", 1), 2, float(number), 0.0)
    assert not leases.closed_question("lobby", "q4")
    assert leases.closed_question("lobby", "q5")
    assert len(list(leases)) == MAX_CLOSED


def test_a_log_that_began_anew_has_the_question_from_its_start() -> None:
    """The server has forgotten all; the asker brings the number."""
    leases = Leases()
    leases.take(wanted("a3", ONE, ANA, "question", asked=0), "a")
    assert leases.open_at("lobby", 1) == ["a3"]


# --- any order


@dataclass
class Taker:
    """A process that wants one lock, and what it knows."""

    holder: str
    owner: Owner
    connection: int | None = None
    holds: bool = False
    lost_at: float | None = None
    """When its connection was lost, or the server's last start if that was later."""


@dataclass
class World:
    now: float = 0.0
    drift: float = 1e6
    facts: dict[tuple[str, str], str] = field(default_factory=dict)


class OneHolder(RuleBasedStateMachine):
    """Whatever happens, a holder that came back within the time has its lease, and nobody else had it in between."""

    NAMES = ("backup", "deploy")

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.takers = {
            name: [Taker(str(n) * 32, owner) for n, owner in enumerate((ANA, ANA, BOB, Owner(b"\x03" * 32, "k")), 1)]
            for name in self.NAMES
        }
        self.connections = 0
        self.leases = Leases(grace=GRACE)

    @property
    def wall(self) -> float:
        return self.world.now + self.world.drift

    def keep(self, changes: dict[tuple[str, str], str | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self.world.facts.pop(key, None)
            else:
                self.world.facts[key] = value

    def expire(self) -> None:
        expired, changes = self.leases.expired(self.world.now)
        self.keep(changes)
        for lease in expired:
            self.keep(self.leases.release(lease, 0, self.world.now, self.wall))
            taker = next(t for t in self.takers[lease.name] if t.holder == lease.holder)
            assert taker.lost_at is not None, "held by a connection"
            assert self.world.now - taker.lost_at >= GRACE, "too early"
            taker.holds = False

    @rule(name=st.sampled_from(NAMES), who=st.integers(0, 3))
    def take(self, name: str, who: int) -> None:
        self.expire()
        taker = self.takers[name][who]
        self.connections += 1
        lease, changes = self.leases.take(wanted(name, taker.holder, taker.owner), self.connections)
        self.keep(changes)
        got = lease.holder == taker.holder
        others = [t for t in self.takers[name] if t is not taker and t.holds]
        assert got is not bool(others), "one has it, and if nobody has it, it can be had"
        if got:
            taker.holds, taker.connection, taker.lost_at = True, self.connections, None

    @rule(name=st.sampled_from(NAMES), who=st.integers(0, 3))
    def lose(self, name: str, who: int) -> None:
        taker = self.takers[name][who]
        if taker.connection is not None:
            self.keep(self.leases.lose(taker.connection, self.world.now, self.wall))
            taker.connection, taker.lost_at = None, self.world.now

    @rule(name=st.sampled_from(NAMES), who=st.integers(0, 3))
    def release(self, name: str, who: int) -> None:
        taker = self.takers[name][who]
        lease = self.leases.find(LeaseKey("lobby", "lock", name))
        if lease is not None and lease.is_of(taker.holder, taker.owner):
            self.keep(self.leases.release(lease, 0, self.world.now, self.wall))
            taker.holds = False

    @rule(seconds=st.sampled_from([0.0, 1.0, 30.0, 59.9, 60.0, 600.0]))
    def wait(self, seconds: float) -> None:
        self.world.now += seconds
        self.expire()

    @rule(down=st.sampled_from([0.0, 10.0, 600.0]))
    def restart(self, down: float) -> None:
        """The server is killed. While it is down nobody can take anything."""
        self.world.now += down
        for taker in (t for many in self.takers.values() for t in many):
            if taker.connection is not None:
                taker.connection, taker.lost_at = None, self.world.now
        self.leases = Leases(self.world.facts, now=self.world.now, wall=self.wall, grace=GRACE)
        self.keep(self.leases.kept())

    @rule(back=st.sampled_from([-3600.0, 3600.0]))
    def set_the_clock(self, back: float) -> None:
        """An administrator corrects the wall clock while the server runs: it counts by the other one."""
        held_across = any(t.holds and t.connection is None for many in self.takers.values() for t in many)
        if not held_across:  # one that is lost goes by the wall clock across a restart, and can't know better
            self.world.drift += back

    @invariant()
    def one_has_it(self) -> None:
        for name, takers in self.takers.items():
            lease = self.leases.find(LeaseKey("lobby", "lock", name))
            assert [t.holder for t in takers if t.holds] == ([lease.holder] if lease else [])


TestOneHolder = OneHolder.TestCase


# --- several servers

LOCK = wanted().place


@dataclass
class Server:
    """One server's leases, and the facts that it changed."""

    name: str
    others: tuple[str, ...]
    facts: dict[tuple[str, str], str | None] = field(default_factory=dict)
    leases: Leases = field(init=False)

    def __post_init__(self) -> None:
        self.start(0.0)

    def start(self, now: float) -> None:
        kept = {key: value for key, value in self.facts.items() if value is not None}
        self.leases = Leases(kept, now=now, wall=now, grace=GRACE, server=self.name, others=self.others)

    def learn(self, changes: Changes, now: float = 0.0) -> object:
        """Go by what another server has changed; return the connection that lost a lease."""
        self.facts |= changes
        lost = None
        for (kind, key), value in changes.items():
            if kind == "lease":
                lease = lease_of(value) if value is not None else None
                lost = self.leases.learn(LeaseKey.of_fact(key), lease, now, now)
            else:
                seq = int(value) if value is not None else None
                self.leases.learn_asked(LeaseKey.of_asked_fact((kind, key)), seq)
        return lost

    def facts_of(self, lease: Lease) -> str | None:
        return changes_of(lease.place, lease)[lease.place.fact]

    def lease(self, place: LeaseKey = LOCK) -> Lease | None:
        return self.leases.find(place)


def two() -> tuple[Server, Server]:
    return Server("one", ("two",)), Server("two", ("one",))


def taken(one: Server, other: Server, connection: str = "a", lease: Lease | None = None) -> Lease:
    got, changes = one.leases.take(lease or wanted(), connection)
    other.learn(changes)
    return got


def test_what_one_holds_another_one_does_not_give_away() -> None:
    one, other = two()
    mine = taken(one, other)
    assert other.leases.take(wanted(holder=TWO, owner=BOB), "b") == (mine, {})
    assert other.leases.expired(10 * GRACE) == ([], {}), "its server is alive"
    other.start(5.0)
    assert other.lease() == mine
    assert other.leases.kept() == {}, "it is not this one's to change"
    assert other.leases.expired(10 * GRACE) == ([], {})


def test_its_holder_takes_it_along_to_another_server() -> None:
    """A client whose server was drained. What is left of its old connection loses nothing any more."""
    one, other = two()
    taken(one, other)
    moved, changes = other.leases.take(wanted(), "b")
    assert moved.server == "two"
    assert one.learn(changes) == "a"
    assert one.leases.lose("a", 1.0, 1.0) == {}
    assert one.lease() == moved


def test_one_whose_connection_was_lost_ends_everywhere_in_time() -> None:
    one, other = two()
    taken(one, other)
    other.learn(one.leases.lose("a", 1.0, 1.0), 1.0)
    assert other.leases.expired(GRACE)[0] == []
    assert [lease.place for lease in other.leases.expired(1.0 + GRACE)[0]] == [LOCK]


def test_one_that_is_released_is_free_everywhere_and_its_holder_is_known() -> None:
    one, other = two()
    mine = taken(one, other)
    assert one.learn(other.leases.release(mine, 0, 1.0, 1.0)) == "a"
    assert (one.lease(), other.lease()) == (None, None)


def test_one_that_is_told_as_it_is_known_stays_with_its_connection() -> None:
    one, other = two()
    mine = taken(one, other)
    assert one.learn({mine.place.fact: one.facts_of(mine)}) is None
    assert one.leases.holder_of(LOCK) == "a"


def test_one_that_the_journal_gives_back_to_a_server_that_has_released_it_ends_after_the_grace() -> None:
    """The journal has lost that it was released: nobody would end it."""
    one, other = two()
    mine = taken(one, other)
    one.leases.release(mine, 0, 1.0, 1.0)
    assert one.learn({mine.place.fact: one.facts_of(mine)}, 5.0) is None
    assert one.leases.expired(4.0 + GRACE)[0] == []
    assert [lease.place for lease in one.leases.expired(5.0 + GRACE)[0]] == [LOCK]


def test_what_a_dead_server_held_ends_after_the_grace_unless_it_was_alive() -> None:
    one, other = two()
    taken(one, other)
    other.leases.know((), 10.0)
    assert other.leases.expired(9.0 + GRACE)[0] == []
    assert [lease.place for lease in other.leases.expired(10.0 + GRACE)[0]] == [LOCK]
    other.learn(one.leases.move("one again"), 20.0)
    other.leases.know(("one again",), 21.0)
    assert other.leases.expired(10 * GRACE)[0] == [], "it goes on under another id"


def test_a_server_that_starts_when_the_other_is_dead_gives_it_the_grace() -> None:
    one, other = two()
    taken(one, other)
    other.others = ()
    other.start(5.0)
    assert other.leases.expired(4.0 + GRACE)[0] == []
    assert [lease.place for lease in other.leases.expired(5.0 + GRACE)[0]] == [LOCK]


def test_a_question_is_open_and_over_at_both() -> None:
    one, other = two()
    question = taken(one, other, lease=wanted("a3", kind="question"))
    other.learn(one.leases.ask(question.place, ANA, "ci", 7))
    assert (one.leases.open_at("lobby", 8), other.leases.open_at("lobby", 8)) == (["a3"], ["a3"])
    asked = one.lease(question.place)
    assert asked is not None
    other.learn(one.leases.release(asked, 9, 1.0, 1.0), 1.0)
    assert other.leases.open_at("lobby", 10) == []
    over = other.leases.closed_question("lobby", "a3")
    assert over is not None
    assert (over.asked, over.closed, over.server) == (7, 9, "")
    assert other.leases.expired(1.0 + CLOSED_SECONDS)[1] != {}


def test_a_question_that_is_said_at_another_server_is_held_where_it_was() -> None:
    """Of one who asks, the connection that waits and the one that speaks may be to different servers."""
    one, other = two()
    question = taken(one, other, lease=wanted("a3", kind="question"))
    assert one.learn(other.leases.ask(question.place, ANA, "ci2", 7)) is None
    assert one.leases.holder_of(question.place) == "a"
    assert one.leases.lose("a", 1.0, 1.0) != {}
    assert [lease.place for lease in one.leases.expired(1.0 + GRACE)[0]] == [question.place]


def test_another_holder_s_question_of_that_name_was_not_asked() -> None:
    one, other = two()
    question = taken(one, other, lease=wanted("a3", kind="question", asked=7))
    other.learn({question.place.fact: None})
    new = msgspec.structs.replace(question, holder=TWO, asked=None)
    other.leases.learn(question.place, new, 1.0, 1.0)
    assert other.leases.may_ask(question.place, ANA)


def test_a_server_that_is_alone_writes_what_it_always_wrote() -> None:
    leases = Leases()
    _, changes = leases.take(wanted(holder=ONE), "a")
    assert '"server"' not in str(changes)
