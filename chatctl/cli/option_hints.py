"""An option that a command does not have: which one the word may be meant for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import click

NEAR = 0.7
"""How alike (0 to 1, by difflib) a known option is that is shown for another one: less is chance."""


def meant_by(ctx: click.Context, error: click.NoSuchOption, given: Sequence[str]) -> str:
    """Return what to write instead of the option that the command of ``ctx`` does not have; empty if nothing is near.

    Args:
        ctx: of the command.
        error: Click's; of ``-nick`` and ``-20`` it has the first letter alone.
        given: the command's arguments.
    """
    name, options = error.option_name, [one for one in ctx.command.params if isinstance(one, click.Option)]
    known = {one for option in options for one in (*option.opts, *option.secondary_opts)}
    if words := sorted(known & {f"-{word.partition('=')[0]}" for word in given}):
        return f"{words[0][1:]!r}: write {words[0]}"
    number = next((word for word in given if re.fullmatch(r"-\d+", word) and word.startswith(name)), None)
    if number is not None and "-n" in known:
        return f"{number!r}: write -n {number[1:]}"
    if ctx.parent is not None and any(name in param.opts for param in ctx.find_root().command.params):
        return f"{name!r}: write it before the command, chatctl {name} ... {ctx.info_name}"
    if near := nearest(name, known):
        return f"{name!r}: did you mean '{near}'?"
    if re.fullmatch(r"-[a-z]", name) and name in given:
        long = [option.opts[0] for option in options if option.opts[0].startswith(f"-{name}")]
        if len(long) == 1:
            return f"{name!r}: write {long[0]}"
    if isinstance(ctx.command, click.Group):
        return f"{name!r} before a command: the options of a command come after its name"
    return ""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known option that is most like this one; empty if none is near. Dashes make nothing alike."""
    from difflib import get_close_matches

    plain = {option.lstrip("-"): option for option in known if option.startswith("--")}
    found = get_close_matches(name.lstrip("-"), plain, n=1, cutoff=NEAR) if name.startswith("--") else []
    return plain[found[0]] if found else ""
