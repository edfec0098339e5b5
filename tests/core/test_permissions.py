"""What a client may send in its mode, how long a text may be, and who may give which order."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl import protocol as p
from chatctl.common.verbs import KINDS, ROLES, VERBS, Kind, Role
from chatctl.core.permissions import FREE, all_allowed, check_verb, objection
from chatctl.errors import BadFrame, ChatError, Forbidden, NoSuchNick, TooLong
from chatctl.protocol import ClientFrame, Mode

LIMIT = 40
QUESTIONS = [p.Who(), p.Whois(nick="x"), p.History(limit=1), p.Ping(t=1.0), p.Pong(t=1.0), p.Bye(why="")]
SAYS = [p.Say("x"), p.Whisper(to="x", text="x"), p.Admin(verb="ops")]


@pytest.mark.parametrize(
    ("mode", "allowed"),
    [
        ("join", [*QUESTIONS, *SAYS, p.Nick(nick="x")]),
        ("post", [*QUESTIONS, *SAYS]),
        ("watch", QUESTIONS),
        ("probe", [*QUESTIONS, p.Say("x")]),
    ],
)
def test_each_mode_has_its_frames(mode: Mode, allowed: list[ClientFrame]) -> None:
    for frame in [*QUESTIONS, *SAYS, p.Nick(nick="x")]:
        found = objection(frame, mode, LIMIT)
        assert (found is None) is (frame in allowed), frame
        assert found is None or isinstance(found, Forbidden)


def test_a_second_hello_is_no_frame_of_any_mode() -> None:
    for frame in (p.Hello(v=1), p.Proof()):
        assert isinstance(objection(frame, "join", LIMIT), BadFrame)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", BadFrame),
        ("x", type(None)),
        ("x" * LIMIT, type(None)),
        ("x" * (LIMIT + 1), TooLong),
        ("é" * (LIMIT // 2), type(None)),
        ("é" * (LIMIT // 2) + "x", TooLong),
        ("😀" * (LIMIT // 4), type(None)),
        ("😀" * (LIMIT // 4) + "x", TooLong),
    ],
)
def test_a_text_has_something_in_it_and_a_limit_in_bytes(text: str, kind: type[ChatError]) -> None:
    for frame in (p.Say(text), p.Whisper(to="x", text=text)):
        assert type(objection(frame, "join", LIMIT)) is kind


@given(st.lists(st.text(max_size=15), min_size=1, max_size=4), st.sampled_from(["join", "post", "watch", "probe"]))
def test_the_quick_answer_for_many_is_never_too_generous(texts: list[str], mode: Mode) -> None:
    says = [p.Say(text) for text in texts]
    if all_allowed(says, mode, LIMIT):
        assert [objection(say, mode, LIMIT) for say in says] == [None] * len(says)


def test_the_quick_answer_is_yes_for_usual_messages() -> None:
    """Else it would be of no use."""
    assert all_allowed([p.Say("x" * 10)] * 3, "join", LIMIT)
    assert not all_allowed([p.Say("x")], "watch", LIMIT)


def test_nothing_that_is_free_says_anything() -> None:
    assert {p.Ping, p.Pong, p.Bye} == FREE


@pytest.mark.parametrize(("verb", "role", "kind"), [(v, r, k) for v in VERBS for r in ROLES for k in KINDS])
def test_orders_are_given_as_the_table_says(verb: str, role: Role, kind: Kind) -> None:
    may = VERBS[verb].may
    nobody = role != "member" and kind == "name" and "name" not in may and "member" in may
    allowed = role != "member" and role in may.get(kind, ())
    with contextlib.nullcontext() if allowed else pytest.raises(NoSuchNick if nobody else Forbidden):
        check_verb(verb, role, kind, "rajat")


@pytest.mark.parametrize(
    ("verb", "role", "kind", "told"),
    [
        ("kick", "member", "member", "kick is for operators"),
        ("kick", "operator", "operator", "kick on an operator is for the server's own operator alone"),
        ("topic", "operator", "member", "topic is for a room, not for a member"),
        ("kick", "console", "name", "nobody of that name is here"),
        ("fly", "console", "room", "there is no verb 'fly'"),
        ("kick", "console", "server", "kick is for a member or an operator: say for which one"),
        ("deop", "console", "name", "rajat is not an operator"),
    ],
)
def test_why_an_order_is_refused(verb: str, role: Role, kind: Kind, told: str) -> None:
    with pytest.raises(ChatError, match=told):
        check_verb(verb, role, kind, "rajat")
