"""Two servers of one house: whatever the order of events, a name has one owner at both, and both show the same."""

from __future__ import annotations

import pytest

from chatctl import protocol as p
from chatctl.directory.table import Table
from chatctl.errors import StorageFailed
from chatctl.hub.presence import REPLACED
from chatctl.journal import OnKept
from tests.hub.name_walk import Way
from tests.hub.two_server_machine import TwoServersMachine
from tests.hub.two_server_orders import OrdersMachine
from tests.support.fakes import FakePeer, done, only, order
from tests.support.key_holders import OWNER
from tests.support.shared_directory import Engine
from tests.support.state_machine import run
from tests.support.two_servers import ONE, TWO, TwoServers, directory_of, join, journal_of, nicks


def test_hypothesis_breaks_nothing() -> None:
    """``python -m tests.hub.two_server_machine`` takes hundreds of thousands of steps."""
    before = TwoServersMachine.steps
    run(TwoServersMachine, 2000)
    assert TwoServersMachine.steps > before + 500


def test_the_machine_sees_a_directory_that_commits_without_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would prove nothing."""
    monkeypatch.setattr(Table, "fits", lambda _self, wish: wish.place is None)
    machine, stranger = TwoServersMachine(), ("stranger", Way())
    machine.answer_late(late=True)
    machine.enter(0, stranger, "warren", "lobby", "join")
    machine.enter(1, stranger, "vvarren", "ops", "join")
    for at in (0, 1) * 3:  # so that both have looked before either is given its name
        machine.turn(at)
    machine.servers.settle()
    with pytest.raises(AssertionError, match="vvarren"):
        machine.nobody_has_what_is_somebody_elses()


def test_the_machine_sees_a_post_under_the_name_of_another_server_s_member(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "is_taken", lambda *_: False)
    machine, stranger = TwoServersMachine(), ("stranger", Way())
    machine.enter(0, stranger, "warren", "lobby", "post")
    machine.servers.settle()
    machine.read_nothing(0)
    machine.enter(1, stranger, "vvarren", "ops", "join")
    machine.servers.two.settle()
    machine.post(0)
    with pytest.raises(AssertionError, match="post-1"):
        machine.servers.one.settle()


def test_who_resumes_at_a_server_that_is_behind_waits_until_it_is_not(servers: TwoServers) -> None:
    """It has been shown more at the other one, and nothing of that is lost, or comes again."""
    ana = join(servers, servers.one, "Ana")
    join(servers, servers.two, "Eve")
    journal_of(servers.two).held = []
    ana.say(p.Say("first"), p.Say("second"))
    servers.settle()
    resume = p.Resume(only(p.Welcome, ana.take())[0].epoch, 2)
    reader = servers.two.peer(p.Hello(v=1, mode="watch", resume=resume))
    servers.settle()
    frames = reader.take()
    assert (only(p.Welcome, frames)[0].last, only(p.Gap, frames), only(p.Msg, frames)) == (2, [], [])
    ana.say(p.Say("third"))
    servers.settle()
    assert [entry.text for entry in only(p.Msg, reader.take())] == ["third"]


@pytest.mark.parametrize("mode", ["watch", "probe", "post"])
def test_a_hello_is_answered_when_all_is_shown_that_was_there_when_it_came(servers: TwoServers, mode: p.Mode) -> None:
    """A script that has its ack, its welcome or its done from one server finds that at the other."""
    servers.two.join("Eve")
    journal_of(servers.two).held = []
    ana = servers.one.peer(p.Hello(v=1, nick="Ana")).say(p.Say("first"))
    while not only(p.Msg, ana.frames):
        servers.one.turn()
    done(order(servers.one, "console", "topic", "", settle=servers.one.settle, text="a freeze"))
    reader = servers.two.peer(p.Hello(v=1, nick="ci" if mode == "post" else "", mode=mode))
    servers.settle()
    welcome = reader.welcome
    assert welcome is not None
    assert (welcome.last, welcome.members, welcome.topic) == (1, ["Eve", "Ana"], "a freeze")


@pytest.mark.parametrize("what", ["directory", "journal"])
def test_where_that_can_not_be_found_out_readers_see_what_their_server_knows(
    servers: TwoServers, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    join(servers, servers.two, "Eve")
    journal_of(servers.two).held = []
    join(servers, servers.one, "Ana").say(p.Say("first"))
    servers.settle()
    servers.engine.gone = what == "directory"
    if what == "journal":
        error = StorageFailed("the server can't reach its database", retry_after=5)
        monkeypatch.setattr(journal_of(servers.two), "reach", lambda _room, _after, done: done(error))
    reader = servers.two.peer(p.Hello(v=1, mode="watch"))
    servers.settle()
    assert reader.welcome is not None
    assert (reader.welcome.last, reader.welcome.members, reader.codes) == (0, ["Eve", "Ana"], [])


def test_the_console_orders_by_all_that_was_there_when_it_did(servers: TwoServers) -> None:
    """A number that ``chatctl send --json`` has printed, and a name that ``chatctl who`` has, at the other server."""
    join(servers, servers.two, "Abel")
    journal_of(servers.two).held = []
    ana = servers.one.peer(p.Hello(v=1, nick="Ana")).say(p.Say("secret"))
    servers.one.settle()
    assert [message.seq for message in only(p.Msg, ana.take())] == [1]
    done(order(servers.two, "console", "redact", "", settle=servers.two.settle, seqs=[1]))
    journal_of(servers.two).held = []
    bob = servers.one.join("Bob")
    done(order(servers.two, "console", "kick", "Bob", settle=servers.settle))
    assert bob.closed


def test_who_hangs_up_while_their_hello_waits_leaves_nothing(servers: TwoServers) -> None:
    join(servers, servers.two, "Abel")
    journal_of(servers.two).held = []
    join(servers, servers.one, "Ana").say(p.Say("first"))
    servers.one.settle()
    reader = servers.two.peer(p.Hello(v=1, nick="Eve"))
    reader.lose()
    servers.settle()
    assert (reader.welcome, nicks(servers.two), reader.in_flight) == (None, ["Abel", "Ana"], 0)


def test_who_resumes_where_that_can_not_be_found_out_is_told_to_come_back(
    servers: TwoServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    epoch = only(p.Welcome, join(servers, servers.two, "Eve").take())[0].epoch

    def reach(room: str, after: int, done: OnKept) -> None:
        done(StorageFailed("the server can't reach its database", retry_after=5))

    monkeypatch.setattr(journal_of(servers.two), "reach", reach)
    reader = servers.two.peer(p.Hello(v=1, mode="watch", resume=p.Resume(epoch, 2)))
    servers.settle()
    assert (reader.codes, only(p.Gap, reader.take())) == (["storage"], [])


def test_another_server_is_no_way_around_a_slow_room(servers: TwoServers) -> None:
    """What is shown was said, wherever: by a member under any name, by who only posts under that one."""
    one, two = servers.houses
    for house in servers.houses:
        house.hub.rules.configured = frozenset({OWNER.fingerprint})

    def says(peer: FakePeer) -> float | None:
        """Return when somebody may say something, in seconds; None: it was said."""
        peer.take()
        peer.say(p.Say("hello"), p.Ping())
        servers.settle()
        errors = only(p.Error, peer.take())
        return errors[0].retry_after if errors else None

    rajat, same = join(servers, one, "Rajat", ONE), join(servers, two, "Tajar", ONE)
    ana, nadia = join(servers, two, "Ana"), OWNER.join(two, "nadia")
    done(order(one, "console", "slow", "", settle=servers.settle, seconds=30))
    servers.settle()
    assert says(rajat) is None
    servers.pass_time(10)
    assert says(same) == 20.1
    assert [says(ana), says(nadia), says(nadia)] == [None, None, None], "others may, and operators as they like"
    again = join(servers, two, "Rajat", ONE)
    assert says(again) == 20.1, "as at the server that it came from"
    servers.pass_time(20)
    assert says(again) is None
    assert says(same) == 30
    ci = [house.peer(p.Hello(v=1, nick="ci", mode="post")) for house in servers.houses]
    servers.settle()
    assert [says(peer) for peer in ci] == [None, 30]


@pytest.mark.parametrize("at", ["one", "two"])
def test_who_goes_before_their_take_over_is_known_leaves_nobody_without_a_place(servers: TwoServers, at: str) -> None:
    """The earlier connection has lost its place by then: it would be shown at one server, under a name that is free."""
    ana = join(servers, getattr(servers, at), "Ana", ONE)
    directory_of(servers.one).stopped = True
    again = servers.one.peer(p.Hello(v=1, nick="Ana", token=ONE))
    servers.one.settle()
    again.lose()
    servers.one.settle()
    directory_of(servers.one).stopped = False
    directory_of(servers.one).read()
    servers.settle()
    assert only(p.Bye, ana.frames) == [p.Bye(REPLACED, final=True, code="nick_taken")]
    assert [nicks(house) for house in servers.houses] == [[], []]
    assert join(servers, servers.two, "Ana", TWO).welcome is not None


def test_a_name_that_is_set_free_while_it_is_being_bound_is_free_at_both(servers: TwoServers) -> None:
    """The journal may have had that before the claim itself."""
    hello = OWNER.hello("nadia")
    peer = servers.two.peer(hello)
    servers.settle()
    OWNER.prove(peer, hello)
    done(order(servers.two, "console", "unclaim", "nadia", settle=servers.settle))
    servers.settle()
    assert [list(house.hub.names.claims) for house in servers.houses] == [[], []]
    assert servers.engine.facts["claim", "nadia"] is None


def test_nobody_posts_under_the_name_of_a_member_whom_their_server_does_not_show_yet(servers: TwoServers) -> None:
    """Whose name it is the engine knows, not one server; the member's own scripts may post on."""
    stranger, own = (servers.two.peer(p.Hello(v=1, nick="Rajat", mode="post", token=token)) for token in (TWO, ONE))
    servers.settle()
    directory_of(servers.two).stopped = True
    reader = join(servers, servers.one, "rаjat", ONE)  # with a Cyrillic letter
    assert nicks(servers.two) == []
    reader.take()
    stranger.say(p.Say("as Rajat", id="1"), p.Say("and again", id="1"))
    own.say(p.Say("from a script", id="1"))
    servers.settle()
    taken = "somebody else uses the nickname Rajat, or one that looks like it: choose another one"
    assert [(one.code, one.id, one.text) for one in only(p.Error, stranger.frames)] == [("nick_taken", "1", taken)] * 2
    assert only(p.Ack, own.frames)[0].seq == 1
    assert [one.text for one in only(p.Msg, reader.take())] == ["from a script"]


