"""The hub: joins rooms, sessions and the journal.

Lives here: what each effect of a session does. Does not live here: how one comes in (reception.py), what operators
order (steward.py), the order of a turn (turn.py), the past (archive.py), the wire (dialects.py), sockets (server.py).
Source: docs/design.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chatctl import protocol
from chatctl.core.admission import Admission
from chatctl.core.auth import Authenticator
from chatctl.core.effects import Effect, Hangup, Raw, Reply, Says, error_frame
from chatctl.core.moderation import Rules, Who
from chatctl.core.name_claims import NameClaim, fact
from chatctl.core.peer import Peer, peer_of
from chatctl.core.room import Room
from chatctl.errors import ChatError, NickTaken, NoSuchNick, RateLimited, StorageFailed
from chatctl.hub.admin_commands import AdminCommands
from chatctl.hub.event_log import Log
from chatctl.hub.history import RoomHistory
from chatctl.hub.login import Login
from chatctl.hub.tick import Loop, Tick
from chatctl.journal import Draft, Journal, Receipt
from chatctl.protocol import Limits

_Run = tuple[Peer, int, ChatError | None]
"""Whose drafts, how many, and why they may not be said: then only what was said before is acknowledged."""


class Hub:
    """All rooms of one server."""

    def __init__(
        self,
        journal: Journal,
        admission: Admission,
        limits: Limits,
        log: Log,
        *,
        clock: Callable[[], float],
        loop: Loop,
        gate: Authenticator | None = None,
        rules: Rules | None = None,
    ) -> None:
        """Serve the rooms that ``admission`` knows.

        Args:
            clock: Unix seconds; only ever shown.
            loop: runs the end of each turn.
            gate: what newcomers have to prove; by default nothing but a key that they offer.
            rules: what operators have set.
        """
        self.rules = rules or Rules()
        self.peers: dict[Peer, None] = {}
        self._journal = journal
        self._admission = admission
        self._limits = limits
        self._log = log
        self._clock = clock
        self._turn = Tick(loop, self._commit, self.see_off)
        self._drafts: list[Draft] = []
        self._said: list[_Run] = []  # whose they are: so many of this one, then so many of that one
        admission.max_nick = limits.nick
        self.archive = RoomHistory(journal, limits, self._turn)
        self.reply = self._turn.reply
        self.wake = self.archive.wake
        self.touch = self._turn.touch
        self.steward = AdminCommands(self, journal, log, clock)
        self._reception = Login(self, journal, admission, gate or Authenticator(), limits, log, clock=clock, loop=loop)

    # --- what was said

    def _commit(self) -> None:
        if not self._drafts:
            return
        drafts, self._drafts = self._drafts, []
        said, self._said = self._said, []
        self._journal.append(drafts, lambda outcome: self._committed(said, drafts, outcome))

    def _committed(
        self, said: Sequence[_Run], drafts: Sequence[Draft], outcome: Sequence[Receipt] | StorageFailed
    ) -> None:
        start = 0
        for peer, count, refusal in said:
            run = slice(start, start := start + count)
            if isinstance(outcome, StorageFailed):
                self._turn.reply_run(peer, [error_frame(outcome, draft.id) for draft in drafts[run]])
            elif refusal is not None:
                self._refuse_what_is_new(peer, drafts[run], outcome[run], refusal)
            else:
                self._acknowledge(peer, drafts[run], outcome[run])
            self._landed(peer, count)
        if isinstance(outcome, StorageFailed):
            self._log.error("not stored", messages=len(drafts), why=outcome.text)

    def _landed(self, peer: Peer, count: int = 1) -> None:
        """So much less is under way for a peer: it may go on, or go."""
        peer.in_flight -= count
        if peer.in_flight == 0:
            if peer.leaving is not None:
                self._turn.leave(peer)
            else:
                peer.pump()

    def _acknowledge(self, peer: Peer, drafts: Sequence[Draft], receipts: Sequence[Receipt]) -> None:
        answers: list[protocol.Frame] = []
        for draft, receipt in zip(drafts, receipts, strict=True):
            if draft.id is not None:
                answers.append(protocol.Ack(draft.id, receipt.time, receipt.duplicate, receipt.seq))
            if receipt.duplicate and draft.append:  # nothing was said: it has not spoken
                self.rules.unspeak(self.who(peer, draft.nick), draft.room, draft.time)
            if not draft.persist:  # a probe's own message comes back to it alone; no entry has the number 0
                answers.append(protocol.Msg(0, draft.time, draft.nick, draft.text, draft.action))
        self._turn.reply_run(peer, answers)

    def _refuse_what_is_new(
        self, peer: Peer, drafts: Sequence[Draft], receipts: Sequence[Receipt], refusal: ChatError
    ) -> None:
        for draft, receipt in zip(drafts, receipts, strict=True):
            if receipt.duplicate:
                self._acknowledge(peer, [draft], [receipt])
            else:
                self.reply(peer, error_frame(refusal, draft.id))

    # --- effects

    def perform(self, peer: Peer, effect: Effect) -> None:
        """Do what a session gave."""
        match effect:
            case Says(says):
                self._say(peer, says)
            case Reply(frame):
                self.reply(peer, frame)
            case protocol.Ping(t=t):
                self.reply(peer, protocol.Pong(t=t, last=self._room_of(peer).ring.last))
            case protocol.Hello():
                self._reception.greet(peer, effect)
            case protocol.Proof():
                self._reception.judge(peer, effect)
            case protocol.Whisper():
                self._whisper(peer, effect)
            case protocol.Nick(nick):
                self._rename(peer, nick)
            case protocol.Who():
                self._who(peer)
            case protocol.Whois(nick):
                self._whois(peer, nick)
            case protocol.Admin():
                self.steward.asked(peer, effect)
            case protocol.History():
                self.archive.page(peer, self._room_of(peer), effect, self._landed)
            case Raw(data):
                self._turn.reply_bytes(peer, data)
            case Hangup(why):
                self.depart(peer, why)

    def _room_of(self, peer: Peer) -> Room:
        if peer.room is None:
            raise RuntimeError("a session let a frame through before its hello")
        return peer.room

    @staticmethod
    def who(peer: Peer, nick: str) -> Who:
        """Give what is known of a peer under this name."""
        return Who(nick, peer.key, peer.token, peer.way.host)

    def _say(self, peer: Peer, says: Sequence[protocol.Say]) -> None:
        room, now = self._room_of(peer), self._clock()
        try:
            nick = self._voice(peer, room)
            slow = self._may_speak(peer, room, nick, now)
        except ChatError as error:
            self._refuse(peer, room, says, error)
            return
        name, token, trace = room.name, peer.token, peer.session.mode != "probe"
        one_only = says[:1] if slow else says
        self._send_off(
            peer, [Draft(name, now, nick, say.text, say.action, token, say.id, trace) for say in one_only], None
        )
        if peer.member is not None:
            peer.member.spoke = now
        if slow and len(says) > 1:
            later = RateLimited(f"{room.name} is slow: one message at a time", retry_after=slow)
            self._refuse(peer, room, says[1:], later)

    def _send_off(self, peer: Peer, drafts: Sequence[Draft], refusal: ChatError | None) -> None:
        """Have drafts committed at the end of this turn."""
        self._drafts += drafts
        self._said.append((peer, len(drafts), refusal))
        peer.in_flight += len(drafts)
        self._turn.schedule()

    def _refuse(self, peer: Peer, room: Room, says: Sequence[protocol.Say], error: ChatError) -> None:
        """Refuse what is said. What was said before is acknowledged all the same: the journal knows, and it alone."""
        token, now = peer.token, self._clock()
        repeats = [
            Draft(room.name, now, "", say.text, say.action, token, say.id, append=False)
            for say in says
            if say.id is not None and token is not None
        ]
        if repeats:
            self._send_off(peer, repeats, error)
        self._turn.reply_run(peer, [error_frame(error, say.id) for say in says if say.id is None or token is None])

    def _voice(self, peer: Peer, room: Room) -> str:
        """Give the name that a peer speaks under. A poster's may have been taken by a member since its hello."""
        if peer.member is not None:
            return peer.member.nick
        nick = peer.session.nick
        if nick and peer.session.mode == "post":
            holder, claim = room.roster.find(nick), self._admission.claims.find(nick)
            if holder is not None and not peer.owner.owns(holder):
                raise NickTaken(f"{holder.nick} is somebody else's nickname now")
            if claim is not None and claim.key != peer.key:
                raise NickTaken(f"{claim.nick} is bound to a key that is not yours now")
        return nick

    def _may_speak(self, peer: Peer, room: Room, nick: str, now: float) -> float:
        """Raise as ``Rules.speak``. A probe's message is nobody's."""
        if peer.session.mode == "probe":
            return 0.0
        return self.rules.speak(self.who(peer, nick), room.name, now)

    def _whisper(self, peer: Peer, whisper: protocol.Whisper) -> None:
        room = self._room_of(peer)
        now = self._clock()
        try:
            nick = self._voice(peer, room)
            to = room.roster.find(whisper.to)
            if to is None:
                raise NoSuchNick(f"there is no {whisper.to} here")
            self._may_speak(peer, room, nick, now)
        except ChatError as error:
            self.reply(peer, error_frame(error, whisper.id))
            return
        target = peer_of(to)
        if target.paused:
            slow = NoSuchNick(f"{to.nick} is too slow to be whispered to now")
            self.reply(peer, error_frame(slow, whisper.id))
            return
        self.reply(target, protocol.Whispered(from_=nick, time=now, text=whisper.text))
        if whisper.id is not None:
            self.reply(peer, protocol.Ack(id=whisper.id, time=now, duplicate=False))

    def _rename(self, peer: Peer, nick: str) -> None:
        room, member = self._room_of(peer), peer.member
        if member is None:
            return
        try:
            nick = self._admission.free(nick, peer.owner, room.roster, member)
            self.rules.admit(self.who(peer, nick), self._clock())
        except ChatError as error:
            self.reply(peer, error_frame(error))
            return
        if nick == member.nick:
            self.reply(peer, protocol.Rename(old=nick, new=nick))
            return
        self._log.info("rename", peer=peer.label, nick=member.nick, to=nick)
        room.roster.rename(member, nick)
        peer.session.nick = nick
        self._turn.touch(room)

    def _who(self, peer: Peer) -> None:
        room = self._room_of(peer)
        rows = room.roster.rows(self._clock())
        self.reply(peer, protocol.Roster(members=rows, count=len(rows), watchers=room.watchers))

    def _whois(self, peer: Peer, nick: str) -> None:
        try:
            member = self._room_of(peer).roster.find(nick)
            if member is None:
                raise NoSuchNick(f"there is no {nick} here")
        except ChatError as error:
            self.reply(peer, error_frame(error))
            return
        claim = self._admission.claims.find(member.nick)
        self.reply(
            peer,
            protocol.Identity(
                nick=member.nick,
                since=member.since,
                idle=max(0.0, round(self._clock() - member.spoke, 3)),
                key=member.proved,
                claimed=claim.since if claim is not None and claim.key == member.proved else None,
            ),
        )

    # --- whose names are whose

    def banned_at_the_door(self, host: str) -> ChatError | None:
        """Give why nobody at this address is listened to, None if somebody is."""
        return self.rules.at_the_door(host, self._clock())

    def claims(self) -> list[NameClaim]:
        """Give all claims, in no order."""
        return list(self._admission.claims)

    def claim_on(self, nick: str) -> NameClaim | None:
        """Give the claim on a name, None if there is none."""
        return self._admission.claims.find(nick)

    def drop_claim(self, nick: str, done: Callable[[StorageFailed | None], None]) -> NameClaim | None:
        """Set a name free; ``done`` is called once that is kept. Give the claim, None if there is none."""
        claim = self._admission.claims.find(nick)
        if claim is not None:
            key, _ = fact(claim)

            def kept(error: StorageFailed | None) -> None:
                if error is None:
                    self._admission.claims.drop(nick)
                    self._log.info("set free", nick=claim.nick, key=claim.key)
                done(error)

            self._journal.keep({key: None}, kept)
        return claim

    # --- leaving

    def depart(self, peer: Peer, why: str, bye: protocol.Bye | None = None) -> None:
        """Begin to let a peer go: its name is free at once; that it left is told once its last words were shown.

        ``bye`` is the last that it is sent: it stops reading there.
        """
        if peer.leaving is not None:
            return
        peer.leaving = why
        peer.goodbye = peer.session.dialect.render(bye) if bye is not None else b""
        self._reception.forget(peer)
        if peer.room is not None:
            peer.room.watchers -= peer.session.mode == "watch"
            if peer.member is not None:
                peer.room.roster.unlist(peer.member)
        self.wake(peer)
        self._turn.leave(peer)

    def see_off(self, peer: Peer) -> None:
        """Let a peer that is leaving go, whatever of it is still under way."""
        self.peers.pop(peer, None)
        room, member = peer.room, peer.member
        peer.room = peer.member = None
        if room is not None:
            room.readers.discard(peer)
        if room is not None and member is not None:
            room.roster.gone(member)
            self._turn.touch(room)
            self._log.info("left", peer=peer.label, nick=member.nick, why=peer.leaving)
        else:
            self._log.info("closed", peer=peer.label, why=peer.leaving)
        if peer.goodbye:
            peer.send(peer.goodbye)
        peer.close()
