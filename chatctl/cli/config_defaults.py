"""The configuration file as Click's ``default_map``: read when a command first asks for a default.

Flag over ``CHATCTL_*`` over the file over the default: Click's own order. ``--help`` and completion never read the
file, so that they work while it is broken. Does not live here: what the file may hold (config_file.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from chatctl.errors import NoHome

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.cli.config_file import Config, Schema

NOT_SHARED = ("serve", "bench")
"""Commands that ignore the section [default]: where a server listens, and which one is put under load, must be said."""


class BadConfig(click.ClickException):
    """The file can't be used: a usage error of the command that needs it."""

    exit_code = 2

    def __init__(self, message: str, ctx: click.Context | None) -> None:
        """Keep the command's context: a command may have an exit code of its own for usage errors."""
        super().__init__(message)
        self.ctx = ctx


class Section:
    """A command's values in the file, with the part of a mapping that Click uses of a ``default_map``."""

    def __init__(self, read: Callable[[], dict[str, Any]]) -> None:
        """Call ``read`` at the first access."""
        self._read = cache(read)

    def __contains__(self, name: str) -> bool:
        return name in self._values()

    def __getitem__(self, name: str) -> Any:
        return self._values()[name]

    def _values(self) -> dict[str, Any]:
        ctx = click.get_current_context(silent=True)
        if ctx is not None and ctx.resilient_parsing:  # --help shows the built-in defaults, completion needs none
            return {}
        return self._read()


class CommandKeys(Mapping[str, Mapping[str, str]]):
    """The keys of each command that has options. Access to one command's keys loads that command alone."""

    def __init__(self, commands: Mapping[str, click.Command]) -> None:
        """Load none of the commands."""
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
    """The group's ``default_map``: a ``Section`` for each command."""

    def __init__(self, group: click.Group, path: str | None) -> None:
        """Use the file ``path``, which then has to exist; with None the platform's, if it exists."""
        self._group = group
        self._chosen = path

    @cached_property
    def path(self) -> Path:
        """The file, whether or not it exists."""
        from pathlib import Path

        return Path(self._name)

    @cached_property
    def _name(self) -> str:
        from chatctl.common.paths import config_file

        return self._chosen if self._chosen is not None else config_file()

    @property
    def schema(self) -> Schema:
        """What each section may hold: the options of its command."""
        return CommandKeys(self._group.commands)

    @cached_property
    def config(self) -> Config:
        """The file's contents; empty without a file. Raises BadConfig."""
        from chatctl.cli.config_file import Config, ConfigError, load

        # Not Path.exists: the home of a service account may be somebody else's, and that is no error.
        if self._chosen is None and not self._is_there():
            return Config()
        try:
            return load(self.path, self.schema)
        except ConfigError as error:
            raise BadConfig(error.text, click.get_current_context(silent=True)) from None

    def _is_there(self) -> bool:
        try:
            return os.path.exists(self._name)
        except NoHome:
            return False

    def section(self, name: str) -> dict[str, Any]:
        """Return the file's values for a command, by parameter. Raises BadConfig."""
        from chatctl.cli.config_file import SHARED

        keys = keys_of(self._group.commands[name])
        own = self.config.sections.get(name, {})
        shared = {} if name in NOT_SHARED else self.config.sections.get(SHARED, {})
        if "server" in own:  # overrides all that [default] says
            shared = {}
        chosen = {key: value for key, value in shared.items() if key in keys} | own
        return {keys[key]: value for key, value in chosen.items()}

    def get(self, name: str) -> Section | None:
        """Return a command's section; None for a command without options."""
        command = self._group.commands.get(name)
        return Section(lambda: self.section(name)) if command is not None and keys_of(command) else None

    def __contains__(self, name: str) -> bool:
        return False  # the group's own options are not for the file


def keys_of(command: click.Command) -> dict[str, str]:
    """Return the keys that a command's section may hold, its options' long names, and the parameter of each."""
    options = [one for one in command.params if isinstance(one, click.Option)]
    return {max(option.opts, key=len).lstrip("-"): option.name for option in options if option.name}


def defaults_of(ctx: click.Context) -> Defaults:
    """Return the defaults of this run."""
    found: object = ctx.find_root().default_map
    assert isinstance(found, Defaults), "the group's --config sets them"
    return found


def use_config(ctx: click.Context, _param: click.Parameter, path: str | None) -> None:
    """``--config``: take the commands' defaults from a file."""
    assert isinstance(ctx.command, click.Group)
    ctx.default_map = Defaults(ctx.command, path)  # type: ignore[assignment]  # as much of a mapping as Click uses


def config_option() -> click.Option:
    """``--config`` of the group. Eager: the defaults are set before anything else is parsed."""
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
    """Return the configuration file if the wrong value came from there; else None."""
    if not isinstance(error, click.BadParameter) or error.ctx is None or error.param is None or not error.param.name:
        return None
    if error.ctx.get_parameter_source(error.param.name) is not ParameterSource.DEFAULT_MAP:
        return None
    return str(defaults_of(error.ctx).path)
