"""Click's completion for bash, zsh and fish, with what Click leaves out: words cut by bash, ``--option=value``, quotes.

The scripts that a shell loads are Click's own (completions/). They ask this code for one line per value and know no
quotes: zsh and fish quote what they insert, bash inserts it as it is. Does not live here: which values there are
(completion_values.py).
"""

from __future__ import annotations

import os
import re
import shlex
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from chatctl.cli.completers import Completer, set_completers

BREAKS = frozenset("=:@")
"""Characters of COMP_WORDBREAKS at which bash cuts a word for readline, and which may stand within our words."""


class OptionValues(ShellComplete):
    """Mixin: keeps the words before the cursor in the context's ``obj``, completes ``--option=value`` whole."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Return what can be inserted, without quotes."""
        self.ctx_args["obj"] = list(args)
        option, equals, _ = incomplete.partition("=")
        prefix = option + equals if equals and option.startswith("--") else ""
        found = super().get_completions(args, incomplete)
        for item in found:
            if item.type == "plain":
                item.value = prefix + item.value
        return found


class Zsh(OptionValues, ZshComplete):
    """zsh needs nothing else."""


class Fish(OptionValues, FishComplete):
    """fish: its script cuts a value at the first comma, so values with one are left out."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Return what can be inserted."""
        return [item for item in super().get_completions(args, incomplete) if "," not in item.value]


class Bash(OptionValues, BashComplete):
    """bash: the words it has cut are joined, and the values are quoted."""

    _head = ""
    """The part of the word before the last cut, which readline keeps."""
    _quote = ""
    """The open quote at the cursor; empty without one."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the whole words before the cursor, and the one at it."""
        if "\n" not in os.environ["COMP_WORDS"]:  # not called by the script, which always sends two words
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
        self._head = _unquoted(head.removesuffix("@"))  # bash cuts there, and readline replaces the "@" too
        return [_unquoted(word) for word in words[2:-1]], _unquoted(words[-1])

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Return the part of each value that readline inserts."""
        found = []
        for item in super().get_completions(args, incomplete):
            if item.type != "plain":
                found.append(item)
            elif item.value.startswith(self._head) and "," not in item.value and self._fits_quote(item.value):
                item.value = self._quoted(item.value[len(self._head) :])
                found.append(item)
        return found

    def _fits_quote(self, value: str) -> bool:
        forbidden = {"": "", "'": "'", '"': '"$`\\!'}[self._quote]
        return not set(value) & set(forbidden)

    def _quoted(self, value: str) -> str:
        if self._quote:
            return value  # bash closes the quote
        return value if re.fullmatch(r"[\w./:=@%+-]*", value) else shlex.quote(value)

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return a line for the script, whose ``read`` removes one level of backslashes."""
        return super().format_completion(item).replace("\\", "\\\\")


def _is_cut(piece: str) -> bool:
    return piece != "" and set(piece) <= BREAKS


def _unquoted(word: str) -> str:
    """Return a word without its quotes."""
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


def install() -> None:
    """Replace Click's completion classes by these, and have values completed."""
    set_completers(_complete)
    for kind in (Bash, Zsh, Fish):
        add_completion_class(kind)


def _complete(kind: str, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from chatctl.cli import completion_values

    complete: Completer = getattr(completion_values, kind)
    return complete(ctx, param, incomplete)
