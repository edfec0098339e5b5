"""Operators' commands: what each verb does, wherever the order came from.

A ``_do_`` method for each verb plans it and does nothing. The change goes to the journal first; then it is made, peers
that it hits are disconnected, the room is told, a line is logged. Does not live here: the target
(admin_target.py), who may do what (core/permissions.py), what rules mean (core/moderation.py), the socket
(server/admin_socket.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec

from chatctl.common.durations import short_span
from chatctl.common.text import clean
from chatctl.common.verbs import Role
from chatctl.core.bans import MAX_SANCTIONS, Person, Sanction, SanctionKind
from chatctl.core.effects import error_frame
from chatctl.core.ip_networks import Networks
from chatctl.core.moderation import RoomRules
from chatctl.core.peer import Peer, person_of
from chatctl.core.permissions import check_verb
from chatctl.core.room import Room
from chatctl.errors import ChatError, Forbidden, RoomInvalid, TooLong
from chatctl.hub import admin_claims
from chatctl.hub.admin_people import MAX_SHOWN, name_of, others_in, row_of
from chatctl.hub.admin_target import (
    Actor,
    AdminTarget,
    address_behind,
    key_behind,
    note_on,
    person_behind,
    staying,
    target_of,
)
from chatctl.hub.journal_commands import Answer, JournalCommands, Outcome, because, counted, log_row
from chatctl.hub.messages import speaker_name
from chatctl.hub.peer_control import PeerControl
from chatctl.journal import Facts
from chatctl.protocol import DEFAULT_ROOM, Admin, Bye, Done, Notice, RoomNow

Later = Callable[[Answer], None]
"""Begins what takes many turns of the loop."""


@dataclass(frozen=True)
class Plan:
    """What an order does, before it is done."""

    text: str
    """For the rooms, as if it were done."""
    apply: Callable[[], None]
    rooms: Sequence[Room] = ()
    """Where it is told."""
    hit: Sequence[Peer] = ()
    """The connections that it is for."""
    changes: Facts = field(default_factory=dict)
    note: str = ""
    """For the operator alone, behind the text."""
    where: str | None = ""
    """The room, for the log of orders; None: it does not stand there."""
    shown: str = ""
    """The name in the text, where others may be hit, too."""


class AdminCommands:
    """Carries out operators' verbs."""

    def __init__(self, hub: PeerControl) -> None:
        """Serve one hub."""
        self._hub = hub
        self._log = hub.log
        self._on_journal = JournalCommands(hub)
        self.outside: dict[str, Callable[[Admin], str]] = {}
        """Verbs that the server as a program carries out: ``reload``, ``drain``. Each returns a line for people."""
        self.networks = Networks()
        """From where connections are taken."""
        self._under_way = False  # an order is being committed that changes what holds
        self._waiting: deque[Callable[[], None]] = deque()

    def order_from(self, peer: Peer, ask: Admin) -> None:
        """Carry out what somebody in a room orders, and answer them.

        Raises:
            NickTaken: they post under a name that is another's by now.
        """
        role: Role = "operator" if self._hub.rules.is_operator(peer.key) else "member"
        name = speaker_name(peer, self._hub.names, self._hub.clock())
        actor = Actor(role, name, peer.room.name if peer.room is not None else None)

        def answer(outcome: Outcome) -> None:
            if peer.leaving is None:
                frame = error_frame(outcome, ask.id) if isinstance(outcome, ChatError) else outcome
                self._hub.reply(peer, frame)

        self.carry_out(ask, actor, answer)

    def carry_out(self, ask: Admin, actor: Actor, answer: Answer) -> None:
        """Carry out an order, or with ``?`` before its verb tell what it would do.

        ``answer`` is called with the outcome once that is committed.
        """
        dry, ask = ask.verb.startswith("?"), msgspec.structs.replace(ask, verb=ask.verb.removeprefix("?"))
        try:
            target = target_of(ask, actor, self._hub)
            check_verb(ask.verb, actor.role, target.kind)
            if dry and target.kind == "server":
                raise Forbidden(f"{ask.verb} hits nobody: there is nothing to try")
            plan = getattr(self, f"_do_{ask.verb.replace('-', '_')}")(ask, actor, target)
            if not isinstance(plan, Plan | Done):
                if dry:
                    raise Forbidden(f"{ask.verb} can't be tried")
                plan(answer)
                return
        except ChatError as error:
            self._log.info("not ordered", verb=ask.verb, by=actor.name or actor.role, target=ask.target, why=error.text)
            answer(error)
            return
        if isinstance(plan, Done):
            answer(plan)
        elif dry:
            answer(_told(ask, actor, plan, dry=True))
        else:
            self._carry_out(ask, actor, plan, answer)

    def _carry_out(self, ask: Admin, actor: Actor, plan: Plan, answer: Answer) -> None:
        if plan.changes and self._under_way:  # it is planned again then, with what holds by that time
            self._waiting.append(partial(self.carry_out, ask, actor, answer))
            return
        row = log_row(self._hub, ask, actor, plan.text, plan.where) if plan.where is not None else {}
        if plan.changes:
            self._under_way = True
            self._commit({**plan.changes, **row}, lambda: self._finish(ask, actor, plan, answer), answer)
            return
        # Nothing that has to hold is kept: it works on a full disk, too.
        self._hub.journal.keep(row, lambda error: self._hub.rules.log.drop(row) if error is not None else None)
        self._finish(ask, actor, plan, answer)

    # --- people

    def _do_kick(self, ask: Admin, actor: Actor, target: AdminTarget) -> Plan:
        text = f"{clean(target.shown)} was kicked{actor.by}{because(ask.text)}"
        why = f"you were kicked{actor.by}{because(ask.text)}"
        rooms, where = _rooms_of(target.peers), actor.room or ask.room or ""
        return Plan(text, lambda: self._disconnect(target.peers, why), rooms, target.peers, where=where)

    def _do_ban(self, ask: Admin, actor: Actor, target: AdminTarget) -> Plan:
        what: SanctionKind = "ban" if ask.verb == "ban" else "mute"
        done = "banned" if what == "ban" else "muted"
        one = self._sanction_on(what, ask, actor, target)
        sanctions = self._hub.rules.sanctions(what)
        changes = self._hub.rules.drop_expired(self._hub.clock.steady())
        if len(sanctions) >= MAX_SANCTIONS:
            raise TooLong(f"there are {MAX_SANCTIONS} of these already: lift some")
        long = f" for {short_span(ask.seconds)}" if ask.seconds else ""
        text = f"{_public_name(target)} was {done}{actor.by}{long}{because(ask.text)}"
        judged = self._people()
        hit = self._hub.rules.hit_by(one, judged)

        def apply() -> None:
            sanctions.add(one)
            # Those who came, or were renamed, while it was committed; of these only who is not hit already.
            came = {peer: person for peer, person in self._people().items() if judged.get(peer) != person}
            known = set(hit) if came else set[Peer]()
            hit.extend(peer for peer in self._hub.rules.hit_by(one, came) if peer not in known)
            if what == "ban":
                self._disconnect(hit, f"you were banned{actor.by}{long}{because(ask.text)}")

        return Plan(
            text,
            apply,
            _rooms_of(hit) or self._rooms(actor.room or ask.room),
            hit,
            {**changes, (what, one.ident): msgspec.json.encode(self._kept(one)).decode()},
            note=note_on(target, one, hit, self.networks.proxies),
            where=actor.room or ask.room or "",
            shown=target.shown if target.name is not None else "",
        )

    _do_mute = _do_ban

    def _people(self) -> dict[Peer, Person]:
        return {peer: person_of(peer, name_of(peer)) for peer in staying(self._hub)}

    def _sanction_on(self, what: SanctionKind, ask: Admin, actor: Actor, target: AdminTarget) -> Sanction:
        """Return a sanction on the target: a name is a name, unless the person or the address is meant, too."""
        now = self._hub.clock.steady()
        known = self._present_one(what, target)  # banned anew, for longer say: by no less than before
        by_person = target.name is not None and (ask.person or target.shared)
        network = address_behind(target) if ask.address and target.name is not None else None
        key, token = person_behind(target, suffices=network is not None) if by_person else (None, None)
        return Sanction(
            what=what,
            since=now,
            until=now + ask.seconds if ask.seconds else None,
            by=actor.name,
            reason=ask.text,
            name=target.shown if target.name is not None and not target.shared else None,
            called=target.shown if target.shared else "",
            key=target.key or key or known.key,
            token=token or known.token,
            network=target.network or network or known.network,
        )

    def keep_again(self) -> None:
        """Keep when bans and mutes end by a wall clock that was set: the next start would prolong or lift them."""
        if self._under_way:  # it may lift one of these
            self._waiting.append(self.keep_again)
            return
        timed = [one for one in (*self._hub.rules.bans, *self._hub.rules.mutes) if one.until is not None]
        changes: Facts = {(one.what, one.ident): msgspec.json.encode(self._kept(one)).decode() for one in timed}
        if changes:
            self._hub.journal.keep(changes, lambda _: None)  # not kept: they end as they would have by then

    def _kept(self, one: Sanction) -> Sanction:
        """Return a sanction with the times of the wall clock, as they are shown and kept for the next start."""
        kept = self._hub.clock.kept
        until = kept(one.until) if one.until is not None else None
        return msgspec.structs.replace(one, since=kept(one.since), until=until)

    def _present_one(self, what: SanctionKind, target: AdminTarget) -> Sanction:
        """Return the active sanction on the target's name; an empty one if there is none."""
        on_name = self._hub.rules.sanctions(what).on_target(None if target.shared else target.name, None, None)
        return next((one for one in on_name if one.is_active(self._hub.clock.steady())), Sanction(what, 0.0))

    def _do_unban(self, ask: Admin, actor: Actor, target: AdminTarget) -> Plan:
        what: SanctionKind = "ban" if ask.verb == "unban" else "mute"
        sanctions = self._hub.rules.sanctions(what)
        lifted = sanctions.on_target(target.name, target.key, target.network)
        if not lifted:
            raise Forbidden(f"there is no {what} on {clean(target.shown)}: 'bans' lists them")
        done = "let in again" if what == "ban" else "allowed to speak again"

        def apply() -> None:
            for one in lifted:
                sanctions.drop(one.ident)

        rooms = _rooms_of(target.peers) or self._rooms(actor.room or ask.room)
        changes: Facts = {(what, one.ident): None for one in lifted}
        text, where = f"{_public_name(target)} was {done}{actor.by}", actor.room or ask.room or ""
        return Plan(text, apply, rooms, target.peers, changes, where=where)

    _do_unmute = _do_unban

    def _disconnect(self, peers: Iterable[Peer], why: str) -> None:
        for peer in peers:
            self._hub.disconnect(peer, "removed", Bye(why=why, final=True))

    def _do_bans(self, ask: Admin, actor: Actor, target: AdminTarget) -> Done:
        rules, now = self._hub.rules, self._hub.clock.steady()
        active = [self._kept(one) for one in (*rules.bans, *rules.mutes) if one.is_active(now)]
        secret = {"token"} if actor.role == "console" else {"token", "network"}
        rows = [{key: value for key, value in msgspec.to_builtins(one).items() if key not in secret} for one in active]
        bans, mutes = (sum(one.what == what for one in active) for what in ("ban", "mute"))
        counts = [counted(bans, "ban", "bans")] * bool(bans) + [counted(mutes, "mute", "mutes")] * bool(mutes)
        return Done(ask.verb, ", ".join(counts) or "no bans, no mutes", rows, ask.id)

    # --- rooms

    def _do_topic(self, ask: Admin, actor: Actor, target: AdminTarget) -> Plan:
        name = (actor.room if actor.role != "console" else ask.room) or DEFAULT_ROOM
        room = self._hub.history.rooms.get(name)
        if room is None:
            raise RoomInvalid(f"there is no room '{clean(name[:40])}' here")
        rules, text = _changed(ask, self._hub.rules.room(name))

        def apply() -> None:
            self._hub.rules.rooms[name] = rules
            room.tell(RoomNow(rules.topic, rules.slow or 0, rules.read_only))

        changes = {("room", name): msgspec.json.encode(rules).decode()}
        return Plan(text + actor.by, apply, [room], changes=changes, where=name)

    _do_slow = _do_topic
    _do_read_only = _do_topic

    # --- names and operators

    def _do_claims(self, ask: Admin, actor: Actor, target: AdminTarget) -> Done:
        rows = admin_claims.rows(ask, target, self._hub)
        return Done(ask.verb, counted(len(rows), "name is bound to a key", "names are bound to keys"), rows, ask.id)

    def _do_unclaim(self, ask: Admin, actor: Actor, target: AdminTarget) -> Plan:
        if not (ask.target or ask.newer or ask.unused):
            raise Forbidden("say which: a name, a key, --newer or --unused")
        claims, found = self._hub.names.claims, admin_claims.chosen(ask, target, self._hub)
        what = clean(target.shown) if target.name is not None else counted(len(found), "name", "names")
        text = f"{what} {'is' if len(found) == 1 else 'are'} no longer bound to a key"
        if any(map(self._hub.names.is_used, found)):
            text += "; who is here with its key binds it again on coming back: ban the key"

        def apply() -> None:
            for claim in found:
                claims.drop(claim)
                self._log.info("set free", nick=claim.nick, key=claim.key)

        return Plan(text, apply, changes={claims.fact_key(claim): None for claim in found})

    def _do_op(self, ask: Admin, actor: Actor, target: AdminTarget) -> Plan:
        rules, up = self._hub.rules, ask.verb == "op"
        key = key_behind(target)
        if not up and key in rules.configured:
            raise Forbidden(f"{key} is an operator's by --operator or --operators: take it out there")
        who = clean(target.shown) if target.shown == key else f"{clean(target.shown)} ({key})"
        text = f"{who} is {'an' if up else 'no longer an'} operator"
        change = rules.appointed.add if up else rules.appointed.discard
        hit = [peer for peer in target.peers if peer.key == key]
        return Plan(text, lambda: change(key), _rooms_of(hit), hit, {("operator", key): "" if up else None})

    _do_deop = _do_op

    def _do_ops(self, ask: Admin, actor: Actor, target: AdminTarget) -> Done:
        rules = self._hub.rules
        rows = [{"key": key, "kept": key not in rules.configured} for key in sorted(rules.configured | rules.appointed)]
        return Done(ask.verb, counted(len(rows), "operator's key", "operators' keys"), rows, ask.id)

    def _do_redact(self, ask: Admin, actor: Actor, target: AdminTarget) -> Later:
        return partial(self._on_journal.redact, ask, actor)

    def _do_compact(self, ask: Admin, actor: Actor, target: AdminTarget) -> Later:
        return partial(self._on_journal.compact, ask, actor)

    def _do_log(self, ask: Admin, actor: Actor, target: AdminTarget) -> Done:
        rows = [msgspec.to_builtins(order) for order in self._hub.rules.log]
        if actor.role != "console":  # an address is for the console alone
            rows = [{key: value for key, value in row.items() if key != "target"} for row in rows]
        return Done(ask.verb, counted(len(rows), "order", "orders"), rows, ask.id)

    # --- the server

    def _do_reload(self, ask: Admin, actor: Actor, target: AdminTarget) -> Plan:
        if ask.verb not in self.outside:
            raise Forbidden(f"this server can't {ask.verb}")
        return Plan(self.outside[ask.verb](ask), lambda: None, where=None)

    _do_drain = _do_reload
    _do_trim = _do_reload

    # --- all of them

    def _commit(self, changes: Facts, then: Callable[[], None], answer: Answer) -> None:
        """Commit facts, then show what they change; or answer with the error."""

        def committed(error: ChatError | None) -> None:
            self._under_way = False
            if error is not None:
                self._log.error("not kept", why=error.text)
                self._hub.rules.log.drop(changes)
                answer(error)
            else:
                then()
            while self._waiting and not self._under_way:
                self._waiting.popleft()()

        self._hub.journal.keep(changes, committed)

    def _rooms(self, name: str | None) -> list[Room]:
        rooms = self._hub.history.rooms
        return list(rooms.values()) if name is None else [rooms[name]] if name in rooms else []

    def _finish(self, ask: Admin, actor: Actor, plan: Plan, answer: Answer) -> None:
        """Do what was committed; tell the rooms, the log and the operator."""
        plan.apply()
        told = {
            room: plan.text + others_in(room, plan.shown, plan.hit) if plan.shown else plan.text
            for room in dict.fromkeys([*plan.rooms, *_rooms_of(plan.hit)])
        }
        answered = _told(ask, actor, plan)
        for room, text in told.items():
            room.tell(Notice(text, self._hub.clock(), actor.name))
            self._hub.touch(room)
        by, target = actor.name or actor.role, ask.target or plan.where
        self._log.info("ordered", verb=ask.verb, by=by, target=target, what=plan.text, hit=len(plan.hit))
        answer(answered)


