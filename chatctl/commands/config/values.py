"""The values of options without a command line: from the environment, the configuration file or the defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource

from chatctl.cli.config_defaults import defaults_of, keys_of
from chatctl.cli.server_option import named_server


@dataclass(frozen=True, slots=True)
class Value:
    """An option's value, as it was written, and where it came from."""

    command: str
    key: str
    value: Any
    source: str
    instead: str = ""
    """What holds where ``value`` is None, in words; empty if nothing does."""


def values_of(ctx: click.Context, name: str) -> Iterator[Value]:
    """Yield the values that the command would run with if it were called without options.

    Click itself resolves them, as in such a run. Raises what the command would raise for a wrong value.
    """
    root = ctx.find_root()
    assert isinstance(root.command, click.Group)
    command = root.command.commands[name]
    options = {one.name: one for one in command.params if isinstance(one, click.Option)}
    with click.Context(command, parent=root, info_name=name).scope() as inner:
        for option in sorted(options.values(), key=lambda one: not one.is_eager):
            option.handle_parse_result(inner, {}, [])
        for key, param in keys_of(command).items():
            one = options[param]
            yield Value(name, key, _raw(inner, one), _source(inner, one), _default_in_words(one))


def _raw(ctx: click.Context, option: click.Option) -> Any:
    """Return the value before Click converts it."""
    value, source = option.consume_value(ctx, {})
    is_unset = source is ParameterSource.DEFAULT and not isinstance(value, str | int | float | list | tuple)
    if is_unset:
        decides_itself = not option.is_flag or option.secondary_opts  # of a pair neither was given: not set, not off
        return None if decides_itself else False
    return value


def _default_in_words(option: click.Option) -> str:
    """Return what the help says about the default of an option that has no value of its own."""
    if isinstance(option.show_default, str):
        return option.show_default
    found = re.search(r"\[default: (.*)\]$", option.help or "")
    return found[1] if found is not None else ""


def _source(ctx: click.Context, option: click.Option) -> str:
    assert option.name is not None
    named = named_server(ctx)
    if named is not None and option.name in named.used:
        return f"server {named.name}"
    match ctx.get_parameter_source(option.name):
        case ParameterSource.ENVIRONMENT:
            return str(option.envvar)
        case ParameterSource.DEFAULT_MAP:
            return str(defaults_of(ctx).path)
    return "default"
