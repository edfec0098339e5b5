"""The hub: joins rooms, sessions and the journal.

Lives here: what each effect of a session does, questions about members, disconnecting. Does not live here: login
(login.py), speech (messages.py), operators' verbs (admin_commands.py), history (history.py), the order of a tick
(tick.py), the wire (core/dialects.py), sockets (server/). Source: docs/design.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from chatctl import protocol
from chatctl.core.admission import Admission
from chatctl.core.auth import Authenticator
from chatctl.core.clock import ServerClock
from chatctl.core.effects import Effect, Hangup, Raw, Reply, Says, error_frame
from chatctl.core.ip_networks import Networks
from chatctl.core.leases import Leases
from chatctl.core.limits import ServerLimits
from chatctl.core.memory import Memory
from chatctl.core.moderation import Rules
from chatctl.core.name_ownership import Ask, Names, grant
from chatctl.core.peer import Peer, person_of
from chatctl.core.room import Room
from chatctl.directory import Directory, Place, Wish
from chatctl.errors import ChatError, NoSuchNick
from chatctl.hub.admin_commands import AdminCommands
from chatctl.hub.cutting import Cutting
from chatctl.hub.errands import Errands
from chatctl.hub.event_log import Log
from chatctl.hub.history import RoomHistory
from chatctl.hub.large_answers import LargeAnswers
from chatctl.hub.learning import Learning
from chatctl.hub.leasing import Leasing
from chatctl.hub.login import Login
from chatctl.hub.messages import Messages
from chatctl.hub.name_requests import commit_name
from chatctl.hub.presence import Presence
from chatctl.hub.searching import Searching
from chatctl.hub.tick import Loop, Tick
from chatctl.journal import Journal

ROW_BYTES, ROOM_BYTES = 128, 256
"""Bytes of a row in the answer to ``who``, and to ``rooms``."""


class Hub:
    """All rooms of one server."""

    def __init__(
        self,
        journal: Journal,
        directory: Directory,
        admission: Admission,
        limits: ServerLimits,
        log: Log,
        *,
        clock: Callable[[], float],
        loop: Loop,
        authenticator: Authenticator | None = None,
        rules: Rules | None = None,
        leases: Leases | None = None,
    ) -> None:
        """Serve the rooms that ``admission`` knows.

        Args:
            journal: stores messages and facts.
            directory: knows who is here, at every server that has these rooms.
            admission: which rooms may be entered, and which names are bound.
            limits: what the server is configured with.
            log: gets a line per event.
            clock: returns Unix seconds.
            loop: runs the end of each tick; its time is monotonic.
            authenticator: what has to be proved; by default only a key that is offered.
            rules: what operators have set.
            leases: those that the journal has.
        """
        self.rules = rules or Rules()
        self.networks = Networks()
        self.claims = admission.claims
        self._admission = admission
        self.names = Names(admission.claims, longest=limits.nick)
        self.peers: dict[Peer, None] = {}
        self.journal = journal
        self.directory = directory
        self.limits = limits
        self.memory = Memory(limits.memory)
        self.log = log
        self.clock = ServerClock(clock, loop.time, self._clock_was_set)
        self._join_parts(loop, authenticator or Authenticator(), leases or Leases())

    def _join_parts(self, loop: Loop, authenticator: Authenticator, leases: Leases) -> None:
        """Make the parts that carry effects out, each from those before it."""
        self._tick = Tick(loop, lambda: self.messages.commit(), self.finish_disconnect)
        self.reply = self._tick.reply
        self.touch = self._tick.touch
        self.refusals = self._tick.refusals
        self._answers = LargeAnswers(self.memory.output, self._tick, loop, self.log)
        self.presence = Presence(self, self.directory, self._tick, self._close_if_empty)
        self.errands = Errands(self, self.directory, self.presence, self._tick)
        self.history = RoomHistory(self, self._tick, self._answers, self.presence)
        self._searching = Searching(self, self.history, self._answers, loop)
        self.wake = self.history.wake
        self.leasing = Leasing(self, leases, self.history, self._tick, self._answers)
        self.messages = Messages(self, self._tick, self.leasing.questions, self.presence.wish)
        self.admin = AdminCommands(self)
        self.cut = Cutting(self).cut
        learning = Learning(self)
        self.learn, self.redacted = learning.learn, learning.redacted
        self._login = Login(self, self._admission, authenticator, loop)

    # --- effects

    def perform(self, peer: Peer, effect: Effect) -> None:
        """Carry out one effect of a peer's session, or answer with the error."""
        try:
            match effect:
                case Says(says):
                    self.messages.say(peer, self._room_of(peer), says)
                case Reply(frame):
                    self.reply(peer, frame)
                case protocol.Ping(t=t):
                    self.reply(peer, protocol.Pong(t=t, last=self._room_of(peer).ring.last))
                case protocol.Hello():
                    self._login.hello(peer, effect)
                case protocol.Proof():
                    self._login.proof(peer, effect)
                case protocol.Whisper():
                    self.messages.whisper(peer, self._room_of(peer), effect)
                case protocol.Nick():
                    self._rename(peer, effect)
                case protocol.Who(ident):
                    size = ROW_BYTES * len(self._room_of(peer).roster)
                    self._answers.give(peer, size, lambda: self._who(peer, ident))
                case protocol.Rooms(ident):
                    names = self.room_names()
                    self._answers.give(peer, ROOM_BYTES * len(names), lambda: self._list_rooms(peer, ident))
                case protocol.Whois():
                    self.reply(peer, self._identity(self._room_of(peer), effect))
                case protocol.Lease():
                    self.leasing.request(peer, self._room_of(peer), effect)
                case protocol.Admin():
                    self.admin.order_from(peer, effect)
                case protocol.History():
                    self.history.page(peer, self._room_of(peer), effect)
                case protocol.Search():
                    self._searching.search(peer, self._room_of(peer), effect)
                case Raw(data):
                    self._tick.reply_bytes(peer, data)
                case Hangup(why, last):
                    self.disconnect(peer, why, last)
        except ChatError as error:
            self._refuse(peer, effect, error)

    def _clock_was_set(self, seconds: float) -> None:
        self.log.warning("the clock was set", seconds=round(seconds, 1))
        self.admin.keep_again()

    def _room_of(self, peer: Peer) -> Room:
        if peer.room is None:
            raise RuntimeError("a session let a frame through before its hello")
        return peer.room

    def _rename(self, peer: Peer, wanted: protocol.Nick) -> None:
        room, member = self._room_of(peer), peer.member
        if member is None:
            return
        ask = Ask(wanted.nick, peer.owner, "rename", room.name, place=member)

        def decide() -> tuple[tuple[str, Place | None], Wish | None]:
            new = grant(self.names.decide(ask, self.clock())).nick
            self.rules.check_entry(person_of(peer, new), self.clock.steady())
            if new == member.nick:
                return (new, None), None
            wish = self.presence.wish(new, peer, room.name, place=member.place, since=member.since)
            return (new, member.place), wish

        def given(decided: tuple[str, Place | None], place: Place | None) -> None:
            new, instead = decided
            if peer.leaving is not None:
                self.presence.release(place, room.name)
            elif place is None:
                self.reply(peer, protocol.Rename(old=new, new=new))
            else:
                self.log.info("rename", peer=peer.label, nick=member.nick, to=new)
                self.presence.rename(room, member, new, place, instead)
                peer.session.nick = new
                self.leasing.renamed(peer, new)
                self._check_still(peer, new)

        commit_name(self.directory, peer, decide, given, partial(self._refuse, peer, wanted))

    def _check_still(self, peer: Peer, nick: str) -> None:
        """Disconnect a peer whose new name was banned while it was being committed."""
        try:
            self.rules.check_entry(person_of(peer, nick), self.clock.steady())
        except ChatError as error:
            self.disconnect(peer, "removed", protocol.Bye(why=error.text, final=True))

    def _refuse(self, peer: Peer, effect: Effect, error: ChatError) -> None:
        if peer.leaving is None:
            self.reply(peer, error_frame(error, getattr(effect, "id", None)))

    def _who(self, peer: Peer, ident: str | None) -> None:
        room = peer.room
        if room is None:  # it left while the answer had to wait
            return
        rows = room.roster.rows(self.clock.steady())
        watchers = self.presence.watchers(room)
        self.reply(peer, protocol.Roster(members=rows, count=len(rows), watchers=watchers, id=ident))

    def room_names(self) -> list[str]:
        """Return the rooms that there are: those of the operator, and those that are open here or have members."""
        return sorted({*self._admission.rooms, *self.history.rooms, *dict(self.presence.members())})

    def _list_rooms(self, peer: Peer, ident: str | None) -> None:
        """Tell which rooms there are: those of the operator, and those that are open now. Never who is in another."""
        rows, members = [], dict(self.presence.members())
        for name in self.room_names():
            room, topic = self.history.rooms.get(name), self.rules.room(name).topic
            last = self.journal.head(name).last if room is None else room.ring.last
            rows.append(protocol.RoomRow(name, members.get(name, 0), last, topic))
        self.reply(peer, protocol.RoomList(rows, ident))

    def _identity(self, room: Room, asked: protocol.Whois) -> protocol.Identity:
        member, claim = room.roster.find(asked.nick), self.claims.find(asked.nick)
        if member is None and asked.bound and claim is not None:
            return protocol.Identity(claim.nick, claim.since, 0.0, claim.key, claim.since, here=False, id=asked.id)
        if member is None:
            raise NoSuchNick(f"{asked.nick} is not here")
        row = member.row(self.clock.steady())
        claimed = claim.since if claim is not None and claim.key == member.proved else None
        return protocol.Identity(row.nick, row.since, row.idle, row.key, claimed, id=asked.id)

    def address_ban(self, host: str) -> ChatError | None:
        """Return the error for connections from a banned address, or None."""
        return self.rules.address_ban(host, self.clock.steady())

    def forget_addresses(self, now: float) -> None:
        """Drop what is remembered of addresses that have not come for a while. Call it now and then."""
        self._login.forget_addresses(now)

    def commit(self) -> None:
        """Hand what was said up to now to the journal."""
        self.messages.commit()

    # --- disconnecting

    def disconnect(self, peer: Peer, why: str, last: protocol.Bye | protocol.Error | None = None) -> None:
        """Begin to disconnect a peer. Its name is free at once; that it left is told once what it said is committed.

        Args:
            peer: any connection; one that is leaving already is left alone.
            why: for the log.
            last: the last frame that it is sent.
        """
        if peer.leaving is not None:
            return
        peer.leaving = why
        peer.goodbye = self._tick.render(peer, last) if last is not None else b""
        self._login.forget(peer)
        self.leasing.disconnected(peer, removed=isinstance(last, protocol.Bye) and last.final and last.code is None)
        if peer.room is not None:
            peer.room.watchers -= peer.session.mode == "watch"
            if peer.member is not None:
                self.presence.unlist(peer.member)
        self.wake(peer)
        self._tick.leave(peer)

    def finish_disconnect(self, peer: Peer) -> None:
        """Remove a leaving peer from its room and close it, whatever of it is in flight."""
        self.peers.pop(peer, None)
        room, member = peer.room, peer.member
        peer.room = peer.member = None
        if room is not None:
            room.remove_reader(peer)
            room.present -= 1
        if room is not None and member is not None:
            self.presence.gone(member)
            self.touch(room)
            self.log.info("left", peer=peer.label, nick=member.nick, why=peer.leaving)
        elif room is not None or not peer.refused:
            self.log.info("closed", peer=peer.label, why=peer.leaving)
        if room is not None and not peer.in_flight:
            self._close_if_empty(room)
        if peer.goodbye:
            peer.queue_reply(peer.goodbye)
            peer.send(b"")
        peer.close()

    def _close_if_empty(self, room: Room) -> None:
        if room.name not in self._admission.rooms:
            self.history.close(room)