def _told(ask: Admin, actor: Actor, plan: Plan, *, dry: bool = False) -> Done:
    """Return what an operator is told of what was done, or would be."""
    rows = [row_of(peer, actor.role) for peer in plan.hit[:MAX_SHOWN]]
    more = f"; {len(plan.hit) - MAX_SHOWN} more are not listed" if len(plan.hit) > MAX_SHOWN else ""
    text = f"{plan.text}{plan.note}{more}"
    return (
        Done(f"?{ask.verb}", f"nothing was done, it would be: {text}", rows, ask.id)
        if dry
        else Done(ask.verb, text, rows, ask.id)
    )


def _changed(ask: Admin, rules: RoomRules) -> tuple[RoomRules, str]:
    """Return a room's rules after an order, and the line that tells of it."""
    if ask.verb == "topic":
        text = f"the topic was set to '{clean(ask.text)}'" if ask.text else "the topic was taken away"
        return msgspec.structs.replace(rules, topic=ask.text), text
    if ask.verb == "slow":
        slowed = f"the room was slowed to a message every {short_span(ask.seconds)}" if ask.seconds else ""
        return msgspec.structs.replace(rules, slow=ask.seconds), slowed or "the room was made as fast as before"
    text = "the room was made read-only" if ask.on else "the room was opened to all again"
    return msgspec.structs.replace(rules, read_only=ask.on), text


def _public_name(target: AdminTarget) -> str:
    """Return what the room is told of a target: never an address."""
    return clean(target.shown) if target.network is None else "an address"


def _rooms_of(peers: Iterable[Peer]) -> list[Room]:
    return list({peer.room: None for peer in peers if peer.room is not None})
