"""What tests of leases share: processes that take locks and ask questions, and what they and the room are told."""

from __future__ import annotations

import asyncio

from chatctl.protocol import Error, Lease, LeaseState, Notice, Say
from tests.support.fakes import FakePeer, House, only

ANA, BOB = "a" * 32, "b" * 32
ONE, TWO = "1" * 32, "2" * 32
LOCK = Lease("lock", "backup", ONE)
QUESTION = Lease("question", "a3", ONE)


def post(house: House, nick: str, token: str | None = ANA) -> FakePeer:
    return house.join(nick, token, mode="post")


def watch(house: House, token: str | None = ANA) -> FakePeer:
    return house.join("", token, mode="watch")


def answer(house: House, peer: FakePeer, lease: Lease) -> LeaseState | Error:
    peer.take()

    async def ask() -> None:
        peer.say(lease)
        for _ in range(3):  # the log may have to be asked who said an entry
            house.settle()
            await asyncio.sleep(0)

    asyncio.run(ask())
    house.settle()
    (found,) = [frame for frame in peer.take() if isinstance(frame, LeaseState | Error)]
    return found


def taken(house: House, peer: FakePeer, lease: Lease) -> bool:
    state = answer(house, peer, lease)
    assert isinstance(state, LeaseState)
    return state.held


def notices(peer: FakePeer) -> list[str]:
    return [notice.text for notice in only(Notice, peer.take())]


def pass_over(house: House, seconds: float) -> None:
    house.pass_time(seconds)
    for hub in house.hubs:
        hub.leasing.expire()
    house.settle()


def asked(house: House, name: str = "a3", holder: str = ONE, token: str = ANA, nick: str = "ci") -> FakePeer:
    """Have one ask a question, as ``chatctl ask`` does; give the connection that watches."""
    asker = watch(house, token)
    assert taken(house, asker, Lease("question", name, holder))
    post(house, nick, token).say(Say(f"[{name}] go?", id=f"q{name}", asks=name)).end()
    house.settle()
    asker.take()
    return asker