def test_who_leaves_keeps_nobody_from_posting_at_the_same_server(servers: TwoServers) -> None:
    """What it said last is under way still, and so it has its place; but its name is free, as at one server."""
    rajat = join(servers, servers.two, "Rajat", ONE)
    rajat.in_flight += 1
    rajat.lose()
    poster = servers.two.peer(p.Hello(v=1, nick="Rajat", mode="post", token=TWO))
    poster.say(p.Say("done", id="1"))
    servers.settle()
    assert [one.nick for one in servers.engine.members.values()] == ["Rajat"]
    assert [ack.seq for ack in only(p.Ack, poster.frames)] == [1]


def test_what_was_said_before_the_name_was_taken_is_a_repeat(servers: TwoServers) -> None:
    poster = servers.two.peer(p.Hello(v=1, nick="Rajat", mode="post", token=TWO))
    poster.say(p.Say("done", id="1"))
    servers.settle()
    directory_of(servers.two).stopped = True
    join(servers, servers.one, "Rajat", ONE)
    poster.say(p.Say("done", id="1"), p.Say("more", id="2"))
    servers.settle()
    assert [(ack.seq, ack.duplicate) for ack in only(p.Ack, poster.frames)] == [(1, False), (1, True)]
    assert poster.codes == ["nick_taken"]


