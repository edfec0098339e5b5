"""common/text.py and common/names.py: what may be shown, what may be a name."""

import re
import unicodedata
from itertools import groupby

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatctl.common import names as n
from chatctl.common import text as t
from chatctl.errors import NickInvalid, RoomInvalid
from tests.support.strategies import FORBIDDEN, ascii_nicks, nasty

# Written out by hand, not taken from the code: docs/design.md, "Names and text".
NEWLINE = 0x0A


def most_marks(text: str) -> int:
    """Return the highest number of marks on one base; a joiner makes no new base."""
    joined = [unicodedata.category(c) in ("Mn", "Me") for c in text if c != "\u200d"]
    return max((len(list(run)) for is_mark, run in groupby(joined) if is_mark), default=0)


# --- the cleaner


@given(nasty, st.booleans())
@example("\x1b]0;owned\x07", False)
@example("a" + "\u0301" * 30, True)
@example("\u0301" * 9, True)
@example("a\u0301\u0301\u0301\u200d\u0301\u0301\u0301", True)
def test_what_is_cleaned_acts_on_no_terminal(text: str, lines: bool) -> None:
    cleaned = t.clean(text, lines=lines)
    forbidden = FORBIDDEN if lines else FORBIDDEN | {NEWLINE}
    assert not forbidden & set(map(ord, cleaned))
    assert most_marks(cleaned) <= 4
    cleaned.encode()


@given(nasty, st.booleans())
@example("a" + "\u0301" * 5, True)
def test_cleaning_twice_changes_nothing_more(text: str, lines: bool) -> None:
    """The server cleans for text clients, and every command cleans again."""
    once = t.clean(text, lines=lines)
    assert t.clean(once, lines=lines) == once


def test_every_code_point_is_either_kept_or_shown() -> None:
    for point in [*range(0x300), *range(0x600, 0x620), *range(0x2000, 0x2100), *range(0xD800, 0x10000), 0x1F600]:
        cleaned = t.clean(f"a{chr(point)}b", lines=True)
        assert (cleaned == f"a{chr(point)}b") is (point not in FORBIDDEN), hex(point)
        assert len(cleaned) >= 3, hex(point)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("bell\x07", "bell␇"),
        ("a\x7f", "a␡"),
        ("a\rb", "a␍b"),
        ("a\nb", "a␊b"),
        ("a\tb", "a\tb"),
        ("\x9b31m", "<U+009B>31m"),
        ("evil\u202egpj", "evil<U+202E>gpj"),
        ("\ud800", "<U+D800>"),
        ("a" + "\u0301" * 16 + "b", "a" + "\u0301" * 4 + "<+12 marks>b"),
        ("a" + "\u0301" * 5, "a" + "\u0301" * 4 + "<+1 marks>"),
        ("a" + "\u0301" * 4, "a" + "\u0301" * 4),
        ("👩\u200d👩\u200d👧 ❤\ufe0f", "👩\u200d👩\u200d👧 ❤\ufe0f"),
    ],
)
def test_what_was_there_is_shown(raw: str, shown: str) -> None:
    assert t.clean(raw) == shown


def test_newlines_stay_where_several_lines_are_allowed() -> None:
    assert t.clean("a\nb\r\n", lines=True) == "a\nb␍\n"


@given(st.binary(max_size=400), st.integers(1, 80))
def test_a_strangers_bytes_fit_into_one_short_line(data: bytes, limit: int) -> None:
    shown = t.clean_bytes(data, limit)
    assert len(shown) <= limit + 1
    assert t.clean(shown) == shown


def test_a_strangers_bytes_are_legible() -> None:
    assert t.clean_bytes(b"SSH-2.0\r\n\xff") == "SSH-2.0␍␊\\xff"


@given(nasty.filter(lambda s: not re.search("[\ud800-\udfff]", s)))
def test_escaped_json_means_the_same_and_holds_nothing_forbidden(text: str) -> None:
    """A JSON line may be printed to a terminal too."""
    import json

    line = json.dumps(text, ensure_ascii=False)
    escaped = t.escape_json(line)
    assert json.loads(escaped) == text
    assert not (FORBIDDEN | {NEWLINE}) & set(map(ord, escaped))


