"""What keys do on the linear screen."""

from __future__ import annotations

import io

import pytest

from chatctl.terminal.completer import PromptCompleter
from chatctl.terminal.key_parser import KeyParser
from chatctl.terminal.line_history import LineHistory
from chatctl.terminal.linear_keys import Actions, LinearKeys
from chatctl.terminal.linear_line import BELL, LinearLine
from chatctl.terminal.linear_output import LinearOutput

UP, DOWN = "\x1b[A", "\x1b[B"


class Fixture:
    """Keys, and what they have done."""

    def __init__(self, limit: int = 4096) -> None:
        self.paper, self.line = io.StringIO(), LinearLine()
        self.said: list[str] = []
        self.done: list[str] = []
        self.output = LinearOutput(self.paper, self.line)
        self.history = LineHistory(None)
        actions = Actions(
            submit=self._submit,
            remember=self.history.remember,
            entered=self.history.get_strings,
            interrupt=lambda cleared: bool(self.done.append(f"interrupt {cleared}")),  # type: ignore[func-returns-value]
            leave=lambda: self.done.append("leave"),
            stop=lambda: self.done.append("stop"),
            limit=lambda: limit,
            error=lambda text: f"! {text}",
        )
        completer = PromptCompleter(lambda: ["omar", "olga"])
        self.keys = LinearKeys(self.line, self.output, completer, actions)
        self.parser = KeyParser()

    def _submit(self, line: str) -> bool:
        self.said.append(line)
        accepted = not line.startswith("/hlep")
        if accepted:
            self.history.append_string(line)
        return accepted

    def press(self, *keys: str) -> str:
        """Press keys, each argument at once; return what is written."""
        at = self.paper.tell()
        for key in keys:
            self.keys.press([*self.parser.feed(key), *self.parser.pause()])
        return self.paper.getvalue()[at:]


@pytest.mark.parametrize(
    ("keys", "written", "left"),
    [
        (("hello",), "hello", "hello"),
        (("a\nb",), "a\nb", "a\nb"),
        (("a\x1b\rb",), "a\nb", "a\nb"),
        (("ab\x7f\x7f",), "ab\\ba\n", ""),
        (("one\x17",), "one\\one/\n", ""),
        (("one\x15",), "one^U\n", ""),
        (("one\x1b[D\x1b[H\x01\x1b[3~",), f"one{BELL * 4}", "one"),
        (("one\x1bb",), f"one{BELL}", "one"),
        (("one\x1b", "b"), "oneb", "oneb"),
        (("one\x12", "\x0c"), "one\none\none", "one"),
        (("\x1b[200~a\rb\x1b[201~",), "a\nb", "a\nb"),
        (("ol\t",), "olga: ", "olga: "),
        (("OL\t",), "OL\nolga: ", "olga: "),
        (("o\t",), "o\nolga omar\no", "o"),
        (("/wh\t",), "/who", "/who"),
        (("nobody\t",), f"nobody{BELL}", "nobody"),
        (("ab\x04",), f"ab{BELL}", "ab"),
    ],
)
def test_what_a_key_writes(keys: tuple[str, ...], written: str, left: str) -> None:
    fixture = Fixture()
    assert fixture.press(*keys) == written
    assert fixture.line.text == left


def test_enter_and_what_up_brings() -> None:
    """Also a line that was refused or cleared."""
    fixture = Fixture()
    assert fixture.press("hello\r") == "hello\n"
    assert fixture.press("/hlep\r") == "/hlep\n"
    assert fixture.press("half\x15") == "half^U\n"
    assert fixture.press("cleared\x03") == "cleared^C\nCtrl-C again leaves\n"
    assert fixture.said == ["hello", "/hlep"]
    assert fixture.press(UP, UP, UP, UP, UP) == f"cleared\nhalf\n/hlep\nhello{BELL}"
    assert fixture.press(DOWN, DOWN, DOWN, DOWN) == "\n/hlep\nhalf\ncleared\n"
    assert fixture.press("h", UP, UP) == "half\nhello"
    assert fixture.done == ["interrupt True"]


def test_what_waits_is_written_behind_the_entered_line() -> None:
    fixture = Fixture()
    fixture.press("hi")
    fixture.output.show(["omar: in between"])
    assert fixture.press("\r") == "\nomar: in between\n"


def test_keys_that_leave_and_stop() -> None:
    fixture = Fixture()
    fixture.press("\x1a", "\x03", "\x04")
    assert fixture.done == ["stop", "interrupt False", "leave"]


def test_the_limit() -> None:
    """A key only rings; a paste is told, and the line is written again."""
    fixture = Fixture(limit=4)
    assert fixture.press("abcde") == f"abcd{BELL}"
    told = "! the text has 7 bytes, at most 4 can be sent: not taken"
    assert fixture.press("\x1b[200~efg\x1b[201~") == f"\n{told}\nabcd"
