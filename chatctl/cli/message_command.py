"""A command whose argument is a message: it may begin with a dash, and a shell may have cut it into words."""

from __future__ import annotations

from typing import NoReturn

import click

from chatctl.cli.help_pages import Command


class MessageCommand(Command):
    """Its usage errors say how to write such a message."""

    def refuse_option(self, ctx: click.Context, error: click.NoSuchOption, given: list[str]) -> NoReturn:
        """Refuse an option that this command does not have. Raises UsageError."""
        from chatctl.cli.option_hints import meant_by

        dash = f"{error.option_name!r}: put -- before a message that begins with a dash"
        ctx.fail(f"No such option {meant_by(ctx, error, given) or dash}")

    def refuse_extra(self, ctx: click.Context, word: str) -> NoReturn:
        """Refuse a second argument. Raises UsageError."""
        has_choices = any("--choice" in param.opts for param in self.params)
        choices = ", and --choice before each choice" if has_choices else ""
        ctx.fail(f"one message is one argument, and {word!r} is another one: put the message in quotes{choices}")
