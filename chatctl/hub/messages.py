"""Messages: what members say and whisper, from the session to the journal and back to them as acknowledgements.

Lives here: under which name and whether one may speak now, the batch of a tick, its receipts. Does not live here:
showing what was committed (history.py, core/room.py), when the batch is committed (tick.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

from chatctl import protocol
from chatctl.common.sizes import size_of_all
from chatctl.common.text import clean
from chatctl.core.confusables import skeletons
from chatctl.core.effects import error_frame
from chatctl.core.histogram import Histogram
from chatctl.core.name_ownership import Ask, Names, grant
from chatctl.core.peer import Peer, person_of
from chatctl.core.room import Room
from chatctl.directory import Outcome, Place, Whispering, Wish
from chatctl.errors import ChatError, IdReused, NickTaken, NoSuchNick, RateLimited, StorageFailed
from chatctl.hub.errands import error_of
from chatctl.hub.name_requests import commit_name
from chatctl.hub.shared import Shared
from chatctl.hub.tick import Tick
from chatctl.hub.waiting import Waiting
from chatctl.journal import Draft, FactKey, Poster, Receipt

COMMIT_BOUNDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds: from a journal in memory to a disk that is about to fail."""

DRAFT_OVERHEAD = 1024
"""Bytes of a message in flight beside its text: the draft, its id, its receipt, and its row while it is written."""

_Run = tuple[Peer, int, ChatError | None, float]
"""Whose drafts, how many, why they are refused (then only repeats of earlier messages are acknowledged), and when they
were said, by the steady clock."""


class Questions(Protocol):
    """Who has to know of questions, before and after they are said."""

    def fact_of(self, peer: Peer, room: str, name: str) -> FactKey | None:
        """Return the fact that has the number of the entry in which a peer now asks a question; None: it can't."""

    def said(self, peer: Peer, drafts: Sequence[Draft], receipts: Sequence[Receipt]) -> None:
        """Take what one peer said, with a receipt for each."""


@dataclass(slots=True)
class _Batch:
    """Messages that are committed together."""

    drafts: list[Draft] = field(default_factory=list)
    runs: list[_Run] = field(default_factory=list)
    """Whose the drafts are, in their order."""
    cost: int = 0
    """Bytes of memory that they count for."""


