"""What is measured, and who takes part. A turn of one entrant starts a server, loads it, and returns figures by name.

Figures are plain seconds, bytes, counts and shares of a core; the page does the scaling. ``server_share`` and
``load_share`` stand in all of them. A wrong delivery ends a turn without figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from arena import peers
from arena.crowds import herd, slow, storm
from arena.loads import Figures, Scale, burst, memory, paced, send_process, talk
from arena.peers import Missing, Peer

Tick = Callable[[Scale], Figures]


@dataclass(frozen=True)
class Scenario:
    """One scenario: its entrants by name, in the order in which they run."""

    name: str
    title: str
    entrants: dict[str, Tick]
    seconds: float = 60.0
    """A turn of one entrant that takes longer is aborted."""


ALWAYS = ("chatctl", "nats-server")


def all_scenarios(found: Iterable[Peer | Missing]) -> list[Scenario]:
    """Return all scenarios, with the peers that are installed."""
    there = [peer for peer in found if isinstance(peer, Peer)]
    ours = next(peer for peer in there if peer.name == "chatctl")
    disk = peers.chatctl(name="chatctl, journal at disk", journal="{folder}/rooms.db")

    def each(turn: Callable[[Peer, Scale], Figures], *names: str) -> dict[str, Tick]:
        return {peer.name: partial(turn, peer) for peer in there if peer.name in names}

    def burst_of(members: int) -> Scenario:
        everyone = [peer.name for peer in there if members <= peer.most]
        entrants = each(partial(burst, members=members), *(everyone if members == 300 else ALWAYS))
        return Scenario(f"burst-{members}", f"burst, {members:,} members", entrants)

    return [
        *map(burst_of, (10, 300, 1000, 5000)),
        Scenario("paced", "paced, 1,000 members at 20 messages a second", each(paced, *ALWAYS, "a bare send() loop")),
        Scenario("talk", "everybody talks: 200 members, each once a second", each(talk, *ALWAYS)),
        Scenario("memory", "2,000 idle members", each(memory, *ALWAYS)),
        Scenario(
            "storm",
            "members join at once, then idle",
            {f"{members:,} members": partial(storm, members=members) for members in (1000, 10_000)},
            seconds=120,
        ),
        Scenario("herd", "5,000 members resume at once after a restart", {"chatctl": herd}, seconds=120),
        Scenario(
            "slow",
            "200 of 1,000 members stop reading at full burst",
            {"the other 800 alone": partial(slow, stalled=0), "with the 200": partial(slow, stalled=200)},
        ),
        Scenario(
            "journal",
            "burst, 1,000 members, kept in memory or at disk",
            {peer.name: partial(burst, peer, members=1000) for peer in (ours, disk)},
        ),
        Scenario("start", "send as a whole process", {"chatctl send": send_process}),
    ]
