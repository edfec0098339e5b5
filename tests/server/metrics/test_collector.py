"""collector.py: each metric says what happened in a hub."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from chatctl.core.limits import ServerLimits
from chatctl.journal.memory import MemoryJournal
from chatctl.server.metrics.collector import OTHERS, ServerCollector, Sources
from chatctl.server.metrics.journal_files import JournalFiles, Sizes
from chatctl.server.metrics.loop_lag import LoopLag
from chatctl.server.server import Server
from tests.support.fakes import House
from tests.support.in_process_server import new_server
from tests.support.metrics import Scrape


def scraped(play: Callable[[House], None] = lambda _: None, *, sizes: Sizes | None = None) -> Scrape:
    """Let something happen in a hub, and scrape a server of it."""

    async def main() -> str:
        server = new_server(ServerLimits(rate=0), journal=MemoryJournal(), log=io.StringIO())
        house = House()
        play(house)
        server.hub = house.hub
        lag, files = LoopLag(server.loop), JournalFiles(None)
        files.sizes = sizes
        registry = CollectorRegistry()
        registry.register(ServerCollector(Sources(server, frozenset(["lobby", "ops"]), lag, files, None)))
        lag.stop()
        return generate_latest(registry).decode()

    return Scrape(asyncio.run(main()))


def test_messages_deliveries_and_members_are_those_of_each_room() -> None:
    def play(house: House) -> None:
        nadia, _, _ = house.join("nadia"), house.join("omar"), house.join("ada", room="ops")
        nadia.say(*(b'{"type":"say","text":"%d","id":"%d"}\n' % (number, number) for number in range(3)))
        house.settle()

    found = scraped(play)
    assert found.of("chatctl_room_messages_total") == {
        (("room", "lobby"),): 3.0,
        (("room", "ops"),): 0.0,
        (("room", OTHERS),): 0.0,
    }
    assert found.value("chatctl_room_deliveries_total", room="lobby") == 6
    assert found.value("chatctl_room_members", room="lobby") == 2
    assert found.value("chatctl_rooms") == 2
    assert found.value("chatctl_journal_commit_seconds_count") >= 1
    assert found.value("chatctl_journal_queue_messages") == 0


def test_a_member_of_another_server_is_counted_there() -> None:
    """So that the figures of servers with the same rooms can be added up."""

    def play(house: House) -> None:
        house.join("nadia")
        house.hub.history.rooms["lobby"].roster.add("omar", None, None, 0.0)
        house.settle()

    assert scraped(play).value("chatctl_room_members", room="lobby") == 1


def test_rooms_that_clients_opened_are_one_sample_however_many() -> None:
    """Whoever opens rooms must not make a time series for each."""

    def play(house: House) -> None:
        for number in range(20):
            room = house.hub.history.open(f"room{number}")
            house.join(f"nick{number}", room=room.name)
        house.settle()

    found = scraped(play)
    assert set(found.of("chatctl_room_members")) == {(("room", OTHERS),)}
    assert found.value("chatctl_room_members", room=OTHERS) == 20


def test_refusals_have_the_code_of_the_wire() -> None:
    def play(house: House) -> None:
        nadia = house.join("nadia")
        nadia.say(b'{"type":"whisper","to":"nobody","text":"x"}\n', b'{"type":"what"}\n')
        house.settle()
        assert nadia.codes == ["no_such_nick", "bad_frame"]

    assert scraped(play).of("chatctl_refusals_total") == {
        (("code", "bad_frame"),): 1.0,
        (("code", "no_such_nick"),): 1.0,
    }


def test_what_the_journal_could_not_keep_is_counted() -> None:
    from tests.support.fakes import SlowJournal

    def play(house: House) -> None:
        journal = SlowJournal()
        house.hub.messages._journal = journal
        nadia = house.join("nadia")
        nadia.say(b'{"type":"say","text":"x","id":"1"}\n{"type":"say","text":"y","id":"2"}\n')
        house.turn()
        journal.fail()
        nadia.say(b'{"type":"say","text":"z","id":"3"}\n')
        house.settle()

    found = scraped(play)
    assert found.value("chatctl_journal_failed_messages_total") == 2
    assert found.value("chatctl_journal_queue_messages") == 1
    assert found.value("chatctl_refusals_total", code="storage") == 2


def test_bans_that_hit() -> None:
    from chatctl.core.bans import Sanction

    def play(house: House) -> None:
        house.hub.rules.bans.add(Sanction("ban", 0.0, name="mallory"))
        house.hub.rules.bans.add(Sanction("ban", 0.0, network="203.0.113.7/32"))
        house.join("mallory")
        assert house.hub.address_ban("203.0.113.7") is not None
        assert house.hub.address_ban("203.0.113.8") is None
        house.settle()

    assert scraped(play).value("chatctl_ban_hits_total") == 2


@pytest.mark.parametrize("sizes", [None, Sizes(4096, 100, 1 << 40)])
def test_sizes_that_are_not_known_are_left_out(sizes: Sizes | None) -> None:
    found = scraped(sizes=sizes)
    assert ("chatctl_journal_free_bytes" in found.names) == (sizes is not None)
    if sizes is not None:
        assert found.value("chatctl_journal_free_bytes") == 1 << 40
        assert found.value("chatctl_journal_size_bytes") == 4096


def test_new_epochs_are_told_of() -> None:
    """Those of the start, and those that a log gets later."""

    def play(house: House) -> None:
        house.journal.renewed = "the engine has lost its last messages"  # type: ignore[attr-defined]

    assert scraped().value("chatctl_journal_epochs_renewed") == 0
    assert scraped(play).value("chatctl_journal_epochs_renewed") == 1


def test_how_many_servers_share_a_journal_and_what_it_survives_are_told() -> None:
    def play(house: House) -> None:
        house.journal.servers, house.journal.durability = 3, "replica"  # type: ignore[attr-defined]

    assert scraped().value("chatctl_servers") == 1
    assert scraped(play).value("chatctl_servers") == 3
    assert scraped(play).value("chatctl_journal_durability", level="replica") == 1


def test_the_server_of_it_is_a_server() -> None:
    """What is read of a server, it has: a fake one would hide a name that changed."""
    assert {"census", "slow_readers"} <= vars(Server).keys()
