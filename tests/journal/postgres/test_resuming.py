"""Connecting again: what the engine has lost is found by whoever was told of it, and every server goes on from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import psycopg
import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.journal.postgres.layout import CONFLICT
from chatctl.journal.postgres.numbering import Group
from chatctl.journal.postgres.registering import Registration
from chatctl.journal.postgres.resuming import has_missed_no_loss
from chatctl.journal.postgres.sharing import Renewed
from chatctl.journal.postgres.store import Store
from chatctl.journal.work import JournalLost
from tests.support.engine import Engine
from tests.support.journals import ALICE, ROOM, draft, reopen

BAN, TOPIC, LOCK = ("ban", "x"), ("room", "lobby"), ("lease", "lobby lock deploy")


class House:
    """Two servers of one schema, in which their engine loses what it had committed."""

    def __init__(self, engine: Engine, place: PostgresPlace, stack: ExitStack) -> None:
        self.engine, self.place = engine, place
        self.one, self.other = (stack.enter_context(closing(Store(place, shared=True))) for _ in range(2))
        self._numbers = dict.fromkeys((self.one, self.other), 0)
        for store in (self.one, self.other):
            store.me.others = frozenset()  # neither has heard of the other yet
            store.add_room(ROOM, store.epoch_of_new(ROOM))
            self.say(store)
        self.epoch = self.one.rooms[ROOM].epoch

    def number(self, store: Store) -> int:
        self._numbers[store] += 1
        return self._numbers[store]

    def say(self, store: Store, *texts: str) -> list[int | None]:
        result = store.commit(self.number(store), Group([[draft(text) for text in texts]]))
        return [receipt.seq for receipt in result.receipts[0]]

    def change(self, store: Store, **values: str | None) -> None:
        kinds = {"ban": BAN, "topic": TOPIC, "lock": LOCK}
        store.change(self.number(store), {kinds[name]: value for name, value in values.items()})

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        return self.engine.sql(statement.replace("{}", self.place.schema), database="chat")

    def promote(self, *, last: int | None = None, version: int | None = None, facts: str = "false") -> None:
        """Have a standby take over that lacks entries after ``last``, and facts after ``version``."""
        self.sql("UPDATE {}.house SET mark = 'before'")
        for store in (self.one, self.other):
            store.me.mark = store.me.mark if store.me.mark.startswith("long") else "before"
        if last is not None:
            self.sql(f"DELETE FROM {{}}.entries WHERE seq > {last}")
            self.sql(f"DELETE FROM {{}}.ids WHERE seq > {last}")
            self.sql(f"UPDATE {{}}.rooms SET last = {last}")
        if version is not None:
            self.sql(f"DELETE FROM {{}}.facts WHERE version > {version} OR {facts}")
            self.sql(f"DELETE FROM {{}}.redactions WHERE version > {version}")
            self.sql(f"UPDATE {{}}.house SET version = {version}")


@pytest.fixture
def house(engine: Engine, place: PostgresPlace) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(engine, place, stack)


def test_a_log_goes_on_from_where_it_is_still_the_same(house: House, place: PostgresPlace) -> None:
    assert house.say(house.one, "kept", "lost", "lost, too") == [1, 2, 3]
    house.promote(last=1)
    house.one.reconnect()
    [cut] = house.one.cuts
    assert (cut.why, cut.facts) == ("the engine has lost its last messages (2 of them)", False)
    record = house.one.rooms[ROOM]
    assert (record.last, cut.ends) == (1, {(ROOM, house.epoch): 1})
    assert record.epoch == house.one.epoch_of_new(ROOM) != house.epoch
    assert house.say(house.one, "new") == [2]
    epoch = record.epoch
    house.one.reconnect()
    assert len(house.one.cuts) == 1, "once"
    for store in (house.one, house.other):
        store.close()
    assert reopen(place) == (epoch, ["kept", "new"], None)


def test_a_loss_that_others_have_written_over_is_found_by_who_had_shown_it(house: House) -> None:
    """The other server had shown less. It comes back first, and says the same numbers with other contents: it has lost
    nothing, and goes by the new epoch without showing anything again."""
    house.say(house.one, "a", "b", "lost", "lost, too")
    house.other.look([ROOM])
    house.promote(last=2)
    house.other.rooms[ROOM].last = 2
    house.other.reconnect()
    assert house.other.cuts == []
    assert house.say(house.other, "c", "d", "e") == [3, 4, 5]
    house.one.reconnect()
    assert house.one.cuts[0].why == "the engine has lost its last messages (2 of them)"
    assert [entry.text for entry in house.one.look(None).entries[ROOM]] == ["c", "d", "e"]
    assert house.say(house.one, "f") == [6]
    with pytest.raises(Renewed):
        house.other.look(None)
    house.other.reconnect()
    [cut] = house.other.cuts
    assert (cut.why, cut.ends) == (
        "another server has given the log new epochs: the engine has lost messages",
        {(ROOM, house.epoch): 2},
    )
    assert [entry.text for entry in house.other.look(None).entries[ROOM]] == ["f"]
    assert house.one.rooms[ROOM].epoch == house.other.rooms[ROOM].epoch


def test_who_finds_it_second_goes_by_what_the_first_one_found(house: House) -> None:
    """Both had shown what is lost, one of them more of it."""
    house.say(house.one, "kept", "lost")
    house.other.look([ROOM])
    house.say(house.one, "seen by one")
    house.promote(last=1)
    house.one.reconnect()
    house.say(house.one, "new", "newer")
    house.other.reconnect()
    assert house.other.cuts[0].why == "the engine has lost its last messages (1 of them)"
    assert [entry.text for entry in house.other.look(None).entries[ROOM]] == ["new", "newer"]
    assert house.one.look(None).entries == {}
    assert len(house.sql("SELECT * FROM {}.ends")) == 1


def test_a_room_that_is_gone_altogether_begins_again(house: House) -> None:
    """And one that was not stored yet is stored under its new epoch."""
    house.say(house.one, "lost")
    house.one.add_room("ops", before := house.one.epoch_of_new("ops"))
    house.promote(last=0)
    house.sql("DELETE FROM {}.rooms")
    house.one.reconnect()
    assert house.say(house.one, "new") == [1]
    assert house.one.rooms["ops"].epoch != before
    stored = dict(house.sql("SELECT name, epoch FROM {}.rooms"))
    assert stored == {name: house.one.epoch_of_new(name) for name in (ROOM, "ops")}


def test_a_room_that_somebody_opened_under_an_earlier_generation_has_its_epoch(house: House) -> None:
    """It did not know yet that there is another one. Who opened the room, too, goes by what is stored."""
    house.other.add_room("ops", "an earlier epoch")
    house.one.add_room("ops", house.one.epoch_of_new("ops"))
    for store in (house.other, house.one):
        house.say(store)
    with pytest.raises(Renewed):
        house.one.look(None)
    house.one.reconnect()
    assert house.one.rooms["ops"].epoch == "an earlier epoch"
    assert house.one.rooms[ROOM].epoch == house.epoch
    house.one.look(None)


def test_a_message_whose_answer_was_lost_with_the_old_engine_is_said_once(house: House) -> None:
    """It is made again if the new one has not got it, in the room's new epoch."""
    house.say(house.one, "kept")
    group = Group([[draft("unsure", token=ALICE, id="1")]])
    for _ in range(2):
        house.one.commit(99, group)
    house.promote(last=0)
    house.sql("UPDATE {}.done SET number = 1")
    house.one.reconnect()
    group.new_rooms = None
    assert house.one.commit(99, group).receipts[0][0].seq == 1
    assert house.one.commit(99, group).receipts[0][0].seq == 1


