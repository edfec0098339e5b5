"""What Up brings back, and what of it is in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatctl.terminal.line_history import LineHistory
from chatctl.terminal.slash_commands import is_whisper


def loaded(path: Path) -> list[str]:
    return list(LineHistory(str(path)).load_history_strings())


@pytest.mark.parametrize("whisper", ["/msg bob secret", "/MSG bob secret", " /msg bob secret", "/msg", "/msg bob a\nb"])
def test_a_whisper_is_in_no_file(tmp_path: Path, whisper: str) -> None:
    """It is for one member alone; Up brings it back in this run."""
    assert is_whisper(whisper)
    history = LineHistory(str(tmp_path / "history"))
    history.append_string("hello")
    history.append_string(whisper)
    assert history.get_strings() == ["hello", whisper]
    assert loaded(tmp_path / "history") == ["hello"]
    assert "secret" not in (tmp_path / "history").read_text()


@pytest.mark.parametrize("line", ["/me waves", "/message", "//msg bob", "say /msg", ""])
def test_what_is_no_whisper(line: str) -> None:
    assert not is_whisper(line)


def test_what_was_not_sent_is_remembered_once_and_in_no_file(tmp_path: Path) -> None:
    """A line that Ctrl-C cleared, a command that was refused."""
    history = LineHistory(str(tmp_path / "history"))
    history.remember("half a line")
    history.remember("half a line")
    history.append_string("hello")
    assert history.get_strings() == ["half a line", "hello"]
    assert loaded(tmp_path / "history") == ["hello"]


def test_a_file_that_is_ours_only_later(tmp_path: Path) -> None:
    """Another client had it: what it kept comes before, what was said so far is kept then."""
    path = tmp_path / "history"
    LineHistory(str(path)).append_string("theirs")
    history = LineHistory(None)
    history.append_string("ours")
    history.remember("cleared")
    history.keep_in(str(path))
    history.append_string("later")
    assert history.get_strings() == ["theirs", "ours", "cleared", "later"]
    assert loaded(path) == ["later", "ours", "theirs"]


def test_a_file_that_cannot_be_written_costs_no_more_than_the_line(tmp_path: Path) -> None:
    """A full disk ended the program."""
    history = LineHistory(str(tmp_path))  # a folder
    history.append_string("hello")
    assert history.get_strings() == ["hello"]
    LineHistory(None).append_string("kept in memory")


def test_a_draft_of_an_earlier_run_comes_first_and_is_in_no_file(tmp_path: Path) -> None:
    path = tmp_path / "history"
    LineHistory(str(path)).append_string("hello")
    assert list(LineHistory(str(path), draft="half a li").load_history_strings()) == ["half a li", "hello"]
    assert loaded(path) == ["hello"]
