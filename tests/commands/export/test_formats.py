"""The forms of an export."""

from __future__ import annotations

import json

import pytest

from chatctl.commands.export.formats import export_lines
from chatctl.protocol import Msg

DAY = 86400.0


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.localtime", __import__("time").gmtime)


def msg(seq: int, text: str, time: float = 0.0, *, action: bool = False, nick: str = "omar") -> Msg:
    return Msg(seq=seq, time=time, nick=nick, text=text, action=action)


def test_html_has_a_heading_for_each_day() -> None:
    lines = list(export_lines([msg(1, "a"), msg(2, "b", 3600.0), msg(3, "c", DAY)], "html", "lobby"))
    assert [line for line in lines if line.startswith("<h2>")] == [
        "<h2>Thursday, 01 January 1970</h2>",
        "<h2>Friday, 02 January 1970</h2>",
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
