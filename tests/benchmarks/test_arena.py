"""What ``benchmarks/`` makes of its figures: the right ratio, the right verdict, and nothing left out silently."""

from __future__ import annotations

import argparse
import contextlib
import socket
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from arena import page, peers, plot, targets
from arena.crowds import _catch_up
from arena.loads import Scale
from arena.peers import Missing, Peer
from arena.results import Measured, Results
from arena.scenarios import Scenario, all_scenarios
from arena.server_process import RunFailed
from compare import chosen, few_files, measure

from chatctl.bench.checker import ReferenceStream, StreamChecker
from chatctl.bench.connection import LoadConnection
from chatctl.bench.wire_formats import chatctl_format


def row(**figures: float) -> dict[str, float]:
    return {"server_share": 0.5, "load_share": 0.25} | figures


def kept(**scenarios: Measured) -> Results:
    return Results(
        {name.replace("_", "-"): one for name, one in scenarios.items()}, {"chatctl": "1"}, {"ngIRCd": "not here"}
    )


def verdict(found: Results, what: str) -> targets.Verdict:
    return next(one for one in targets.verdicts(found) if one.target.what.startswith(what))


def test_a_ratio_is_the_median_of_the_turns_own() -> None:
    """Not that of the medians: a turn in which the machine was slow was slow for both."""
    turns = {
        "chatctl": [row(per_cpu_second=value) for value in (10.0, 1.0, 30.0)],
        "nats-server": [row(per_cpu_second=value) for value in (1.0, 0.5, 2.0)],
    }
    found = verdict(kept(burst_10=Measured(turns)), "burst, 10 members")
    assert (found.value, found.least, found.most, found.met) == (10.0, 2.0, 15.0, True)


def test_a_turn_that_one_of_them_failed_counts_for_neither() -> None:
    """The others of the same two still do."""
    turns = {
        "chatctl": [row(per_cpu_second=10.0), row(per_cpu_second=0.5)],
        "nats-server": [None, row(per_cpu_second=1.0)],
    }
    found = verdict(kept(burst_10=Measured(turns, failed=["nats-server, it died"])), "burst, 10 members")
    assert (found.value, found.met) == (0.5, False)


@pytest.mark.parametrize(("value", "met"), [(1.19, True), (1.21, False)])
def test_an_aim_may_be_the_most(value: float, met: bool) -> None:
    """Of what it costs less is better."""
    turns = {"chatctl": [row(cpu_per_delivery=value)], targets.FLOOR: [row(cpu_per_delivery=1.0)]}
    assert verdict(kept(paced=Measured(turns)), "paced, 1,000").met is met


def test_the_memory_of_the_slow_is_what_they_add() -> None:
    """The server grows without them, too."""
    turns = {
        "the other 800 alone": [row(grown=1024.0 * 100, messages_per_s=10.0, stalled=0.0)],
        "with the 200": [row(grown=1024.0 * 300, messages_per_s=8.0, stalled=200.0)],
    }
    found = kept(slow=Measured(turns))
    assert verdict(found, "200 of 1,000 stop reading: memory").value == 1.0
    assert verdict(found, "200 of 1,000 stop reading: the others").value == 0.8


def test_every_target_of_the_issue_has_a_scenario_that_measures_it() -> None:
    """A row that nothing can fill would stay empty for ever."""
    scenarios = {scenario.name for scenario in all_scenarios(peers.all_peers())}
    assert {target.scenario for target in targets.TARGETS} <= scenarios
    assert len(targets.TARGETS) >= 14


def test_the_page_names_what_is_missing_failed_and_not_measured() -> None:
    """A comparison that leaves out silently is none."""
    turns: dict[str, list[dict[str, float] | None]] = {
        "chatctl": [row(per_cpu_second=4e6, deliveries_per_s=3e6, load_share=0.99)],
        "nats-server": [None],
    }
    found = kept(burst_10=Measured(turns, ["nats-server, it died"], "2026-01-01", machine="a machine"))
    found.versions["nats-server"] = "2"
    shown = page.page(found, all_scenarios(peers.all_peers()))
    assert "Missing: **ngIRCd** (not here)." in shown
    assert "Failed: nats-server, it died." in shown
    assert "| burst, 10 members: deliveries per CPU second | nats-server | ≥ 1.00× | not measured | – |" in shown
    assert "| chatctl | 4.00 M (4.00–4.00) | 3.00 M (3.00–3.00) | 50% | 99% | the load was the limit |" in shown
    assert "Measured on 2026-01-01: a machine" in shown
    assert "quick run" not in shown


def test_a_quick_run_is_never_taken_for_figures() -> None:
    """Its crowds are tiny."""
    turns = {"chatctl": [row(bytes_per_member=1.0)]}
    shown = page.page(kept(memory=Measured(turns, quick=True)), all_scenarios(peers.all_peers()))
    assert "shows that the harness works, and no figures" in shown
    assert "| memory per idle member | – | ≤ 6.00 KiB | 0.000977 KiB (0.000977–0.000977) | a quick run |" in shown


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    """One scenario can be measured again alone."""
    found = kept(memory=Measured({"chatctl": [row(bytes_per_member=1.5), None]}, ["it died"], "2026-01-01", True, "m"))
    found.write(tmp_path / "results.json")
    assert Results.read(tmp_path / "results.json") == found
    assert Results.read(tmp_path / "other.json") == Results()


