"""Redaction: nobody is given any more what was redacted, whenever they come and however far behind they are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from chatctl import protocol as p
from chatctl.common.names import fold_any
from chatctl.core.limits import ServerLimits
from chatctl.errors import ChatError, Forbidden, NickInvalid, RoomInvalid, StorageFailed
from chatctl.hub.admin_target import Actor
from chatctl.journal import Facts
from tests.support.fakes import House, only
from tests.support.kept_log import KeptLog, in_loop, rest

NEEDLE = "hunter2"


class KeptJournal(KeptLog):
    """Redacts, and keeps facts, when its loop turns; or fails."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        super().__init__(texts)
        self.kept: dict[tuple[str, str], str | None] = {}
        self.rebuilt = 0
        self.failing = ""

    async def said_by(self, nick: str, room: str) -> list[int]:
        await asyncio.sleep(0)
        return [one.seq for one in self.entries if fold_any(one.nick) == nick] if room == "lobby" else []

    async def redact(self, room: str, seqs: Sequence[int], facts: Facts) -> None:
        await asyncio.sleep(0)
        if self.failing == "redact":
            raise StorageFailed("the disk is full")
        self.kept |= facts
        if room == "lobby":
            gone = p.Redacted(list(seqs))
            self.entries[:] = map(gone.apply_to, self.entries)

    async def rebuild(self) -> None:
        if self.failing == "rebuild":
            raise StorageFailed("no room")
        self.rebuilt += 1


async def redact(house: House, *seqs: int, by: str = "", **fields: Any) -> p.Done | ChatError:
    """Order it: from the console, or as an operator in the lobby."""
    outcomes: list[p.Done | ChatError] = []
    actor = Actor("operator", by, "lobby") if by else Actor("console")
    house.hub.admin.carry_out(p.Admin(verb="redact", seqs=list(seqs), **fields), actor, outcomes.append)
    await rest(house)
    [outcome] = outcomes
    return outcome


def shown(frames: Sequence[p.ServerFrame]) -> Mapping[int, str]:
    """Return what a reader knows in the end: the text of each entry, in the order of its frames."""
    known: dict[int, p.Msg] = {}
    for frame in frames:
        for entry in [frame] if isinstance(frame, p.Msg) else frame.entries if isinstance(frame, p.Page) else []:
            known[entry.seq] = entry
        if isinstance(frame, p.Redacted):
            known |= {seq: frame.apply_to(known[seq]) for seq in frame.seqs if seq in known}
    return {seq: f"{entry.nick}: {entry.text}" if not entry.redacted else "" for seq, entry in known.items()}


@in_loop
async def test_who_is_here_is_told_and_the_number_stays() -> None:
    house = House(journal=KeptJournal())
    rajat, ana, nc, old = house.join("Rajat"), house.join("Ana"), house.text("Omar"), house.classic("Old")
    rajat.say(p.Say(NEEDLE), p.Say("hello"))
    await rest(house)
    for peer in (nc, old):
        peer.took()
    outcome = await redact(house, 1, text="a password")
    assert isinstance(outcome, p.Done)
    assert outcome.text.startswith("1 message was redacted: a password (out of reach: screens")
    assert shown(ana.frames) == {1: "", 2: "Rajat: hello"}
    assert only(p.Redacted, ana.frames) == [p.Redacted([1])]
    assert [one.text for one in only(p.Notice, ana.frames)] == ["1 message was redacted: a password"]
    for peer in (nc, old):
        assert peer.took() == b"! 1 message was redacted: a password\n"
    assert house.hub.history.rooms["lobby"].ring.last == 2
    assert NEEDLE not in house.logged.getvalue()


@in_loop
async def test_who_comes_later_sees_that_there_was_something() -> None:
    house = House(journal=KeptJournal())
    house.join("Rajat").say(p.Say(NEEDLE), p.Say("hello"))
    late = house.peer()
    late.stop_reading()  # so that its dialect's bytes of the first message are in the ring's cache
    await rest(house)
    await redact(house, 1)
    ana = house.join("Ana", history=10)
    ana.say(p.History(limit=10, after=0))
    await rest(house)
    [first, second] = only(p.Page, ana.frames)[0].entries
    assert (first.seq, first.nick, first.text, first.redacted) == (1, "", "", True)
    assert second.text == "hello"
    assert NEEDLE.encode() not in ana.wire
    assert b"Rajat" not in p.encode(first)


