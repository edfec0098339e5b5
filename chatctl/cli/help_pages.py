"""What ``--help`` shows, and in which order: usage, summary, examples, text, options in groups, codes, variables.

Click prints a help text as it stands, then all options as one list. These classes print the parts of the same text
around the options, and ``option_group`` gives a list of options a heading.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar, cast

import click

F = TypeVar("F", bound=Callable[..., Any])

EXAMPLES = ("Example:", "Examples:")
AFTER_OPTIONS = ("Exit codes:", "Environment:")
"""Blocks of a help text whose first line is one of these are printed above the text or below the options."""

UNGROUPED = "Options"
COLUMN = 30
"""The widest column of option names, as Click has it: a longer name gets a line of its own."""

_GROUP = "chatctl_group"
_RARE = "chatctl_is_rare"


def option_group(title: str, *options: Callable[[F], F], rare: bool = False) -> Callable[[F], F]:
    """Combine options into one decorator. ``--help`` shows them in this order, below ``title``.

    Args:
        title: the heading, without a colon.
        options: decorators made by ``click.option``.
        rare: show them in ``--help-all`` only.
    """

    def decorate(command: F) -> F:
        before = len(_params(command))
        for option in reversed(options):
            command = option(command)
        for param in _params(command)[before:]:
            setattr(param, _GROUP, title)
            setattr(param, _RARE, rare)
        return command

    return decorate


def _params(function: Callable[..., Any]) -> list[click.Parameter]:
    """Return the parameters that Click's decorators have left on ``function``, the last one first."""
    return cast("list[click.Parameter]", getattr(function, "__click_params__", []))


def group_of(param: click.Parameter) -> str:
    """Return the heading that ``param`` is shown below."""
    return cast("str", getattr(param, _GROUP, UNGROUPED))


def is_rare(param: click.Parameter) -> bool:
    """Return whether ``--help`` leaves ``param`` out."""
    return cast("bool", getattr(param, _RARE, False))


def help_blocks(command: click.Command) -> list[str]:
    r"""Return the paragraphs of a command's help text; one that starts with ``\b`` keeps its lines."""
    return re.split(r"\n{2,}", inspect.cleandoc(command.help or ""))


def heading_of(block: str) -> str:
    """Return the first line of a block that keeps its lines; empty for others."""
    return block.split("\n", 2)[1] if block.startswith("\b\n") else ""


def grouped_records(ctx: click.Context, params: Iterable[click.Parameter]) -> dict[str, list[tuple[str, str]]]:
    """Return the names and the help of the options among ``params``, by heading, in the order of first appearance."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for param in params:
        if isinstance(param, click.Option) and (record := param.get_help_record(ctx)):
            groups.setdefault(group_of(param), []).append(record)
    return groups


def full_help(ctx: click.Context) -> str:
    """Return the text of ``--help-all``, which for most commands is that of ``--help``."""
    ctx.meta[_RARE] = True
    return ctx.get_help()


class Command(click.Command):
    """A command with such a help page, and ``--help-all`` if one of its options is rare."""

    allow_extra_args = True  # ``refuse_extra`` has a better message than Click
    _help_all: click.Option | None = None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse ``args`` into ``ctx``. Raises UsageError, which names the command whose help is to be read."""
        given = list(args)
        try:
            rest = super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            if isinstance(error, click.NoSuchOption):
                self.refuse_option(ctx, error, given)
            if isinstance(error, click.BadOptionUsage) and (choices := self._choices_of(error.option_name)):
                ctx.fail(f"{error.message.rstrip('.')}: write {error.option_name} {choices}")
            raise
        if rest and not ctx.resilient_parsing and not isinstance(self, click.Group):
            self.refuse_extra(ctx, rest[0])
        return rest

    def refuse_option(self, ctx: click.Context, error: click.NoSuchOption, given: list[str]) -> NoReturn:
        """Refuse an option among the arguments ``given`` that this command does not have. Raises UsageError."""
        from chatctl.cli.option_hints import meant_by

        ctx.fail(f"No such option {meant_by(ctx, error, given) or repr(error.option_name)}")

    def _choices_of(self, name: str) -> str:
        """Return the choices of an option, as they are written; empty if it takes something else."""
        types = [param.type for param in self.params if name in param.opts]
        return "|".join(str(one) for kind in types if isinstance(kind, click.Choice) for one in kind.choices)

    def refuse_extra(self, ctx: click.Context, word: str) -> NoReturn:
        """Refuse ``word``, the first argument that this command does not take. Raises UsageError."""
        from chatctl.cli.extra_arguments import refusal

        ctx.fail(refusal(ctx, word))

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return all parameters, those of Click itself included."""
        params = super().get_params(ctx)
        if any(map(is_rare, self.params)):
            if self._help_all is None:  # parsing looks it up by identity
                self._help_all = _help_all_option()
            params = [*params, self._help_all]
        return params

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the page."""
        summary, *blocks = help_blocks(self)
        examples = [block for block in blocks if heading_of(block) in EXAMPLES]
        below = [block for block in blocks if heading_of(block) in AFTER_OPTIONS]
        text = [block for block in blocks if block not in examples and block not in below]
        self.format_usage(ctx, formatter)
        with formatter.indentation():
            _write_blocks(formatter, [summary, *examples, *text])
        self.format_options(ctx, formatter)
        _write_blocks(formatter, below)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options below their headings, in one column."""
        shown = [param for param in self.get_params(ctx) if ctx.meta.get(_RARE) or not is_rare(param)]
        groups = grouped_records(ctx, shown)
        width = min(COLUMN, max((len(name) for rows in groups.values() for name, _ in rows), default=0))
        for title, rows in groups.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])


class Group(Command, click.Group):
    """A group of commands with such help pages."""

    command_class = Command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the commands."""
        Command.format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


def _write_blocks(formatter: click.HelpFormatter, blocks: list[str]) -> None:
    if blocks:
        formatter.write_paragraph()
        formatter.write_text("\n\n".join(blocks))


def _help_all_option() -> click.Option:
    def show(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            click.echo(full_help(ctx))
            ctx.exit()

    return click.Option(
        ["--help-all"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Show the rare limits too, and exit.",
    )
