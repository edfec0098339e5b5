"""A command whose argument is a message: it may begin with a dash, and a shell may have cut it into words."""

from __future__ import annotations

import click

from chatctl.cli.help_pages import Command


class MessageCommand(Command):
    """Its usage errors say how to write such a message."""

    allow_extra_args = True  # looked at below

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse ``args`` into ``ctx``. Raises UsageError."""
        try:
            rest = super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.possibilities:
                raise
            ctx.fail(f"no such option {error.option_name!r}: put -- before a message that begins with a dash")
        if rest and not ctx.resilient_parsing:
            ctx.fail(f"one message is one argument, and {rest[0]!r} is another one: put the message in quotes")
        return rest