@in_loop
async def test_a_reader_that_lags_is_sent_no_old_bytes() -> None:
    """The ring has its entries rendered already for those who lag."""
    house = House(ServerLimits(rate=0), KeptJournal())
    talker, slow, slower = house.join("Talker"), house.join("Slow"), house.join("Slower")
    for peer in (slow, slower):
        peer.take()
        peer.stop_reading()
    talker.say(p.Say(NEEDLE), p.Say("hello"))
    await rest(house)
    slow.read_on()
    await rest(house)
    assert shown(slow.frames) == {1: f"Talker: {NEEDLE}", 2: "Talker: hello"}
    slow.stop_reading()
    await redact(house, 1)
    for peer in (slow, slower):
        peer.read_on()
        await rest(house)
        assert shown(peer.frames) == {1: "", 2: "Talker: hello"}
        assert only(p.Redacted, peer.frames) == [p.Redacted([1])], "told when it can take it"
    assert NEEDLE.encode() not in slower.wire


@pytest.mark.parametrize("turns", range(14))
@in_loop
async def test_a_reader_in_the_middle_of_catching_up_has_nothing_of_it_in_the_end(turns: int) -> None:
    """Whatever was read, and not sent, when the order came: it may come twice, but not after the frame."""
    journal = KeptJournal([NEEDLE if number in (1, 600, 1200) else "x" for number in range(1, 1201)])
    house = House(journal=journal)
    back = house.join("Back", resume=p.Resume(journal._epoch, 0))
    back.say(p.History(limit=10, after=595))
    level = house.join("Ana").say(p.History(limit=10, after=595))
    for _ in range(turns):
        house.turn()
        await asyncio.sleep(0)
    await redact(house, 1, 600, 1200)
    back.say(p.History(limit=10, after=595))
    await rest(house)
    entries = [frame for frame in back.frames if isinstance(frame, p.Msg)]
    assert [entry.seq for entry in entries] == list(range(1, 1201))
    assert [seq for seq, text in shown(back.frames).items() if NEEDLE in text] == []
    assert shown(back.frames)[600] == shown(level.frames)[600] == ""


@in_loop
async def test_all_of_a_name_in_every_room_and_spelling() -> None:
    house = House(ServerLimits(rate=0), KeptJournal(["old"] * 3))
    house.journal.entries[1] = p.Msg(2, 2.0, "Ana", "stays")  # type: ignore[attr-defined]
    rajat = house.join("RAJAT").say(p.Say("new"))
    await rest(house)
    rajat.lose()
    house.settle()
    ops = house.join("rajat", room="ops")
    ops.say(p.Say("there"))
    elsewhere = house.join("Ana", room="ops")
    await rest(house)
    outcome = await redact(house, target="name:Rajat")
    assert isinstance(outcome, p.Done)
    assert outcome.text.startswith("4 messages were redacted ")
    assert [entry.seq for entry in house.journal.entries if entry.redacted] == [1, 3, 4]  # type: ignore[attr-defined]
    assert only(p.Redacted, ops.frames) == [p.Redacted([1])]
    late = house.join("Late", room="ops", history=5)
    assert shown(late.frames) == {1: ""}
    assert len(only(p.Notice, elsewhere.frames)) == 1
    assert isinstance(await redact(house, target="name:Rajat"), Forbidden), "nothing is left of them"


@in_loop
async def test_an_operator_redacts_in_their_own_room_alone() -> None:
    house = House(ServerLimits(rate=0), KeptJournal())
    rajat = house.join("Rajat").say(p.Say("here"))
    await rest(house)
    rajat.lose()
    house.settle()
    ops = house.join("rajat", room="ops")
    ops.say(p.Say("there"))
    await rest(house)
    assert isinstance(await redact(house, target="Rajat", by="nadia", text="spam", room="ops"), Forbidden)
    outcome = await redact(house, target="Rajat", by="nadia", text="spam")
    assert isinstance(outcome, p.Done)
    assert outcome.text.startswith("1 message was redacted by nadia: spam")
    assert only(p.Redacted, ops.frames) == []


