"""What ``config show`` prints: lines of JSON, or a file of the same form as the configuration file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from chatctl.cli.config_defaults import Defaults
from chatctl.cli.output import json_text
from chatctl.commands.config.values import Value
from chatctl.common.file_reads import absence
from chatctl.common.text import clean
from chatctl.errors import NoHome, reason_of


def json_line(one: Value) -> str:
    """Return a value as one JSON object; ``default`` says in words what holds where there is none."""
    found = {"command": one.command, "option": one.key, "value": one.value, "source": one.source}
    return json_text(found | ({"default": one.instead} if one.value is None and one.instead else {}))


def toml_lines(defaults: Defaults, values: Sequence[Value]) -> Iterator[str]:
    """Yield the named servers and the values as TOML; comments say where each value came from."""
    try:
        yield f"# {clean(str(defaults.path))}{_missing(defaults.path)}"
    except NoHome:
        yield "# there is no home directory, and so no file; CHATCTL_CONFIG can name one"
    for name, table in defaults.config.servers.items():
        yield f"\n[server.{_toml_key(name)}]"
        yield from (f"{key} = {_toml(value)}" for key, value in table.items())
    for index, one in enumerate(values):
        if index == 0 or values[index - 1].command != one.command:
            yield f"\n[{one.command}]"
        if one.value is None:
            yield f"# {one.key} is not set" + (f": {one.instead}" if one.instead else "")
        else:
            yield f"{f'{one.key} = {_toml(one.value)}':<40} # {clean(one.source)}"


def _missing(path: Path) -> str:
    error = absence(path)
    if error is None:
        return ""
    return " (there is no such file)" if isinstance(error, FileNotFoundError) else f" ({reason_of(error)})"


def _toml(value: Any) -> str:
    """Return a value as TOML. Its strings are those of JSON, but for DEL."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return json_text(value)


def _toml_key(name: str) -> str:
    return name if name.isascii() and name.replace("-", "").replace("_", "").isalnum() else _toml(name)
