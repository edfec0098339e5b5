"""stderr is one line that says what to do: for every wrong usage, and for an internal error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chatctl import main


@pytest.mark.parametrize(
    ("typed", "code", "line"),
    [
        ("sned hi", 2, "no such command 'sned'. Did you mean 'send'? (see 'chatctl -h')"),
        ("send --port x hi", 2, "invalid value for '--port': 'x' is not a valid whole number (see 'chatctl send -h')"),
        ("ask", 2, "missing argument 'QUESTION' (see 'chatctl ask -h')"),
        ("ask ''", 2, "a question and each choice need a text (see 'chatctl ask -h')"),
        (
            "who --rooms nadia",
            2,
            "--rooms tells of rooms, not of people: leave NAME, --count and --watch out (see 'chatctl who -h')",
        ),
        ("who --watch --count", 2, "--count is one number, --watch has no end: choose one (see 'chatctl who -h')"),
        ("probe --interval soon", 3, "(see 'chatctl probe -h')"),
        ("completion", 2, "missing argument 'SHELL'. Choose from: bash, zsh, fish (see 'chatctl completion -h')"),
        (
            "admin redact x",
            2,
            "for 'SEQ': 'x' is not a valid whole number (see 'chatctl admin redact -h')",
        ),
        (
            "serve --keep-days x",
            2,
            "for '--keep-days': 'x' is not a valid number (see 'chatctl serve -h')",
        ),
        (
            "serve --operator nadia",
            2,
            "write SHA256: and its 43 characters (see 'chatctl serve -h')",
        ),
        ("serve --room #ops", 2, "no room can be called '#ops': use 1 to 32 of a-z 0-9 _ . - (see 'chatctl serve -h')"),
        ("serve --tls", 2, "option '--tls' requires an argument: write --tls self (see 'chatctl serve -h')"),
        (
            "send --overflow",
            2,
            "option '--overflow' requires an argument: write --overflow error|truncate|split (see 'chatctl send -h')",
        ),
        ("backup /", 2, "invalid value for 'PATH': File '/' is a directory (see 'chatctl backup -h')"),
        ("config show admin", 2, "password (see 'chatctl config show -h')"),
        ("config shwo", 2, "no such command 'shwo'. Did you mean 'show'? (see 'chatctl config -h')"),
        ("send --nick \x1b[2J\n hi x", 2, "(see 'chatctl send -h')"),
    ],
)
def test_wrong_usage_is_one_line(typed: str, code: int, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Click takes four for it, and the log of cron or a monitor shows but one of them."""
    words = [word.strip("'") for word in typed.split(" ")]
    assert main._run(words) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("chatctl: ")
    assert told.err.endswith(f"{line}\n")
    assert told.err[:-1].isprintable()


def test_no_command_at_all_shows_the_first_steps(capsys: pytest.CaptureFixture[str]) -> None:
    """That is no mistake to be told of in a line: it is the first thing that many people type."""
    assert main._run([]) == 2
    told = capsys.readouterr()
    calls = re.findall(r"^  chatctl (\w+)", told.err, re.MULTILINE)
    assert (told.out, calls) == ("", ["serve", "join", "send"])
    assert "chatctl --help" in told.err


def test_a_group_without_a_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main._run(["config"]) == 2
    assert "Commands:" in capsys.readouterr().err


def test_a_fault_of_our_own_is_one_line_and_its_traceback_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("on purpose\n")

    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(main.cli, "main", broken)
    assert main._run(["who"]) == 1
    log = tmp_path / "crash.log"
    what = repr(ZeroDivisionError("on purpose\n"))
    assert capsys.readouterr().err == f"chatctl: internal error in chatctl: {what}; the details are in {log}\n"
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
