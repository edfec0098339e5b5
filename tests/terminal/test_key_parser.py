"""What a terminal sends, cut anywhere, with pauses anywhere."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from chatctl.terminal.key_parser import KeyParser
from chatctl.terminal.pasted_text import PastedText

NEWLINE, ENTER = [Keys.ControlJ], [Keys.ControlM]

MEANINGLESS = [
    "\x1b[I", "\x1b[O",  # focus came, focus went
    "\x1b[?62;1;4c", "\x1b[>41;379;0c", "\x1b[0n", "\x1b[24;80R", "\x1b[?2026;2$y", "\x1b[4;2$y", "\x1b[?1u",
    "\x1b[8;24;80t", "\x1b[<0;12;5M", "\x1b[<0;12;5m", "\x1b[M !!", "\x1b[M \udcff\udcfe", "\x1b[97;14;13M",
    "\x1b]11;rgb:0000/0000/0000\x07", "\x1b]11;rgb:0000/0000/0000\x1b\\", "\x1b]52;c;aGVsbG8=\x1b\\",
    "\x1bP>|XTerm(379)\x1b\\", "\x1bP1$r0m\x1b\\", "\x1bP1+r544e=787465726d\x1b\\", "\x1bP!|00000000\x1b\\",
    "\x1b_Gi=31;OK\x1b\\",
    "\x9b?62c", "\x9d11;rgb:0/0/0\x9c",
    "\x1b[99;5:3u", "\x1b[97;1:3u", "\x1b[1;1:3A",  # keys let go
    "\x1b[97;9u", "\x1b[57441;2u",  # Super, and Shift alone
    "\x1b[201~", "\x1b[12;34;56;78z", "\x1b[5$",
]  # fmt: skip
"""Replies to other programs, mouse reports, focus: none of it is for us."""

UNKNOWN_STRINGS = ["\x1b_any text\x1b\\", "\x1bXsos\x1b\\", "\x1b^pm\x1b\\", "\x1bPsixel\x1b\\", "\x1b]Lname\x1b\\"]
"""Strings of no known kind: behind a pause they could be somebody's text."""

KEYS: list[tuple[str, list[Keys | str]]] = [
    ("\x1b[13;2u", NEWLINE), ("\x1b[13;5u", NEWLINE), ("\x1b[27;2;13~", NEWLINE), ("\x1b[27;5;13~", NEWLINE),
    ("\x1bOM", NEWLINE), ("\x1b\r", NEWLINE), ("\x1b[57414;2u", NEWLINE),
    ("\x1b[13u", ENTER), ("\x1b[57414u", ENTER), ("\r", ENTER),
    ("\x1b[99;5u", [Keys.ControlC]), ("\x1b[99;69u", [Keys.ControlC]), ("\x1b[27;5;99~", [Keys.ControlC]),
    ("\x1b[100;5u", [Keys.ControlD]), ("\x1b[99;5:1u", [Keys.ControlC]), ("\x1b[99:67;5u", [Keys.ControlC]),
    ("\x1b[97u", ["a"]), ("\x1b[97;2u", ["A"]), ("\x1b[97:65;2u", ["A"]), ("\x1b[97;2;65u", ["A"]),
    ("\x1b[97;;97:769u", ["a", "\u0301"]), ("\x1b[0;;228u", ["ä"]),
    ("\x1b[228;2u", ["Ä"]), ("\x1b[49:33;2u", ["!"]), ("\x1b[97;65u", ["A"]), ("\x1b[97;129u", ["a"]),
    ("\x1b[98;3u", [Keys.Escape, "b"]), ("\x1b[127u", [Keys.ControlH]), ("\x1b[127;2u", [Keys.ControlH]),
    ("\x1b[127;3u", [Keys.Escape, Keys.ControlH]), ("\x1b[9u", [Keys.ControlI]), ("\x1b[9;2u", [Keys.BackTab]),
    ("\x1b[27u", [Keys.Escape]), ("\x1b[32;2u", [" "]), ("\x1b[57400u", ["1"]), ("\x1b[57417u", [Keys.Left]),
    ("\x1b[A", [Keys.Up]), ("\x1b[1;1A", [Keys.Up]), ("\x1b[1;129A", [Keys.Up]), ("\x1b[1;1:2A", [Keys.Up]),
    ("\x1b[1;5C", [Keys.ControlRight]), ("\x1b[1;3D", [Keys.Escape, Keys.Left]), ("\x1b[5;2~", [Keys.ShiftPageUp]),
    ("\x1b[3~", [Keys.Delete]), ("\x1b[3;129~", [Keys.Delete]), ("\x1b[[A", [Keys.F1]), ("\x1bOP", [Keys.F1]),
    ("\x1b\x1b[A", [Keys.Escape, Keys.Up]), ("\x1bOu", ["5"]), ("\x1bb", [Keys.Escape, "b"]), ("\x9bA", [Keys.Up]),
]  # fmt: skip