class Messages:
    """What is said in all rooms of one server: from a frame to its draft, and from the receipt to its ack."""

    def __init__(self, hub: Shared, tick: Tick, questions: Questions, wish: Callable[[str, Peer], Wish]) -> None:
        """Start with an empty batch.

        Args:
            hub: whose rooms.
            tick: sends, and calls ``commit``.
            questions: told of what the journal has committed.
            wish: returns what the directory is asked whether a name is still a peer's to use.
        """
        self._tick = tick
        self._questions = questions
        self._wish = wish
        self._rules = hub.rules
        self._names = hub.names
        self._journal = hub.journal
        self._directory = hub.directory
        self._log = hub.log
        self._clock = hub.clock
        self._in_flight = hub.memory.input
        self._batch = _Batch()
        self.waiting = 0
        """Messages that the journal has not committed yet."""
        self.not_stored = 0
        """How many it could not commit."""
        self.commits = Histogram(COMMIT_BOUNDS)
        """How long it took for a batch, in seconds."""

    # --- what is said

    def say(self, peer: Peer, room: Room, says: Sequence[protocol.Say]) -> None:
        """Add messages to the batch of this tick, or answer why not."""
        now, steady = self._clock(), self._clock.steady()
        try:
            nick = speaker_name(peer, self._names, now)
            slow = self._may_speak(peer, room, nick, steady)
        except ChatError as error:
            self._refuse(peer, room, says, error)
            return
        name, token, persist = room.name, peer.token, peer.session.mode != "probe"
        one_only = says[:1] if slow else says
        fact_of = self._questions.fact_of
        poster = Poster(skeletons(nick), peer.key) if peer.session.mode == "post" else None
        drafts = [
            Draft(
                name,
                now,
                nick,
                say.text,
                say.action,
                token,
                say.id,
                persist,
                True,
                None if say.asks is None else fact_of(peer, name, say.asks),
                poster,
            )
            for say in one_only
        ]
        self._queue((peer, len(drafts), None, steady), drafts)
        if peer.member is not None:
            peer.member.spoke = steady
        if slow and len(says) > 1:
            later = RateLimited(f"{room.name} is slow: one message at a time", retry_after=slow)
            self._refuse(peer, room, says[1:], later)

    def whisper(self, peer: Peer, room: Room, whisper: protocol.Whisper) -> None:
        """Send a whisper to its receiver. It is never stored."""
        now = self._clock()

        def decide() -> tuple[tuple[str, str, Place], Wish | None]:
            name = speaker_name(peer, self._names, now)
            to = grant(self._names.decide(Ask(whisper.to, peer.owner, "whisper", room.name), now)).place
            if to is None or to.place is None:
                raise NoSuchNick(f"{whisper.to} is not here")
            return (name, to.nick, to.place), None if peer.member is not None else self._wish(name, peer)

        def send(decided: tuple[str, str, Place], _: Place | None) -> None:
            name, to, place = decided
            try:
                self._may_speak(peer, room, name, self._clock.steady())
            except ChatError as error:
                tell(error)
                return

            def answered(outcome: Outcome) -> None:
                tell(error_of(outcome, to))
                wait.over()

            with Waiting(peer) as wait:
                self._directory.send(place, Whispering(name, whisper.text, now), answered)

        def tell(error: ChatError | None) -> None:
            if peer.leaving is None and error is not None:
                self._tick.reply(peer, error_frame(error, whisper.id))
            elif peer.leaving is None and whisper.id is not None:
                self._tick.reply(peer, protocol.Ack(id=whisper.id, time=now, duplicate=False))

        commit_name(self._directory, peer, decide, send, tell)

    def _may_speak(self, peer: Peer, room: Room, nick: str, now: float) -> float:
        """Return and raise as ``Rules.speak``. A probe's message is shown to nobody, so it is exempt."""
        if peer.session.mode == "probe":
            return 0.0
        return self._rules.speak(person_of(peer, nick), room.name, now)

    def _refuse(self, peer: Peer, room: Room, says: Sequence[protocol.Say], error: ChatError) -> None:
        """Refuse new messages. Repeats are acknowledged all the same: only the journal knows which these are."""
        token, now = peer.token, self._clock()
        repeats = [
            Draft(room.name, now, "", say.text, say.action, token, say.id, append=False)
            for say in says
            if say.id is not None and token is not None
        ]
        if repeats:
            self._queue((peer, len(repeats), error, self._clock.steady()), repeats)
        self._tick.reply_run(peer, [error_frame(error, say.id) for say in says if say.id is None or token is None])

    # --- the batch

    def _queue(self, run: _Run, drafts: Sequence[Draft]) -> None:
        self._batch.drafts += drafts
        self._batch.runs.append(run)
        run[0].in_flight += len(drafts)
        cost = DRAFT_OVERHEAD * len(drafts) + size_of_all([draft.text for draft in drafts])
        self._batch.cost += cost
        self._in_flight.used += cost
        self.waiting += len(drafts)
        self._tick.schedule()

    def commit(self) -> None:
        """Hand the batch to the journal; its outcome comes at once or later."""
        if not self._batch.drafts:
            return
        batch, self._batch = self._batch, _Batch()
        begun = perf_counter()  # an event loop's time may stand still for an iteration
        self._journal.append(batch.drafts, lambda outcome: self._committed(batch, outcome, begun))

    def _committed(self, batch: _Batch, outcome: Sequence[Receipt] | StorageFailed, begun: float) -> None:
        start, drafts = 0, batch.drafts
        self._in_flight.used -= batch.cost
        self.waiting -= len(drafts)
        self.commits.observe(perf_counter() - begun)
        for run in batch.runs:
            peer, count, refusal, _ = run
            part = slice(start, start := start + count)
            if isinstance(outcome, StorageFailed):
                self._tick.reply_run(peer, [error_frame(outcome, draft.id) for draft in drafts[part]])
            else:
                self._acknowledge(run, drafts[part], outcome[part])
                if refusal is None:
                    self._questions.said(peer, drafts[part], outcome[part])
            self._tick.release(peer, count)
        if isinstance(outcome, StorageFailed):
            self.not_stored += len(drafts)
            self._log.error("not stored", messages=len(drafts), why=outcome.text)

    def _acknowledge(self, run: _Run, drafts: Sequence[Draft], receipts: Sequence[Receipt]) -> None:
        peer, _, refusal, said_at = run
        answers: list[protocol.Frame] = []
        for draft, receipt in zip(drafts, receipts, strict=True):
            if (receipt.duplicate or receipt.reused or receipt.taken) and draft.append:  # nothing was said
                self._rules.undo_speak(person_of(peer, draft.nick), draft.room, said_at)
            if receipt.reused or receipt.taken:
                answers.append(error_frame(_reused(receipt) if receipt.reused else _taken(draft), draft.id))
                continue
            if refusal is not None and not receipt.duplicate:
                answers.append(error_frame(refusal, draft.id))
                continue
            if draft.id is not None:
                answers.append(protocol.Ack(draft.id, receipt.time, receipt.duplicate, receipt.seq))
            if not draft.persist:  # a probe's own message comes back to it alone; no entry has the number 0
                answers.append(protocol.Msg(0, draft.time, draft.nick, draft.text, draft.action))
        self._tick.reply_run(peer, answers)


def _reused(receipt: Receipt) -> IdReused:
    return IdReused(f"the id belongs to another message, number {receipt.seq}: this one was not stored")


def _taken(draft: Draft) -> NickTaken:
    return NickTaken(
        f"somebody else uses the nickname {clean(draft.nick)}, or one that looks like it: choose another one"
    )


def speaker_name(peer: Peer, names: Names, now: float) -> str:
    """Return the name that a peer speaks under. Raises ChatError.

    A member's place is its right to the name. A poster has none: somebody may have come in under the name, or one that
    it looks like, or bound it, since the hello, so it is judged for each message.
    """
    if peer.member is not None:
        return peer.member.nick
    if peer.session.mode == "post" and peer.room is not None:
        grant(names.decide(Ask(peer.session.nick, peer.owner, "post", peer.room.name), now))
    return peer.session.nick
