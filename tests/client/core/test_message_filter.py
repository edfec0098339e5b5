"""Which messages a reader waits for."""

from __future__ import annotations

import re

import pytest

from chatctl.client.core.message_filter import MessageFilter
from chatctl.protocol import Msg


@pytest.mark.parametrize(
    ("nicks", "match", "accepts"),
    [
        ((), None, True),
        (("omar",), None, True),
        (("nadia",), None, False),
        ((), "deploy", True),
        ((), "^done", False),
        (("omar",), "nothing", False),
        (("nadia",), "deploy", False),
    ],
)
def test_who_said_it_and_what_it_says(nicks: tuple[str, ...], match: str | None, accepts: bool) -> None:
    accept = MessageFilter(nicks, (lambda text: re.search(match, text) is not None) if match is not None else None)
    assert accept(Msg(seq=1, time=0.0, nick="Omar", text="deploy is done")) is accepts