def keys(presses: list[KeyPress]) -> list[Keys | str]:
    return [press.key for press in presses]


@pytest.mark.parametrize("sequence", [*MEANINGLESS, *UNKNOWN_STRINGS])
@pytest.mark.parametrize("size", [1, 1000])
def test_what_is_no_key_is_swallowed_whole(sequence: str, size: int) -> None:
    """In one piece or character by character: it stood in the line, as if it had been typed."""
    parser = KeyParser()
    data = f"a{sequence}b"
    got = [press for at in range(0, len(data), size) for press in parser.feed(data[at : at + size])]
    assert keys(got) == ["a", "b"]


@pytest.mark.parametrize("sequence", MEANINGLESS)
def test_a_pause_changes_nothing_inside_a_sequence(sequence: str) -> None:
    """On a slow line any two bytes may be seconds apart. ESC alone is a key then, which does nothing by itself."""
    parser = KeyParser()
    got = [press for char in f"a{sequence}b" for press in [*parser.feed(char), *parser.pause()]]
    assert [key for key in keys(got) if key not in (Keys.Escape, Keys.Ignore)] == ["a", "b"]


@pytest.mark.parametrize("sequence", MEANINGLESS)
@pytest.mark.parametrize("cut", range(2, 12))
def test_a_pause_behind_the_introducer(sequence: str, cut: int) -> None:
    parser = KeyParser()
    got = [*parser.feed(f"a{sequence[:cut]}"), *parser.pause(), *parser.feed(f"{sequence[cut:]}b")]
    assert keys(got) == ["a", "b"]


@pytest.mark.parametrize("sequence", [*MEANINGLESS, *UNKNOWN_STRINGS])
def test_a_pause_behind_esc(sequence: str) -> None:
    """The rest comes at once, as a terminal sends it: nobody types so fast."""
    parser = KeyParser()
    got = [*parser.feed("a" + sequence[:1]), *parser.pause(), *parser.feed(f"{sequence[1:]}b")]
    assert [key for key in keys(got) if key not in (Keys.Escape, Keys.Ignore)] == ["a", "b"]


@pytest.mark.parametrize("sequence", UNKNOWN_STRINGS)
@pytest.mark.parametrize("cut", range(4, 10))
def test_a_pause_inside_an_unknown_string(sequence: str, cut: int) -> None:
    """What came before it came at once, so nobody has typed it."""
    parser = KeyParser()
    got = [*parser.feed(f"a{sequence[:cut]}"), *parser.pause(), *parser.feed(f"{sequence[cut:]}b")]
    assert keys(got) == ["a", "b"]


def test_focus_is_known() -> None:
    """It is no key."""
    parser = KeyParser()
    assert parser.focused is None
    assert parser.feed("\x1b[I") == []
    assert parser.focused is True
    assert parser.feed("\x1b[O") == []
    assert parser.focused is False


@pytest.mark.parametrize(("sequence", "wanted"), KEYS)
@pytest.mark.parametrize("size", [1, 1000])
def test_keys_of_every_protocol(sequence: str, wanted: list[Keys | str], size: int) -> None:
    """Also those of kitty and of modifyOtherKeys, which another program may have left on."""
    parser = KeyParser()
    got = [press for at in range(0, len(sequence), size) for press in parser.feed(sequence[at : at + size])]
    assert keys(got) == wanted
    assert not any(press.data for press in got if isinstance(press.key, Keys) and len(sequence) > 1)


