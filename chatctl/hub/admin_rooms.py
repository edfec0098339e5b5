"""Operators and rooms: the topic, how fast people may speak, and whether they may.

Lives here: planning these orders. Does not live here: what a room's rules mean (core/moderation.py), carrying an order
out (admin_commands.py).
"""

from __future__ import annotations

import msgspec

from chatctl.common.durations import short_span
from chatctl.common.text import clean
from chatctl.core.moderation import RoomRules
from chatctl.hub.admin_plan import Plan
from chatctl.hub.admin_target import Actor, AdminTarget, insist_on_room
from chatctl.hub.peer_control import PeerControl
from chatctl.protocol import DEFAULT_ROOM, Admin, RoomNow


def change_rules(ask: Admin, actor: Actor, _target: AdminTarget, hub: PeerControl) -> Plan:
    """Plan ``topic``, ``slow`` or ``read-only``. Raises RoomInvalid if there is no such room."""
    name = ask.room or DEFAULT_ROOM
    insist_on_room(name, hub)
    room = hub.history.rooms.get(name)
    rules, text = _changed(ask, hub.rules.room(name))

    def apply() -> None:
        hub.rules.rooms[name] = rules
        if room is not None:
            room.tell(RoomNow(rules.topic, rules.slow or 0, rules.read_only))

    changes = {("room", name): msgspec.json.encode(rules).decode()}
    return Plan(text + actor.by, apply, [room] if room is not None else [], changes=changes, where=name)


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