def test_a_server_that_the_new_engine_does_not_know_goes_on_as_another(house: House) -> None:
    """It was started after what the standby had last."""
    house.say(house.one, "lost")
    house.promote(last=0)
    for table in ("servers", "done", "claimed"):
        house.sql(f"DELETE FROM {{}}.{table}")
    before = house.one.sid
    house.one.reconnect()
    assert house.one.sid != before
    assert house.say(house.one, "new") == [1]


# --- facts


def learned(store: Store) -> dict[tuple[str, str], str | None]:
    """Return what a server hears to be changed."""
    changes = store.look(None).changes
    assert changes is not None
    return dict(changes.facts)


def test_facts_that_were_lost_are_learned_as_they_are_now_by_all(house: House) -> None:
    """What was added is gone, what was changed or removed is as before. No message is lost, so nobody has to come
    back. The other server, which knew less, had changed one of them meanwhile."""
    house.change(house.one, topic="old", lock="held")
    learned(house.other)
    house.change(house.one, ban="x", topic="new")
    house.change(house.one, lock=None)
    assert learned(house.other) == {BAN: "x", TOPIC: "new", LOCK: None}
    house.promote(version=1)
    house.sql("INSERT INTO {}.facts VALUES ('room', 'lobby', 'old', 1), ('lease', 'lobby lock deploy', 'held', 1)")
    house.one.reconnect()
    [cut] = house.one.cuts
    assert (cut.why, cut.facts) == ("the engine has lost its last changes of names and rules", True)
    assert house.one.rooms[ROOM].epoch == house.epoch
    for store in (house.one, house.other):
        assert learned(store) == {BAN: None, TOPIC: "old", LOCK: "held"}
        assert learned(store) == {}


def test_what_was_said_and_changed_is_lost_together(house: House) -> None:
    house.say(house.one, "lost")
    house.change(house.one, ban="x")
    house.promote(last=0, version=0)
    house.one.reconnect()
    told = "the engine has lost its last messages (1 of them) and its last changes of names and rules"
    assert house.one.cuts[0].why == told


def test_what_others_have_changed_and_redacted_meanwhile_is_not_taken_for_known(house: House) -> None:
    """Under the numbers of changes that are lost."""
    house.say(house.one, "secret", "other")
    house.other.look(None)
    for name in ("a", "b", "c"):
        house.one.change(house.number(house.one), {("ban", name): name})
    house.promote(version=0)
    house.other.reconnect()
    house.other.change(house.number(house.other), {BAN: "x"}, ROOM, [1])
    house.one.reconnect()
    changes = house.one.look(None).changes
    assert changes is not None
    gone = {("ban", name): None for name in ("a", "b", "c")}
    assert (dict(changes.facts), changes.redacted) == (gone | {BAN: "x"}, {ROOM: [1]})
    house.change(house.one, topic="new")
    assert learned(house.other)[TOPIC] == "new"