@pytest.mark.parametrize("typed", ["\x1b]hello", "\x1bPlain", "\x1b_so it is", "\x1bX-ray"])
def test_text_behind_an_accidental_alt_key_is_not_lost(typed: str) -> None:
    """Alt-] begins a reply of a terminal; what follows does not read like one."""
    parser = KeyParser()
    got = [press for char in typed for press in parser.feed(char)]
    assert keys([*got, *parser.pause()]) == list(typed[2:])
    assert keys(parser.feed("!")) == ["!"]
    assert keys([*parser.feed(typed), *parser.feed("\r")]) == [*typed[2:], Keys.ControlM]


def test_escape_is_a_key_after_a_pause() -> None:
    """And Alt with another key before it."""
    parser = KeyParser()
    assert keys(parser.feed("\x1b")) == []
    assert keys(parser.pause()) == [Keys.Escape]
    assert keys(parser.feed("Oh, [x]")) == list("Oh, [x]")


def test_a_paste_is_one_key() -> None:
    """Its line ends are LF, whatever the terminal made of them."""
    (press,) = KeyParser().feed("\x1b[200~one\r\ntwo\rthree\x1b[31m\x1b[201~")
    assert press.key == Keys.BracketedPaste
    assert press.data == "one\ntwo\nthree\x1b[31m"
    assert isinstance(press.data, PastedText)
    assert press.data.size == 18


def test_ctrl_c_gives_up_a_paste_whose_end_is_lost() -> None:
    """No key would be one any more."""
    parser = KeyParser()
    assert parser.feed("\x1b[200~half a paste\x03 and a control in it") == []
    assert parser.in_paste
    assert keys([*parser.feed("\x03"), *parser.feed("ok")]) == [Keys.ControlC, "o", "k"]


def test_bytes_that_are_no_text_are_kept_apart() -> None:
    """One that the decoder could not take is shown as U+FFFD, typed or pasted."""
    parser = KeyParser()
    assert keys(parser.feed("gr\udcfc\udcdfe")) == list("gr\ufffd\ufffde")
    assert bytes(parser.broken) == b"\xfc\xdf"
    parser.broken.clear()
    (press,) = parser.feed("\x1b[200~gr\udcfcn\x1b[201~")
    assert press.data == "gr\ufffdn"
    assert bytes(parser.broken) == b"\xfc"


@given(
    st.lists(st.sampled_from([*MEANINGLESS, *(key for key, _ in KEYS), "a", "ü", "\x1b[200~x\ry\x1b[201~"])), st.data()
)
def test_any_cut_gives_the_same_keys(pieces: list[str], data: st.DataObject) -> None:
    """A terminal's bytes come as the network cuts them."""
    whole = "".join(pieces)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=8)))
    parser = KeyParser()
    ends = [0, *cuts, len(whole)]
    got = [press for start, end in itertools.pairwise(ends) for press in parser.feed(whole[start:end])]
    assert got == KeyParser().feed(whole)


@given(
    st.lists(st.lists(st.one_of(st.none(), st.integers(0, 0x120000)), max_size=3), max_size=4), st.sampled_from("u~A")
)
def test_no_number_breaks_a_key(fields: list[list[int | None]], final: str) -> None:
    """Nor types what is no character: a surrogate can't be kept in a file, a control acts on a terminal."""
    parameters = ";".join(":".join("" if part is None else str(part) for part in field) for field in fields)
    for press in KeyParser().feed(f"\x1b[{parameters}{final}"):
        if not isinstance(press.key, Keys):
            assert all(unicodedata.category(char) not in ("Cc", "Cs") for char in press.key)


@given(st.text(alphabet="\x1b[]OP_^X\\\x07\x9b\x9c0129;:?<>$~uAMRmcIHx\r\x03 äß\udcfc"))
def test_nothing_that_is_sent_breaks_it(data: str) -> None:
    """And afterwards, at the latest behind an Enter, keys are keys again."""
    parser = KeyParser()
    parser.feed(data)
    parser.feed("\x1b[201~")
    parser.feed("\x1b\\\r\r\r\r")
    assert keys(parser.feed("ok")) == ["o", "k"]


def test_a_report_of_the_cursor_is_no_key() -> None:
    parser = KeyParser()
    assert parser.feed("a\x1b[12;") == [KeyPress("a", "a")]
    assert not parser.feed("80R")
    assert parser.columns == [80]
