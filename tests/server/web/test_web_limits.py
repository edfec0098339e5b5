"""The limits, rates and bans of every port hold for requests and browsers, also behind a proxy."""

from __future__ import annotations

import time

import pytest

from chatctl.common.ip_addresses import parse_network
from chatctl.core.bans import Sanction
from chatctl.core.ip_networks import Networks
from chatctl.core.limits import ServerLimits
from chatctl.core.moderation import Rules
from tests.support.in_process_server import from_elsewhere, in_process_server
from tests.support.proxy_headers import v2
from tests.support.web import (
    PING,
    SOMEBODY,
    WEB,
    Answer,
    WebWire,
    browser_frame,
    exchange,
    request,
    request_bytes,
    say,
    upgrade_bytes,
)


def test_one_address_has_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatctl.server.server.describe", lambda *_: ("somebody", SOMEBODY))
    with in_process_server(ServerLimits(per_address=2, connect_rate=0), web=WEB) as port:
        WebWire(port).enter("nadia")
        WebWire(port).enter("omar")
        refused = request(port)
        assert refused.refusal == (503, "server_full")
        assert refused.headers["retry-after"] == "5"
        told = WebWire(port).say_frame(type="hello", v=1, nick="third").frames_to_the_end()
        assert told[0]["code"] == "server_full", "a page sees no status of HTTP"


def test_an_address_that_connects_too_often_is_told_when_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with from_elsewhere(monkeypatch, ServerLimits(per_address=3, connect_rate=0.001), web=WEB) as port:
        answers = [request(port) for _ in range(5)]
        assert [answer.status for answer in answers[:3]] == [200, 200, 200]
        assert answers[-1].refusal == (503, "server_full")
        assert int(answers[-1].headers["retry-after"]) > 100


def test_bans_hold_for_requests_and_for_browsers(monkeypatch: pytest.MonkeyPatch) -> None:
    def banning() -> Rules:
        rules = Rules()
        rules.bans.add(Sanction("ban", 0.0, network=f"{SOMEBODY}/32", reason="flood"))
        return rules

    monkeypatch.setattr("chatctl.server.server.describe", lambda *_: ("somebody", SOMEBODY))
    monkeypatch.setattr("chatctl.hub.hub.Rules", banning)
    with in_process_server(ServerLimits(), web=WEB) as port:
        assert say(port, "x").refusal == (403, "forbidden")
        told = WebWire(port).say_frame(type="hello", v=1, nick="nadia").frames_to_the_end()
        assert told[0]["text"] == "your address is banned: flood"


def test_messages_wait_for_their_turn() -> None:
    with in_process_server(ServerLimits(rate=100, burst=1), web=WEB) as port:
        page, begun = WebWire(port).enter("nadia"), time.monotonic()
        for number in range(20):
            page.say(str(number))
        assert page.texts(last="19") == [str(number) for number in range(20)]
        assert time.monotonic() - begun > 0.15


def test_control_frames_count_as_bytes_do() -> None:
    """Empty pings of 360 KB: at 100 KB a second, with as many at once, they take more than two seconds."""
    with in_process_server(ServerLimits(bytes_per_second=100_000), web=WEB) as port:
        page, begun = WebWire(port).enter("nadia"), time.monotonic()
        page.raw(browser_frame(b"", PING) * 60_000)
        page.say("behind them")
        assert page.texts(last="behind them")
        assert time.monotonic() - begun > 1.5


def test_control_frames_before_the_hello_have_an_end() -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        page = WebWire(port).raw(browser_frame(b"x" * 100, PING) * 200)
        assert page.frames_to_the_end()[0]["code"] == "too_long"


BEHIND = Networks(proxies=[parse_network("127.0.0.1")])


def through(port: int, header: bytes, **headers: str) -> Answer:
    with exchange(port, header + request_bytes("GET", "/rooms/lobby", **headers)) as wire:
        return Answer.of(wire.rest())


def test_a_proxy_names_its_client_before_the_request_or_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def banning() -> Rules:
        rules = Rules()
        rules.bans.add(Sanction("ban", 0.0, network=f"{SOMEBODY}/32", reason="flood"))
        return rules

    monkeypatch.setattr("chatctl.hub.hub.Rules", banning)
    with in_process_server(ServerLimits(), web=WEB, networks=BEHIND) as port:
        assert through(port, v2("198.51.100.7", 1)).status == 200
        assert through(port, v2(SOMEBODY, 1)).refusal == (403, "forbidden")
        assert through(port, b"", x_forwarded_for=f"{SOMEBODY}, 198.51.100.7").status == 200
        assert through(port, b"", x_forwarded_for=f"198.51.100.7, {SOMEBODY}").refusal == (403, "forbidden")
        header = v2("198.51.100.7", 1)
        assert through(port, header, x_forwarded_for=SOMEBODY).status == 200, "the header of the connection counts"
        nameless = through(port, b"")
        assert nameless.refusal == (403, "forbidden")
        assert "X-Forwarded-For" in nameless.json["text"]


def test_who_is_no_proxy_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with in_process_server(ServerLimits(per_address=1), web=WEB) as port:
        pages = [WebWire(port, x_forwarded_for=SOMEBODY).enter(f"n{number}") for number in range(3)]
        assert len(pages) == 3


def test_limits_count_the_forwarded_address() -> None:
    with in_process_server(ServerLimits(per_address=1, connect_rate=0), web=WEB, networks=BEHIND) as port:
        first = WebWire(port, x_forwarded_for=SOMEBODY).enter("nadia")
        assert through(port, b"", x_forwarded_for=SOMEBODY).refusal == (503, "server_full")
        other = WebWire(port, x_forwarded_for="198.51.100.7").enter("omar")
        first.close()
        other.frame("leave")
        assert through(port, b"", x_forwarded_for=SOMEBODY).status == 200


def test_networks_let_in_the_forwarded_address() -> None:
    networks = Networks(proxies=[parse_network("127.0.0.1")], allow=[parse_network("203.0.113.0/24")])
    with in_process_server(ServerLimits(), web=WEB, networks=networks) as port:
        assert through(port, b"", x_forwarded_for=SOMEBODY).status == 200
        away = {"x_forwarded_for": "198.51.100.7"}
        for data in (
            request_bytes("GET", "/", **away),
            request_bytes("GET", "/rooms/lobby", **away),
            request_bytes("POST", "/rooms/lobby?nick=ci", b"x", **away),
            upgrade_bytes(**away),
        ):
            assert exchange(port, data).rest() == b""
