"""``join`` in a real tmux and a real GNU screen, whose widths and wrapping are not ours to know.

The other tests judge by an emulator that has the same table of widths as the program. Here everything that was said
stands once and whole in scrollback and screen, and what was typed stands in the line; in tmux there is one prompt.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL
from tests.support.needs import need
from tests.support.server_process import Server
from tests.support.wire import Wire, log_of
from tests.system.terminal.multiplexer import GnuScreen, Joined, Tmux, wait, without_blanks

KINDS = {"tmux": Tmux, "screen": GnuScreen}
IN_EACH = pytest.mark.parametrize("kind", sorted(KINDS))
DRAFT = "".join(f"{number:02d}abcdefgh" for number in range(30))
SCRIPTS = {
    "Hindi": "हिन्दी भाषा क्षत्रिय",
    "Tamil": "வணக்கம் உலகம் ஸ்ரீ",
    "Telugu": "తెలుగు భాష క్షేత్రం",
    "Burmese": "မင်္ဂလာပါ ကမ္ဘာ",
    "Thai": "สวัสดีชาวโลก กำลังน้ำ",
    "Arabic": "مرحبا بالعالم السَّلامُ",
    "Hebrew": "שלום עולם שָׁלוֹם",
    "Chinese": "漢字的長消息",
    "Korean": "안녕 세계 한글",
    "combining marks": "Z\u0351\u036b\u0343a\u0325\u030bl\u0489go",
    "VS16": "❤\ufe0f ☀\ufe0f 1\ufe0f\u20e3 ⚠\ufe0f x",
    "ZWJ": "👨\u200d👩\u200d👧 👩🏽\u200d💻 🏳\ufe0f\u200d🌈 🇮🇳 x",
}
"""tmux 3.3a keeps 21 bytes of a cell: of a longer family the last child is missing."""

OLD_PROMPTS_OF_SCREEN = 99
"""GNU screen does not tell where its cursor is after some changes: an old prompt may stay there, and nothing else."""


Start = Callable[..., Joined]


@pytest.fixture
def start(house: Server, room: str, state: Path) -> Iterator[Start]:
    """Join the test's room in a multiplexer, as nadia; omar speaks."""
    running: list[Tmux | GnuScreen] = []

    def start(kind: str, *, columns: int = 80, rows: int = 20) -> Joined:
        need(kind)
        where = ("--port", str(house.port), "--room", room, "--nick", "nadia")
        omar: Wire = house.member("omar", room)
        running.append(KINDS[kind]((*CHATCTL, "join", *where), state, columns=columns, rows=rows))
        return Joined(running[-1], omar.say)

    yield start
    for mux in running:
        mux.close()


@pytest.fixture(params=sorted(KINDS))
def joined(request: pytest.FixtureRequest, start: Start) -> Joined:
    return start(request.param)


def assert_right(joined: Joined) -> None:
    tmux = isinstance(joined.mux, Tmux)
    assert not joined.faults(prompts=1 if tmux else OLD_PROMPTS_OF_SCREEN)


def say_at(joined: Joined, *columns: int) -> None:
    """Have something said at each of these widths, one after the other."""
    for number in columns:
        joined.resize(number)
        joined.mux.wait_for_size(number)  # a message that meets the change would prove nothing
        joined.say(f"at {number}")


def test_no_script_leaves_pieces_of_the_prompt(start: Start) -> None:
    """Each line that was printed above such a draft kept ``lobb`` before it, in the scrollback, too."""
    joined = start("tmux")
    for name, text in SCRIPTS.items():
        joined.type(text)
        joined.say(f"above {name}")
        joined.type(" and on")
        joined.say(f"again above {name}")
        assert_right(joined)
        joined.clear_line()


@pytest.mark.parametrize("script", ["Hindi", "Tamil", "Chinese", "VS16", "ZWJ"])
def test_a_draft_of_any_script_is_wrapped_anew(start: Start, house: Server, room: str, script: str) -> None:
    """How wide it is there, tmux is asked. What was typed is what is said."""
    joined = start("tmux")
    joined.type(" ".join([SCRIPTS[script]] * 3) + " END", readable=False)
    for text in ("the last message", "above the draft"):  # with the second one, the answers of tmux were read
        joined.say(text)
    for key, end in (("!", "END!"), ("\x7f", "END")):  # keys that are read behind tmux's answers
        joined.mux.keys(key)
        wait(lambda end=end: without_blanks("".join(joined.mux.lines())).endswith(end), end, joined.mux.lines)  # type: ignore[misc]
    say_at(joined, 31, 80, 47)
    # Of the family in a cell tmux does not always show the same part: what stands there can't be compared.
    assert not joined.faults(prompts=1, readable=script != "ZWJ")
    joined.mux.keys("\r")
    wait(
        lambda: log_of(house.member("", room, mode="watch"))[-1] == joined.draft,
        "draft as it was typed",
        joined.mux.lines,
    )


