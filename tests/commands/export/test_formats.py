"""The forms of an export."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from chatctl.commands.export.formats import export_lines
from chatctl.protocol import Msg

DAY = 86400.0


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from zone(monkeypatch, "UTC0")


def zone(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch, utc: None) -> Iterator[None]:
    yield from zone(monkeypatch, "CET-1CEST,M3.5.0,M10.5.0/3")


def msg(seq: int, text: str, time: float = 0.0, *, action: bool = False, nick: str = "omar") -> Msg:
    return Msg(seq=seq, time=time, nick=nick, text=text, action=action)


def test_html_has_a_heading_for_each_day() -> None:
    lines = list(export_lines([msg(1, "a"), msg(2, "b", 3600.0), msg(3, "c", DAY)], "html", "lobby"))
    assert [line for line in lines if line.startswith("<h2>")] == [
        "<h2>Thursday, 01 January 1970 (UTC+0000)</h2>",
        "<h2>Friday, 02 January 1970 (UTC+0000)</h2>",
    ]
    assert [line.partition(">")[0] for line in lines if line.startswith("<p")] == [f'<p id="m{n}"' for n in (1, 2, 3)]
    assert lines[-1] == "</body>\n</html>"


def test_html_escapes_all_that_somebody_chose() -> None:
    page = "\n".join(export_lines([msg(1, "<script>&\x1b", nick="<b>"), msg(2, "waves", action=True)], "html", "<i>"))
    assert "<title>chatctl: &lt;i&gt;</title>" in page
    assert "<b>&lt;b&gt;</b>: &lt;script&gt;&amp;␛" in page
    assert "<em>* <b>omar</b> waves</em>" in page


def test_an_empty_room_is_a_whole_page() -> None:
    assert list(export_lines([], "html", "lobby"))[-1] == "</body>\n</html>"
    assert list(export_lines([], "jsonl", "lobby")) == list(export_lines([], "text", "lobby")) == []


def test_a_line_of_json_for_each_message_and_of_text_for_each_line() -> None:
    entries = [msg(1, "one\ntwo"), msg(2, "three")]
    assert [json.loads(line)["text"] for line in export_lines(entries, "jsonl", "lobby")] == ["one\ntwo", "three"]
    assert [line.rpartition(" ")[2] for line in export_lines(entries, "text", "lobby")] == ["one", "two", "three"]


@pytest.mark.usefixtures("berlin")
def test_the_hour_that_comes_twice_is_told_apart_by_its_zone() -> None:
    """02:45 stands before 02:15 on the night that summer ends."""
    summer, winter = msg(1, "a", 1_792_888_000.0 + 1100), msg(2, "b", 1_792_888_000.0 + 2900)
    text = list(export_lines([summer, winter], "text", "lobby"))
    assert text == ["2026-10-25 02:45:00 +0200 omar: a", "2026-10-25 02:15:00 +0100 omar: b"]
    page = list(export_lines([summer, winter], "html", "lobby"))
    assert [line for line in page if line.startswith("<h2>")] == [
        "<h2>Sunday, 25 October 2026 (UTC+0200)</h2>",
        "<h2>Sunday, 25 October 2026 (UTC+0100)</h2>",
    ]
