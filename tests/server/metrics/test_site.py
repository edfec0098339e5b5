"""site.py: what each path answers, and under which names it is asked."""

from __future__ import annotations

import asyncio

import pytest

from chatctl.hub.health import Health
from chatctl.journal import Journal
from chatctl.journal.memory import MemoryJournal
from chatctl.server.metrics.site import MetricsSite
from chatctl.server.web.http_error import HttpError
from chatctl.server.web.origins import Origins
from chatctl.server.web.request_reader import RequestReader
from tests.support.fakes import SlowJournal
from tests.support.web import Answer, request_bytes


async def _metrics() -> tuple[bytes, str]:
    return b"x 1\n", "text/plain; version=0.0.4"


def answer(
    method: str = "GET",
    target: str = "/healthz",
    *,
    journal: Journal | None = None,
    stopping: bool = False,
    here: bool = True,
    **headers: str,
) -> Answer:
    async def main() -> bytes:
        health = Health(journal or MemoryJournal(), "lobby", lambda: 0.0, patience=0)
        site = MetricsSite(_metrics, health, lambda: stopping, Origins([], []) if here else None)
        head = RequestReader(8192).head(request_bytes(method, target, **headers))
        assert head is not None
        return await site.answer(head)

    return Answer.of(asyncio.run(main()))


def test_metrics_are_what_the_registry_gives() -> None:
    scraped = answer(target="/metrics?x=1")
    assert (scraped.status, scraped.body) == (200, b"x 1\n")
    assert scraped.headers["content-type"] == "text/plain; version=0.0.4"


def test_health_is_that_of_the_journal() -> None:
    assert (answer().status, answer().body) == (200, b"ok\n")
    hanging = answer(journal=SlowJournal())
    assert hanging.status == 503
    assert b"the journal has not answered" in hanging.body


def test_a_server_that_stops_is_taken_out_at_once() -> None:
    stopping = answer(stopping=True)
    assert (stopping.status, stopping.body) == (503, b"the server is going down\n")


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("GET", "/", 404), ("GET", "/rooms/lobby", 404), ("POST", "/metrics", 405), ("DELETE", "/healthz", 405)],
)
def test_there_is_nothing_else(method: str, target: str, status: int) -> None:
    with pytest.raises(HttpError) as refused:
        answer(method, target)
    assert refused.value.status == status


def test_on_this_machine_alone_no_name_that_an_attacker_can_point_here_is_taken() -> None:
    for host in ("localhost", "127.0.0.1:9580", "[::1]:9580"):
        assert answer(host=host).status == 200
        assert answer(target=f"http://{host}/healthz", host="evil.example").status == 200
    for host, status in (("chat.example.org", 421), ("", 400)):
        with pytest.raises(HttpError) as refused:
            answer(host=host)
        assert refused.value.status == status


def test_where_others_can_reach_it_any_name_is() -> None:
    assert answer(host="chat.example.org", here=False).status == 200