def test_bars_are_as_long_as_their_values() -> None:
    """And what was not measured has none, and says so."""
    picture = plot.bars("Title <1>", "M", {"a": {"x": 10.0, "y": 5.0}, "b": {"x": None}})
    tree = ElementTree.fromstring(picture)
    widths = [int(bar.get("width", "")) for bar in tree.iter("{http://www.w3.org/2000/svg}rect")]
    texts = [text.text for text in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert widths == [450, 225, 0]
    assert "Title <1>" in texts
    assert {"10.0 M", "5.00 M", "not measured"} <= set(texts)


def test_one_that_fails_or_hangs_does_not_end_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Minutes of others' turns would be lost."""

    def breaks(_scale: Scale) -> dict[str, float]:
        raise RunFailed("message 3 never came")

    def hangs(_scale: Scale) -> dict[str, float]:
        time.sleep(60)
        return {}

    entrants = {"breaks": breaks, "hangs": hangs, "good": lambda _scale: {"all_in": 1.0}}
    options = argparse.Namespace(turns=2, peers=[], quick=True)
    found = measure(Scenario("x", "X", entrants, seconds=0.1), options, Scale())
    assert found.turns == {"breaks": [None, None], "hangs": [None, None], "good": [{"all_in": 1.0}] * 2}
    assert found.failed == ["breaks, message 3 never came", "hangs, this turn: not done within 0 s"] * 2
    assert "message 3 never came" in capsys.readouterr().out


def test_a_scenario_that_is_not_there_is_named() -> None:
    """With those that are."""
    with pytest.raises(SystemExit, match="no scenario nonsense: there are burst-10"):
        chosen(all_scenarios(peers.all_peers()), ["nonsense"])


def test_peers_that_can_not_be_had_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by name."""
    monkeypatch.setattr("shutil.which", lambda *_args, **_more: None)
    peers._compiled.cache_clear()
    found = peers.all_peers()
    peers._compiled.cache_clear()
    assert [peer.name for peer in found if isinstance(peer, Missing)] == ["nats-server", "ngIRCd", "ncat"]
    assert all("install" in peer.why for peer in found if isinstance(peer, Missing))
    assert [peer.version for peer in found if isinstance(peer, Peer)][1:] == [peers.PYTHON] * 2


def test_a_limit_of_files_that_is_too_low_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do; both ends need a file for each member."""
    monkeypatch.setattr("resource.getrlimit", lambda _: (1024, 4096))
    why = few_files(False)
    assert why is not None
    assert "10,000 can't be measured" in why
    assert "the limit is 4,096: raise it with 'ulimit -Hn'" in why


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([0, 1, 2], None),
        ([0, "gap", 2], None),
        ([0, 2], "got 2 of 3 messages and was told nothing"),
        ([0, 1], "was cut off"),
    ],
)
def test_a_member_that_reads_again_gets_all_or_is_told(lines: list[object], fault: str | None) -> None:
    """Who had stopped reading may miss something, but not without knowing."""
    ours, theirs = socket.socketpair()
    link = LoadConnection("member 5", b"", chatctl_format("json"))
    link.sock = ours
    for line in lines:
        said = b'{"type":"msg","seq":1,"time":1.0,"nick":"bench0","text":"%012dx"}\n' % line if line != "gap" else None
        theirs.sendall(said or b'{"type":"gap","from":2,"to":2,"why":"slow"}\n')
    theirs.close()
    with ours, pytest.raises(RunFailed, match=fault) if fault else contextlib.nullcontext():
        _catch_up(link, 3)


# How two messages look on each wire, as the peer sends them.
WIRES = {
    "nats-server": b"MSG room 1 13\r\n000000000000x\r\nPING\r\nMSG room 1 13\r\n000000000001x\r\n",
    "ngIRCd": b":bench0!~m@h PRIVMSG #room :000000000000x\r\n:m7!~m@h JOIN :#room\r\n"
    b":bench0!~m@h PRIVMSG #room :000000000001x\r\n",
    "ncat --chat": b"<user4> 000000000000x\n000000000001x\n<announce> <user9> is disconnected.\n",
}


@pytest.mark.parametrize("name", WIRES)
def test_each_peer_s_wire_is_read_right(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the peer itself is not installed; cut at every place."""
    monkeypatch.setattr("shutil.which", lambda *_args, **_more: "/bin/true")
    peer = next(peer for peer in peers.all_peers() if peer.name == name)
    assert isinstance(peer, Peer)
    wire = WIRES[name]
    for cut in range(len(wire)):
        faults: list[str] = []
        reference = ReferenceStream(peer.wire_format, 1, faults)
        readers = [StreamChecker(reference, "a"), StreamChecker(reference, "b")]
        answers = b"".join(readers[0].take(part) for part in (wire[:cut], wire[cut:])) + readers[1].take(wire)
        assert ([reader.delivered for reader in readers], faults) == ([2, 2], [])
        assert answers == (peer.wire_format.pong * 2 if b"PING" in wire else b"")
