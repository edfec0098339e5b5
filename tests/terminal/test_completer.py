"""What is offered while a line is typed."""

from __future__ import annotations

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from chatctl.terminal.completer import PromptCompleter


@pytest.mark.parametrize(
    ("text", "completions"),
    [
        ("na", ["nadia: ", "Nancy: "]),
        ("nad", ["nadia: "]),
        ("hi nad", ["hi nadia "]),
        ("hi @nad", ["hi @nadia "]),
        ("/q", ["/query ", "/quit"]),
        ("hi /q", []),
        (":coff", ["☕"]),
        ("", []),
        (":", []),
        ("x ", []),
    ],
)
def test_completion(text: str, completions: list[str]) -> None:
    completer = PromptCompleter(lambda: ["Nancy", "nadia", "omar"])
    found = completer.get_completions(Document(text), CompleteEvent())
    assert sorted(text[: len(text) + one.start_position] + one.text for one in found) == sorted(completions)


@pytest.mark.parametrize(("operator", "found"), [(True, True), (None, True), (False, False)])
def test_operators_commands_are_completed_for_operators(operator: bool | None, found: bool) -> None:
    """And for all where the server does not tell."""
    completer = PromptCompleter(list, lambda: operator)
    shown = [one.text for one in completer.get_completions(Document("/k"), CompleteEvent())]
    assert shown == (["/kick "] if found else [])
