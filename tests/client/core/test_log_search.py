"""log_search.py: request after request, until enough is found, the log ends, or the server makes no headway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from chatctl.client.core.deadline import Deadline
from chatctl.client.core.log_search import search_frame, search_pages
from chatctl.client.io.blocking_transport import each
from chatctl.errors import StorageFailed, Unsupported
from chatctl.protocol import ClientFrame, Error, Found, Limits, Msg, Search, ServerFrame, Welcome

WELCOME = Welcome(
    v=1, server="test", room="lobby", nick="", epoch="e", first=1, last=9, members=[], count=0, watchers=0,
    durability="disk", limits=Limits(), features=["search"],
)  # fmt: skip


class Scripted:
    """A connection whose answers stand in a list."""

    def __init__(self, answers: Sequence[ServerFrame], features: Sequence[str] = ("search",)) -> None:
        self.welcome = Welcome(
            **{f: getattr(WELCOME, f) for f in WELCOME.__struct_fields__} | {"features": [*features]}
        )
        self._answers = list(answers)
        self.asked: list[ClientFrame] = []

    async def send(self, frame: ClientFrame, _deadline: Deadline) -> None:
        self.asked.append(frame)

    async def receive(self, _deadline: Deadline) -> ServerFrame:
        return self._answers.pop(0)


def entries(*seqs: int) -> list[Msg]:
    return [Msg(seq, 1.0, "nadia", "x") for seq in seqs]


def run(connection: Scripted, wanted: Search) -> list[Found]:
    return list(each(search_pages(connection, wanted, Deadline(None, lambda: 0.0))))  # type: ignore[arg-type]


def test_it_goes_on_where_the_server_stopped_and_asks_for_what_is_left() -> None:
    pages = [Found(entries(9, 8), 8, True), Found([], 5, True), Found(entries(4), 4, True), Found(entries(1), 1, True)]
    connection = Scripted(pages)
    assert run(connection, search_frame("x", nicks=["omar"], since=3.0, limit=4)) == pages
    assert connection.asked == [
        Search("x", before, 3.0, ["omar"], limit) for before, limit in ((None, 4), (8, 2), (5, 2), (4, 1))
    ]


def test_it_ends_with_the_log() -> None:
    connection = Scripted([Found(entries(9), 3, True), Found([], 1, False)])
    assert len(run(connection, search_frame("x"))) == 2


@pytest.mark.parametrize("before", [5, 6, 2**53 - 1])
def test_a_server_that_makes_no_headway_is_not_asked_for_ever(before: int) -> None:
    connection = Scripted([Found([], 5, True), Found([], before, True)])
    assert len(run(connection, search_frame("x"))) == 2


def test_an_older_server_is_not_asked() -> None:
    connection = Scripted([], features=[])
    with pytest.raises(Unsupported, match="a search takes a newer server"):
        run(connection, search_frame("x"))
    assert connection.asked == []


def test_an_error_is_raised() -> None:
    with pytest.raises(StorageFailed, match="unreadable"):
        run(Scripted([Error("storage", "unreadable")]), search_frame("x"))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"text": ""}, "an empty text"),
        ({"text": "x" * 257}, "at most 256 characters, and this one has 257"),
        ({"text": "x", "nicks": ["n"] * 11}, "at most 10 nicknames"),
    ],
)
def test_what_no_server_takes_is_refused_here(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        search_frame(**wrong)
