"""Click's completion for each shell, with what Click leaves out: words that bash has cut, ``--option=value``, quotes.

The scripts that a shell loads are Click's own. What they get from here is a line for each thing that can be offered;
they know no quotes. zsh and fish quote what they insert by themselves, bash inserts it as it is.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import Any

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from chatctl.cli import shell_completion
from chatctl.cli.completers import learn

BREAKS = frozenset("=:@")
"""Where bash cuts a word for readline, of COMP_WORDBREAKS, and a word of ours goes on."""


class Whole(ShellComplete):
    """Tells what is completed which words stand before it, and gives ``--option=value`` as a whole."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Give what can be offered, as it would stand on the line without quotes."""
        self.ctx_args["obj"] = list(args)
        option, equals, _ = incomplete.partition("=")
        prefix = option + equals if equals and option.startswith("--") else ""
        found = super().get_completions(args, incomplete)
        for item in found:
            if item.type == "plain":
                item.value = prefix + item.value
        return found


class Zsh(Whole, ZshComplete):
    """zsh: nothing more to do."""


class Fish(Whole, FishComplete):
    """fish: its script ends a value at the first comma."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Give what can be offered."""
        return [item for item in super().get_completions(args, incomplete) if "," not in item.value]


class Bash(Whole, BashComplete):
    """bash: its words are to be put together again, and what is inserted has to be quoted."""

    _head = ""
    """What of the word stands before the last cut: readline leaves it alone."""
    _quote = ""
    """The quote that is open."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Give the whole words before the cursor, and the one at it."""
        if "\n" not in os.environ["COMP_WORDS"]:  # not from the script: a word is never alone
            return super().get_completion_args()
        raw = os.environ["COMP_WORDS"].split("\n")[: int(os.environ["COMP_CWORD"]) + 1]
        words = [""]
        for index, piece in enumerate(raw):
            if index and (_is_cut(piece) or _is_cut(raw[index - 1])):
                words[-1] += piece
            else:
                words.append(piece)
        last = raw[-1]
        self._quote = _open_quote(last)
        head = words[-1] if _is_cut(last) else words[-1][: len(words[-1]) - len(last)]
        self._head = _plain(head.removesuffix("@"))  # bash cuts there, and lets readline have the "@"
        return [_plain(word) for word in words[2:-1]], _plain(words[-1])

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Give what can be offered: the part of it that readline inserts."""
        found = []
        for item in super().get_completions(args, incomplete):
            if item.type != "plain":
                found.append(item)
            elif item.value.startswith(self._head) and "," not in item.value and self._may_stand(item.value):
                item.value = self._quoted(item.value[len(self._head) :])
                found.append(item)
        return found

    def _may_stand(self, value: str) -> bool:
        forbidden = {"": "", "'": "'", '"': '"$`\\!'}[self._quote]
        return not set(value) & set(forbidden)

    def _quoted(self, value: str) -> str:
        if self._quote:
            return value  # bash closes it
        return value if re.fullmatch(r"[\w./:=@%+-]*", value) else shlex.quote(value)

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Give a line for the script, whose ``read`` takes a backslash off."""
        return super().format_completion(item).replace("\\", "\\\\")


def _is_cut(piece: str) -> bool:
    return piece != "" and set(piece) <= BREAKS


def _plain(word: str) -> str:
    """Give a word without its quotes."""
    return "".join(split_arg_string(word)[:1])


def _open_quote(word: str) -> str:
    quote = escaped = ""
    for char in word:
        if escaped:
            escaped = ""
        elif char == "\\" and quote != "'":
            escaped = char
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
    return quote


def use() -> None:
    """Have Click use these, and what is known of values."""
    learn(
        {
            "servers": shell_completion.servers,
            "rooms": shell_completion.rooms,
            "nicks": shell_completion.nicks,
            "commands": shell_completion.commands,
        }
    )
    for kind in (Bash, Zsh, Fish):
        add_completion_class(kind)
