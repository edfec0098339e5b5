"""Operators' commands: what each verb does, wherever the order came from.

A ``_do_`` method for each verb: the change goes to the journal first; then it is made, peers that it hits are
disconnected, the room is told, a line is logged. Does not live here: the target (admin_target.py), who may do what
(core/permissions.py), what rules mean (core/moderation.py), the socket (server/admin_socket.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from chatctl.common.durations import short_span
from chatctl.common.text import clean
from chatctl.common.verbs import Role
from chatctl.core.bans import MAX_SANCTIONS, Sanction, SanctionKind
from chatctl.core.effects import error_frame
from chatctl.core.ip_networks import Networks, client_network
from chatctl.core.moderation import RoomRules
from chatctl.core.peer import Peer, person_of
from chatctl.core.permissions import check_verb
from chatctl.core.room import Room
from chatctl.errors import ChatError, Forbidden, RoomInvalid, TooLong
from chatctl.hub import admin_claims
from chatctl.hub.admin_target import Actor, AdminTarget, name_of, note_on, staying, target_of
from chatctl.hub.journal_commands import Answer, JournalCommands, Outcome, because, counted, log_row
from chatctl.hub.messages import speaker_name
from chatctl.hub.peer_control import PeerControl
from chatctl.journal import Facts
from chatctl.protocol import DEFAULT_ROOM, Admin, Bye, Done, Notice, RoomNow


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
        """Carry out an order; ``answer`` is called with its outcome once that is committed."""
        try:
            target = target_of(ask, actor, self._hub)
            check_verb(ask.verb, actor.role, target.kind)
            getattr(self, f"_do_{ask.verb.replace('-', '_')}")(ask, actor, target, answer)
        except ChatError as error:
            self._log.info("not ordered", verb=ask.verb, by=actor.name or actor.role, target=ask.target, why=error.text)
            answer(error)

    # --- people

    def _do_kick(self, ask: Admin, actor: Actor, target: AdminTarget, answer: Answer) -> None:
        """Nothing that has to hold is kept: it works on a full disk, too."""
        text = f"{clean(target.shown)} was kicked{actor.by}{because(ask.text)}"
        self._disconnect(target.peers, f"you were kicked{actor.by}{because(ask.text)}")
        row = log_row(self._hub, ask, actor, text, actor.room or ask.room or "")
        self._hub.journal.keep(row, lambda error: self._hub.rules.log.drop(row) if error is not None else None)
        self._finish(ask, actor, text, answer, _rooms_of(target.peers))

    def _do_ban(self, ask: Admin, actor: Actor, target: AdminTarget, answer: Answer) -> None:
        what: SanctionKind = "ban" if ask.verb == "ban" else "mute"
        done = "banned" if what == "ban" else "muted"
        one = self._sanction_on(what, ask, actor, target)
        sanctions = self._hub.rules.sanctions(what)
        changes = self._hub.rules.drop_expired(self._hub.clock())
        if len(sanctions) >= MAX_SANCTIONS:
            raise TooLong(f"there are {MAX_SANCTIONS} of these already: lift some")
        long = f" for {short_span(ask.seconds)}" if ask.seconds else ""
        text = f"{_public_name(target)} was {done}{actor.by}{long}{because(ask.text)}"

        def committed() -> None:
            sanctions.add(one)
            hit = self._hit_by(one) if what == "ban" else target.peers
            rooms = _rooms_of(hit) or self._rooms(actor.room or ask.room)
            if what == "ban":
                self._disconnect(hit, f"you were banned{actor.by}{long}{because(ask.text)}")
            self._finish(ask, actor, text, answer, rooms, note=note_on(target, hit, self.networks.proxies))

        row = log_row(self._hub, ask, actor, text, actor.room or ask.room or "")
        self._commit({**changes, **row, (what, one.ident): msgspec.json.encode(one).decode()}, committed, answer)

    _do_mute = _do_ban

    def _sanction_on(self, what: SanctionKind, ask: Admin, actor: Actor, target: AdminTarget) -> Sanction:
        """Return a sanction on all that is known of the target, so that another name is no way around it."""
        found = sorted(target.peers, key=lambda one: one.key is None)  # one person's: where there is a key, with it
        peer = found[0] if found and target.name is not None else None
        host = peer.info.host if peer is not None and ask.address else ""
        known = self._present_one(what, target)  # banned anew, for longer say: by no less than before
        return Sanction(
            what=what,
            since=self._hub.clock(),
            until=self._hub.clock() + ask.seconds if ask.seconds else None,
            by=actor.name,
            reason=ask.text,
            name=target.shown if target.name is not None else None,
            key=target.key or (peer.key if peer is not None else None) or known.key,
            token=peer.token.hex() if peer is not None and peer.token is not None else known.token,
            network=target.network or (str(client_network(host)) if host else None) or known.network,
        )

    def _present_one(self, what: SanctionKind, target: AdminTarget) -> Sanction:
        """Return the active sanction on the target's name; an empty one if there is none."""
        on_name = self._hub.rules.sanctions(what).on_target(target.name, None, None)
        return next((one for one in on_name if one.is_active(self._hub.clock())), Sanction(what, 0.0))

    def _hit_by(self, ban: Sanction) -> list[Peer]:
        """Return the peers that would not be let in now."""
        here = {peer: person_of(peer, name_of(peer)) for peer in staying(self._hub)}
        return self._hub.rules.hit_by(ban, here)

    def _do_unban(self, ask: Admin, actor: Actor, target: AdminTarget, answer: Answer) -> None:
        what: SanctionKind = "ban" if ask.verb == "unban" else "mute"
        sanctions = self._hub.rules.sanctions(what)
        lifted = sanctions.on_target(target.name, target.key, target.network)
        if not lifted:
            raise Forbidden(f"there is no {what} on {clean(target.shown)}: 'bans' lists them")
        done = "let in again" if what == "ban" else "allowed to speak again"
        text = f"{_public_name(target)} was {done}{actor.by}"

        def committed() -> None:
            for one in lifted:
                sanctions.drop(one.ident)
            self._finish(ask, actor, text, answer, _rooms_of(target.peers) or self._rooms(actor.room or ask.room))

        row = log_row(self._hub, ask, actor, text, actor.room or ask.room or "")
        self._commit({**row, **{(what, one.ident): None for one in lifted}}, committed, answer)

    _do_unmute = _do_unban

    def _disconnect(self, peers: Iterable[Peer], why: str) -> None:
        for peer in peers:
            self._hub.disconnect(peer, "removed", Bye(why=why, final=True))

    def _do_bans(self, ask: Admin, actor: Actor, target: AdminTarget, answer: Answer) -> None:
        rules, now = self._hub.rules, self._hub.clock()
        active = [one for one in (*rules.bans, *rules.mutes) if one.is_active(now)]
        secret = {"token"} if actor.role == "console" else {"token", "network"}
        rows = [{key: value for key, value in msgspec.to_builtins(one).items() if key not in secret} for one in active]
        bans, mutes = (sum(one.what == what for one in active) for what in ("ban", "mute"))
        counts = [counted(bans, "ban", "bans")] * bool(bans) + [counted(mutes, "mute", "mutes")] * bool(mutes)
        answer(Done(ask.verb, ", ".join(counts) or "no bans, no mutes", rows, ask.id))

    # --- rooms

    def _do_topic(self, ask: Admin, actor: Actor, target: AdminTarget, answer: Answer) -> None:
        name = (actor.room if actor.role != "console" else ask.room) or DEFAULT_ROOM
        room = self._hub.history.rooms.get(name)
        if room is None:
            raise RoomInvalid(f"there is no room '{clean(name[:40])}' here")
        rules, text = _changed(ask, self._hub.rules.room(name))

        def committed() -> None:
            self._hub.rules.rooms[name] = rules
            room.tell(RoomNow(rules.topic, rules.slow or 0, rules.read_only))
            self._finish(ask, actor, text + actor.by, answer, [room], name)

        row = log_row(self._hub, ask, actor, text + actor.by, name)
        self._commit({**row, ("room", name): msgspec.json.encode(rules).decode()}, committed, answer)

    _do_slow = _do_topic
    _do_read_only = _do_topic

    # --- names and operators

    def _do_claims(self, ask: Admin, actor: Actor, target: AdminTarget, answer: Answer) -> None:
        rows = admin_claims.rows(ask, target, self._hub)
        answer(Done(ask.verb, counted(len(rows), "name is bound to a key", "names are bound to keys"), rows, ask.id))

    def _do_unclaim(self, ask: Admin, actor: Actor, target: AdminTarget, answer: Answer) -> None:
        if not (ask.target or ask.newer or ask.unused):
            raise Forbidden("say which: a name, a key, --newer or --unused")
        claims, found = self._hub.names.claims, admin_claims.chosen(ask, target, self._hub)
        what = clean(target.shown) if target.name is not None else counted(len(found), "name", "names")
        text = f"{what} {'is' if len(found) == 1 else 'are'} no longer bound to a key"
        if any(map(self._hub.names.is_used, found)):
            text += "; who is here with its key binds it again on coming back: ban the key"

        def committed() -> None:
            for claim in found:
                claims.drop(claim)
                self._log.info("set free", nick=claim.nick, key=claim.key)
            self._finish(ask, actor, text, answer)

        row = log_row(self._hub, ask, actor, text)
        self._commit({**row, **{claims.fact_key(claim): None for claim in found}}, committed, answer)

    def _do_op(self, ask: Admin, actor: Actor, target: AdminTarget, answer: Answer) -> None:
        key = target.key or _only_key(target)
        rules, up = self._hub.rules, ask.verb == "op"
        if not up and key in rules.configured:
            raise Forbidden(f"{key} is an operator's by --operator or --operators: take it out there")
        who = clean(target.shown) if target.shown == key else f"{clean(target.shown)} ({key})"
        text = f"{who} is {'an' if up else 'no longer an'} operator"

        def committed() -> None:
            (rules.appointed.add if up else rules.appointed.discard)(key)
            self._finish(ask, actor, text, answer, _rooms_of(target.peers))

        self._commit({**log_row(self._hub, ask, actor, text), ("operator", key): "" if up else None}, committed, answer)

    _do_deop = _do_op

    def _do_ops(self, ask: Admin, actor: Actor, target: AdminTarget, answer: Answer) -> None:
        rules = self._hub.rules
        rows = [{"key": key, "kept": key not in rules.configured} for key in sorted(rules.configured | rules.appointed)]
        answer(Done(ask.verb, counted(len(rows), "operator's key", "operators' keys"), rows, ask.id))

    # --- what was said, and its journal

    def _do_redact(self, ask: Admin, actor: Actor, target: AdminTarget, answer: Answer) -> None:
        self._on_journal.redact(ask, actor, answer)

    def _do_compact(self, ask: Admin, actor: Actor, target: AdminTarget, answer: Answer) -> None:
        self._on_journal.compact(ask, actor, answer)

    def _do_log(self, ask: Admin, actor: Actor, target: AdminTarget, answer: Answer) -> None:
        rows = [msgspec.to_builtins(order) for order in self._hub.rules.log]
        if actor.role != "console":  # an address is for the console alone
            rows = [{key: value for key, value in row.items() if key != "target"} for row in rows]
        answer(Done(ask.verb, counted(len(rows), "order", "orders"), rows, ask.id))

    # --- the server

    def _do_reload(self, ask: Admin, actor: Actor, target: AdminTarget, answer: Answer) -> None:
        if ask.verb not in self.outside:
            raise Forbidden(f"this server can't {ask.verb}")
        self._finish(ask, actor, self.outside[ask.verb](ask), answer)

    _do_drain = _do_reload

    # --- all of them

    def _commit(self, changes: Facts, then: Callable[[], None], answer: Answer) -> None:
        """Commit facts, then show what they change; or answer with the error."""

        def committed(error: ChatError | None) -> None:
            if error is not None:
                self._log.error("not kept", why=error.text)
                self._hub.rules.log.drop(changes)
                answer(error)
            else:
                then()

        self._hub.journal.keep(changes, committed)

    def _rooms(self, name: str | None) -> list[Room]:
        rooms = self._hub.history.rooms
        return list(rooms.values()) if name is None else [rooms[name]] if name in rooms else []

    def _finish(
        self,
        ask: Admin,
        actor: Actor,
        text: str,
        answer: Answer,
        rooms: Iterable[Room] = (),
        where: str = "",
        *,
        note: str = "",
    ) -> None:
        """Tell the rooms, the log and the operator what was done; ``note`` is for the operator alone."""
        for room in rooms:
            room.tell(Notice(text, self._hub.clock(), actor.name))
            self._hub.touch(room)
        self._log.info("ordered", verb=ask.verb, by=actor.name or actor.role, target=ask.target or where, what=text)
        answer(Done(ask.verb, text + note, [], ask.id))


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


def _only_key(target: AdminTarget) -> str:
    """Return the key that a member has proved. Raises Forbidden if there is none, or another one in another room."""
    keys = dict.fromkeys(peer.key for peer in target.peers if peer.key is not None)
    if len(keys) == 1:
        return next(iter(keys))
    proved = " and ".join(keys) or "no key"
    raise Forbidden(f"{clean(target.shown)} has proved {proved}: give the key itself, SHA256:...")


def _public_name(target: AdminTarget) -> str:
    """Return what the room is told of a target: never an address."""
    return clean(target.shown) if target.network is None else "an address"


def _rooms_of(peers: Iterable[Peer]) -> list[Room]:
    return list({peer.room: None for peer in peers if peer.room is not None})
