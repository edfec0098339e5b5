"""Login: from a connection's hello to its welcome.

Lives here: the order of challenge, name, claim and welcome; taking over one's own place in the roster. Does not live
here: which names and rooms may be had (admission.py), what proves a key or password (auth.py), what comes after the
welcome (hub.py). Source: docs/protocol.md, "Frames to the server" and "Proving".
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial

from chatctl import protocol
from chatctl.common.key_proof import NONCE_BYTES
from chatctl.core.admission import Admission, owner_of
from chatctl.core.auth import Authenticator, AuthExchange, Proved
from chatctl.core.connection_throttle import AddressThrottle
from chatctl.core.dialects import JSON
from chatctl.core.ip_networks import client_of
from chatctl.core.limits import advertised
from chatctl.core.name_claims import NameClaim, fact
from chatctl.core.passwords import FAILURE_SECONDS
from chatctl.core.peer import Peer, peer_of, person_of
from chatctl.core.room import Room
from chatctl.errors import ChatError, PasswordWrong, RateLimited, StorageFailed, Unauthorized
from chatctl.hub.peer_control import PeerControl
from chatctl.hub.tick import Loop
from chatctl.hub.turns import Turns

LOGINS_A_TURN = 32
"""Hellos and proofs that are judged in one iteration of the loop. The worst name takes 0.3 ms, a signature half of it:
nobody else waits for longer than that, however many come at once."""

ROOMS_AT_ONCE, ROOMS_A_SECOND = 16, 1 / 60
"""Rooms that one address may open, where everybody may."""

MEMBERS_IN_WELCOME = 200

REPLACED = "your nickname joined again from elsewhere"
"""Why a member is disconnected whose own token or key took its place."""


class Login:
    """Takes what a session gives before it is live: a hello, then perhaps a proof."""

    def __init__(self, hub: PeerControl, admission: Admission, authenticator: Authenticator, loop: Loop) -> None:
        """Let peers into the rooms of ``hub``. The rest is as in ``Hub``."""
        self._hub = hub
        self._log = hub.log
        self._admission = admission
        self._authenticator = authenticator
        self._limits = advertised(hub.limits)
        self._loop = loop
        self._exchanges: dict[Peer, AuthExchange] = {}
        self._turns = Turns(loop, LOGINS_A_TURN)
        self._rooms_opened = AddressThrottle(ROOMS_A_SECOND, ROOMS_AT_ONCE)

    def hello(self, peer: Peer, hello: protocol.Hello) -> None:
        """Let a peer in, or challenge it first; in a later iteration of the loop, if many come at once."""
        self._in_turn(peer, partial(self._judge_hello, peer, hello))

    def proof(self, peer: Peer, proof: protocol.Proof) -> None:
        """Let a challenged peer in if this is the proof; in turn, as ``hello``."""
        self._in_turn(peer, partial(self._judge_proof, peer, proof))

    def _in_turn(self, peer: Peer, judge: Callable[[], None]) -> None:
        def later() -> None:
            judge()
            peer.pump()

        if self._turns.take():
            judge()
        else:
            self._turns.wait(peer, later)

    def _judge_hello(self, peer: Peer, hello: protocol.Hello) -> None:
        try:
            if self._authenticator.password is not None and peer.session.dialect is not JSON:
                raise Unauthorized("this server wants a password, which has no place here: use chatctl")
            nonce = secrets.token_bytes(NONCE_BYTES)
            exchange = self._authenticator.begin(hello, peer.info, nonce, self._loop.time())
        except ChatError as error:
            self._refuse_final(peer, hello, error)
            return
        if exchange is None:
            self._enter(peer, hello, Proved())
            return
        self._exchanges[peer] = exchange
        peer.session.await_proof()
        self._hub.reply(peer, exchange.challenge)

    def _judge_proof(self, peer: Peer, proof: protocol.Proof) -> None:
        exchange = self._exchanges.pop(peer)
        try:
            proved = exchange.verify(proof, self._loop.time())
        except PasswordWrong as error:
            self._loop.call_later(FAILURE_SECONDS, partial(self._refuse_late, peer, exchange.hello, error))
        except ChatError as error:
            self._refuse_final(peer, exchange.hello, error)
        else:
            self._enter(peer, exchange.hello, proved)

    def _refuse_late(self, peer: Peer, hello: protocol.Hello, error: ChatError) -> None:
        if peer.leaving is None:
            self._refuse_final(peer, hello, error)
            peer.pump()

    def forget(self, peer: Peer) -> None:
        """Drop the challenge, and what waits for its turn, of a peer that is leaving."""
        self._exchanges.pop(peer, None)
        self._turns.drop(peer)

    def forget_addresses(self, now: float) -> None:
        """Drop what is remembered of addresses that opened no room, or gave no password. Call it now and then."""
        self._rooms_opened.forget(now)
        self._authenticator.lockout.forget(now)

    def _refuse_final(self, peer: Peer, hello: protocol.Hello, error: ChatError) -> None:
        self._log_refusal(peer, hello, error)
        peer.session.refuse_final(error)

    def _log_refusal(self, peer: Peer, hello: protocol.Hello, error: ChatError) -> None:
        """Log a connection's first refusal. Of further ones only the line of its end tells, if there were too many."""
        if not peer.session.refusals:
            self._log.info("refused", peer=peer.label, nick=hello.nick, why=error.text)

    def _enter(self, peer: Peer, hello: protocol.Hello, proved: Proved, *, may_bind: bool = True) -> None:
        peer.token = owner_of(hello.token)
        peer.key = proved.key
        try:
            room = self._admission.room(hello.room, self._hub.history.rooms)
            nick = self._admission.nick(hello, peer.session.dialect, peer.owner, self._hub.history.roster(room))
            self._hub.rules.check_entry(person_of(peer, nick), self._hub.clock())
            self._check_opening(peer, room)
        except ChatError as error:
            self._log_refusal(peer, hello, error)
            peer.session.refuse_retryable(error)
            return
        claim = None
        if may_bind and hello.mode == "join" and proved.key is not None:
            claim = self._admission.claims.propose(nick, proved.key, self._hub.clock())
        if claim is None:
            self._let_in(peer, hello, proved, room, nick)
        else:
            self._bind(peer, hello, proved, claim)

    def _check_opening(self, peer: Peer, room: str) -> None:
        """Return if the peer may enter, or open, this room. Raises RateLimited."""
        client = client_of(peer.info.host)
        if not client or room in self._admission.rooms or room in self._hub.history.rooms:
            return
        if wait := self._rooms_opened.wait(client, self._loop.time()):
            raise RateLimited(f"{client} opens too many rooms: use one that is open", retry_after=round(wait, 1))

    def _bind(self, peer: Peer, hello: protocol.Hello, proved: Proved, claim: NameClaim) -> None:
        """Commit a claim, then let its owner in. It holds from now on, or a second one could be committed over it."""
        key, value = fact(claim)
        self._admission.claims.add(claim)

        def committed(error: StorageFailed | None) -> None:
            if error is not None:
                self._admission.claims.drop(claim.nick)
                self._log.error("not bound", nick=claim.nick, why=error.text)
            else:
                self._log.info("bound", nick=claim.nick, key=claim.key)
            if peer.leaving is None:
                self._enter(peer, hello, proved, may_bind=False)  # time has passed: the name may be taken now
                peer.pump()

        self._hub.journal.keep({key: value}, committed)

    def _let_in(self, peer: Peer, hello: protocol.Hello, proved: Proved, name: str, nick: str) -> None:
        room = self._hub.history.open(name)  # not before: who is refused opens none
        room.present += 1
        peer.session.accept(nick)
        peer.dialect = peer.session.dialect
        peer.room = room
        peer.entered()
        self._hub.peers[peer] = None
        if nick:
            self._log.info("nickname", peer=peer.label, nick=nick, room=room.name, mode=hello.mode, key=peer.key or "")
        if hello.mode == "join":
            self._enlist(peer, room, nick)
        room.watchers += hello.mode == "watch"
        self._hub.reply(peer, self._welcome(room, nick, proved))
        if hello.mode in ("join", "watch"):
            self._hub.history.place(peer, room, hello)
        self._hub.touch(room)

    def _enlist(self, peer: Peer, room: Room, nick: str) -> None:
        """Add a peer to the roster, or have it take over its own row there if an older connection has it."""
        member = room.roster.find(nick)
        if member is None:
            peer.member = room.roster.add(nick, peer.token, peer, self._hub.clock(), peer.key)
            return
        before = peer_of(member)  # the same owner, so there is nothing to announce
        peer.member, before.member = member, None
        member.conn, member.token, member.proved = peer, peer.token, peer.key
        if member.nick != nick:
            room.roster.rename(member, nick)
        self._hub.disconnect(before, "replaced", protocol.Bye(why=REPLACED, final=True))

    def _welcome(self, room: Room, nick: str, proved: Proved) -> protocol.Welcome:
        claim = self._admission.claims.find(nick) if nick and proved.key is not None else None
        rules = self._hub.rules.room(room.name)
        return protocol.Welcome(
            v=protocol.VERSION,
            server=self._admission.server,
            room=room.name,
            nick=nick,
            epoch=room.epoch,
            first=self._hub.history.first(room),
            last=room.ring.last,
            members=room.roster.nicks(MEMBERS_IN_WELCOME),
            count=len(room.roster),
            watchers=room.watchers,
            durability=self._hub.journal.durability,
            limits=self._limits,
            claimed=claim is not None and claim.key == proved.key,
            scram=proved.scram,
            topic=rules.topic,
            slow=rules.slow or 0,  # not 0.0: it is left out if it is the default itself
            read_only=rules.read_only,
            features=list(protocol.FEATURES),
        )
