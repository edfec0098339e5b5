"""Leasing: leases are taken, lost and released.

Lives here: what connections ask of leases, what the journal keeps, what their holders are told. Does not live here: who
has which lease (core/leases.py), what is said of questions (questions.py). Source: docs/protocol.md, "Leases".
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from chatctl.core.effects import error_frame
from chatctl.core.ip_networks import client_of
from chatctl.core.lease import ASKED, Changes, Lease, LeaseKey, lease_of, why_taken_away
from chatctl.core.leases import Leases
from chatctl.core.name_ownership import Owner
from chatctl.core.peer import Peer
from chatctl.core.recent_authors import opaque_marks
from chatctl.core.room import Room
from chatctl.errors import Forbidden, StorageFailed
from chatctl.hub.event_log import NOT_KNOWN
from chatctl.hub.history import RoomHistory
from chatctl.hub.large_answers import LargeAnswers
from chatctl.hub.questions import WITHDRAWN, AskedQuestions
from chatctl.hub.shared import Shared
from chatctl.hub.tick import Tick
from chatctl.hub.waiting import Waiting
from chatctl.journal import ChangedMeanwhile
from chatctl.protocol import Lease as Ask
from chatctl.protocol import LeaseState

LOOK_BYTES = 1024
"""Of the answer to a ``look``, about."""

UNLOCK = "unlock"
"""The verb of operators that ends a lease."""

_TAKEN = "the server's journal has it no more"


def _nothing() -> None:
    """Do nothing."""


class Leasing:
    """The leases of one server, as its connections and its journal see them."""

    def __init__(
        self,
        hub: Shared,
        leases: Leases,
        history: RoomHistory,
        tick: Tick,
        answers: LargeAnswers,
    ) -> None:
        """Serve one hub. ``answers`` are those that wait for the journal."""
        self.leases = leases
        self._journal = hub.journal
        self._history = history
        self._tick = tick
        self._answers = answers
        self._log = hub.log
        self._clock = hub.clock
        self._orders = hub.rules.log
        self.questions = AskedQuestions(hub, leases, history, tick, self._keep)
        self._is_stopping = False
        self._keep(leases.kept())  # until when those of before the start are kept

    # --- what a connection asks

    def request(self, peer: Peer, room: Room, ask: Ask) -> None:
        """Answer a ``lease``. Raises ChatError."""
        self.expire()
        place = LeaseKey(room.name, ask.kind, ask.name)
        if ask.do == "take":
            self._take(peer, ask, place)
            return
        lease = self.leases.find(place)
        if ask.do != "look" and lease is not None and lease.is_of(ask.holder, peer.owner):
            self._give_up(peer, ask, lease)
        elif lease is not None and ask.do == "look" and self._was_said_elsewhere(lease, peer, ask):
            self._answers.give_later(peer, LOOK_BYTES, self._look_up(peer, ask, place), "this lease", ask.id)
        else:
            self._tick.reply(peer, self._state(peer, ask, place))

    def _take(self, peer: Peer, ask: Ask, place: LeaseKey) -> None:
        if ask.kind == "lock" and not peer.session.nick:
            raise Forbidden("a lock requires a nickname: enter in the mode join or post")
        before = self.leases.find(place)
        wanted = Lease(
            room=place.room,
            kind=ask.kind,
            name=ask.name,
            holder=ask.holder,
            token=peer.token.hex() if peer.token is not None else None,
            key=peer.key,
            nick=peer.session.nick,
            since=self._clock(),
            asked=ask.seq if ask.kind == "question" else None,
        )
        lease, changes = self.leases.take(wanted, peer, client_of(peer.info.host))
        if not changes:
            self._tick.reply(peer, self._state(peer, ask, place))
            return

        def committed(error: StorageFailed | None) -> None:
            answer(error)
            wait.over()

        def answer(error: StorageFailed | None) -> None:
            if isinstance(error, ChangedMeanwhile) and peer.leaving is None:
                self.leases.undo(lease, before)
                self.request(peer, self._history.rooms[place.room], ask)  # another server was faster: it is known now
                return
            if error is not None:
                self.leases.undo(lease, before)
                self._log.error("lease not stored", name=ask.name, why=error.text)
            else:
                self._log.info("lease taken", kind=ask.kind, name=ask.name, room=place.room, peer=peer.label)
            if peer.leaving is None:
                self._tick.reply(
                    peer, error_frame(error, ask.id) if error is not None else self._state(peer, ask, place)
                )

        with Waiting(peer) as wait:  # what it asks for next, it asks for with this or without
            self._journal.keep(changes, committed)

    def _give_up(self, peer: Peer, ask: Ask, lease: Lease) -> None:
        """End a lease for its holder, who is answered when that is committed: the next one may be at another server."""

        def answer() -> None:
            if peer.leaving is None:
                self._tick.reply(peer, self._state(peer, ask, lease.place))

        if ask.do == "withdraw":
            self._end(lease, WITHDRAWN, then=answer)
        else:
            self._release(lease, then=answer)

    def _was_said_elsewhere(self, lease: Lease, peer: Peer, ask: Ask) -> bool:
        """Return whether the holder of a question looks at an answer from another server, or from before a restart."""
        if ask.seq is None or not lease.is_of(ask.holder, peer.owner):
            return False
        return lease.was_open(ask.seq) and self.questions.author(lease.room, ask.seq) is None

    async def _look_up(self, peer: Peer, ask: Ask, place: LeaseKey) -> LeaseState:
        """Return the state of a lease, with what the log has of who said an entry."""
        assert ask.seq is not None, "it is looked at"
        return self._state(peer, ask, place, await self.questions.look_up(place.room, ask.seq))

    def _state(self, peer: Peer, ask: Ask, place: LeaseKey, author: Owner | None = None) -> LeaseState:
        lease = self.leases.find(place)
        if lease is None:
            return LeaseState(ask.kind, ask.name, held=False, grace=self.leases.grace, id=ask.id)
        held, closed = lease.is_of(ask.holder, peer.owner), lease.closed is not None
        state = LeaseState(
            *(ask.kind, ask.name, held, lease.nick, lease.since, self.leases.grace),
            closed=closed,
            until=None if closed else lease.until,
            id=ask.id,
        )
        if not (held and ask.kind == "question" and ask.do == "look" and ask.seq is not None):
            return state
        author = author or self.questions.author(place.room, ask.seq)
        return msgspec.structs.replace(
            state,
            until=None,
            open=self.leases.open_at(place.room, ask.seq),
            by=opaque_marks(author, ask.holder) if author is not None else [],
            own=author is not None and lease.is_owned_by(author),
        )

    # --- what other servers do

    def learn(self, key: str, value: str | None) -> None:
        """Go by a lease's fact that another server has kept; tell who held it here and does not any more.

        The room is told of a question that was withdrawn there.
        """
        place, now = LeaseKey.of_fact(key), self._clock.steady()
        if place is None:
            self._log.info_once(NOT_KNOWN, what="kind of lease")
            return
        before, lease = self.leases.find(place), lease_of(value) if value is not None else None
        connection = self.leases.learn(place, lease, now, self._clock.kept(now))
        is_kept = lease is not None and lease.closed is None and before is not None and lease.holder == before.holder
        if isinstance(connection, Peer) and before is not None and not is_kept:
            self._tell(connection, before, self._why_lost(before))
        if lease is not None and lease.withdrawn and (before is None or before.closed is None):
            self.questions.tell_withdrawn(place, lease.nick, lease.withdrawn)

    def _why_lost(self, lease: Lease) -> str:
        """Return why a connection to this server lost a lease by what another one did."""
        order = self._orders.newest(UNLOCK, lease.room, lease.name, lease.since)
        return _TAKEN if order is None else why_taken_away(lease.kind, order.by, order.why)

    def learn_asked(self, key: str, value: str | None) -> None:
        """Go by the number of a question that another server has kept."""
        self.leases.learn_asked(LeaseKey.of_asked_fact((ASKED, key)), int(value) if value is not None else None)

    def know(self, others: Collection[str]) -> None:
        """Note which other servers are alive."""
        self.leases.know(others, self._clock.steady())

    def move(self, server: str) -> None:
        """Go on under another id: this server was taken for dead."""
        self._keep(self.leases.move(server))

    def cut(self, room: str) -> None:
        """Note that a room's log has lost its end: other entries get those numbers."""
        self.questions.forget_authors(room)

    # --- what happens to connections

    def disconnected(self, peer: Peer, *, removed: bool) -> None:
        """Note that a connection is lost; if its peer was ``removed`` by an operator, its leases end at once."""
        if self._is_stopping:
            return  # it is not its fault: after the start it has as long as if it were lost then
        if removed:
            for lease in self.leases.holds(peer):
                self._end(lease, "was sent away")
        else:
            self._keep(self.leases.lose(peer, now := self._clock.steady(), self._clock.kept(now)))

    def take_away(self, lease: Lease, why: str) -> None:
        """End a lease that an operator takes away, which the room is told of; tell its holder ``why``."""
        self._log.info("lease taken away", kind=lease.kind, name=lease.name, room=lease.room, nick=lease.nick)
        self._tell_holder(lease, why)
        self._release(lease)

    def send_away(self, lease: Lease, why: str) -> None:
        """End a lease whose holder is banned; tell it ``why``, if it is still connected."""
        self._tell_holder(lease, why)
        self._end(lease, "was sent away")

    def _tell_holder(self, lease: Lease, why: str) -> None:
        peer = self.leases.holder_of(lease.place)
        if isinstance(peer, Peer):
            self._tell(peer, lease, why)

    def _tell(self, peer: Peer, lease: Lease, why: str) -> None:
        if peer.leaving is None:
            state = LeaseState(lease.kind, lease.name, held=False, grace=self.leases.grace, why=why)
            self._tick.reply(peer, state)

    def renamed(self, peer: Peer, nick: str) -> None:
        """Note that a member has another name."""
        self._keep(self.leases.rename(peer, nick))

    def stopping(self) -> None:
        """Count no lost connection any more: the server ends them all."""
        self._is_stopping = True

    def expire(self) -> None:
        """End the leases whose holders did not come back. Call it now and then."""
        expired, changes = self.leases.expired(self._clock.steady())
        self._keep(changes)
        for lease in expired:
            self._end(lease, "is gone", insist=False)

    def _end(self, lease: Lease, why: str, *, insist: bool = True, then: Callable[[], None] = _nothing) -> None:
        self._log.info("lease ended", kind=lease.kind, name=lease.name, room=lease.room, nick=lease.nick, why=why)
        if lease.kind == "question" and lease.asked is not None:
            self.questions.tell_withdrawn(lease.place, lease.nick, why)
        self._release(lease, why, insist=insist, then=then)

    def _release(
        self, lease: Lease, withdrawn: str = "", *, insist: bool = True, then: Callable[[], None] = _nothing
    ) -> None:
        """Release a lease, then call ``then``.

        ``insist``: again if another server was faster, and its holder still has it.
        """

        def again() -> None:
            now = self.leases.find(lease.place)
            is_here = self.leases.holder_of(lease.place) is not None  # it was taken again
            if not insist or now is None or not now.is_of(lease.holder, lease.owner) or is_here:
                then()
            elif withdrawn:
                self._end(now, withdrawn, then=then)
            else:
                self._release(now, then=then)

        last = self._journal.head(lease.room).last if lease.asked is not None else 0
        now = self._clock.steady()
        self._keep(self.leases.release(lease, last, now, self._clock.kept(now), withdrawn), again, then)
        if not self.leases.has_questions(lease.room):
            self.questions.forget_authors(lease.room)

    def _keep(
        self, changes: Changes, again: Callable[[], None] = _nothing, then: Callable[[], None] = _nothing
    ) -> None:
        """Keep changes, then call ``then``.

        If another server was faster with one of them, what it has changed is known by then: those that still hold are
        kept, and ``again`` is called.
        """

        def committed(error: StorageFailed | None) -> None:
            if isinstance(error, ChangedMeanwhile):
                self._keep({key: value for key, value in changes.items() if self.leases.value(key) == value})
                again()
                return
            if error is not None:  # kept once more after a restart
                self._log.error("lease not stored", why=error.text)
            then()

        if changes:
            self._journal.keep(changes, committed)
        else:
            then()