def test_a_post_that_is_refused_does_not_count_in_a_slow_room(servers: TwoServers) -> None:
    """Who has to choose another name need not wait to use it."""
    poster = servers.two.peer(p.Hello(v=1, nick="Rajat", mode="post", token=TWO))
    servers.settle()
    done(order(servers.two, "console", "slow", "", settle=servers.settle, seconds=30))
    directory_of(servers.two).stopped = True
    rajat = join(servers, servers.one, "Rajat", ONE)
    poster.say(p.Say("done"))
    servers.settle()
    rajat.lose()
    servers.settle()
    poster.say(p.Say("done", id="2"))
    servers.settle()
    assert poster.codes == ["nick_taken"]
    assert [ack.seq for ack in only(p.Ack, poster.frames)] == [1]


def test_nobody_whispers_under_the_name_of_a_member_whom_their_server_does_not_show_yet(servers: TwoServers) -> None:
    """It is looked at once more, with all that is known by then, before it is sent."""
    eve = join(servers, servers.two, "Eve")
    poster = servers.two.peer(p.Hello(v=1, nick="Rajat", mode="post", token=TWO))
    servers.settle()
    rajat = servers.one.peer(p.Hello(v=1, nick="Rajat", token=ONE))
    for _ in range(3):
        servers.one.settle()
    assert (rajat.welcome is not None, nicks(servers.two)) == (True, ["Eve"])
    poster.say(p.Whisper("Eve", "psst", id="1"), p.Ping())
    servers.settle()
    assert poster.codes == ["nick_taken"]
    assert only(p.Whispered, eve.frames) == []
    rajat.lose()
    servers.settle()
    poster.say(p.Whisper("Eve", "psst", id="2"))
    servers.settle()
    assert [one.text for one in only(p.Whispered, eve.frames)] == ["psst"]
    assert [ack.id for ack in only(p.Ack, poster.frames)] == ["2"]


