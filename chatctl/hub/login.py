"""How a newcomer comes in: what it proves, under which name, bound to which key, and what it is welcomed with.

Lives here: the way from a hello to the welcome, and taking one's own place over. Does not live here: which names and
rooms may be had (admission.py), what is a proof (gate.py), what comes after (hub.py). Source: docs/protocol.md,
"hello" and "Proving".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from chatctl import protocol
from chatctl.core.admission import Admission, owner_of
from chatctl.core.auth import Authenticator, AuthExchange, Proved
from chatctl.core.dialects import JSON
from chatctl.core.moderation import Rules, Who
from chatctl.core.name_claims import NameClaim, fact
from chatctl.core.peer import Peer, peer_of
from chatctl.core.room import Room
from chatctl.errors import ChatError, StorageFailed, Unauthorized
from chatctl.hub.event_log import Log
from chatctl.hub.history import RoomHistory
from chatctl.hub.tick import Loop
from chatctl.journal import Journal
from chatctl.protocol import Frame, Limits

MEMBERS_IN_WELCOME = 200

REPLACED = "your nickname joined again from elsewhere"
"""Why a member is sent away whose own token or key took its place."""


class House(Protocol):
    """The hub, as its reception sees it."""

    rules: Rules
    peers: dict[Peer, None]
    archive: RoomHistory

    def reply(self, peer: Peer, frame: Frame, /) -> None:
        """Have a frame sent to one peer."""

    def touch(self, room: Room, /) -> None:
        """Have a room swept."""

    def depart(self, peer: Peer, why: str, bye: protocol.Bye) -> None:
        """Begin to let a peer go; ``bye`` is the last that it is sent."""

    def who(self, peer: Peer, nick: str) -> Who:
        """Give what is known of a peer under this name."""


class Login:
    """Takes what a session gives before it is in: a hello, then perhaps a proof."""

    def __init__(
        self,
        house: House,
        journal: Journal,
        admission: Admission,
        gate: Authenticator,
        limits: Limits,
        log: Log,
        *,
        clock: Callable[[], float],
        loop: Loop,
    ) -> None:
        """Let people into ``house``. The rest is as in ``Hub``."""
        self._house = house
        self._journal = journal
        self._admission = admission
        self._gate = gate
        self._limits = limits
        self._log = log
        self._clock = clock
        self._loop = loop
        self._trials: dict[Peer, AuthExchange] = {}

    def greet(self, peer: Peer, hello: protocol.Hello) -> None:
        """Let a newcomer in, or have it prove first who it is."""
        if self._gate.password is not None and peer.session.dialect is not JSON:
            self._turn_away(
                peer, hello, Unauthorized("this server wants a password, which has no place here: use chatctl")
            )
            return
        try:
            trial = self._gate.open(hello, peer.way, self._loop.time())
        except ChatError as error:
            self._turn_away(peer, hello, error)
            return
        if trial is None:
            self._enter(peer, hello, Proved())
            return
        self._trials[peer] = trial
        peer.session.challenged()
        self._house.reply(peer, trial.challenge)

    def judge(self, peer: Peer, proof: protocol.Proof) -> None:
        """Let in who was challenged, if this proves it."""
        trial = self._trials.pop(peer)
        try:
            proved = trial.check(proof, self._loop.time())
        except ChatError as error:
            self._turn_away(peer, trial.hello, error)
        else:
            self._enter(peer, trial.hello, proved)

    def forget(self, peer: Peer) -> None:
        """Wait for its proof no longer: it goes."""
        self._trials.pop(peer, None)

    def _turn_away(self, peer: Peer, hello: protocol.Hello, error: ChatError) -> None:
        self._log.info("refused", peer=peer.label, nick=hello.nick, why=error.text)
        peer.session.turned_away(error)

    def _enter(self, peer: Peer, hello: protocol.Hello, proved: Proved) -> None:
        peer.token = owner_of(hello.token)
        peer.key = proved.key
        try:
            room = self._house.archive.open(self._admission.room(hello.room, self._house.archive.rooms))
            nick = self._name(peer, hello, room)
        except ChatError as error:
            self._log.info("refused", peer=peer.label, nick=hello.nick, why=error.text)
            peer.session.refused(error)
            return
        claim = None
        if hello.mode == "join" and proved.key is not None:
            claim = self._admission.claims.propose(nick, proved.key, self._clock())
        if claim is None:
            self._let_in(peer, hello, proved, room, nick)
        else:
            self._bind(peer, hello, proved, claim)

    def _name(self, peer: Peer, hello: protocol.Hello, room: Room) -> str:
        """Give the name that a hello gets. Raises as ``Admission.nick``, and Forbidden for who is banned."""
        nick = self._admission.nick(hello, peer.session.dialect, peer.owner, room.roster)
        self._house.rules.admit(self._house.who(peer, nick), self._clock())
        return nick

    def _bind(self, peer: Peer, hello: protocol.Hello, proved: Proved, claim: NameClaim) -> None:
        """Keep a claim, and only then let its owner in. It holds from now on, or a second one would be kept over it."""
        key, value = fact(claim)
        self._admission.claims.add(claim)

        def kept(error: StorageFailed | None) -> None:
            if error is not None:
                self._admission.claims.drop(claim.nick)
                self._log.error("not bound", nick=claim.nick, why=error.text)
            else:
                self._log.info("bound", nick=claim.nick, key=claim.key)
            if peer.leaving is None:
                self._enter_bound(peer, hello, proved)
                peer.pump()

        self._journal.keep({key: value}, kept)

    def _enter_bound(self, peer: Peer, hello: protocol.Hello, proved: Proved) -> None:
        """Look again whether the name may be had: a moment has passed."""
        room = self._house.archive.open(hello.room)
        try:
            nick = self._name(peer, hello, room)
        except ChatError as error:
            peer.session.refused(error)
        else:
            self._let_in(peer, hello, proved, room, nick)

    def _let_in(self, peer: Peer, hello: protocol.Hello, proved: Proved, room: Room, nick: str) -> None:
        peer.session.entered(nick)
        peer.dialect = peer.session.dialect
        peer.room = room
        self._house.peers[peer] = None
        if nick:
            self._log.info("nickname", peer=peer.label, nick=nick, room=room.name, mode=hello.mode, key=peer.key or "")
        if hello.mode == "join":
            self._take_place(peer, room, nick)
        room.watchers += hello.mode == "watch"
        self._house.reply(peer, self._welcome(room, nick, proved))
        if hello.mode in ("join", "watch"):
            self._house.archive.place(peer, room, hello)
        self._house.touch(room)

    def _take_place(self, peer: Peer, room: Room, nick: str) -> None:
        """List it in the roster, in the place of its own ghost if there is one."""
        ghost = room.roster.find(nick)
        if ghost is None:
            peer.member = room.roster.add(nick, peer.token, peer, self._clock(), peer.key)
            return
        before = peer_of(ghost)  # the same owner: a takeover, which nobody else needs to hear of
        peer.member, before.member = ghost, None
        ghost.conn, ghost.token, ghost.proved = peer, peer.token, peer.key
        if ghost.nick != nick:
            room.roster.rename(ghost, nick)
        self._house.depart(before, "replaced", protocol.Bye(why=REPLACED, final=True))

    def _welcome(self, room: Room, nick: str, proved: Proved) -> protocol.Welcome:
        claim = self._admission.claims.find(nick) if nick and proved.key is not None else None
        rules = self._house.rules.room(room.name)
        return protocol.Welcome(
            v=protocol.VERSION,
            server=self._admission.server,
            room=room.name,
            nick=nick,
            epoch=room.epoch,
            first=self._house.archive.first(room),
            last=room.ring.last,
            members=room.roster.nicks(MEMBERS_IN_WELCOME),
            count=len(room.roster),
            watchers=room.watchers,
            durability=self._journal.durability,
            limits=self._limits,
            claimed=claim is not None and claim.key == proved.key,
            scram=proved.scram,
            topic=rules.topic,
            slow=rules.slow or 0,  # not 0.0: it is left out if it is the default itself
            read_only=rules.read_only,
        )
