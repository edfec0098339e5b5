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
from chatctl.core.name_claims import NameClaim
from chatctl.core.name_ownership import Ask, Decision, Granted, Intent, Owner, grant, owner_of
from chatctl.core.passwords import FAILURE_SECONDS
from chatctl.core.peer import Peer, person_of
from chatctl.core.room import Room
from chatctl.directory import Place, Wish
from chatctl.errors import ChatError, NotJoined, PasswordWrong, RateLimited, StorageFailed, Unauthorized
from chatctl.hub.name_binding import NameBinding
from chatctl.hub.name_requests import commit_name
from chatctl.hub.peer_control import PeerControl
from chatctl.hub.tick import Loop
from chatctl.hub.turns import Turns
from chatctl.hub.waiting import Waiting

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
        with Waiting(peer) as wait:
            self._hub.history.reach(hello.room, hello.resume, partial(self._reached, peer, hello, wait))

    def _reached(self, peer: Peer, hello: protocol.Hello, wait: Waiting, error: StorageFailed | None) -> None:
        if error is not None:
            self._refuse_retryable(peer, hello, error)
        elif peer.leaving is None:
            self._in_turn(peer, partial(self._judge_hello, peer, hello))
        wait.over()

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
                raise Unauthorized("this server requires a password, which this protocol can't carry: use chatctl")
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

    def _enter(self, peer: Peer, hello: protocol.Hello, proved: Proved) -> None:
        """Bind the name first, if that is to be; then all is decided anew, since time has passed."""
        peer.token = owner_of(hello.token)
        peer.key = proved.key
        held: NameClaim | None = None  # while it is being committed

        def decide() -> tuple[Granted, Wish | None]:
            nonlocal held
            if held is not None:
                self._binding.withdraw(held)
                held = None
            granted = self._look(peer, hello)
            held = granted.claim
            if held is None:
                return granted, self._wish(peer, hello, granted)
            facts = self._binding.hold(held, peer.info.host)
            return granted, self._hub.presence.wish(granted.nick, peer, facts=facts)

        def given(granted: Granted, place: Place | None) -> None:
            if held is not None:
                self._binding.committed(held, then)
            else:
                self._let_in(peer, hello, proved, granted, place)

        def refused(error: ChatError) -> None:
            if held is None:
                self._refuse_retryable(peer, hello, error)
            elif isinstance(error, StorageFailed):
                self._binding.failed(held, error)
                then()
            else:
                self._binding.withdraw(held)

        def then() -> None:
            if peer.leaving is None:
                self._enter_bound(peer, hello, proved)

        commit_name(self._hub.directory, peer, decide, given, refused)

    def _enter_bound(self, peer: Peer, hello: protocol.Hello, proved: Proved) -> None:
        """Let a peer in, with the name bound or, if that has failed, without."""

        def decide() -> tuple[Granted, Wish | None]:
            granted = self._look(peer, hello)
            if granted.claim is not None:
                granted = Granted(granted.nick, granted.place, unbound="it could not be stored")
            return granted, self._wish(peer, hello, granted)

        def given(granted: Granted, place: Place | None) -> None:
            self._let_in(peer, hello, proved, granted, place)

        commit_name(self._hub.directory, peer, decide, given, partial(self._refuse_retryable, peer, hello))

    def _look(self, peer: Peer, hello: protocol.Hello) -> Granted:
        """Return what a hello is granted now. Raises ChatError."""
        room = self._admission.room(hello.room, self._hub.history.rooms)
        granted = grant(self._decide(peer, hello, room))
        self._hub.rules.check_entry(person_of(peer, granted.nick), self._hub.clock.steady())
        self._check_opening(peer, room)
        return granted

    def _wish(self, peer: Peer, hello: protocol.Hello, granted: Granted) -> Wish | None:
        """Return the wish for a member's place; others have none."""
        if hello.mode != "join":
            return None
        member = granted.place
        place, since = (None, self._hub.clock()) if member is None else (member.place, member.since)
        return self._hub.presence.wish(granted.nick, peer, hello.room, place=place, since=since)

    def _refuse_retryable(self, peer: Peer, hello: protocol.Hello, error: ChatError) -> None:
        if peer.leaving is None:
            self._log_refusal(peer, hello, error)
            peer.session.refuse_retryable(error)

    def _check_opening(self, peer: Peer, room: str) -> None:
        """Return if the peer may enter, or open, this room. Raises RateLimited."""
        client = client_of(peer.info.host)
        if not client or room in self._admission.rooms or room in self._hub.history.rooms:
            return
        if wait := self._rooms_opened.wait(client, self._loop.time()):
            raise RateLimited(f"{client} opens too many rooms: use one that is open", retry_after=round(wait, 1))

    def _decide(self, peer: Peer, hello: protocol.Hello, room: str) -> Decision:
        ask = Ask(hello.nick, peer.owner, _INTENTS[hello.mode], room, client_of(peer.info.host))
        now = self._hub.clock()
        if not peer.session.dialect.bends_names:
            return self._hub.names.decide(ask, now)
        return self._hub.names.bend(ask, [f"{secrets.randbelow(10**8):08}" for _ in range(3)], now)

    def _let_in(self, peer: Peer, hello: protocol.Hello, proved: Proved, granted: Granted, place: Place | None) -> None:
        try:
            if peer.leaving is not None:
                raise NotJoined("its connection is gone")
            if place is not None:  # it may have taken a while
                self._hub.rules.check_entry(person_of(peer, granted.nick), self._hub.clock.steady())
        except ChatError as error:
            self._hub.presence.give_up(place, hello.room, granted.place)
            self._refuse_retryable(peer, hello, error)
            return
        nick, room = granted.nick, self._hub.history.open(hello.room)  # not before: who is refused opens none
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
        if place is not None:
            self._enlist(peer, room, granted, place)
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

    def _enlist(self, peer: Peer, room: Room, granted: Granted, place: Place) -> None:
        """Add a peer to the roster, or have it take over its own row there if an older connection has it."""
        member = granted.place
        if member is None or not room.roster.holds(member):
            self._hub.presence.add(peer, room, granted.nick, place, self._hub.clock())
        else:
            self._hub.presence.take_over(peer, room, member, granted.nick, place)

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
            watchers=self._hub.presence.watchers(room),
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
