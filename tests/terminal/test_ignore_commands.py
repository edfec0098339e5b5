"""/ignore and /unignore, in a room."""

from __future__ import annotations

import asyncio

from chatctl import protocol as p
from tests.support.kept_log import in_loop
from tests.terminal.fakes import Joined


async def answer(joined: Joined, *frames: p.ServerFrame) -> None:
    """Let what waits for the server ask, and give it its answers."""
    for frame in frames:
        while not (joined.wire.sent and isinstance(joined.wire.sent[-1], p.Whois)):
            await asyncio.sleep(0)
        joined.wire.sent.clear()
        joined.receive(frame)
    await asyncio.sleep(0.01)


@in_loop
async def test_nothing_of_what_somebody_says_is_shown() -> None:
    """Neither a message, nor a whisper, nor a bell; and the room goes on."""
    joined = Joined()
    joined.receive(p.Join(["omar"], 2))
    assert joined.controller.submit("/ignore omar")
    assert joined.screen.lines[-1] == "messages of omar are hidden in this run: /unignore omar ends that"
    await answer(joined, p.Error("no_such_nick", "there is no omar"))
    assert joined.receive(p.Msg(1, 1.0, "omar", "nadia: hi"), p.Whispered("OMAR", 1.0, "psst")) == []
    assert joined.screen.alerts == []
    assert not joined.controller.submit("/r to whom")
    joined.receive(p.Rename("omar", "omar2"))
    assert joined.receive(p.Msg(2, 1.0, "omar2", "again")) == []
    assert joined.receive(p.Msg(3, 1.0, "bob", "hi")) == ["00:00 bob: hi"]
    joined.controller.submit("/ignore")
    assert joined.screen.lines[-2:] == ["you ignore:", "  omar by this name"]
    assert joined.controller.submit("/unignore omar")
    assert not joined.controller.submit("/unignore omar")
    assert not joined.controller.submit("/ignore nadia")
    joined.controller.submit("/ignore")
    assert joined.screen.lines[-1] == "you ignore nobody"
    assert joined.receive(p.Msg(4, 1.0, "omar", "hi")) == ["00:00 omar: hi"]


@in_loop
async def test_by_key_where_there_is_one() -> None:
    """Whoever comes back under another name with it is hidden; somebody else under the old name is not."""
    joined = Joined()
    joined.receive(p.Join(["omar"], 2))
    joined.controller.submit("/ignore omar")
    await answer(joined, p.Identity("omar", 0.0, 0.0, "SHA256:K"))
    assert joined.screen.lines[-1] == "  by key SHA256:K: under any name here"
    joined.receive(p.Leave(["omar"], 1), p.Join(["mallory"], 2))
    await answer(joined, p.Identity("mallory", 0.0, 0.0, "SHA256:K"))
    assert joined.receive(p.Msg(1, 1.0, "mallory", "me again")) == []
    joined.receive(p.Join(["omar"], 3))
    await answer(joined, p.Identity("omar", 0.0, 0.0, "SHA256:other"))
    assert joined.receive(p.Msg(2, 1.0, "omar", "somebody else"))[-1] == "00:00 omar: somebody else"


@in_loop
async def test_a_key_stays_known_when_its_owner_is_ignored_once_more_while_away() -> None:
    """Whoever has the name is ignored, if somebody has: then the key is theirs, or there is none."""
    joined = Joined()
    joined.receive(p.Join(["omar"], 2))
    joined.controller.submit("/ignore omar")
    await answer(joined, p.Identity("omar", 0.0, 0.0, "SHA256:K"))
    joined.receive(p.Leave(["omar"], 1))
    joined.controller.submit("/ignore omar")
    await answer(joined, p.Error("no_such_nick", "there is no omar"))
    joined.receive(p.Join(["mallory"], 2))
    await answer(joined, p.Identity("mallory", 0.0, 0.0, "SHA256:K"))
    assert joined.receive(p.Msg(1, 1.0, "mallory", "me again")) == []
    joined.receive(p.Join(["omar"], 3))
    await answer(joined, p.Identity("omar", 0.0, 0.0))
    joined.controller.submit("/ignore omar")
    await answer(joined, p.Identity("omar", 0.0, 0.0))
    assert joined.receive(p.Msg(2, 1.0, "omar", "somebody else")) == []


@in_loop
async def test_an_answer_that_comes_late_ignores_nobody_again() -> None:
    joined = Joined()
    joined.receive(p.Join(["omar"], 2))
    joined.controller.submit("/ignore omar")
    joined.controller.submit("/unignore omar")
    await answer(joined, p.Identity("omar", 0.0, 0.0, "SHA256:K"))
    assert joined.receive(p.Msg(1, 1.0, "omar", "hi"))[-1] == "00:00 omar: hi"


@in_loop
async def test_whose_nickname_it_is_is_asked_again_after_an_outage() -> None:
    """Somebody else may have taken it meanwhile; who is hidden stays hidden until the server tells."""
    joined = Joined()
    joined.receive(p.Join(["omar"], 2))
    joined.controller.submit("/ignore omar")
    await answer(joined, p.Identity("omar", 0.0, 0.0, "SHA256:K"))
    for seq, nick, key in ((1, "bob", None), (2, "mallory", "SHA256:K")):
        joined.receive(p.Msg(seq, 1.0, nick, "hi"))
        await answer(joined, p.Identity(nick, 0.0, 0.0, key))
    joined.controller.view.disconnected("it broke")
    joined.welcome(last=2)
    assert joined.receive(p.Msg(3, 1.0, "mallory", "still me")) == []
    await answer(joined, p.Identity("mallory", 0.0, 0.0, "SHA256:another"))
    joined.receive(p.Msg(4, 1.0, "bob", "nobody knows yet"))
    await answer(joined, p.Identity("bob", 0.0, 0.0, "SHA256:K"))
    assert joined.receive(p.Msg(5, 1.0, "bob", "me again")) == []
    assert joined.receive(p.Msg(6, 1.0, "mallory", "somebody else"))[-1] == "00:00 mallory: somebody else"
