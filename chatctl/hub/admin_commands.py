"""Operators' commands: how an order is carried out, wherever it came from.

A planner for each verb says what it does, and does nothing. The change goes to the journal first; then it is made,
peers that it hits are disconnected, the room is told, a line is logged. Does not live here: the planners (each in the
file of its idea, see ``PLANNERS``), the target (admin_target.py), who may do what (core/permissions.py), what rules
mean (core/moderation.py), the socket (server/admin_socket.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

import msgspec

from chatctl.common.text import clean
from chatctl.common.verbs import Role
from chatctl.core.effects import error_frame
from chatctl.core.peer import Peer
from chatctl.core.permissions import check_verb
from chatctl.directory import Errand
from chatctl.directory import Outcome as ErrandOutcome
from chatctl.errors import ChatError, Forbidden, StorageFailed
from chatctl.hub import admin_claims, admin_leases, admin_operators, admin_rooms, admin_sanctions
from chatctl.hub.admin_people import others_in
from chatctl.hub.admin_plan import Answer, Outcome, Plan, Planner, log_row, rooms_of, told
from chatctl.hub.admin_target import Actor, AdminTarget, placed, target_of
from chatctl.hub.errands import error_of
from chatctl.hub.journal_commands import JournalCommands
from chatctl.hub.member_places import RoomMember
from chatctl.hub.messages import speaker_name
from chatctl.hub.peer_control import PeerControl
from chatctl.hub.waiting import Waiting
from chatctl.journal import ChangedMeanwhile, Facts
from chatctl.protocol import DEFAULT_ROOM, Admin, Done, Notice

PLANNERS: Mapping[str, Planner] = {
    "kick": admin_sanctions.kick,
    "ban": admin_sanctions.impose,
    "unban": admin_sanctions.lift,
    "mute": admin_sanctions.impose,
    "unmute": admin_sanctions.lift,
    "bans": admin_sanctions.list_sanctions,
    "topic": admin_rooms.change_rules,
    "slow": admin_rooms.change_rules,
    "read-only": admin_rooms.change_rules,
    "locks": admin_leases.list_leases,
    "unlock": admin_leases.unlock,
    "claims": admin_claims.list_claims,
    "unclaim": admin_claims.unclaim,
    "op": admin_operators.appoint,
    "deop": admin_operators.appoint,
    "ops": admin_operators.list_operators,
    "log": admin_operators.list_orders,
}
"""Verbs that are done in one turn of the loop once they are committed. The others work on the journal's file, or are
the program's."""


