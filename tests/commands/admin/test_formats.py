"""What ``admin`` prints of an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatctl.commands.admin.formats import json_lines, text_lines

ROW = {"what": "ban", "name": "raj\x1bat", "since": 0}


@pytest.mark.parametrize(
    ("answer", "rows"),
    [
        ({"text": "Rajat was kicked"}, [{"text": "Rajat was kicked"}]),
        ({"text": "1 ban", "rows": [ROW, ROW], "list": True}, [ROW, ROW]),
        ({"text": "no ban", "rows": [], "list": True}, []),
    ],
)
def test_a_list_is_a_row_each_and_nothing_if_it_is_empty(answer: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    assert [json.loads(line) for line in json_lines(answer)] == rows


def test_people_read_rows_or_the_text() -> None:
    [line] = text_lines({"text": "1 ban", "rows": [ROW], "list": True})
    assert line.startswith("what=ban  name=raj␛at  since=1970-01-01T")
    assert list(text_lines({"text": "no b\x1ban", "rows": [], "list": True})) == ["no b␛an"]
    assert list(text_lines({"text": "Rajat was kicked"})) == ["Rajat was kicked"]


def test_a_time_that_is_none_is_shown_as_it_came() -> None:
    """Another program may stand at the socket."""
    assert list(text_lines({"rows": [{"since": "soon"}], "list": True})) == ["since=soon"]


def test_what_says_nothing_is_left_out_and_the_rest_is_for_people() -> None:
    """Programs read --json."""
    order = {"verb": "ban", "seconds": 0.0, "rooms": [], "everywhere": False, "kept": False}
    assert list(text_lines({"rows": [order], "list": True})) == ["verb=ban  kept=no"]
    order |= {"seconds": 5400.0, "rooms": ["lobby", "ops"], "everywhere": True}
    [line] = text_lines({"rows": [order], "list": True})
    assert line == "verb=ban  seconds=1h 30m  rooms=lobby,ops  everywhere=yes  kept=no"


def test_whom_an_order_hit_stands_below_it() -> None:
    answer = {"text": "Rajat was kicked", "rows": [{"nick": "Raj\x1bat", "room": "ops"}], "list": False}
    assert list(text_lines(answer)) == ["Rajat was kicked", "  nick=Raj␛at  room=ops"]
    [line] = json_lines(answer)
    assert json.loads(line) == {"text": "Rajat was kicked", "hit": [{"nick": "Raj\x1bat", "room": "ops"}]}
