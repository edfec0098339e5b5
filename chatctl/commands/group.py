"""The group whose members are loaded when they are asked for: a command pays for its own module alone.

``commands`` is a whole mapping all the same: whoever walks it, for man pages or for the docs, gets every command.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Members(MutableMapping[str, click.Command]):
    """Commands by name. The command ``send`` is what ``chatctl/commands/send.py`` calls ``send``."""

    def __init__(self, helps: Mapping[str, str]) -> None:
        """Load nothing; ``helps`` has each one's name, and the first sentence of its help."""
        self.helps = dict(helps)
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded and name in self.helps:
            from importlib import import_module

            self._loaded[name] = getattr(import_module(f"chatctl.commands.{name}"), name)
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self.helps[name] = command.get_short_help_str(limit=1000)
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self.helps[name]
        self._loaded.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self.helps

    def __iter__(self) -> Iterator[str]:
        return iter(self.helps)

    def __len__(self) -> int:
        return len(self.helps)


class LightGroup(click.Group):
    """A group that shows its members' help without loading them."""

    commands: Members

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command's name and short help."""
        names = self.list_commands(ctx)
        limit = formatter.width - 6 - max(map(len, names))  # as Click has it
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._short_help(name, limit)) for name in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Give the commands, and the group's own options, that begin so."""
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        own = click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=self._short_help(name)) for name in names] + own

    def _short_help(self, name: str, limit: int = 45) -> str:
        return click.Command(name, help=self.commands.helps[name]).get_short_help_str(limit)
