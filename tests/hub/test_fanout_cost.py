"""What makes the fan-out fast is not lost: ratios of CPU time within one run. Figures: docs/performance.md."""

import statistics
import time
from collections.abc import Callable

from chatctl import protocol as p
from chatctl.core.dialects import JSON
from chatctl.core.ring import Ring
from chatctl.core.room import Room
from chatctl.protocol import Msg, encode
from tests.support.fakes import FakePeer, House

TURNS = 9
RUN = 64


def cpu(work: Callable[[], object], times: int) -> float:
    begun = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun) / times


def ratio(slow: Callable[[], object], fast: Callable[[], object], times: tuple[int, int]) -> float:
    """Return how many times faster ``fast`` is than ``slow``: the median of turns, each of which measures both."""
    return statistics.median(cpu(slow, times[0]) / cpu(fast, times[1]) for _ in range(TURNS))


class Sink:
    """A reader that counts what it is handed."""

    dialect = JSON
    paused = behind = False

    def __init__(self) -> None:
        self.after = 0
        self.bytes = 0

    def send(self, data: bytes) -> None:
        self.bytes += len(data)


def room_of(members: int) -> tuple[Room, list[Sink]]:
    room, sinks = Room("lobby", "epoch", Ring(max_entries=1000)), [Sink() for _ in range(members)]
    room.readers.update(sinks)
    return room, sinks


def news(room: Room) -> list[Msg]:
    last = room.ring.last
    return [Msg(seq, 1.5, "Rajat", "x" * 64) for seq in range(last + 1, last + 1 + RUN)]


def test_a_sweep_costs_a_fraction_of_one_write_per_message_and_member() -> None:
    """Rendered once, joined once, one call a member. Measured: 50 to 56 times."""
    swept, sinks = room_of(100)
    written, others = room_of(100)

    def sweep() -> None:
        swept.append(news(swept))
        swept.sweep(0.0)

    def write_each() -> None:
        entries = news(written)
        written.append(entries)
        for reader in others:
            for entry in entries:
                reader.send(reader.dialect.render(entry))

    assert ratio(write_each, sweep, (2, 20)) > 10
    assert len({sink.bytes for sink in sinks + others}) == 2, "each of a room was handed the same"


def test_messages_that_come_together_cost_a_fraction_of_those_that_come_alone() -> None:
    """One run from the session to the journal, and one turn either way. Measured: 6 times; 1.2 without runs."""
    house = House()
    ana = house.join("Ana")
    line = encode(p.Say("x" * 64))

    def together() -> None:
        feed(house, ana, [line * RUN])

    def alone() -> None:
        feed(house, ana, [line] * RUN)

    assert ratio(alone, together, (5, 20)) > 2
    assert house.hub.history.rooms["lobby"].ring.last == TURNS * 25 * RUN


def feed(house: House, peer: FakePeer, reads: list[bytes]) -> None:
    for read in reads:
        peer.session.receive(read, house.now)
        peer.pump()
    house.turn()
    peer.parts.clear()
