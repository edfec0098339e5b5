"""The steward: carries out what an operator orders, wherever the order came from.

Lives here: what each verb does: the rules are changed once the journal has the change, those whom it hits are sent
away, the room is told, a line is logged. Does not live here: at whom (admin_target.py), who may do what (verbs.py),
what the rules mean (moderation.py), the socket (server/admin_socket.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, Protocol

import msgspec

from chatctl.common.durations import short_span
from chatctl.common.text import clean
from chatctl.common.verbs import Role
from chatctl.core.effects import error_frame
from chatctl.core.moderation import MOST, RoomRules, Sanction, Who, network_of
from chatctl.core.name_claims import NameClaim
from chatctl.core.peer import Peer
from chatctl.core.permissions import check_verb
from chatctl.core.room import Room
from chatctl.errors import ChatError, Forbidden, RoomInvalid, TooLong
from chatctl.hub import admin_target
from chatctl.hub.admin_target import Actor, AdminTarget, aim_of, here, name_of
from chatctl.hub.event_log import Log
from chatctl.hub.history import RoomHistory
from chatctl.journal import Facts, Journal
from chatctl.protocol import DEFAULT_ROOM, Admin, Bye, Done, Frame, Notice, RoomNow

Outcome = Done | ChatError
Answer = Callable[[Outcome], None]


class House(admin_target.House, Protocol):
    """The hub, as its steward sees it."""

    archive: RoomHistory

    def reply(self, peer: Peer, frame: Frame, /) -> None:
        """Have a frame sent to one peer."""

    def touch(self, room: Room, /) -> None:
        """Have a room swept."""

    def depart(self, peer: Peer, why: str, bye: Bye) -> None:
        """Begin to let a peer go; ``bye`` is the last that it is sent."""

    def who(self, peer: Peer, nick: str) -> Who:
        """Give what is known of a peer under this name."""

    def claims(self) -> list[NameClaim]:
        """Give all claims."""

    def drop_claim(self, nick: str, done: Callable[[ChatError | None], None]) -> NameClaim | None:
        """Set a name free."""


class AdminCommands:
    """Carries out verbs."""

    def __init__(self, house: House, journal: Journal, log: Log, clock: Callable[[], float]) -> None:
        """Serve one hub. ``clock`` gives Unix seconds."""
        self._house = house
        self._journal = journal
        self._log = log
        self._clock = clock
        self.outside: dict[str, Callable[[Admin], str]] = {}
        """What whoever runs the server does for us: ``reload``, ``drain``."""

    def asked(self, peer: Peer, ask: Admin) -> None:
        """Carry out what somebody in a room orders, and answer them."""
        role: Role = "operator" if self._house.rules.is_operator(peer.key) else "member"
        name = peer.member.nick if peer.member is not None else peer.session.nick
        actor = Actor(role, name, peer.room.name if peer.room is not None else None)

        def answer(outcome: Outcome) -> None:
            if peer.leaving is None:
                frame = error_frame(outcome, ask.id) if isinstance(outcome, ChatError) else outcome
                self._house.reply(peer, frame)

        self.carry_out(ask, actor, answer)

    def carry_out(self, ask: Admin, actor: Actor, answer: Answer) -> None:
        """Do it, and answer once it is kept; or answer why not."""
        try:
            aim = aim_of(ask, actor, self._house)
            check_verb(ask.verb, actor.role, aim.kind)
            getattr(self, f"_do_{ask.verb.replace('-', '_')}")(ask, actor, aim, answer)
        except ChatError as error:
            self._log.info("not ordered", verb=ask.verb, by=actor.name or actor.role, target=ask.target, why=error.text)
            answer(error)

    # --- people

    def _do_kick(self, ask: Admin, actor: Actor, aim: AdminTarget, answer: Answer) -> None:
        text = f"{clean(aim.shown)} was kicked{actor.by}{_because(ask.text)}"
        self._tell(_rooms_of(aim.peers), text, actor)
        self._send_away(aim.peers, f"you were kicked{actor.by}{_because(ask.text)}")
        self._finish(ask, actor, text, answer)

    def _do_ban(self, ask: Admin, actor: Actor, aim: AdminTarget, answer: Answer) -> None:
        what: Literal["ban", "mute"] = "ban" if ask.verb == "ban" else "mute"
        done = "banned" if what == "ban" else "muted"
        one = self._sanction_on(what, ask, actor, aim)
        changes = self._house.rules.over(self._clock())
        if len(self._house.rules.of(what)) >= MOST:
            raise TooLong(f"there are {MOST} of these already: lift some")
        long = f" for {short_span(ask.seconds)}" if ask.seconds else ""
        shown = clean(aim.shown) if aim.network is None else "an address"  # nobody's address is the room's business
        text = f"{shown} was {done}{actor.by}{long}{_because(ask.text)}"

        def kept() -> None:
            self._house.rules.of(what).add(one)
            hit = self._hit() if what == "ban" else aim.peers
            self._tell(_rooms_of(hit) or self._rooms(actor.room or ask.room), text, actor)
            if what == "ban":
                self._send_away(hit, f"you were banned{actor.by}{long}{_because(ask.text)}")
            self._finish(ask, actor, text, answer)

        self._keep({**changes, (what, one.ident): msgspec.json.encode(one).decode()}, kept, answer)

    _do_mute = _do_ban

    def _sanction_on(self, what: Literal["ban", "mute"], ask: Admin, actor: Actor, aim: AdminTarget) -> Sanction:
        """Hold on to all that is known of them, so that another name is no way back."""
        peer = aim.peers[0] if aim.peers and aim.name is not None else None
        if len({(one.key, one.token) for one in aim.peers}) > 1 and aim.name is not None:
            rooms = ", ".join(room.name for room in _rooms_of(aim.peers))
            raise Forbidden(f"{clean(aim.shown)} is more than one person here ({rooms}): say which --room, or the key")
        host = peer.way.host if peer is not None and ask.address else ""
        known = self._known(what, aim)  # who is banned anew, for longer say, is not known by less than before
        return Sanction(
            what=what,
            since=self._clock(),
            until=self._clock() + ask.seconds if ask.seconds else None,
            by=actor.name,
            reason=ask.text,
            name=aim.shown if aim.name is not None else None,
            key=aim.key or (peer.key if peer is not None else None) or known.key,
            token=peer.token.hex() if peer is not None and peer.token is not None else known.token,
            network=aim.network or (str(network_of(host)) if host else None) or known.network,
        )

    def _known(self, what: Literal["ban", "mute"], aim: AdminTarget) -> Sanction:
        """Give what holds on that name already, an empty one if nothing does."""
        held = self._house.rules.of(what).on(aim.name, None, None) if aim.name is not None else []
        return next((one for one in held if one.holds(self._clock())), Sanction(what, 0.0))

    def _hit(self) -> list[Peer]:
        """Give all who would not be let in any more."""
        rules, now = self._house.rules, self._clock()
        hit: list[Peer] = []
        for peer in here(self._house):
            try:
                rules.admit(self._house.who(peer, name_of(peer) or ""), now)
            except Forbidden:
                hit.append(peer)
        return hit

    def _do_unban(self, ask: Admin, actor: Actor, aim: AdminTarget, answer: Answer) -> None:
        what: Literal["ban", "mute"] = "ban" if ask.verb == "unban" else "mute"
        held = self._house.rules.of(what).on(aim.name, aim.key, aim.network)
        if not held:
            raise Forbidden(f"there is no {what} on {clean(aim.shown)}: 'bans' lists them")
        done = "let in again" if what == "ban" else "allowed to speak again"
        shown = clean(aim.shown) if aim.network is None else "an address"
        text = f"{shown} was {done}{actor.by}"

        def kept() -> None:
            for one in held:
                self._house.rules.of(what).drop(one.ident)
            self._tell(_rooms_of(aim.peers) or self._rooms(actor.room or ask.room), text, actor)
            self._finish(ask, actor, text, answer)

        self._keep({(what, one.ident): None for one in held}, kept, answer)

    _do_unmute = _do_unban

    def _send_away(self, peers: Iterable[Peer], why: str) -> None:
        for peer in peers:
            self._house.depart(peer, "removed", Bye(why=why, final=True))

    def _do_bans(self, ask: Admin, actor: Actor, aim: AdminTarget, answer: Answer) -> None:
        rules, now = self._house.rules, self._clock()
        held = [one for one in (*rules.bans, *rules.mutes) if one.holds(now)]
        rows = [msgspec.to_builtins(one) for one in held]
        if actor.role != "console":
            rows = [{key: value for key, value in row.items() if key != "network"} for row in rows]
        for row in rows:
            row.pop("token", None)
        bans, mutes = (sum(one.what == what for one in held) for what in ("ban", "mute"))
        counts = [_counted(bans, "ban", "bans")] * bool(bans) + [_counted(mutes, "mute", "mutes")] * bool(mutes)
        answer(Done(ask.verb, ", ".join(counts) or "no bans, no mutes", rows, ask.id))

    # --- rooms

    def _do_topic(self, ask: Admin, actor: Actor, aim: AdminTarget, answer: Answer) -> None:
        name = (actor.room if actor.role != "console" else ask.room) or DEFAULT_ROOM
        room = self._house.archive.rooms.get(name)
        if room is None:
            raise RoomInvalid(f"there is no room '{clean(name[:40])}' here")
        rules, text = _changed(ask, self._house.rules.room(name))

        def kept() -> None:
            self._house.rules.rooms[name] = rules
            room.tell(RoomNow(rules.topic, rules.slow or 0, rules.read_only))
            self._tell([room], text + actor.by, actor)
            self._finish(ask, actor, text + actor.by, answer, name)

        self._keep({("room", name): msgspec.json.encode(rules).decode()}, kept, answer)

    _do_slow = _do_topic
    _do_read_only = _do_topic

    # --- names and operators

    def _do_claims(self, ask: Admin, actor: Actor, aim: AdminTarget, answer: Answer) -> None:
        rows = [msgspec.to_builtins(claim) for claim in self._house.claims()]
        answer(Done(ask.verb, _counted(len(rows), "name is bound to a key", "names are bound to keys"), rows, ask.id))

    def _do_unclaim(self, ask: Admin, actor: Actor, aim: AdminTarget, answer: Answer) -> None:
        text = f"{clean(aim.shown)} is no longer bound to a key"

        def dropped(error: ChatError | None) -> None:
            if error is not None:
                answer(error)
            else:
                self._finish(ask, actor, text, answer)

        if self._house.drop_claim(aim.name or "", dropped) is None:
            raise Forbidden(f"{clean(aim.shown)} is bound to no key: 'claims' lists the names that are")

    def _do_op(self, ask: Admin, actor: Actor, aim: AdminTarget, answer: Answer) -> None:
        key = aim.key or next((peer.key for peer in aim.peers if peer.key is not None), None)
        if key is None:
            raise Forbidden(f"{clean(aim.shown)} has proved no key: give the key itself, SHA256:...")
        rules, up = self._house.rules, ask.verb == "op"
        if not up and key in rules.configured:
            raise Forbidden(f"{key} is an operator's by --operator or --operators: take it out there")
        text = f"{clean(aim.shown)} is {'an' if up else 'no longer an'} operator"

        def kept() -> None:
            (rules.appointed.add if up else rules.appointed.discard)(key)
            self._tell(_rooms_of(aim.peers), text, actor)
            self._finish(ask, actor, text, answer)

        self._keep({("operator", key): "" if up else None}, kept, answer)

    _do_deop = _do_op

    def _do_ops(self, ask: Admin, actor: Actor, aim: AdminTarget, answer: Answer) -> None:
        rules = self._house.rules
        rows = [{"key": key, "kept": key not in rules.configured} for key in sorted(rules.configured | rules.appointed)]
        answer(Done(ask.verb, _counted(len(rows), "operator's key", "operators' keys"), rows, ask.id))

    # --- the server

    def _do_reload(self, ask: Admin, actor: Actor, aim: AdminTarget, answer: Answer) -> None:
        if ask.verb not in self.outside:
            raise Forbidden(f"this server can't {ask.verb}")
        self._finish(ask, actor, self.outside[ask.verb](ask), answer)

    _do_drain = _do_reload

    # --- all of them

    def _keep(self, changes: Facts, then: Callable[[], None], answer: Answer) -> None:
        """Commit first, show after."""

        def kept(error: ChatError | None) -> None:
            if error is not None:
                self._log.error("not kept", why=error.text)
                answer(error)
            else:
                then()

        self._journal.keep(changes, kept)

    def _tell(self, rooms: Iterable[Room], text: str, actor: Actor) -> None:
        for room in rooms:
            room.tell(Notice(text, self._clock(), actor.name))
            self._house.touch(room)

    def _rooms(self, name: str | None) -> list[Room]:
        rooms = self._house.archive.rooms
        return list(rooms.values()) if name is None else [rooms[name]] if name in rooms else []

    def _finish(self, ask: Admin, actor: Actor, text: str, answer: Answer, where: str = "") -> None:
        by = actor.name or actor.role
        self._log.info("ordered", verb=ask.verb, by=by, target=ask.target or where, what=text)
        answer(Done(ask.verb, text, [], ask.id))


def _changed(ask: Admin, rules: RoomRules) -> tuple[RoomRules, str]:
    """Give what holds in a room after this, and a line that says it."""
    if ask.verb == "topic":
        rules = msgspec.structs.replace(rules, topic=ask.text)
        return rules, f"the topic was set to '{clean(ask.text)}'" if ask.text else "the topic was taken away"
    if ask.verb == "slow":
        rules = msgspec.structs.replace(rules, slow=ask.seconds)
        return rules, f"the room was slowed to a message every {short_span(ask.seconds)}" if ask.seconds else (
            "the room was made as fast as before"
        )
    rules = msgspec.structs.replace(rules, read_only=ask.on)
    return rules, "the room was made read-only" if ask.on else "the room was opened to all again"


def _counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _because(reason: str) -> str:
    return f": {clean(reason)}" if reason else ""


def _rooms_of(peers: Iterable[Peer]) -> list[Room]:
    return list({peer.room: None for peer in peers if peer.room is not None})
