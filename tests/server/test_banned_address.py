"""A banned address at a real listener: told why in its own dialect, and closed, whatever name it gives."""

from __future__ import annotations

import pytest

from chatctl.core.bans import Sanction
from chatctl.core.limits import ServerLimits
from chatctl.core.moderation import Rules
from tests.support.in_process_server import in_process_server
from tests.support.wire import Wire


def banning() -> Rules:
    rules = Rules()
    rules.bans.add(Sanction("ban", 0.0, network="203.0.113.0/24", reason="flood"))
    return rules


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (b'{"type":"hello","v":1,"nick":"nadia"}\n', b'"code":"forbidden","text":"your address is banned: flood"'),
        (b'{"type":"hello","v":1,"mode":"watch"}\n', b'"code":"forbidden","text":"your address is banned: flood"'),
        (b"nadia\n", b"! your address is banned: flood\n"),
        (b"nadia", b"! your address is banned: flood\n"),
    ],
    ids=["json", "watch", "text", "classic"],
)
def test_it_is_told_and_closed(monkeypatch: pytest.MonkeyPatch, first: bytes, told: bytes) -> None:
    monkeypatch.setattr("chatctl.server.server.describe", lambda *_: ("somebody", "203.0.113.9"))
    monkeypatch.setattr("chatctl.hub.hub.Rules", banning)
    with in_process_server(ServerLimits()) as port:
        assert told in Wire(("127.0.0.1", port)).send(first).rest()


def test_its_neighbours_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatctl.server.server.describe", lambda *_: ("somebody", "203.0.114.9"))
    monkeypatch.setattr("chatctl.hub.hub.Rules", banning)
    with in_process_server(ServerLimits()) as port:
        Wire(("127.0.0.1", port)).greeted().enter("nadia")
