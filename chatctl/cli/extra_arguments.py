"""An argument that a command does not take: which options the word may be meant for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import click

from chatctl.common.journal_uri import without_password
from chatctl.errors import ChatError

LONGEST = 64
"""Characters of a word that is repeated; a longer one is no name."""


def refusal(ctx: click.Context, word: str) -> str:
    """Return the text of the usage error for ``word``, the first argument that the command of ``ctx`` does not take."""
    word = without_password(word)
    if len(word) > LONGEST:
        return f"unexpected argument {word[:LONGEST] + '...'!r}"
    meant = " or ".join(f"{option} {shlex.quote(word)}" for option in _options_for(ctx, word))
    if taken := next((param for param in ctx.command.params if isinstance(param, click.Argument)), None):
        or_use = f", or use {meant}" if meant else ""
        return f"unexpected argument {word!r}: there can be one {argument_name(taken)}{or_use}"
    return f"unexpected argument {word!r}" + (f": use {meant}" if meant else "")


def argument_name(argument: click.Argument) -> str:
    """Return what errors call an argument: its metavar without the brackets and dots of a usage line."""
    return (argument.metavar or (argument.name or "").upper()).removeprefix("[--] ").strip("[].")


def _options_for(ctx: click.Context, word: str) -> list[str]:
    """Return which of the command's options may have this value."""
    from chatctl.common.names import check_nick, check_room

    known = {name for param in ctx.command.params for name in param.opts}
    server = "--server" if "--server" in known else "--host"
    names = [name for name, check in (("--nick", check_nick), ("--room", check_room)) if _passes(check, word)]
    if "/" in word or word.endswith(".db"):
        wanted = ["--journal"]
    elif word.isdecimal():
        wanted = ["--port"] if 1024 <= int(word) <= 65535 else []
    elif re.fullmatch(r"localhost|[\d.]+|.*:.*", word) or _is_named_server(ctx, word):
        wanted = [server]
    elif "." in word:  # chat.example.org, or john.doe
        wanted = [server, *[name for name in names if name in known][:1]]
    else:
        wanted = names
    return [option for option in wanted if option in known]


def _is_named_server(ctx: click.Context, word: str) -> bool:
    from chatctl.cli.config_defaults import defaults_of

    return word in defaults_of(ctx).config.servers


def _passes(check: Callable[[str], str], word: str) -> bool:
    try:
        check(word)
    except ChatError:
        return False
    return True
