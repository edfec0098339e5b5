"""Which entries are ours: by acknowledgement, by text while that is to come, by a name that is bound."""

from __future__ import annotations

from chatctl.client.core.own_entries import MOST, OwnEntries
from chatctl.protocol import Ack, Msg, Say


def entry(seq: int, nick: str, text: str = "hi", *, redacted: bool = False) -> Msg:
    return Msg(seq, 1.0, nick, text, redacted=redacted)


def ack(seq: int | None) -> Ack:
    return Ack("x", 1.0, False, seq)


def test_what_was_acknowledged_is_ours_in_that_log_alone() -> None:
    own = OwnEntries("bot")
    own.said(Say("hi"), "e", ack(7))
    assert own.has("e", entry(7, "bot"))
    assert own.has("e", entry(7, "", "", redacted=True))
    assert not own.has("other", entry(7, "bot"))
    assert not own.has("e", entry(8, "bot"))


def test_the_name_alone_is_nobody() -> None:
    """Another may post as ``BOT``, or be a member under the name: a bot that answers it is not talking to itself."""
    own = OwnEntries("bot")
    own.saying(Say("hi"))
    assert own.has("e", entry(1, "bot"))
    assert own.has("e", entry(1, "BOT")), "as the server spells it"
    assert not own.has("e", entry(1, "bot", "ho"))
    assert not own.has("e", entry(1, "nadia"))
    own.refused(Say("hi"))
    assert not own.has("e", entry(1, "bot"))


def test_a_name_that_is_bound_is_ours() -> None:
    own = OwnEntries("bot")
    own.claimed = True
    assert own.has("e", entry(1, "bot"))
    assert not own.has("e", entry(1, "nadia"))


def test_memory_is_bounded() -> None:
    own = OwnEntries("bot")
    for number in range(MOST + 5):
        own.said(Say("hi"), "e", ack(number))
        own.saying(Say(str(number)))
    assert len(own._said) == len(own._unanswered) == MOST
    own.said(Say("hi"), "e", ack(None))
    assert len(own._said) == MOST
