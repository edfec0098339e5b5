"""The configuration file: where it is, what it may hold, which server a name in it stands for.

Lives here: TOML in, checked tables out. Does not live here: what is stronger than what (commands/config_defaults.py),
which options there are (commands/).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatctl.errors import ChatError
from chatctl.places import config_dir

SERVER_KEYS: Mapping[str, type] = {"host": str, "port": int, "unix": str, "nick": str, "room": str}
"""What a named server may say."""

SHARED = "default"
"""The section for each command that talks to a server. There are no keys above the sections: TOML has no
``server = "work"`` beside ``[server.work]``."""

SHARED_KEYS = ("server", *SERVER_KEYS)

Table = dict[str, Any]
Schema = Mapping[str, Mapping[str, str]]
"""For each section its keys, and under which name the command knows them."""


class ConfigError(ChatError):
    """The file can't be read, or holds what can't be."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Config:
    """A file's contents. Keys of ``sections`` are as they stand in the file."""

    path: Path
    sections: dict[str, Table] = field(default_factory=dict)
    servers: dict[str, Table] = field(default_factory=dict)


def default_path() -> Path:
    """Give where the file is if nothing says otherwise."""
    return config_dir() / "config.toml"


def load(path: Path, schema: Schema, *, must_exist: bool = True) -> Config:
    """Read the file.

    Args:
        path: the file.
        schema: what each section may hold.
        must_exist: whether no file is an error; else it is an empty one.

    Raises:
        ConfigError: the text names the file, and the nearest known name for an unknown one.
    """
    if not must_exist and not _is_there(path):
        return Config(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    return parse(data, path, schema)


def _is_there(path: Path) -> bool:
    """Tell whether there is a file for us. The home of a service account may be anything, or somebody else's."""
    try:
        path.stat()
    except OSError:
        return False
    return True


def parse(data: bytes, path: Path, schema: Schema) -> Config:
    """Read a file's contents. Raises as ``load``."""
    import tomllib

    try:
        found = tomllib.loads(data.decode())
    except ValueError as error:  # not TOML, or not UTF-8
        raise ConfigError(f"{path}: {error}") from None
    config = Config(path)
    known_keys: Mapping[str, Iterable[str]] = {SHARED: SHARED_KEYS, "server": (), **schema}
    for name, value in found.items():
        if not isinstance(value, dict):
            raise ConfigError(f"{path}: '{name}' stands in no section: [{SHARED}] is the one for all commands")
        known(name, known_keys, f"{path}: there is no section [{name}]", "[{}]")
        if name == "server":
            config.servers.update({server: _server(table, server, path) for server, table in value.items()})
        else:
            config.sections[name] = _section(value, known_keys[name], f"[{name}]", path)
    return config


def known(name: str, names: Iterable[str], complaint: str, shape: str = "'{}'") -> None:
    """Raise ConfigError for a name that is none of ``names``, with the nearest one."""
    from difflib import get_close_matches

    names = sorted(names)
    if name in names:
        return
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {shape.format(near[0])}?" if near else f"known are {', '.join(names)}"
    raise ConfigError(f"{complaint}: {hint}")


def _section(table: Table, keys: Iterable[str], where: str, path: Path) -> Table:
    for key in table:
        known(key, keys, f"{path}: there is no key '{key}' in {where}")
    return {key: _value(value, f"{key} in {where}", path) for key, value in table.items()}


def _value(value: object, where: str, path: Path) -> object:
    items = value if isinstance(value, list) else [value]
    if all(isinstance(item, str | int | float) for item in items):
        return value
    raise ConfigError(f"{path}: {where} can be a string, a number, true, false or a list of these")


def _server(table: object, name: str, path: Path) -> Table:
    where = f"[server.{name}]"
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: a named server is a section of its own, as [server.work]")
    for key, value in table.items():
        known(key, SERVER_KEYS, f"{path}: there is no key '{key}' in {where}")
        kind = SERVER_KEYS[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ConfigError(f"{path}: {key} in {where} has to be a {'number' if kind is int else 'string'}")
        if isinstance(value, int) and not 1 <= value <= 65535:
            raise ConfigError(f"{path}: {key} in {where} is not in the range 1 to 65535")
    return table