def test_a_window_becomes_narrower_with_the_cursor_in_its_last_column(joined: Joined) -> None:
    """The last message was erased, from the scrollback, too."""
    joined.say("the last message")
    joined.type(DRAFT[: 40 - joined.prompt_width()])
    say_at(joined, 40, 80)
    assert_right(joined)


@IN_EACH
def test_attached_anew_at_another_size(start: Start, kind: str) -> None:
    joined = start(kind, columns=120)
    joined.say("one")
    joined.type(DRAFT[:90])
    say_at(joined, 50, 120, 33)
    assert_right(joined)


def test_a_draft_of_many_rows_in_a_window_that_becomes_narrower(joined: Joined) -> None:
    """GNU screen inherits the variables of the terminal that it was started from; they mean nothing in it."""
    for number in range(3):
        joined.say(f"message {number} {'x' * 60}")
    joined.type(DRAFT[:75])
    say_at(joined, 60, 45, 36, 80)
    assert_right(joined)


def test_half_a_line_after_the_screen_was_cleared(joined: Joined) -> None:
    """tmux takes the screen into its history when it is erased from the first row on: half lines stood there."""
    joined.say("one")
    joined.mux.keys("\x0c")
    joined.type("half a line")
    joined.say("two")
    for number in range(6):
        joined.resize(80 - number * 7 % 40, 20 - number % 3)
        joined.say(f"message {number}")
    joined.resize(60)
    joined.say("the end")
    assert_right(joined)


@IN_EACH
def test_the_oldest_messages_are_kept_as_the_width_changes_again_and_again(start: Start, kind: str) -> None:
    """For each row that is split, GNU screen shows a row less of its scrollback, of the oldest ones."""
    joined = start(kind, rows=12)
    joined.say("the oldest message")
    joined.type(DRAFT[:140])
    for step in range(6):
        joined.resize(40, 12)
        joined.say(f"step {step} at 40.")
        joined.resize(80, 12)
        joined.say(f"step {step} at 80.")
    assert_right(joined)


def test_a_window_that_was_never_wider(joined: Joined) -> None:
    """GNU screen may then join the prompt to the message above it, which was erased with it."""
    joined.say("one")
    joined.type("hello")
    joined.resize(81)
    joined.say("two")
    joined.resize(39)
    joined.type("!")  # shown once that width is quiet, and was painted
    joined.resize(100)
    joined.say("three")
    assert_right(joined)


def test_column_by_column(joined: Joined) -> None:
    """As a window is dragged: quickly, and then with a message between two steps."""
    joined.say("the last message")
    joined.type(DRAFT[:60])
    for columns in (*range(79, 35, -1), *range(37, 75)):
        joined.resize(columns)
    joined.say("dragged")
    for step, columns in enumerate((73, 72, 71, 70, 69, 70, 71)):
        joined.resize(columns)
        joined.say(f"step {step}")
    assert_right(joined)


def test_what_is_no_text_stays_out_of_the_line(start: Start) -> None:
    """Focus coming and going, keys of kitty's protocol, late replies; and a paste that is over the limit."""
    joined = start("tmux")
    joined.type("half a line")
    joined.mux.keys("\x1b[I\x1b[O\x1b[57441;2u\x1b[97;5:3u\x1b]11;rgb:0/0/0\x07\x1b[?62;4c")
    joined.say("above the keys")
    assert isinstance(joined.mux, Tmux)
    joined.mux.paste("a paste \n" * 20_000)
    joined.say("above the paste")
    say_at(joined, 30)
    assert_right(joined)


def test_a_flood_while_the_window_is_dragged(start: Start, flood: Callable[..., subprocess.Popen[bytes]]) -> None:
    """2,000 messages a second, a new size five times a second, and half a line that does not fit."""
    joined = start("tmux")
    joined.type(DRAFT[:60])
    talk = flood(2000, 5000, "tiny")
    for columns in itertools.cycle((60, 47, 80, 33, 71)):
        joined.resize(columns)
        threading.Event().wait(0.2)
        if talk.poll() is not None:
            break
    wait(lambda: any("<004999" in line for line in joined.mux.lines()[-60:]), "last message", joined.mux.lines)
    numbers = re.findall(r"fl: <(\d{6}) \S+ \1>$", "\n".join(joined.mux.lines()), re.MULTILINE)
    assert list(map(int, numbers)) == list(range(5000))
    assert_right(joined)


@pytest.mark.parametrize("length", [19, 20, 21, 39, 40, 41, 79, 80, 81])
def test_a_draft_that_wraps_at(start: Start, length: int) -> None:
    joined = start("tmux")
    joined.type(DRAFT[: max(1, length - joined.prompt_width())])
    joined.say("above")
    say_at(joined, 40)
    joined.resize(20)
    say_at(joined, 80)
    assert_right(joined)
