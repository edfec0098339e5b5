"""hub/event_log.py: a line per event."""

import io
import json

import pytest
from hypothesis import given

from chatctl.hub.event_log import MAX_ONCE, Log
from tests.support.strategies import FORBIDDEN, nasty


def log_to(form: str = "text", least: str = "info") -> tuple[Log, io.StringIO]:
    out = io.StringIO()
    return Log(form, least, write=lambda _, line: print(line, file=out), clock=lambda: 1234.5678), out  # type: ignore[arg-type]


def after_the_time(out: io.StringIO) -> str:
    return out.getvalue()[len("1970-01-01 00:20:34 ") :]


@pytest.mark.parametrize(
    ("event", "values", "line"),
    [
        ("connected", {"peer": "127.0.0.1:9"}, "Connected with 127.0.0.1:9"),
        ("nickname", {"peer": "p", "nick": "a", "room": "lobby", "mode": "join"}, "Nickname is a (p, join lobby)"),
        ("rename", {"peer": "p", "nick": "a", "to": "b"}, "a is now b (p)"),
        ("left", {"peer": "p", "nick": "a", "why": "bye"}, "a left (p): bye"),
        ("closed", {"peer": "p", "why": "http"}, "Connection closed (p): http"),
        ("refused", {"peer": "p", "nick": "a", "why": "taken"}, "Refused a (p): taken"),
        ("stopping", {}, "stopping"),
        ("odd", {"n": 3, "why": "x y", "none": None}, "odd n=3 why=x y none=None"),
        ("left", {"peer": "p", "nick": "{peer}", "why": "{0}"}, "{peer} left (p): {0}"),
    ],
)
def test_the_text_log_speaks_in_phrases(event: str, values: dict[str, str], line: str) -> None:
    log, out = log_to()
    log.info(event, **values)
    assert after_the_time(out) == line + "\n"


def test_a_level_other_than_info_is_named() -> None:
    log, out = log_to()
    log.warning("can't accept", why="x")
    assert after_the_time(out) == "warning: can't accept why=x\n"


def test_what_is_cut_is_marked() -> None:
    log, out = log_to()
    log.info("odd", why="x" * 200)
    log.info("odd", why="x" * 201)
    whole, cut = out.getvalue().splitlines()
    assert whole.endswith(f"why={'x' * 200}")
    assert cut.endswith(f"why={'x' * 199}…")


def test_the_json_log_is_an_object_a_line() -> None:
    log, out = log_to("json")
    log.error("not stored", messages=3, why="é\x1b")
    assert json.loads(out.getvalue()) == {
        "time": 1234.568,
        "level": "error",
        "event": "not stored",
        "messages": 3,
        "why": "é␛",
    }


@pytest.mark.parametrize(("least", "written"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_only_what_is_at_least_that_important_is_written(least: str, written: int) -> None:
    log, out = log_to("text", least)
    for write in (log.debug, log.info, log.warning, log.error):
        write("x")
    assert out.getvalue().count("\n") == written


@given(nasty)
def test_nothing_a_client_chose_acts_on_the_operators_terminal(value: str) -> None:
    for form in ("text", "json"):
        log, out = log_to(form)
        log.info("refused", peer="p", nick=value, why=value)
        log.info("odd", what=value)
        lines = out.getvalue()
        assert not FORBIDDEN & set(map(ord, lines))
        assert lines.count("\n") == 2


def test_a_long_value_is_cut() -> None:
    log, out = log_to()
    log.info("odd", what="x" * 10_000)
    assert len(out.getvalue()) < 300


def test_a_line_comes_with_its_level() -> None:
    """The journal of systemd wants to know it."""
    levels: list[int] = []
    log = Log(least="debug", write=lambda level, _: levels.append(level))
    for write in (log.debug, log.info, log.warning, log.error):
        write("x")
    assert levels == [10, 20, 30, 40]


def test_what_says_nothing_new_is_logged_once() -> None:
    log, out = log_to()
    for _ in range(2):
        log.info_once("odd", what="x")
        log.info_once("odd", what="y")
    assert [line[20:] for line in out.getvalue().splitlines()] == ["odd what=x", "odd what=y"]


def test_there_is_an_end_to_what_is_logged_once() -> None:
    """What is remembered comes from other servers."""
    log, out = log_to()
    for number in range(MAX_ONCE + 5):
        log.info_once("odd", n=number)
    assert len(out.getvalue().splitlines()) == MAX_ONCE
