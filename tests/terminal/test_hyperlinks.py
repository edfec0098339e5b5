"""Links: which terminals have them, and what of a message is one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.common.text import clean
from chatctl.terminal import hyperlinks
from chatctl.terminal.hyperlinks import MAX_TARGET, has_links, with_links

XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("environ", "has"),
    [
        (XTERM, False),
        ({"TERM": "linux"}, False),
        (XTERM | {"VTE_VERSION": "7006"}, True),
        (XTERM | {"VTE_VERSION": "4601"}, False),
        (XTERM | {"VTE_VERSION": "x"}, False),
        (XTERM | {"VTE_VERSION": "7006", "XTERM_VERSION": "XTerm(379)"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "foot"}, True),
        (XTERM | {"TERM_PROGRAM": "WezTerm"}, True),
        (XTERM | {"TERM_PROGRAM": "vscode"}, True),
        (XTERM | {"TERM_PROGRAM": "Apple_Terminal"}, False),
        (XTERM | {"TERM_PROGRAM": "WezTerm", "XTERM_VERSION": "XTerm(379)"}, False),
        ({"TERM": "tmux-256color", "TMUX": "s", "VTE_VERSION": "7006"}, False),
        ({"TERM": "tmux-256color", "TMUX": "s", "TERM_PROGRAM": "tmux", "TERM_PROGRAM_VERSION": "3.3a"}, False),
        ({"TERM": "tmux-256color", "TMUX": "s", "TERM_PROGRAM": "tmux", "TERM_PROGRAM_VERSION": "3.4"}, True),
        ({"TERM": "tmux-256color", "TMUX": "s", "TERM_PROGRAM": "tmux", "TERM_PROGRAM_VERSION": "next-3.5"}, False),
        ({"TERM": "screen-256color", "STY": "1", "TERM_PROGRAM": "WezTerm"}, False),
    ],
)
def test_which_terminals_have_links(environ: dict[str, str], has: bool) -> None:
    """Known ones alone: a variable may be inherited from the terminal around, and a multiplexer has links or not."""
    assert has_links(environ) is has


def links(line: str) -> list[str]:
    """Return the targets of the links in a line; the text of each is the same."""
    found = re.findall(r"\x1b\]8;;([^\x1b]+)\x1b\\(.*?)\x1b\]8;;\x1b\\", with_links(line))
    assert all(target == text for target, text in found)
    return [target for target, _ in found]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("look: https://example.org/x", ["https://example.org/x"]),
        ("https://a.org and HTTP://B.org:8080/?q=1#x, too", ["https://a.org", "HTTP://B.org:8080/?q=1#x"]),
        ("see https://a.org/x. Or (https://a.org/y)!", ["https://a.org/x", "https://a.org/y"]),
        ("https://en.wikipedia.org/wiki/Bar_(unit)", ["https://en.wikipedia.org/wiki/Bar_(unit)"]),
        ("http://[::1]:5500/", ["http://[::1]:5500/"]),
        ('"https://a.org/x"', ["https://a.org/x"]),
        ("<https://a.org/x>", ["https://a.org/x"]),
        ("no link: xhttps://a.org ftp://a.org file:///etc/passwd javascript:alert(1)", []),
        ("https://", []),
        ("https://...", []),
        ("https://paypal.com@evil.org/", []),
        ("https://a.org/@user", ["https://a.org/@user"]),
        ("https://аpple.com/", []),  # the first letter is Cyrillic
        ("https://a.org/ü", []),  # a part of it would be another address
        ("https://a.org/\\x", []),
        (f"https://a.org/{'x' * MAX_TARGET}", []),
    ],
)
def test_what_is_a_link(line: str, wanted: list[str]) -> None:
    """What is opened is what is shown; what may be something else than it looks like is none."""
    assert links(line) == wanted


@given(st.text(), st.sampled_from(["https://a.org/", "http://b", ""]), st.text())
def test_without_its_links_a_line_is_what_it_was(before: str, address: str, after: str) -> None:
    """Nothing that others typed is in a target but what may stand in an address."""
    line = clean(before + address + after)
    shown = with_links(line)
    assert re.sub(r"\x1b\]8;;[!-~]*?\x1b\\", "", shown) == line


def test_the_end_of_an_address_that_is_too_long_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``/show`` a message of 256 KiB, all brackets, would stop the program for a minute."""
    looked_at: list[str] = []
    without_end = hyperlinks._without_end

    def noted(address: str) -> str:
        looked_at.append(address)
        return without_end(address)

    monkeypatch.setattr(hyperlinks, "_without_end", noted)
    assert links(f"https://a.org/x] https://a.org/{']' * 262_144}") == ["https://a.org/x"]
    assert looked_at == ["https://a.org/x]"]


def test_what_is_shown_of_a_part_is_coloured_and_the_target_is_not() -> None:
    assert with_links("nadia https://a/nadia", lambda part: part.replace("nadia", "*nadia*")) == (
        "*nadia* \x1b]8;;https://a/nadia\x1b\\https://a/*nadia*\x1b]8;;\x1b\\"
    )