# --- nicknames


@given(ascii_nicks)
def test_an_ascii_nick_stays_as_it_is(nick: str) -> None:
    assert n.check_nick(nick) == nick


@given(nasty | st.text(max_size=40))
@example("Rajat：")
@example("＊bob")
@example("－bob")
@example("（a")
@example("ａ／ｂ")
@example("İ" * 32)
@example("ß")
def test_a_nick_that_passed_passes_again_unchanged(nick: str) -> None:
    """The roster checks once more what admission let through: it must not raise there."""
    try:
        shown = n.check_nick(nick)
    except NickInvalid:
        return
    assert n.check_nick(shown) == shown


@given(nasty | st.text(max_size=40))
@example("Rajat：")
@example("＊")
@example("／nick")
@example("　")
def test_no_nick_holds_what_the_text_dialects_put_around_it(nick: str) -> None:
    """A full-width colon becomes a plain one: whoever is called ``Rajat:`` speaks for Rajat."""
    try:
        shown = n.check_nick(nick)
    except NickInvalid:
        return
    assert not set(shown) & set(" :*/!(),<>#&\n")
    assert shown[0] not in "-.+@"
    assert t.clean(shown) == shown
    assert 1 <= len(shown) <= 32
    assert len(shown.encode()) <= 64


@given(st.text(max_size=12) | ascii_nicks)
@example("İ")
@example("ẞ")
@example("ΑΣ")
def test_folding_a_folded_nick_changes_nothing(nick: str) -> None:
    try:
        folded = n.fold_nick(nick)
    except NickInvalid:
        return
    assert n.fold_nick(folded) == folded


@pytest.mark.parametrize(
    ("one", "other"), [("Rajat", "rAJAT"), ("Å", "A\u030a"), ("Ｒajat", "rajat"), ("ÉMILE", "émile"), ("ЖЕНЯ", "женя")]
)
def test_these_are_the_same_name(one: str, other: str) -> None:
    assert n.fold_nick(one) == n.fold_nick(other)


@pytest.mark.parametrize(
    "nick",
    [
        "",
        " ",
        "a b",
        "\x1b[31mred",
        "\x1b",
        "a\nb",
        "a\x00",
        "a:",
        "*",
        "/who",
        "-dash",
        "@at",
        ".dot",
        "+plus",
        "evil\u202egpj",
        "\u202e",
        "a\u200b",
        "a\u200d",
        "\ufeffa",
        "\ud800",
        "a\u0301\u0301\u0301\u0301\u0301\u0301",
        "①",
        "ﬁ",
        "אa1",
        "x" * 33,
        "語" * 22,
    ],
)
def test_these_are_no_nicknames(nick: str) -> None:
    with pytest.raises(NickInvalid) as caught:
        n.check_nick(nick)
    assert t.clean(caught.value.text) == caught.value.text, "the reason is shown on a terminal"


@pytest.mark.parametrize(
    "nick", ["Rajat", "a", "x" * 32, "語" * 21, "Zoë", "r2-d2", "me@host.org", "[bot]", "Женя", "3"]
)
def test_these_are_nicknames(nick: str) -> None:
    assert n.check_nick(nick) == nick


# --- rooms


@pytest.mark.parametrize("room", ["lobby", "a", "0", "ops.eu-1_x", "x" * 32])
def test_these_are_rooms(room: str) -> None:
    assert n.check_room(room) == room


@pytest.mark.parametrize("room", ["", "Lobby", "a b", ".", "-a", "x" * 33, "ops\n", "../etc", "é", "\x1b[2J"])
def test_these_are_no_rooms(room: str) -> None:
    with pytest.raises(RoomInvalid) as caught:
        n.check_room(room)
    assert t.clean(caught.value.text) == caught.value.text
