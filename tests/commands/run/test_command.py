"""What ``run`` says of how a program ended."""

from __future__ import annotations

import pytest

from chatctl.commands.run.command import _one_word, ending, run_time
from tests.support.in_process import wrong_usage


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "done in"), (3, "failed with 3 after"), (143, "ended by SIGTERM after"), (255, "failed with 255 after")],
)
def test_endings(status: int, words: str) -> None:
    assert ending(status) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (12.4, "12 s"), (125, "2 min 5 s"), (3700, "1 h 1 min")]
)
def test_spans(seconds: float, words: str) -> None:
    assert run_time(seconds) == words


@pytest.mark.parametrize("words", [["--tial", "3"], ["-x"], ["-xy"], ["--no-such"], ["--tial=3"]])
def test_a_word_with_a_dash_before_the_command_is_an_option(words: list[str]) -> None:
    """It was taken for the command's name, which the room was told."""
    assert "No such option" in wrong_usage("run", *words, "--", "echo")


def test_a_misspelt_option_is_told_with_what_it_may_be() -> None:
    assert "'--tail'" in wrong_usage("run", "--tial", "3", "--", "echo")


@pytest.mark.parametrize(
    ("command", "is_line"),
    [(("ls -l f",), True), (("ls", "-l f"), False), (("no-such",), False), (("/opt/my programs/x",), False)],
)
def test_a_command_line_in_one_word_is_taken_for_no_programs_name(command: tuple[str, ...], is_line: bool) -> None:
    """So are those of ``sh -c`` and of ssh; here no shell takes it apart."""
    assert ("leave the quotes out" in _one_word(command)) == is_line