def test_what_was_decided_by_lost_facts_is_refused(house: House) -> None:
    """A lock whose release is lost belongs to its holder again: nobody else gets it unseen."""
    house.change(house.one, lock="held")
    house.change(house.one, lock=None)
    decided_by = house.one.version
    house.promote(version=1)
    house.sql("INSERT INTO {}.facts VALUES ('lease', 'lobby lock deploy', 'held', 1)")
    house.one.reconnect()
    with pytest.raises(psycopg.Error) as refused:
        house.one.change(house.number(house.one), {LOCK: "another's"}, seen=decided_by)
    assert refused.value.sqlstate == CONFLICT


def test_a_number_that_a_question_got_is_lost_with_its_entry(house: House) -> None:
    """Under which version it was kept, its server need not have heard by then."""
    asked = ("asked", "lobby abc")
    house.one.commit(house.number(house.one), Group([[draft("question", seq_fact=asked)]]))
    house.promote(last=0, version=0)
    house.one.reconnect()
    assert learned(house.one) == {asked: None}


@pytest.mark.parametrize(
    ("replicated", "others", "renewed"), [(False, "x", True), (True, "x", False), (False, "", False)]
)
def test_messages_that_a_server_alone_had_shown_may_be_lost_with_it(
    house: House, replicated: bool, others: str, renewed: bool
) -> None:
    """Nobody is left to notice, so whoever comes back with its numbers is told where the log parts."""
    house.say(house.one, "a")
    house.one.me.others, house.one.me.replicated = frozenset(others), replicated
    house.promote()
    house.one.reconnect()
    assert [cut.why for cut in house.one.cuts] == renewed * [
        "the engine was moved, and may have lost messages that another server has shown"
    ]
    assert (house.one.rooms[ROOM].epoch != house.epoch) == renewed
    assert [cut.ends for cut in house.one.cuts] == renewed * [{(ROOM, house.epoch): 1}]
    assert house.say(house.one, "b") == [2]


# --- what can't be told


def test_one_that_missed_a_move_can_be_sure_of_nothing(house: House) -> None:
    """It ends, and whoever saw its log is told that it is another one."""
    house.say(house.one, "a")
    house.one.me.mark = "long before"
    house.promote()
    with pytest.raises(JournalLost, match="moved or restarted several times"):
        house.one.reconnect()
    assert house.sql("SELECT * FROM {}.ends") == []
    [(epoch,)] = house.sql("SELECT epoch FROM {}.rooms")
    assert epoch != house.epoch


@pytest.mark.parametrize(
    ("replicated", "levels", "is_sure"),
    [
        (True, ["replica", "replica"], True),
        (True, ["replica", "disk"], False),  # of the second engine, others' messages may be lost
        (True, ["disk", "replica"], False),  # as another server told, of which this one had heard nothing yet
        (False, ["replica", "replica"], False),  # as this one knew, and what the standby has does not say
    ],
)
def test_one_that_missed_a_move_goes_on_where_standbys_had_all(
    house: House, replicated: bool, levels: list[str], is_sure: bool
) -> None:
    """However safe the engine is by now: what matters is what each one was that it had been on."""
    house.say(house.one, "a")
    house.promote()
    house.sql("SELECT {}.tell_level(sid, true) FROM {}.servers")
    house.one.look([ROOM])
    house.one.me.replicated &= replicated
    for number, level in enumerate(levels):
        assert house.sql(f"SELECT {{}}.tell_level('{house.other.sid}', {level == 'replica'})") == [
            (level == "replica",)
        ]
        house.sql(f"SELECT {{}}.move('engine {number}')")
    if is_sure:
        house.one.reconnect()
        assert house.one.cuts == []
    else:
        with pytest.raises(JournalLost, match="moved or restarted several times"):
            house.one.reconnect()


@pytest.mark.parametrize(
    ("mark", "replicated", "expected"),
    [
        ("b", False, True),  # one move: what was there by then is known
        ("b", True, True),
        ("a", True, True),  # several, none of which can have lost anything
        ("a", False, False),
        ("long before", True, False),
    ],
)
def test_who_can_tell_what_is_missing(mark: str, replicated: bool, expected: bool) -> None:
    me = Registration(mark=mark, replicated=replicated)
    assert has_missed_no_loss(me, "b", ["b", "a"]) == expected


def test_all_that_is_written_is_on_a_standby_when_every_server_waits_for_one(house: House) -> None:
    """And each knows it, of what it has shown by then."""
    known = []
    for level, of in (("replica", house.one), ("replica", house.other), ("disk", house.one), ("replica", house.one)):
        house.sql(f"SELECT {{}}.tell_level('{of.sid}', {level == 'replica'})")
        house.other.look([ROOM])
        known.append(house.other.me.replicated)
    assert known == [False, True, False, True]
