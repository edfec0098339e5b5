"""What is typed stays whole while others talk: random keys in a real terminal, judged by the screen."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable

import pytest

from chatctl.core.limits import ServerLimits
from tests.support.in_process_server import in_process_server
from tests.support.wire import Wire
from tests.system.terminal.editor import Editor, random_key
from tests.system.terminal.flood import message
from tests.system.terminal.term import Start, Term

PAST = ["the first line", "and a second one"]


def say(term: Term, *lines: str) -> None:
    """Say lines, so that there is a history to go up to."""
    for line in lines:
        term.keys(line + "\r")
        term.wait_for(f"nadia: {line}")
        term.wait_input("")


def type_at_random(term: Term, editor: Editor, seed: int, keys: int, widths: tuple[int, ...] = ()) -> None:
    """Press random keys as fast as people who are fast, and change the window's width now and then."""
    chance = random.Random(seed)
    turns = {(number + 1) * keys // (len(widths) + 1): width for number, width in enumerate(widths)}
    for number in range(keys):
        if number in turns:
            term.resize(turns[number])
        term.keys(editor.press(random_key(chance)))
        time.sleep(0.005)  # 200 keys a second: not to wait for anything, but to meet every moment of a frame


def numbers(lines: list[str], edge: str) -> list[int]:
    return [int(number) for number in re.findall(edge, "\n".join(lines))]


def assert_all_once(term: Term, count: int) -> None:
    """Every message is there once, in order, from its beginning to its end."""
    last = f"{count - 1:06d}>"
    term.wait(lambda: any(last in line for line in term.screen.all_lines()[-60:]), f"last message {last}", 30)
    lines = term.lines()
    assert numbers(lines, r"<(\d{6}) ") == list(range(count))
    assert numbers(lines, r" (\d{6})>") == list(range(count))


@pytest.mark.parametrize(("rate", "count", "keys"), [(1, 3, 250), (100, 300, 300), (2000, 6000, 400)])
def test_random_keys_leave_exactly_what_was_typed(
    join: Start, flood: Callable[..., object], rate: int, count: int, keys: int
) -> None:
    """At every rate, with wide characters, emoji sequences and messages of several lines."""
    term = join()
    say(term, *PAST)
    editor = Editor(PAST)
    flood(rate, count)
    term.wait_for("<000000")
    type_at_random(term, editor, seed=rate, keys=keys)
    term.wait_input(editor.text, editor.cursor)
    assert_all_once(term, count)
    term.wait_input(editor.text, editor.cursor)


def test_resizing_in_the_middle_of_a_flood(join: Start, flood: Callable[..., object]) -> None:
    """80 → 50 → 100 → 30 → 80 columns, with a line that is longer than the narrowest."""
    term = join()
    say(term, *PAST)
    editor = Editor(PAST)
    flood(1000, 3000, "tiny")  # an emulator without reflow cuts what is wider
    term.wait_for("<000000")
    for char in "a line that is a good deal longer than thirty columns ":
        term.keys(editor.press(char))
    type_at_random(term, editor, seed=7, keys=300, widths=(50, 100, 30, 80))
    term.wait_input(editor.text, editor.cursor)
    assert_all_once(term, 3000)
    term.wait_input(editor.text, editor.cursor)


def test_long_lines_come_whole(join: Start, flood: Callable[..., object]) -> None:
    """Lines of 3,000 characters and URLs wrap as the terminal wraps them, and are one line there."""
    term = join()
    editor = Editor()
    flood(200, 400, "long")
    type_at_random(term, editor, seed=3, keys=150)
    assert_all_once(term, 400)
    term.wait_input(editor.text, editor.cursor)
    whole = message(20, "long")
    assert any(whole in line for line in term.lines()), "the URL was broken"


def test_a_line_of_ten_thousand_characters(join: Start, room: str) -> None:
    """More than this server's default takes; a server may take more, and its members' typing stays whole."""
    whole = "".join(f"{number:05d}" for number in range(2000))
    with in_process_server(ServerLimits(text=16 << 10, line=64 << 10, rate=0)) as port:
        term = join(port=port)
        editor = Editor()
        with Wire(("127.0.0.1", port)).greeted().enter("omar", room) as omar:
            for number in range(5):
                omar.say(f"{number} {whole}")
                type_at_random(term, editor, seed=number, keys=40)
        term.wait(lambda: sum(whole in line for line in term.screen.all_lines()) == 5, "five long lines")
        term.wait_input(editor.text, editor.cursor)


def test_keys_are_echoed_in_the_middle_of_a_flood(join: Start, flood: Callable[..., object]) -> None:
    """An echo waits for no flood to end: few messages pass between a key and its echo. Times: benchmarks."""
    term = join()
    running = flood(2000, 200_000)  # it is ended with the test
    term.wait_for("<000000")
    passed: list[int] = []
    typed = ""
    for key in "abcdefghij" * 3:
        before = len(term.screen.scrolled)
        typed += key
        term.keys(key)
        term.wait_input(typed)
        passed.append(len(term.screen.scrolled) - before)
    assert running.poll() is None  # type: ignore[attr-defined]
    assert sorted(passed)[len(passed) // 2] < 1000
