"""Login: from a connection's hello to its welcome.

Lives here: the order of challenge, name, claim and welcome; carrying out what was decided about the name. Does not live
here: that decision (core/name_ownership.py), keeping claims (name_binding.py), which rooms may be entered
(core/admission.py), what proves a key or password (core/auth.py), what comes after the welcome (hub.py). Source:
docs/protocol.md, "Frames to the server" and "Proving".
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import partial

from chatctl import protocol
from chatctl.common.key_proof import NONCE_BYTES
from chatctl.common.text import clean
from chatctl.core.admission import Admission
from chatctl.core.auth import Authenticator, AuthExchange, Proved
from chatctl.core.connection_throttle import AddressThrottle
from chatctl.core.ip_networks import client_of
from chatctl.core.limits import advertised
from chatctl.core.name_ownership import Ask, Decision, Granted, Intent, Owner, grant, owner_of
from chatctl.core.passwords import FAILURE_SECONDS
from chatctl.core.peer import Peer, peer_of, person_of
from chatctl.core.room import Room
from chatctl.errors import ChatError, PasswordWrong, RateLimited, Unauthorized
from chatctl.hub.name_binding import REPLACED, NameBinding
from chatctl.hub.peer_control import PeerControl
from chatctl.hub.tick import Loop
from chatctl.hub.turns import Turns

LOGINS_A_TURN = 32
"""Hellos and proofs that are judged in one iteration of the loop. The worst name takes 0.3 ms, a signature half of it:
nobody else waits for longer than that, however many come at once."""

ROOMS_AT_ONCE, ROOMS_A_SECOND = 16, 1 / 60
"""Rooms that one address may open, where everybody may."""

MEMBERS_IN_WELCOME = 200

_INTENTS: Mapping[protocol.Mode, Intent] = {"join": "enter", "post": "post", "watch": "read", "probe": "read"}


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
        self._binding = NameBinding(hub)
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
        self._binding.drop_expired()
        try:
            if self._authenticator.password is not None and not peer.session.dialect.proves:
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
        """Log a connection's first refusal, and nothing else of it unless it is let in after all."""
        if not peer.refused:
            peer.refused = True
            self._log.info("refused", peer=peer.label, nick=hello.nick, why=error.text)

    def _enter(self, peer: Peer, hello: protocol.Hello, proved: Proved, *, may_bind: bool = True) -> None:
        peer.token = owner_of(hello.token)
        peer.key = proved.key
        try:
            room = self._admission.room(hello.room, self._hub.history.rooms)
            granted = grant(self._decide(peer, hello, room))
            self._hub.rules.check_entry(person_of(peer, granted.nick), self._hub.clock.steady())
            self._check_opening(peer, room)
        except ChatError as error:
            self._log_refusal(peer, hello, error)
            peer.session.refuse_retryable(error)
            return
        if granted.claim is not None and may_bind:
            self._binding.bind(granted.claim, peer.info.host, lambda: self._enter_bound(peer, hello, proved))
            return
        if granted.claim is not None:
            granted = Granted(granted.nick, granted.place, unbound="it could not be stored")
        self._let_in(peer, hello, proved, room, granted)

    def _check_opening(self, peer: Peer, room: str) -> None:
        """Return if the peer may enter, or open, this room. Raises RateLimited."""
        client = client_of(peer.info.host)
        if not client or room in self._admission.rooms or room in self._hub.history.rooms:
            return
        if wait := self._rooms_opened.wait(client, self._loop.time()):
            raise RateLimited(f"{client} opens too many rooms: use one that is open", retry_after=round(wait, 1))

    def _enter_bound(self, peer: Peer, hello: protocol.Hello, proved: Proved) -> None:
        """Go on once the claim is committed or failed. Time has passed: all of it is decided anew."""
        if peer.leaving is None:
            self._enter(peer, hello, proved, may_bind=False)
            peer.pump()

    def _decide(self, peer: Peer, hello: protocol.Hello, room: str) -> Decision:
        ask = Ask(hello.nick, peer.owner, _INTENTS[hello.mode], room, client_of(peer.info.host))
        now = self._hub.clock()
        if not peer.session.dialect.bends_names:
            return self._hub.names.decide(ask, now)
        return self._hub.names.bend(ask, [f"{secrets.randbelow(10**8):08}" for _ in range(3)], now)

    def _let_in(self, peer: Peer, hello: protocol.Hello, proved: Proved, name: str, granted: Granted) -> None:
        nick, room = granted.nick, self._hub.history.open(name)  # not before: who is refused opens none
        room.present += 1
        peer.session.accept(nick)
        peer.dialect = peer.session.dialect
        peer.room = room
        peer.entered()
        self._log.info("connected", peer=peer.label)  # not at the accept: who is not let in has one line
        self._hub.peers[peer] = None
        if nick:
            self._log.info("nickname", peer=peer.label, nick=nick, room=room.name, mode=hello.mode, key=peer.key or "")
            self._binding.note_use(nick, peer.owner)
        if hello.mode == "join":
            self._enlist(peer, room, granted)
        room.watchers += hello.mode == "watch"
        resume, _ = self._hub.history.cut(room, hello.resume)
        cut = resume.after if resume is not None and resume is not hello.resume else None
        self._hub.reply(peer, self._welcome(room, nick, proved, cut))
        if granted.unbound:
            self._log.warning("not bound", nick=nick, key=peer.key, why=granted.unbound)
            text = f"{clean(nick)} is not bound to your key: {granted.unbound}"
            self._hub.reply(peer, protocol.Notice(text, self._hub.clock()))
        if hello.mode in ("join", "watch"):
            self._hub.history.place(peer, room, hello)
        self._hub.touch(room)

    def _enlist(self, peer: Peer, room: Room, granted: Granted) -> None:
        """Add a peer to the roster, or have it take over its own row there if an older connection has it."""
        member = granted.place
        if member is None:
            clock = self._hub.clock
            peer.member = room.roster.add(granted.nick, peer.token, peer, clock.steady(), peer.key, since=clock())
            return
        before = peer_of(member)  # the same owner, so there is nothing to announce
        peer.member, before.member = member, None
        member.conn, member.token, member.proved = peer, peer.token, peer.key
        if member.nick != granted.nick:
            room.roster.rename(member, granted.nick)
        self._hub.disconnect(before, "replaced", protocol.Bye(why=REPLACED, final=True, code="nick_taken"))

    def _welcome(self, room: Room, nick: str, proved: Proved, cut: int | None) -> protocol.Welcome:
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
            operator=self._hub.rules.is_operator(proved.key),
            claimed=bool(nick) and self._hub.names.owned_by(nick, Owner(key=proved.key)) is not None,
            scram=proved.scram,
            topic=rules.topic,
            slow=rules.slow or 0,  # not 0.0: it is left out if it is the default itself
            read_only=rules.read_only,
            features=list(protocol.FEATURES),
            cut=cut,
        )
