"""The hub: joins rooms, sessions and the journal.

Lives here: what each effect of a session does. Does not live here: sockets (server.py), the wire (dialects.py), who may
come in (admission.py), the order of a turn (turn.py), the past (archive.py). Source: docs/design.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chatctl import protocol
from chatctl.admission import Admission, owner_of
from chatctl.archive import Archive
from chatctl.errors import ChatError, NickTaken, NoSuchNick, StorageFailed
from chatctl.journal import Draft, Journal, Receipt
from chatctl.log import Log
from chatctl.peer import Peer
from chatctl.protocol import Limits
from chatctl.room import Reader, Room
from chatctl.roster import Member
from chatctl.session import Effect, Hangup, Raw, Reply, error_frame
from chatctl.turn import Loop, Turn

MEMBERS_IN_WELCOME = 200


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
    ) -> None:
        """Serve the rooms that ``admission`` knows.

        Args:
            clock: Unix seconds; only ever shown.
            loop: runs the end of each turn.
        """
        self._journal = journal
        self._admission = admission
        self._limits = limits
        self._log = log
        self._clock = clock
        self._turn = Turn(loop, self._commit, self._see_off)
        self._drafts: list[tuple[Peer, protocol.Say, Draft]] = []
        self.archive = Archive(journal, limits, self._turn)
        self.reply = self._turn.reply
        self.wake = self.archive.wake

    # --- what was said

    def _commit(self) -> None:
        if not self._drafts:
            return
        said, self._drafts = self._drafts, []
        self._journal.append([draft for _, _, draft in said], lambda outcome: self._committed(said, outcome))

    def _committed(
        self, said: Sequence[tuple[Peer, protocol.Say, Draft]], outcome: Sequence[Receipt] | StorageFailed
    ) -> None:
        for index, (peer, say, draft) in enumerate(said):
            if isinstance(outcome, StorageFailed):
                self.reply(peer, error_frame(outcome, say.id))
            else:
                self._acknowledge(peer, say, draft, outcome[index])
            self._landed(peer)
        if isinstance(outcome, StorageFailed):
            self._log.error("not stored", messages=len(said), why=outcome.text)

    def _landed(self, peer: Peer) -> None:
        """One thing less is under way for a peer: it may go on, or go."""
        peer.in_flight -= 1
        if peer.in_flight == 0:
            if peer.leaving is not None:
                self._turn.leave(peer)
            else:
                peer.pump()

    def _acknowledge(self, peer: Peer, say: protocol.Say, draft: Draft, receipt: Receipt) -> None:
        if say.id is not None:
            ack = protocol.Ack(id=say.id, time=receipt.time, duplicate=receipt.duplicate, seq=receipt.seq)
            self.reply(peer, ack)
        if not draft.trace:  # a probe's own message comes back to it alone; no entry has the number 0
            echo = protocol.Msg(seq=0, time=draft.time, nick=draft.nick, text=draft.text, action=draft.action)
            self.reply(peer, echo)

    # --- effects

    def perform(self, peer: Peer, effect: Effect) -> None:
        """Do what a session gave."""
        match effect:
            case protocol.Say():
                self._say(peer, effect)
            case Reply(frame):
                self.reply(peer, frame)
            case protocol.Ping(t=t):
                self.reply(peer, protocol.Pong(t=t, last=self._room_of(peer).ring.last))
            case protocol.Hello():
                self._enter(peer, effect)
            case protocol.Whisper():
                self._whisper(peer, effect)
            case protocol.Nick(nick):
                self._rename(peer, nick)
            case protocol.Who():
                self._who(peer)
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

    def _enter(self, peer: Peer, hello: protocol.Hello) -> None:
        peer.token = owner_of(hello.token)
        try:
            room = self.archive.open(self._admission.room(hello.room, self.archive.rooms))
            nick = self._admission.nick(hello, peer.session.dialect, peer.token, room.roster)
        except ChatError as error:
            self._log.info("refused", peer=peer.label, nick=hello.nick, why=error.text)
            peer.session.refused(error)
            return
        peer.session.entered(nick)
        peer.dialect = peer.session.dialect
        peer.room = room
        if nick:
            self._log.info("nickname", peer=peer.label, nick=nick, room=room.name, mode=hello.mode)
        if hello.mode == "join":
            self._take_place(peer, room, nick)
        room.watchers += hello.mode == "watch"
        self.reply(peer, self._welcome(room, nick))
        if hello.mode in ("join", "watch"):
            self.archive.place(peer, room, hello)
        self._turn.touch(room)

    def _take_place(self, peer: Peer, room: Room, nick: str) -> None:
        ghost = room.roster.find(nick)
        if ghost is None:
            peer.member = room.roster.add(nick, peer.token, peer, self._clock())
            return
        before = self._peer_of(ghost)  # the same token: a takeover, which nobody else needs to hear of
        peer.member, before.member = ghost, None
        ghost.conn = peer
        if ghost.nick != nick:
            room.roster.rename(ghost, nick)
        self.reply(before, protocol.Bye(why=protocol.REPLACED))
        self.depart(before, "replaced")

    @staticmethod
    def _peer_of(member: Member[Reader]) -> Peer:
        return member.conn  # type: ignore[return-value]  # the roster of a hub lists peers only

    def _welcome(self, room: Room, nick: str) -> protocol.Welcome:
        return protocol.Welcome(
            v=protocol.VERSION,
            server=self._admission.server,
            room=room.name,
            nick=nick,
            epoch=room.epoch,
            first=self.archive.first(room),
            last=room.ring.last,
            members=room.roster.nicks(MEMBERS_IN_WELCOME),
            count=len(room.roster),
            watchers=room.watchers,
            durability=self._journal.durability,
            limits=self._limits,
        )

    def _say(self, peer: Peer, say: protocol.Say) -> None:
        room = self._room_of(peer)
        try:
            nick = self._voice(peer, room)
        except ChatError as error:
            self.reply(peer, error_frame(error, say.id))
            return
        draft = Draft(
            room=room.name,
            time=self._clock(),
            nick=nick,
            text=say.text,
            action=say.action,
            token=peer.token,
            id=say.id,
            trace=peer.session.mode != "probe",
        )
        if peer.member is not None:
            peer.member.spoke = draft.time
        peer.in_flight += 1
        self._drafts.append((peer, say, draft))
        self._turn.schedule()

    def _voice(self, peer: Peer, room: Room) -> str:
        """Give the name that a peer speaks under. A poster's may have been taken by a member since its hello."""
        if peer.member is not None:
            return peer.member.nick
        nick = peer.session.nick
        if nick and peer.session.mode == "post":
            holder = room.roster.find(nick)
            if holder is not None and (holder.token is None or holder.token != peer.token):
                raise NickTaken(f"{holder.nick} is somebody else's nickname now")
        return nick

    def _whisper(self, peer: Peer, whisper: protocol.Whisper) -> None:
        room = self._room_of(peer)
        now = self._clock()
        try:
            nick = self._voice(peer, room)
            to = room.roster.find(whisper.to)
            if to is None:
                raise NoSuchNick(f"there is no {whisper.to} here")
        except ChatError as error:
            self.reply(peer, error_frame(error, whisper.id))
            return
        target = self._peer_of(to)
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
            nick = self._admission.free(nick, peer.token, room.roster, member)
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

    # --- leaving

    def depart(self, peer: Peer, why: str) -> None:
        """Begin to let a peer go: its name is free at once; that it left is told once its last words were shown."""
        if peer.leaving is not None:
            return
        peer.leaving = why
        if peer.room is not None:
            peer.room.watchers -= peer.session.mode == "watch"
            if peer.member is not None:
                peer.room.roster.unlist(peer.member)
        self.wake(peer)
        self._turn.leave(peer)

    def _see_off(self, peer: Peer) -> None:
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
        peer.close()