@in_loop
async def test_many_are_told_in_frames_of_a_size() -> None:
    house = House(journal=KeptJournal([NEEDLE] * 1201))
    ana = house.join("Ana")
    await redact(house, target="name:Rajat")
    assert [len(frame.seqs) for frame in only(p.Redacted, ana.frames)] == [500, 500, 201]
    assert len(only(p.Notice, ana.frames)) == 1


@pytest.mark.parametrize(
    ("fields", "error", "why"),
    [
        ({"seqs": [3]}, Forbidden, "message 3 is not kept in lobby: 1 to 2 are"),
        ({"seqs": [1, 0]}, Forbidden, "message 0 is not kept"),
        ({"seqs": [1], "room": "ops"}, RoomInvalid, "there is no room 'ops'"),
        ({"seqs": [1], "target": "name:Rajat"}, Forbidden, "takes the numbers of messages, or a nickname"),
        ({}, Forbidden, "takes the numbers of messages, or a nickname"),
        ({"target": "name:Nobody"}, Forbidden, "no message under that name is stored"),
        ({"target": "name:a b"}, NickInvalid, ""),
    ],
)
@in_loop
async def test_what_can_not_be_done_changes_nothing(fields: dict[str, Any], error: type[ChatError], why: str) -> None:
    journal = KeptJournal(["a", "b"])
    house = House(journal=journal)
    ana = house.join("Ana")
    seqs, others = fields.get("seqs", []), {key: one for key, one in fields.items() if key != "seqs"}
    outcome = await redact(house, *seqs, **others)
    assert type(outcome) is error
    assert why in outcome.text
    assert not any(entry.redacted for entry in journal.entries)
    assert only(p.Redacted, ana.frames) == []
    assert journal.kept == {}
    assert list(house.hub.rules.log) == []


@in_loop
async def test_a_journal_that_can_not_store_it_changes_nothing() -> None:
    journal = KeptJournal([NEEDLE])
    house = House(journal=journal)
    await house.hub.history.warm_up("lobby")
    ana = house.join("Ana")
    journal.failing = "redact"
    outcome = await redact(house, 1)
    assert isinstance(outcome, StorageFailed)
    assert only(p.Redacted, ana.frames) == []
    assert list(house.hub.rules.log) == []
    assert shown(house.join("Omar", history=1).frames) == {1: f"Rajat: {NEEDLE}"}


@in_loop
async def test_a_file_that_can_not_be_written_anew_is_told_to_the_operator() -> None:
    """It is gone from all that is shown; that traces are left must not look like success."""
    journal = KeptJournal([NEEDLE])
    house = House(journal=journal)
    ana = house.join("Ana")
    journal.failing = "rebuild"
    outcome = await redact(house, 1)
    assert isinstance(outcome, StorageFailed)
    assert outcome.text == "1 message was redacted, but traces of it may be left in the journal's file: no room"
    assert only(p.Redacted, ana.frames) == [p.Redacted([1])]
    assert [row.verb for row in house.hub.rules.log] == ["redact"]


@in_loop
async def test_the_answer_comes_when_the_file_is_clean_and_the_log_has_no_name() -> None:
    journal = KeptJournal([NEEDLE])
    house = House(journal=journal)
    assert isinstance(await redact(house, target="name:Rajat", text="asked for it"), p.Done)
    assert journal.rebuilt == 1
    [row] = house.hub.rules.log
    assert (row.verb, row.target, row.room, row.why) == ("redact", "", "lobby", "asked for it")
    assert "rajat" not in str(journal.kept).lower()


@in_loop
async def test_a_log_that_loses_its_end_meanwhile_keeps_what_has_those_numbers_now() -> None:
    """What was meant is looked for while other things happen."""
    journal = KeptJournal([NEEDLE, "a", "b"])
    house = House(journal=journal)
    house.join("Ana")
    outcomes: list[p.Done | ChatError] = []
    ask = p.Admin(verb="redact", target="name:Rajat")
    house.hub.admin.carry_out(ask, Actor("console"), outcomes.append)
    await asyncio.sleep(0)
    journal._epoch = "another"
    house.hub.cut("the engine has lost its last messages", facts=False)
    await rest(house)
    [outcome] = outcomes
    assert isinstance(outcome, StorageFailed)
    assert "lobby has lost its last messages in the meantime" in outcome.text
    assert [entry.redacted for entry in journal.entries] == [False] * 3