def test_who_is_given_a_name_whose_place_this_server_has_lost_unheard_has_it(servers: TwoServers) -> None:
    """It was decided before the server heard of either; the engine has given the name since."""
    nadia = join(servers, servers.one, "Nadia", ONE)
    deaf = directory_of(servers.one)
    deaf.stopped = True
    nadia.say(p.Nick("Zoe"))
    servers.settle()
    servers.engine.fence(deaf)
    other = servers.one.peer(p.Hello(v=1, nick="Zoe", token=ONE))
    servers.settle()
    deaf.stopped = False
    deaf.read()
    servers.settle()
    assert "Traceback" not in servers.one.logged.getvalue()
    assert (nadia.closed, other.welcome is not None) == (True, True)
    assert [nicks(house) for house in servers.houses] == [["Zoe"], ["Zoe"]]
    assert [one.nick for one in servers.engine.members.values()] == ["Zoe"]


def test_hypothesis_breaks_nothing_that_operators_and_holders_of_locks_do() -> None:
    """``python -m tests.hub.two_server_orders`` takes hundreds of thousands of steps."""
    before = OrdersMachine.steps
    run(OrdersMachine, 1500)
    assert OrdersMachine.steps > before + 500


def test_the_machine_sees_what_is_kept_though_another_server_has_changed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both servers take the lock, and each believes itself."""
    monkeypatch.setattr(Engine, "is_changed", lambda *_: False)
    machine = OrdersMachine()
    for number in (0, 1):
        machine.lease(number=number, name="a3", do="take", kind=True)
    with pytest.raises(AssertionError):
        machine.settle()
