"""The hub: joins rooms, sessions and the journal, and runs the sweep.

Lives here: what each effect of a session does. Everything that one turn of the event loop brings is committed as one
batch and leaves in one sweep. Does not live here: sockets (server.py), the wire (dialects.py), who may come in
(admission.py). Source: docs/design.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from chatctl import protocol
from chatctl.admission import Admission, owner_of
from chatctl.errors import BadFrame, ChatError, NickTaken, NoSuchNick, StorageFailed
from chatctl.journal import Draft, Journal, Receipt
from chatctl.log import Log
from chatctl.protocol import Frame, Limits
from chatctl.ring import Ring
from chatctl.room import Reader, Room
from chatctl.roster import Member
from chatctl.session import Effect, Hangup, Raw, Reply, Session, error_frame

MEMBERS_IN_WELCOME = 200


class Peer(Reader, Protocol):
    """One connection, as the hub sees it: a reader that also has a session and can be closed."""

    session: Session
    label: str
    token: bytes | None
    """The hash of the secret that its hello brought."""
    room: Room | None
    """Set while it is in one."""
    member: Member[Reader] | None
    """Its place in the roster, if it has one."""
    in_flight: int
    """What it said and the journal has not committed yet."""
    leaving: str | None
    """Why it goes, once that is known: it stays until what it said was shown."""

    def owe(self, data: bytes) -> None:
        """Keep an answer of this turn; the next ``send`` takes it along, before its slice of the log."""

    @property
    def owes(self) -> bool:
        """Whether an answer is kept."""

    def close(self) -> None:
        """Flush, then close the connection."""

    def pump(self) -> None:
        """Go on taking effects from its session."""


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
        next_turn: Callable[[Callable[[], None]], object],
    ) -> None:
        """Serve the rooms that ``admission`` knows.

        Args:
            clock: Unix seconds; only ever shown.
            next_turn: runs a callback once the events of this turn of the loop are through.
        """
        self._journal = journal
        self._admission = admission
        self._limits = limits
        self._log = log
        self._clock = clock
        self._next_turn = next_turn
        self._scheduled = False
        self.rooms: dict[str, Room] = {}
        self._drafts: list[tuple[Peer, protocol.Say, Draft]] = []
        self._due: dict[Room, None] = {}  # rooms and peers in the order in which something came up
        self._answered: dict[Peer, None] = {}
        self._leaving: dict[Peer, None] = {}

    # --- one turn

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._next_turn(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        self._commit()
        self._sweep()
        self._see_off()

    def _commit(self) -> None:
        if not self._drafts:
            return
        said, self._drafts = self._drafts, []
        self._journal.append([draft for _, _, draft in said], lambda outcome: self._committed(said, outcome))

    def _committed(
        self, said: Sequence[tuple[Peer, protocol.Say, Draft]], outcome: Sequence[Receipt] | StorageFailed
    ) -> None:
        for index, (peer, say, draft) in enumerate(said):
            peer.in_flight -= 1
            if isinstance(outcome, StorageFailed):
                self.reply(peer, error_frame(outcome, say.id))
            else:
                self._acknowledge(peer, say, draft, outcome[index])
            if peer.leaving is not None:
                self._leaving[peer] = None
        if isinstance(outcome, StorageFailed):
            self._log.error("not stored", messages=len(said), why=outcome.text)
        for peer in {peer for peer, _, _ in said}:
            peer.pump()
        self._schedule()

    def _acknowledge(self, peer: Peer, say: protocol.Say, draft: Draft, receipt: Receipt) -> None:
        if say.id is not None:
            ack = protocol.Ack(id=say.id, time=receipt.time, duplicate=receipt.duplicate, seq=receipt.seq)
            self.reply(peer, ack)
        if not draft.trace:  # a probe's own message comes back to it alone; no entry has the number 0
            echo = protocol.Msg(seq=0, time=draft.time, nick=draft.nick, text=draft.text, action=draft.action)
            self.reply(peer, echo)

    def _sweep(self) -> None:
        due, self._due = self._due, {}
        for room in due:
            if room.sweep():
                self._touch(room)
        answered, self._answered = self._answered, {}
        for peer in answered:
            if peer.owes:
                peer.send(b"")

    def _see_off(self) -> None:
        """Let those go whose last words were shown."""
        leaving, self._leaving = self._leaving, {}
        for peer in leaving:
            if peer.in_flight == 0:
                self._forget(peer)
                peer.close()

    def _touch(self, room: Room) -> None:
        self._due[room] = None
        self._schedule()

    def reply(self, peer: Peer, frame: Frame) -> None:
        """Have a frame sent to one peer, before its slice of the log."""
        self._reply_bytes(peer, peer.session.dialect.render(frame))

    def _reply_bytes(self, peer: Peer, data: bytes) -> None:
        if data:
            peer.owe(data)
            self._answered[peer] = None
            self._schedule()

    # --- rooms

    def open_room(self, name: str) -> Room:
        """Give a room, opened if it was not."""
        if name in self.rooms:
            return self.rooms[name]
        head = self._journal.follow(name, lambda entries: self._deliver(name, entries))
        ring = Ring(head.last, max_entries=self._limits.ring_entries, max_bytes=self._limits.ring_bytes)
        room = self.rooms[name] = Room(name, head.epoch, ring, batch_bytes=self._limits.out_buffer)
        return room

    def _deliver(self, name: str, entries: Sequence[protocol.Msg]) -> None:
        room = self.rooms[name]
        room.append(entries)
        self._touch(room)

    def resumed(self, peer: Peer) -> None:
        """A peer can take more again."""
        if peer.room is not None and peer in peer.room.readers:
            peer.room.drain(peer)

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
                self._page(peer, effect)
            case Raw(data):
                self._reply_bytes(peer, data)
            case Hangup(why):
                self.depart(peer, why)

    def _room_of(self, peer: Peer) -> Room:
        if peer.room is None:
            raise RuntimeError("a session let a frame through before its hello")
        return peer.room

    def _enter(self, peer: Peer, hello: protocol.Hello) -> None:
        peer.token = owner_of(hello.token)
        try:
            room = self.open_room(self._admission.room(hello.room, self.rooms))
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
            self._place_cursor(peer, room, hello)
        self._touch(room)

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
            first=room.ring.first,
            last=room.ring.last,
            members=room.roster.nicks(MEMBERS_IN_WELCOME),
            count=len(room.roster),
            watchers=room.watchers,
            durability=self._journal.durability,
            limits=self._limits,
        )

    def _place_cursor(self, peer: Peer, room: Room, hello: protocol.Hello) -> None:
        peer.after, gap = room.start(hello.resume, min(hello.history, self._limits.backlog))
        if gap is not None:
            self.reply(peer, gap)
        room.readers.add(peer)

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
        self._schedule()

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
        self._touch(room)

    def _who(self, peer: Peer) -> None:
        room = self._room_of(peer)
        rows = room.roster.rows(self._clock())
        self.reply(peer, protocol.Roster(members=rows, count=len(rows), watchers=room.watchers))

    def _page(self, peer: Peer, ask: protocol.History) -> None:
        limit = min(ask.limit, self._limits.page)
        try:
            self.reply(peer, self._room_of(peer).page(ask.after, ask.before, limit))
        except BadFrame as error:
            self.reply(peer, error_frame(error))

    # --- leaving

    def depart(self, peer: Peer, why: str) -> None:
        """Begin to let a peer go: its name is free at once; that it left is told once its last words were shown."""
        if peer.leaving is not None:
            return
        peer.leaving = why
        room, member = peer.room, peer.member
        if room is not None:
            room.watchers -= peer.session.mode == "watch"
            if member is not None:
                room.roster.unlist(member)
        self._leaving[peer] = None
        self._schedule()

    def _forget(self, peer: Peer) -> None:
        room, member = peer.room, peer.member
        peer.room = peer.member = None
        if room is None:
            self._log.info("closed", peer=peer.label, why=peer.leaving)
            return
        room.readers.discard(peer)
        if member is not None:
            room.roster.gone(member)
            self._touch(room)
        self._log.info("left", peer=peer.label, nick=peer.session.nick, why=peer.leaving)
