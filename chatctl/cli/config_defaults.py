"""How the configuration file reaches Click: as the defaults of each command, read when the first one is asked for.

Flag over ``CHATCTL_*`` over the file over the default: Click's own order, with ``default_map``. ``--help`` and
completion never read the file, so that they work while it is broken.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.cli.config_file import Config, Schema

NOT_SHARED = ("serve", "bench")
"""Commands that the section [default] is not for: where a server listens, and which one is put under load, must
be said."""


NOT_HANDED_ON = ("server", "tls", "pin", "ca", "password_file", "key_file")
"""Options that commands know nothing of, and the file may hold all the same."""


class BadConfig(click.ClickException):
    """The file is in the way of a command: a usage error, whatever code that command has for them."""

    exit_code = 2

    def __init__(self, message: str, ctx: click.Context | None) -> None:
        """Keep which command it was."""
        super().__init__(message)
        self.ctx = ctx


class Section:
    """What the file says for one command, as Click looks at a ``default_map``."""

    def __init__(self, read: Callable[[], dict[str, Any]]) -> None:
        """Read nothing yet."""
        self._read = cache(read)

    def __contains__(self, name: str) -> bool:
        return name in self._values()

    def __getitem__(self, name: str) -> Any:
        return self._values()[name]

    def _values(self) -> dict[str, Any]:
        ctx = click.get_current_context(silent=True)
        if ctx is not None and ctx.resilient_parsing:  # --help shows the defaults, completion asks for nothing
            return {}
        return self._read()


class Keys(Mapping[str, Mapping[str, str]]):
    """The keys of each command that has options. Looking at one command's loads that command alone."""

    def __init__(self, commands: Mapping[str, click.Command]) -> None:
        """Look at these."""
        self._commands = commands

    def __getitem__(self, name: str) -> Mapping[str, str]:
        if keys := keys_of(self._commands[name]):
            return keys
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._commands if keys_of(self._commands[name]))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Defaults:
    """The group's ``default_map``: a section for each command. The file is read when a value is asked for."""

    def __init__(self, group: click.Group, path: str | None) -> None:
        """Use the file ``path``, which then has to be there, or the one of the platform."""
        self._group = group
        self._chosen = path

    @cached_property
    def path(self) -> Path:
        """Give where the file is, or would be."""
        from pathlib import Path

        return Path(self._where())

    def _where(self) -> str:
        from chatctl.common.paths import config_file

        return self._chosen if self._chosen is not None else config_file()

    def _is_there(self) -> bool:
        """Tell whether there is a file to be read, even if that fails: a chosen one has to be there.

        The home of a service account may be anything, or somebody else's.
        """
        return self._chosen is not None or os.path.exists(self._where())

    @property
    def schema(self) -> Schema:
        """Give what each section may hold: the commands' own options."""
        return Keys(self._group.commands)

    @cached_property
    def config(self) -> Config:
        """Give what the file holds; nothing where there is none. Raises BadConfig."""
        from chatctl.cli.config_file import Config, ConfigError, load

        try:
            return load(self.path, self.schema) if self._is_there() else Config()
        except ConfigError as error:
            raise BadConfig(error.text, click.get_current_context(silent=True)) from None

    def section(self, name: str) -> dict[str, Any]:
        """Give what the file says for a command, under the names of its parameters. Raises BadConfig."""
        from chatctl.cli.config_file import SHARED

        keys = keys_of(self._group.commands[name])
        own = self.config.sections.get(name, {})
        shared = {} if name in NOT_SHARED else self.config.sections.get(SHARED, {})
        if "server" in own:  # it goes over all that is said for every command
            shared = {}
        chosen = {key: value for key, value in shared.items() if key in keys} | own
        return {keys[key]: value for key, value in chosen.items()}

    def get(self, name: str) -> Section | None:
        """Give a command's section; None for one without options."""
        command = self._group.commands.get(name)
        return Section(lambda: self.section(name)) if command is not None and keys_of(command) else None

    def __contains__(self, name: str) -> bool:
        return False  # the group's own options are not for the file


def keys_of(command: click.Command) -> dict[str, str]:
    """Give the keys that a command's section may hold (its options' long names), and the parameters they are."""
    found = {}
    for option in command.params:
        if isinstance(option, click.Option) and option.name and (option.expose_value or option.name in NOT_HANDED_ON):
            longest = max(option.opts, key=len)
            found[longest.lstrip("-")] = option.name
    return found


def defaults_of(ctx: click.Context) -> Defaults:
    """Give the defaults of this run."""
    found: object = ctx.find_root().default_map
    assert isinstance(found, Defaults), "the group's --config puts them there"
    return found


def use_config(ctx: click.Context, _param: click.Parameter, path: str | None) -> None:
    """``--config``: take a command's defaults from a file."""
    assert isinstance(ctx.command, click.Group)
    ctx.default_map = Defaults(ctx.command, path)  # type: ignore[assignment]  # as much of a mapping as Click uses


def config_option() -> click.Option:
    """``--config`` of the group. Eager: the defaults are there before anything is parsed."""
    return click.Option(
        ["--config"],
        type=click.Path(),
        metavar="PATH",
        envvar="CHATCTL_CONFIG",
        is_eager=True,
        expose_value=False,
        callback=use_config,
        help="Configuration file.  [default: the one that 'chatctl config path' names]",
    )


def origin(error: click.ClickException) -> str | None:
    """Give the file that a wrong value came from, if that is where it came from."""
    if not isinstance(error, click.BadParameter) or error.ctx is None or error.param is None or not error.param.name:
        return None
    if error.ctx.get_parameter_source(error.param.name) is not ParameterSource.DEFAULT_MAP:
        return None
    return str(defaults_of(error.ctx).path)
