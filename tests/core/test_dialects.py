"""dialects.py: recognising, parsing, rendering."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatctl import protocol as p
from chatctl.common.names import check_nick
from chatctl.core.dialects import CLASSIC, DIALECTS, JSON, TEXT, Dialect, Stranger, bend_nick, recognise
from chatctl.errors import BadFrame
from tests.support.strategies import FORBIDDEN, nasty, server_frames


def msg(text: str, nick: str = "Rajat", action: bool = False) -> p.Msg:
    return p.Msg(seq=1, time=0, nick=nick, text=text, action=action)


# --- recognising


@pytest.mark.parametrize(
    ("first", "at_once", "later"),
    [
        (b"{", JSON, JSON),
        (b'{"type":"hello"', JSON, JSON),
        (b"Rajat\n", TEXT, TEXT),
        (b"Rajat\r\n", TEXT, TEXT),
        (b"\n", TEXT, TEXT),
        (b"Rajat", None, CLASSIC),
        (b"\xff\xfe", None, CLASSIC),
        (b"GET / HTTP/1.1\r\n", Stranger.HTTP, Stranger.HTTP),
        (b"POST /", Stranger.HTTP, Stranger.HTTP),
        (b"PROXY TCP4 192.0.2.1", Stranger.PROXY, Stranger.PROXY),
        (b"PROXY UNKNOWN\r\n", Stranger.PROXY, Stranger.PROXY),
        (b"PROXY\n", TEXT, TEXT),
        (b"\r\n\r\n\0\r\nQUIT\n!\x11\0", Stranger.PROXY, Stranger.PROXY),
        (b"\r\n\r\n\0\r\nQU", None, TEXT),
        (b"\r\n", None, TEXT),
        (b"GET", None, CLASSIC),
        (b"GETTY\n", TEXT, TEXT),
        (b"get /\n", TEXT, TEXT),
        (b"\x16\x03\x01\x02\x00\x01", Stranger.TLS, Stranger.TLS),
        (b"\x16", None, CLASSIC),
    ],
)
def test_the_first_bytes_tell_the_dialect(first: bytes, at_once: object, later: object) -> None:
    assert recognise(first, waited=False) is at_once
    assert recognise(first, waited=True) is later


@given(st.binary(min_size=1, max_size=40))
@example(b"GET / HTTP/1.1\n")
@example(b"\x16\x03\n")
@example(b"PUT\n x")
def test_a_dialect_once_told_is_not_changed_by_what_follows(wire: bytes) -> None:
    """So it does not matter how TCP cut the first bytes."""
    told = [recognise(wire[:end], waited=False) for end in range(1, len(wire) + 1)]
    known = [dialect for dialect in told if dialect is not None]
    assert len(set(known)) <= 1
    assert told[len(told) - len(known) :] == known


# --- text


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        (b"hello", p.Say("hello")),
        (b"hello\r", p.Say("hello")),
        (b"  hello ", p.Say("  hello ")),
        ("grüße".encode(), p.Say("grüße")),
        (b"", None),
        (b"\r", None),
        (b" \t", None),
        (b"//etc/passwd", p.Say("/etc/passwd")),
        (b"/me waves", p.Say("waves", action=True)),
        (b"/nick Zoe", p.Nick("Zoe")),
        (b"/nick  Zoe ", p.Nick("Zoe")),
        (b"/msg Zoe over here", p.Whisper("Zoe", "over here")),
        (b"/who", p.Who()),
        (b"/who\r", p.Who()),
        (b"/quit", p.Bye()),
        (b"Rajat: hello", p.Say("Rajat: hello")),
    ],
)
def test_a_text_line_is_said_or_obeyed(line: bytes, frame: p.Frame | None) -> None:
    assert TEXT.parse(line, ("Rajat", "Rajat")) == frame


@pytest.mark.parametrize("line", [b"/nick", b"/me", b"/msg", b"/msg Zoe", b"/", b"/dance", b"/WHO", b"/\x1b[2J"])
def test_a_text_command_that_is_none_is_explained(line: bytes) -> None:
    answer = TEXT.parse(line, ("Rajat", "Rajat"))
    assert isinstance(answer, bytes)
    assert answer.startswith(b"! ")
    assert answer.count(b"\n") == 1
    assert b"/help" in answer
    assert b"\x1b" not in answer


def test_help_names_every_command() -> None:
    answer = TEXT.parse(b"/help", ())
    assert isinstance(answer, bytes)
    assert all(verb in answer for verb in (b"/nick", b"/me", b"/msg", b"/who", b"/quit", b"//"))


@pytest.mark.parametrize("parse", [lambda line: TEXT.parse(line, ()), TEXT.parse_hello])
def test_a_text_line_that_is_no_utf8_is_a_bad_frame(parse) -> None:
    with pytest.raises(BadFrame):
        parse(b"gr\xfc\xdfe")


def test_a_text_hello_is_the_nickname() -> None:
    assert TEXT.parse_hello(b" Zo\xc3\xab \r") == p.Hello(v=1, nick="Zoë")


# --- rendering for people


def test_the_first_versions_words_are_kept() -> None:
    for dialect in (TEXT, CLASSIC):
        assert dialect.render(p.Join(["Rajat"], 1)) == b"Rajat joined!\n"
        assert dialect.render(p.Leave(["Rajat"], 0)) == b"Rajat left!\n"
        assert dialect.render(msg("hello")) == b"Rajat: hello\n"
        welcome = p.Welcome(1, "s", "lobby", "a", "e", 1, 0, [], 1, 0, "memory", p.Limits())
        assert dialect.render(welcome) == b"Connected to server!\n"


def test_the_name_stands_before_each_line_of_a_message() -> None:
    """Else a message of two lines could speak for somebody else."""
    assert TEXT.render(msg("hi\nZoe: I quit")) == b"Rajat: hi\nRajat: Zoe: I quit\n"
    assert TEXT.render(msg("waves\nand goes", action=True)) == b"* Rajat waves\n* Rajat and goes\n"
    whispered = p.Whispered(from_="Rajat", time=0, text="a\nb")
    assert TEXT.render(whispered) == b"Rajat (privately): a\nRajat (privately): b\n"
    page = p.Page([msg("a\nb"), msg("c")], more=False)
    assert TEXT.render(page) == b"Rajat: a\nRajat: b\nRajat: c\n"


def test_what_acts_on_a_terminal_is_shown_instead() -> None:
    assert TEXT.render(msg("\x1b[2J\x07")) == "Rajat: ␛[2J␇\n".encode()
    assert TEXT.render(msg("a\rRoot: b")) == "Rajat: a␍Root: b\n".encode()


def test_a_character_that_classic_lacks_is_a_question_mark() -> None:
    assert CLASSIC.render(msg("grüße 👩")) == b"Rajat: gr??e ?\n"


def test_a_crowd_is_named_in_part_and_counted() -> None:
    crowd = [f"n{i}" for i in range(25)]
    assert TEXT.render(p.Join(crowd, 25)).splitlines() == [f"n{i} joined!".encode() for i in range(10)] + [
        b"(15 more joined!)"
    ]


def test_the_rest_of_what_people_are_told() -> None:
    shown = {
        p.Rename("a", "b"): b"a is now b\n",
        p.Gap(3, 5, "slow"): b"(3 messages can't be shown: slow)\n",
        p.Gap(3, 5, "lost"): b"(the last 3 messages were lost)\n",
        p.Gap(5, 5, "lost"): b"(the last message was lost)\n",
        p.Error("internal", "no\nway"): "! no␊way\n".encode(),
        p.Bye(): b"Goodbye!\n",
        p.Bye("so long"): b"Goodbye! (so long)\n",
        p.Ack("i", 0, False): b"",
        p.Pong(): b"",
        p.Ping(): b"",
    }
    for frame, wire in shown.items():
        assert TEXT.render(frame) == wire
    roster = p.Roster([p.RosterRow("a", 0, 0), p.RosterRow("b", 0, 0)], 2, 0)
    assert TEXT.render(roster) == b"2 here: a, b\n"


nasty_frames = st.one_of(
    server_frames,
    st.builds(msg, nasty, nick=nasty, action=st.booleans()),
    st.builds(p.Join, st.lists(nasty, min_size=1, max_size=12), st.just(3)),
    st.builds(p.Leave, st.lists(nasty, min_size=1, max_size=12), st.just(3)),
    st.builds(p.Rename, nasty, nasty),
    st.builds(p.Whispered, nasty, st.just(0.0), nasty),
    st.builds(p.Error, st.just("internal"), nasty),
    st.builds(p.Bye, nasty),
)


@given(nasty_frames)
def test_no_frame_brings_anything_forbidden_to_a_text_client(frame: p.Frame) -> None:
    wire = TEXT.render(frame)
    assert not FORBIDDEN & set(map(ord, wire.decode()))
    assert not wire or wire.endswith(b"\n")


@given(nasty_frames)
def test_no_frame_brings_a_byte_over_127_to_a_classic_client(frame: p.Frame) -> None:
    """A client of the first version dies of one."""
    wire = CLASSIC.render(frame)
    assert all(byte in (9, 10) or 32 <= byte < 127 for byte in wire)


@given(nasty, nasty, st.booleans())
def test_every_line_of_a_message_begins_with_its_author(text: str, nick: str, action: bool) -> None:
    shown = TEXT.render(msg("x", nick, action)).decode()[:-2]
    for line in TEXT.render(msg(text, nick, action)).decode().removesuffix("\n").split("\n"):
        assert line.startswith(shown)


# --- classic


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (b"Rajat: hello", "hello"),
        (b"Rajat:hello", "hello"),
        (b"Rajat: hello\r\n", "hello"),
        (b"Rajat_2: hello", "hello"),
        (b"hello", "hello"),
        (b"Zoe: hello", "Zoe: hello"),
        (b"Rajatullah: hello", "Rajatullah: hello"),
        (b"Rajat: Zoe: hello", "Zoe: hello"),
        (b"Rajat: Rajat: hello", "Rajat: hello"),
        (b"Rajat_2: Rajat: hello", "Rajat: hello"),
        (b"Rajat: a\nb", "a\nb"),
        (b"\xff", "\ufffd"),
    ],
)
def test_the_authors_own_prefix_is_taken_off(read: bytes, text: str) -> None:
    """The server puts the true name on: no one speaks as someone else."""
    assert CLASSIC.parse(read, ("Rajat_2", "Rajat")) == p.Say(text)


@pytest.mark.parametrize("read", [b"Rajat: ", b"Rajat:", b"\n", b" "])
def test_an_empty_classic_message_is_nothing(read: bytes) -> None:
    assert CLASSIC.parse(read, ("Rajat", "Rajat")) is None


@given(st.binary(max_size=60))
def test_a_classic_read_is_never_an_error(read: bytes) -> None:
    """There is no way to tell such a client of one."""
    assert isinstance(CLASSIC.parse_hello(read), p.Hello)
    assert isinstance(CLASSIC.parse(read, ("Rajat", "Rajat")), p.Say | None)


def test_a_name_is_bent_a_few_times_and_then_at_random() -> None:
    """Somebody may have all numbered names: a walk over them would stop the server."""
    bent = list(bend_nick("Rajat", ["31415926", "27182818"]))
    assert bent == ["Rajat", *(f"Rajat_{number}" for number in range(2, 10)), "Rajat_31415926", "Rajat_27182818"]


@pytest.mark.parametrize(
    ("asked", "given_"), [("", "guest"), ("\x1b[2J", "2J"), ("a b", "a_b"), ("héllo", "h_llo"), ("-x-", "x")]
)
def test_a_name_that_is_none_is_bent_into_one(asked: str, given_: str) -> None:
    assert next(bend_nick(asked, [])) == given_


@given(nasty | st.text(max_size=50), st.integers(1, 32))
@example("x" * 32, 32)
@example("____", 32)
@example("Rajat", 1)
@example("Rajat", 3)
def test_a_bent_name_is_ascii_valid_and_short_enough(asked: str, longest: int) -> None:
    for bent in bend_nick(asked, ["31415926"], longest):
        assert check_nick(bent) == bent
        assert bent.isascii()
        assert len(bent) <= longest


# --- json


def test_an_empty_json_line_is_nothing() -> None:
    assert JSON.parse(b"", ()) is None
    assert JSON.parse(b"\r", ()) is None


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_rendering_is_pure(dialect: Dialect) -> None:
    """An entry is rendered once for all members that speak the dialect."""
    entry = msg("x\ny")
    assert dialect.render(entry) == dialect.render(entry)
