from __future__ import annotations

import threading
import time

import pytest

from chatctl.core.limits import ServerLimits
from chatctl.core.passwords import Verifier
from chatctl.server.web.origins import Origins
from tests.support.in_process_server import from_elsewhere, in_process_server
from tests.support.web import Answer, WebWire, basic, exchange, request, request_bytes, say
from tests.support.wire import Wire

WEB = Origins([], [])
RIGHT = {"authorization": basic("", "Grüße")}
WRONG = {"authorization": basic("", "sesame")}


def test_a_request_needs_the_password() -> None:
    with in_process_server(ServerLimits(), web=WEB, password="Grüße") as port:
        assert request(port).refusal == (401, "unauthorized")
        assert say(port, "x").headers["www-authenticate"].startswith("basic ")
        assert say(port, "x", **WRONG).refusal == (401, "unauthorized")
        assert say(port, "x", **RIGHT).status == 200
        assert request(port, **RIGHT).json["text"] == "x"


def test_a_password_is_prepared_as_everywhere() -> None:
    """RFC 4013: composed or not, it is the same password; a zero is none."""
    with in_process_server(ServerLimits(), web=WEB, password="Grüße") as port:
        assert request(port, authorization=basic("", "Gru\u0308ße")).status == 200
        assert request(port, authorization=basic("", "Gr\0")).status == 401


def test_what_was_right_once_costs_no_more_work(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []

    def accepts(self: Verifier, password: str) -> bool:
        judged.append(password)
        return password == "Grüße"

    monkeypatch.setattr(Verifier, "accepts", accepts)
    with in_process_server(ServerLimits(), web=WEB, password="Grüße") as port:
        assert [request(port, **RIGHT).status for _ in range(3)] == [200, 200, 200]
        assert request(port, **WRONG).status == 401
        assert request(port, **RIGHT).status == 200
    assert judged == ["Grüße", "sesame"]


def test_nobody_waits_while_one_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verifier may ask for a second of work; the loop goes on."""
    go_on = threading.Event()
    monkeypatch.setattr(Verifier, "accepts", lambda *_: go_on.wait(20))
    with in_process_server(ServerLimits(), web=WEB, password="Grüße") as port:
        judged = exchange(port, request_bytes("GET", "/rooms/lobby", **RIGHT))
        page = WebWire(port)
        page.pong(b"the loop runs")
        go_on.set()
        assert Answer.of(judged.rest()).status == 200


def test_those_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr("chatctl.server.web.basic_passwords.MOST_WAITING", 2)
    monkeypatch.setattr(Verifier, "accepts", lambda *_: go_on.wait(20))
    with in_process_server(ServerLimits(), web=WEB, password="Grüße") as port:
        waiting = [exchange(port, request_bytes("GET", "/rooms/lobby", **RIGHT)) for _ in range(2)]
        WebWire(port).pong(b"both are read")
        refused = request(port, **RIGHT)
        assert refused.refusal == (429, "rate_limited")
        assert refused.headers["retry-after"] == "1"
        go_on.set()
        assert [Answer.of(wire.rest()).status for wire in waiting] == [200, 200]


def test_wrong_ones_wait_and_lock_their_address_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatctl.server.web.basic_passwords.FAILURE_SECONDS", 0.1)
    monkeypatch.setattr("chatctl.core.passwords.MOST_FAILURES", 3)
    with from_elsewhere(monkeypatch, ServerLimits(connect_rate=0), password="Grüße", web=WEB) as port:
        monkeypatch.setattr("chatctl.server.web.connection.WebConnection._is_local", lambda _: True)
        begun = time.monotonic()
        while "too many wrong passwords" not in (last := request(port, **WRONG)).json["text"]:
            assert last.refusal == (401, "unauthorized")
        assert time.monotonic() - begun >= 0.1
        assert last.headers["retry-after"]
        assert request(port, **RIGHT).status == 401, "the right one is not judged either"


def test_a_password_goes_over_tls_or_stays_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatctl.server.web.connection.WebConnection._is_local", lambda _: False)
    with in_process_server(ServerLimits(), web=WEB, password="Grüße") as port:
        refused = request(port, **RIGHT)
        assert refused.refusal == (403, "forbidden")
        assert "TLS" in refused.json["text"]


def test_a_websocket_proves_it_in_the_hello() -> None:
    """Basic is for requests; a page has SCRAM."""
    with in_process_server(ServerLimits(), web=WEB, password="Grüße") as port:
        page: Wire = WebWire(port, **RIGHT).say_frame(type="hello", v=1, nick="nadia")
        assert page.frame("error")["code"] == "unauthorized"
