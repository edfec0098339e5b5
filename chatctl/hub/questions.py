"""Questions: what is said of them in a room, and who is told that nobody waits for an answer any more.

Lives here: which entry asks a question, who said those that may answer it, answers that come too late, withdrawals.
Does not live here: who has which question (core/leases.py), what connections ask of it (leasing.py). Source:
docs/protocol.md, "Leases".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from chatctl.common.text import clean
from chatctl.core.lease import Changes, Lease, LeaseKey
from chatctl.core.leases import CLOSED_SECONDS, Leases
from chatctl.core.name_ownership import Owner
from chatctl.core.peer import Peer
from chatctl.core.recent_authors import RecentAuthors
from chatctl.hub.history import RoomHistory
from chatctl.hub.shared import Shared
from chatctl.hub.tick import Tick
from chatctl.journal import Draft, FactKey, Receipt
from chatctl.protocol import Notice

MAX_ANSWER = 200
"""Characters of a message that may be an answer to a question that is over."""

WITHDRAWN = "does not wait for an answer any more"

_TAGGED = re.compile(r"\s*\[?([A-Za-z0-9]{2,8})\]?(?:[:,]\s*|\s+)\S")
"""A message that begins with a question's tag."""

Keep = Callable[[Changes, Callable[[], None]], None]
"""Keeps changes of leases; calls back if another server was faster, whose changes are known then."""


class AskedQuestions:
    """The questions of one server's rooms, as what is said has them."""

    def __init__(self, hub: Shared, leases: Leases, history: RoomHistory, tick: Tick, keep: Keep) -> None:
        """Serve one hub, whose ``leases`` are."""
        self._leases = leases
        self._claims = hub.names.claims
        self._journal = hub.journal
        self._history = history
        self._tick = tick
        self._keep = keep
        self._clock = hub.clock
        self._authors = RecentAuthors()

    # --- who said an entry

    def author(self, room: str, seq: int) -> Owner | None:
        """Return who said an entry, if that is remembered."""
        return self._authors.find(room, seq)

    async def look_up(self, room: str, seq: int) -> Owner:
        """Return what the log has of who said an entry.

        That is no key. But a name that was bound by then was that of its key. Raises StorageFailed.
        """
        author = Owner(await self._journal.token_of(room, seq))
        entry = next(iter(self._history.rooms[room].ring.entries(seq - 1, 1)), None)
        if author.token is not None and entry is not None and entry.seq == seq:
            claim = self._claims.find_kept(entry.nick)
            if claim is not None and claim.since <= entry.time:
                return Owner(author.token, claim.key)
        return author

    def forget_authors(self, room: str) -> None:
        """Forget who said the entries of a room: no question can be about them."""
        self._authors.forget(room)

    # --- what is said

    def fact_of(self, peer: Peer, room: str, name: str) -> FactKey | None:
        """Return the fact that has the number of the entry in which a peer now asks a question; None: it can't.

        If the question is not its own, it is told so: what it says is a message like any other, as ever.
        """
        place = LeaseKey(room, "question", name)
        if self._leases.may_ask(place, peer.owner):
            return place.asked_fact
        lease = self._leases.find(place)
        if lease is None or lease.closed is not None or not lease.is_owned_by(peer.owner):
            self._tick.reply(
                peer,
                Notice(f"you did not ask the question {name}: this is shown as an ordinary message", self._clock()),
            )
        return None

    def said(self, peer: Peer, drafts: Sequence[Draft], receipts: Sequence[Receipt]) -> None:
        """Look at what a peer has said, once it is committed: questions, and who may be answering them."""
        if any(draft.seq_fact for draft in drafts):
            self._asked(peer, drafts, receipts)
        if not self._leases.has_questions(room := drafts[0].room):
            return
        for draft, receipt in zip(drafts, receipts, strict=True):
            if receipt.seq and not (receipt.duplicate or receipt.reused):
                self._authors.note(room, receipt.seq, peer.owner)
                self._tell_if_over(peer, draft)

    def _asked(self, peer: Peer, drafts: Sequence[Draft], receipts: Sequence[Receipt]) -> None:
        for draft, receipt in zip(drafts, receipts, strict=True):
            if draft.seq_fact is None or not receipt.seq or receipt.reused:
                continue
            self._note_asked(LeaseKey.of_asked_fact(draft.seq_fact), peer.owner, draft.nick, receipt.seq)

    def _note_asked(self, place: LeaseKey, owner: Owner, nick: str, seq: int) -> None:
        if self._leases.find(place) is not None:
            changes = self._leases.ask(place, owner, nick, seq)
            self._keep(changes, lambda: self._note_asked(place, owner, nick, seq))
            return
        # It ended while the question was being committed, here or at another server: as if it had right after that.
        now, token = self._clock.steady(), owner.token.hex() if owner.token is not None else None
        over = Lease(
            *(place.room, place.kind, place.name, "", token, owner.key, nick, self._clock()),
            asked=seq,
            until=self._clock.kept(now) + CLOSED_SECONDS,
            closed=seq,
            withdrawn=WITHDRAWN,
        )
        self._keep(self._leases.note_over(over, now), lambda: None)
        self.tell_withdrawn(place, nick, WITHDRAWN)

    def _tell_if_over(self, peer: Peer, draft: Draft) -> None:
        tagged = _TAGGED.match(draft.text) if len(draft.text) <= MAX_ANSWER else None
        if tagged and self._leases.closed_question(draft.room, tagged[1].lower()):
            text = f"question {tagged[1].lower()} is closed: your answer does not count"
            self._tick.reply(peer, Notice(text, self._clock()))

    def tell_withdrawn(self, place: LeaseKey, nick: str, why: str) -> None:
        """Tell the room that nobody waits for an answer any more: who asked it, and why."""
        room = self._history.rooms.get(place.room)
        if room is not None:
            who = clean(nick) if nick else "its asker"
            room.tell(Notice(f"question {place.name} is withdrawn: {who} {why}", self._clock()))
            self._tick.touch(room)