class AdminCommands:
    """Carries out operators' verbs."""

    def __init__(self, hub: PeerControl) -> None:
        """Serve one hub."""
        self._hub = hub
        self._log = hub.log
        self._on_journal = JournalCommands(hub)
        self._slow_ones = {"redact": self._on_journal.redact, "compact": self._on_journal.compact}
        self.outside: dict[str, Callable[[Admin], str]] = {}
        """Verbs that the server as a program carries out: ``reload``, ``drain``. Each returns a line for people."""
        self.spread: Callable[[Answer], Answer] = lambda answer: answer
        """Makes an answer wait until other servers go by what was changed, too."""
        self._under_way = False  # an order is being committed that changes what holds
        self._waiting: deque[Callable[[], None]] = deque()

    def order_from(self, peer: Peer, ask: Admin) -> None:
        """Carry out what somebody in a room orders, and answer them before what they have sent after it.

        What takes long, since it works on the journal's file, holds nothing up.

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

        if ask.verb.removeprefix("?") not in PLANNERS:
            self.carry_out(ask, actor, answer)
            return

        def answer_and_go_on(outcome: Outcome) -> None:
            answer(outcome)
            wait.over()

        with Waiting(peer) as wait:
            self.carry_out(ask, actor, answer_and_go_on)

    def order_from_console(self, ask: Admin, answer: Answer) -> None:
        """Carry out what this server's own operator orders, by all that any server has shown."""

        def reached(_: ChatError | None) -> None:
            self.carry_out(ask, Actor("console"), answer)

        self._hub.history.reach(ask.room or DEFAULT_ROOM, None, reached)

    def carry_out(self, ask: Admin, actor: Actor, answer: Answer) -> None:
        """Carry out an order, or with ``?`` before its verb tell what it would do.

        ``answer`` is called with the outcome once that is committed.
        """
        dry, ask = ask.verb.startswith("?"), msgspec.structs.replace(ask, verb=ask.verb.removeprefix("?"))
        try:
            ask = placed(ask, actor)
            target = target_of(ask, actor, self._hub)
            check_verb(ask.verb, actor.role, target.kind, clean(target.shown) if ask.target else "")
            if dry and target.kind == "server":
                raise Forbidden(f"{ask.verb} has no target: --dry-run has nothing to show")
            if ask.verb in self._slow_ones:
                if dry:
                    raise Forbidden(f"{ask.verb} has no --dry-run")
                self._slow_ones[ask.verb](ask, actor, self.spread(answer))
                return
            plan = self._plan(ask, actor, target)
        except ChatError as error:
            self._log.info(
                "order refused", verb=ask.verb, by=actor.name or actor.role, target=ask.target, why=error.text
            )
            answer(error)
            return
        if isinstance(plan, Coroutine):
            self._on_journal.answer_later(plan, answer)
        elif isinstance(plan, Done):
            answer(plan)
        elif dry:
            answer(told(ask, actor, plan, dry=True))
        elif plan.errand is not None and plan.remote:
            self._send(plan, plan.errand, partial(self._carry_out, ask, actor, plan, answer), answer)
        else:
            self._carry_out(ask, actor, plan, answer)

    def _send(self, plan: Plan, errand: Errand, then: Callable[[], None], answer: Answer) -> None:
        """Have done what is to be done at other servers; then the rest, unless all of it failed."""
        failed: list[ChatError | None] = []

        def came(member: RoomMember, outcome: ErrandOutcome) -> None:
            failed.append(error_of(outcome, member.nick))
            if len(failed) < len(plan.remote):
                return
            errors = [error for error in failed if error is not None]
            if len(errors) == len(failed) and not plan.hit:
                answer(errors[0])
            else:
                then()

        for member in plan.remote:
            self._hub.errands.send(member, errand, partial(came, member))

    def _plan(self, ask: Admin, actor: Actor, target: AdminTarget) -> Plan | Done | Coroutine[Any, Any, Done]:
        if ask.verb in PLANNERS:
            return PLANNERS[ask.verb](ask, actor, target, self._hub)
        if ask.verb not in self.outside:
            raise Forbidden(f"this server can't {ask.verb}")
        return Plan(self.outside[ask.verb](ask), lambda: None, where=None)

    def _carry_out(self, ask: Admin, actor: Actor, plan: Plan, answer: Answer) -> None:
        if plan.changes and self._under_way:  # it is planned again then, with what holds by that time
            self._waiting.append(partial(self.carry_out, ask, actor, answer))
            return
        if plan.changes:
            self._under_way = True
            spread, again = self.spread(answer), partial(self.carry_out, ask, actor, answer)
            changes = {**plan.changes, **self._row(ask, actor, plan)}
            self._commit(changes, lambda: self._finish(ask, actor, plan, spread), answer, again)
            return
        self._keep_row(ask, actor, plan)  # nothing that has to hold: it works on a full disk, too
        self._finish(ask, actor, plan, answer)

    def _row(self, ask: Admin, actor: Actor, plan: Plan) -> Facts:
        if plan.where is None:
            return {}
        rooms = {room.name for room in (*plan.rooms, *rooms_of(plan.hit))} | {member.room for member in plan.remote}
        return log_row(self._hub, ask, actor, plan.text, plan.where, rooms, everywhere=plan.everywhere)

    def _keep_row(self, ask: Admin, actor: Actor, plan: Plan) -> None:
        row = self._row(ask, actor, plan)

        def kept(error: StorageFailed | None) -> None:
            if error is not None:
                self._hub.rules.log.drop(row)
            if isinstance(error, ChangedMeanwhile):  # another server's order has the number
                self._keep_row(ask, actor, plan)

        self._hub.journal.keep(row, kept)

    def keep_again(self) -> None:
        """Keep when bans and mutes end by a wall clock that was set: the next start would prolong or lift them."""
        if self._under_way:  # it may lift one of these
            self._waiting.append(self.keep_again)
            return

        def kept(error: StorageFailed | None) -> None:  # not kept: they end as they would have by then
            if isinstance(error, ChangedMeanwhile):
                self.keep_again()

        if changes := admin_sanctions.ends_to_keep(self._hub):
            self._hub.journal.keep(changes, kept)

    def _commit(self, changes: Facts, then: Callable[[], None], answer: Answer, again: Callable[[], None]) -> None:
        """Commit facts, then show what they change; or answer with the error.

        ``again`` plans anew, with what holds by then, since another server was faster.
        """

        def committed(error: ChatError | None) -> None:
            self._under_way = False
            if error is not None:
                self._hub.rules.log.drop(changes)
            if isinstance(error, ChangedMeanwhile):
                again()
            elif error is not None:
                self._log.error("not stored", why=error.text)
                answer(error)
            else:
                then()
            while self._waiting and not self._under_way:
                self._waiting.popleft()()

        self._hub.journal.keep(changes, committed)

    def _finish(self, ask: Admin, actor: Actor, plan: Plan, answer: Answer) -> None:
        """Do what was committed; tell the rooms, the log and the operator."""
        plan.apply()
        heard = {
            room: plan.text + others_in(room, plan.shown, plan.hit, plan.remote) if plan.shown else plan.text
            for room in dict.fromkeys([*plan.rooms, *rooms_of(plan.hit)])
        }
        answered = told(ask, actor, plan)
        for room, text in heard.items():
            room.tell(Notice(text, self._hub.clock(), actor.name))
            self._hub.touch(room)
        by, target = actor.name or actor.role, ask.target or plan.where
        self._log.info(
            "ordered", verb=ask.verb, by=by, target=target, what=plan.text, hit=len(plan.hit) + len(plan.remote)
        )
        answer(answered)
