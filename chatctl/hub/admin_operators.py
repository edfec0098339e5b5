"""Operators themselves: who is one, and what they did.

Lives here: planning ``op`` and ``deop``, answering ``ops`` and ``log``. Does not live here: what an operator may do
(core/permissions.py), carrying an order out (admin_commands.py), what stands in the log (core/admin_log.py).
"""

from __future__ import annotations

import msgspec

from chatctl.common.text import clean
from chatctl.errors import Forbidden
from chatctl.hub.admin_plan import Plan, counted, rooms_of
from chatctl.hub.admin_target import Actor, AdminTarget, key_behind
from chatctl.hub.peer_control import PeerControl
from chatctl.protocol import Admin, Done


def appoint(ask: Admin, _actor: Actor, target: AdminTarget, hub: PeerControl) -> Plan:
    """Plan ``op`` or ``deop``. Raises Forbidden if no key is meant, or one that the command line names."""
    rules, up = hub.rules, ask.verb == "op"
    key = key_behind(target)
    if not up and key in rules.configured:
        raise Forbidden(f"{key} is set by --operator or --operators: remove it there")
    who = clean(target.shown) if target.shown == key else f"{clean(target.shown)} ({key})"
    text = f"{who} is {'an' if up else 'no longer an'} operator"
    change = rules.appointed.add if up else rules.appointed.discard
    hit = [peer for peer in target.peers if peer.key == key]
    return Plan(text, lambda: change(key), rooms_of(hit), hit, changes={("operator", key): "" if up else None})


def list_operators(ask: Admin, _actor: Actor, _target: AdminTarget, hub: PeerControl) -> Done:
    """Answer ``ops``."""
    rules = hub.rules
    rows = [{"key": key, "kept": key not in rules.configured} for key in sorted(rules.configured | rules.appointed)]
    return Done(ask.verb, counted(len(rows), "operator's key", "operators' keys"), rows, ask.id)


def list_orders(ask: Admin, actor: Actor, _target: AdminTarget, hub: PeerControl) -> Done:
    """Answer ``log``. Targets may be addresses, which are for the console alone."""
    rows = [msgspec.to_builtins(order) for order in hub.rules.log]
    if actor.role != "console":
        rows = [{key: value for key, value in row.items() if key != "target"} for row in rows]
    return Done(ask.verb, counted(len(rows), "order", "orders"), rows, ask.id)
