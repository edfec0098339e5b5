"""Plain words: phrases that readers did not understand, which must not come back into help texts and documents.

CHANGELOG.md is not looked at: it says what was so at its time. Nor is the map, which is made of docstrings.
"""

from __future__ import annotations

import re

import pytest

from chatctl.cli.help_pages import full_help
from chatctl.terminal.help_text import help_lines
from docs.generate import ROOT, commands

PHRASES = (
    *("typing breaks", "tell the truth", "beside", "anybody can come", "comes back by itself"),
    *("can want a", "wants? a password", "when the server has the message", "what is said, a line each"),
    *("counts more than", "counts? for more than the environment", "a check, too", "this is not the password"),
    *("the server hears", "who holds it now", "but is not asked", "not said: there is no", "messages are kept: "),
    *("you have read up to", "to be let in", "nobody (is )?(here|there)", "(?<!and )goes on(?! and on)", "let us in"),
    *("at its own pace", r"(?<!a door: )(?<!the )\bdoor\b(?!\.py|\")", "at the door", "the house", "of our own kind"),
    *("there is no ghost", "you are out", "hits nobody", "a fault of our own", "in vain", "taken no more"),
    *("for good(?!-)", "(?<!here )is no (duration|server|network|range|fingerprint|verifier|place in a log)"),
    *(
        "ordeal",
        r"torment\w*",
        "diar(y|ies)",
        "bad network",
        "lives through",
        "what becomes of",
        "a line each",
        "hangs? up",
    ),
    *(
        "what (was|is) said and",
        "is told of",
        "keeping order",
        "thrown out",
        "can be none",
        "what stands in",
        "take it for",
    ),
    *("(first|alone) while other questions", "nickname now", "this house", "several houses", "of a house"),
    *("overwrites nothing", "keeps nobody out", "opens nothing", "let everybody in", "no key: this name"),
)
EXCUSED = {
    "docs/cookbook.md": ("door",),  # a real one
    "docs/security.md": ("for good",),
}
"""What a document may say all the same, word for word."""
DOCUMENTS = [*(ROOT / "docs").glob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))]


def found_in(text: str) -> list[str]:
    """Return the phrases that a text has, however its lines are broken."""
    flat = " ".join(text.split())
    return [match[0] for phrase in PHRASES if (match := re.search(rf"\b(?:{phrase})(?!\w)", flat, re.IGNORECASE))]


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.name != "map.md"], ids=lambda path: path.name)
def test_documents(path: object) -> None:
    assert isinstance(path, type(ROOT))
    excused = EXCUSED.get(path.relative_to(ROOT).as_posix(), ())
    assert [one for one in found_in(path.read_text(encoding="utf-8")) if one.lower() not in excused] == []


@pytest.mark.parametrize("one", list(commands()), ids=lambda one: one.page)
def test_help(one: object) -> None:
    assert found_in(full_help(one.ctx)) == []  # type: ignore[attr-defined]  # docs.generate.Help


@pytest.mark.parametrize("topic", ["", "keys", "operators", "search", "r", "query"])
def test_help_of_join(topic: str) -> None:
    assert found_in("\n".join(help_lines(topic, operator=True))) == []


def test_a_phrase_is_found_across_lines_and_in_any_case() -> None:
    assert found_in("It wants\n  a password.") == ["wants a password"]
    assert found_in("Nobody there") == ["Nobody there"]
    assert found_in("It continues, next to the journal.") == []
