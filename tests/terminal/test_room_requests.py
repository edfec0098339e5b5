"""room_requests.py: which frame of a room answers what was asked, and which one is for the screen."""

from __future__ import annotations

import msgspec
import pytest

from chatctl import protocol as p
from tests.support.kept_log import in_loop
from tests.terminal.fakes import Joined


def joined(*features: str) -> Joined:
    made = Joined()
    welcome = made.controller.membership.welcome
    assert welcome is not None
    made.controller.membership.welcome = msgspec.structs.replace(welcome, features=[*features])
    made.receive(p.Join(["omar"], 2))
    made.screen.lines.clear()
    return made


async def asked(room: Joined) -> p.Whois:
    """Ignore omar, whose key is asked for; return the question."""
    assert room.controller.submit("/ignore omar")
    await room.rest()
    frame = room.wire.sent[-1]
    assert isinstance(frame, p.Whois)
    return frame


@in_loop
async def test_an_answer_to_what_somebody_typed_is_for_the_screen() -> None:
    """Both were asked about omar: each gets its own answer."""
    room = joined("ids")
    ours = await asked(room)
    shown = await room.answer(p.Identity("omar", 0.0, 0.0, "SHA256:K"))
    assert any("SHA256:K" in line for line in shown)
    assert not any("by key" in line for line in room.screen.lines)
    await room.answer(p.Identity("omar", 0.0, 0.0, "SHA256:K", id=ours.id))
    assert "by key" in room.screen.lines[-1]


@pytest.mark.parametrize("ident", [None, "another"])
def test_an_error_of_something_else_is_for_the_screen(ident: str | None) -> None:
    """One without an id may be of anything that was typed."""

    @in_loop
    async def scenario() -> None:
        room = joined("ids")
        ours = await asked(room)
        assert await room.answer(p.Error("rate_limited", "slow down", id=ident)) == ["! slow down"]
        await room.answer(p.Identity("omar", 0.0, 0.0, "SHA256:K", id=ours.id))
        assert "by key" in room.screen.lines[-1]

    scenario()


@in_loop
async def test_an_older_server_is_asked_without_an_id() -> None:
    """Its next answer about omar is the answer, as before."""
    room = joined()
    assert (await asked(room)).id is None
    await room.answer(p.Identity("omar", 0.0, 0.0, "SHA256:K"))
    assert "by key" in room.screen.lines[-1]
