"""Types of options: what each takes, and what it says of the rest."""

from __future__ import annotations

import os
from typing import Any

import click
import pytest

from chatctl.cli.param_types import DURATION, FOLDED_NICK, HOST, MOMENT, PIN, REGEX, split_command, text

FINGERPRINT = "SHA256:" + "A" * 43


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("300ms", 0.3), ("5s", 5), ("2m", 120), ("1h", 3600), ("1d", 86400), ("7", 7), (7, 7), (0.5, 0.5), ("0s", 0)],
)
def test_durations_are_seconds(value: object, seconds: float) -> None:
    """A number comes from a configuration file."""
    assert DURATION.convert(value, None, None) == seconds


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (DURATION, "soon", "is not a duration: write 300ms"),
        (DURATION, "-1s", "is not a duration"),
        (DURATION, -1, "is not a duration"),
        (DURATION, float("nan"), "is not a duration"),
        (DURATION, 1e300, "is not a duration"),
        (MOMENT, "tomorrow", "is not a moment"),
        (REGEX, "(", "is not a regular expression"),
        (REGEX, "a{99999999999}", "is not a regular expression"),
        (FOLDED_NICK, "two words", "nickname"),
        (PIN, "SHA256:short", "SHA256"),
        (HOST, "127.0.0.1:5500", "write --host 127.0.0.1 --port 5500"),
        (HOST, "[::1]:5500", r"write --host \[::1\] --port 5500"),
    ],
)
def test_what_is_none_is_told(kind: click.ParamType[Any], value: object, told: str) -> None:
    with pytest.raises(click.BadParameter, match=told):
        kind.convert(value, None, None)


def test_what_is_one_is_converted() -> None:
    assert REGEX.convert("^a.c$", None, None).search("abc")
    assert FOLDED_NICK.convert("Rajat", None, None) == "rajat"
    assert HOST.convert("[::1]", None, None) == HOST.convert("::1", None, None) == "::1"
    assert HOST.convert("chat.example.org", None, None) == "chat.example.org"
    assert PIN.convert(FINGERPRINT, None, None) == FINGERPRINT


def test_a_pattern_that_python_warns_of_prints_nothing() -> None:
    """Warnings are errors in the tests: it would raise one."""
    assert REGEX.convert("[[a]", None, None).search("a")


def test_a_text_is_utf8() -> None:
    """An argument may be any bytes, which Python keeps as lone surrogates: no frame could hold them."""
    assert text("café 🎉") == "café 🎉"
    with pytest.raises(ValueError, match=r"caf\\xe9 is not UTF-8"):
        text(os.fsdecode(b"caf\xe9"))


@pytest.mark.parametrize("command", ["", "  ", "'unfinished"])
def test_what_is_no_command_is_wrong_usage(command: str) -> None:
    with pytest.raises(click.BadParameter):
        split_command(command, "--exec")


def test_words_are_split_as_a_shell_does_and_no_shell_sees_them() -> None:
    assert split_command("logger -t 'my room' $HOME", "--exec") == ["logger", "-t", "my room", "$HOME"]
