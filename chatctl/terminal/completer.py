"""Tab completion of slash commands, nicknames and :emoji: names."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from chatctl.terminal.emoji import EMOJI
from chatctl.terminal.operator_commands import OPERATOR_COMMANDS
from chatctl.terminal.slash_commands import COMMANDS

_MAX_SHOWN = 50


class PromptCompleter(Completer):
    """Completes the word before the cursor."""

    def __init__(self, nicks: Callable[[], Iterable[str]], operator: Callable[[], bool | None] = lambda: None) -> None:
        """Complete for one user; both are called for each completion.

        Args:
            nicks: returns the members' nicknames.
            operator: returns whether the user is an operator; None if that is not known.
        """
        self._nicks = nicks
        self._operator = operator

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Return at most 50 completions."""
        before = document.text_before_cursor
        word = document.get_word_before_cursor(WORD=True)
        found = self._commands(word) if word.startswith("/") and word == before else self._names(before, word)
        if word.startswith(":") and len(word) > 1:
            found = _emoji(word)
        return list(found)[:_MAX_SHOWN]

    def _commands(self, word: str) -> Iterable[Completion]:
        operators = {} if self._operator() is False else OPERATOR_COMMANDS
        for name, (usage, what) in (COMMANDS | operators).items():
            if name.startswith(word[1:].lower()):
                text = f"/{name} " if usage else f"/{name}"
                yield Completion(text, -len(word), display=f"/{name}", display_meta=what)

    def _names(self, before: str, word: str) -> Iterable[Completion]:
        if not word:
            return
        ending = ": " if before == word else " "
        at = "@" if word.startswith("@") else ""
        for nick in sorted(self._nicks(), key=str.casefold):
            if nick.casefold().startswith(word.removeprefix("@").casefold()):
                yield Completion(at + nick + ending, -len(word), display=nick)


def _emoji(word: str) -> Iterable[Completion]:
    for name, char in EMOJI.items():
        if name.startswith(word.strip(":").lower()):
            yield Completion(char, -len(word), display=f"{char} :{name}:")
