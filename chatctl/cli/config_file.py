"""The configuration file: TOML in, checked tables out.

Does not live here: the order of precedence (config_defaults.py), which options there are (commands/).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from chatctl.errors import ChatError, reason_of

if TYPE_CHECKING:
    from pathlib import Path

SERVER_KEYS: Mapping[str, type] = {
    "host": str,
    "others": str,
    "port": int,
    "unix": str,
    "tls": bool,
    "pin": str,
    "ca": str,
    "password-file": str,
    "key": str,
    "nick": str,
    "room": str,
}
"""The keys of a named server, and their types."""

_PIPE_SECONDS = 5.0
"""Time for a pipe that is named as the file to end."""

_KINDS = {str: "a string", int: "a number", bool: "true or false"}

SHARED = "default"
"""The section that applies to every command that talks to a server. There are no keys above the sections: TOML has no
``server = "work"`` beside ``[server.work]``."""

SHARED_KEYS = ("server", *(key for key in SERVER_KEYS if key != "others"))

MAX_NUMBER = 2**63
"""TOML promises 64 bits for an integer. Python reads larger ones, which can't be printed or made a float everywhere."""

Table = dict[str, Any]
Schema = Mapping[str, Mapping[str, str]]
"""The keys of each section, and the parameter of each key."""


class ConfigError(ChatError):
    """The file can't be read, or it is not valid."""

    exit_code = 2


class Config:
    """A file's contents: the sections of commands, and the named servers. Keys are as written in the file."""

    def __init__(self) -> None:
        """Hold nothing: the contents where there is no file."""
        self.sections: dict[str, Table] = {}
        self.servers: dict[str, Table] = {}


def load(path: Path, schema: Schema) -> Config:
    """Read the file.

    Args:
        path: the file.
        schema: the keys that each section may hold.

    Raises:
        ConfigError: the file can't be read or is not valid. The text names the file, and for an unknown name the
            nearest known one.
    """
    from chatctl.common.file_reads import read_trusted

    try:
        data = read_trusted(path, wait=_PIPE_SECONDS)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {reason_of(error)}") from None
    return parse(data, path, schema)


def parse(data: bytes, path: Path, schema: Schema) -> Config:
    """Parse and check a file's contents. Raises ConfigError as ``load``."""
    import tomllib

    try:
        found = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        quotes = '; a text needs quotes: nick = "rajat"' if str(error).startswith("Invalid value") else ""
        raise ConfigError(f"{path}: {error}{quotes}") from None
    except ValueError:  # Python refuses integers of more than 4,300 digits
        raise ConfigError(f"{path}: there is a number with too many digits") from None
    except RecursionError:
        raise ConfigError(f"{path}: it is nested too deeply") from None
    config = Config()
    for name, value in found.items():
        if not isinstance(value, dict):
            raise ConfigError(f"{path}: '{name}' stands in no section: [{SHARED}] is the one for all commands")
        if name not in (SHARED, "server") and name not in schema:
            require_known(name, (SHARED, "server", *schema), f"{path}: there is no section [{name}]", "[{}]")
        if name == "server":
            config.servers.update({server: _server(table, server, path) for server, table in value.items()})
        else:
            keys = SHARED_KEYS if name == SHARED else schema[name]
            config.sections[name] = _section(value, keys, f"[{name}]", path)
    return config


def require_known(name: str, names: Collection[str], complaint: str, shape: str = "'{}'") -> None:
    """Raise ConfigError for a name that is not in ``names``, with the nearest one.

    Args:
        name: the name to check.
        names: the known names.
        complaint: the beginning of the error's text.
        shape: a format for the nearest name.
    """
    if name in names:
        return
    from difflib import get_close_matches

    names = sorted(names)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {shape.format(near[0])}?" if near else f"known are {', '.join(names)}"
    raise ConfigError(f"{complaint}: {hint}")


def _section(table: Table, keys: Collection[str], where: str, path: Path) -> Table:
    for key in table:
        require_known(key, keys, f"{path}: there is no key '{key}' in {where}")
    return {key: _value(value, f"{key} in {where}", path) for key, value in table.items()}


def _value(value: object, where: str, path: Path) -> object:
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | int | float) for item in items):
        raise ConfigError(f"{path}: {where} can be a string, a number, true, false or a list of these")
    if any(isinstance(item, int | float) and not abs(item) < MAX_NUMBER for item in items):
        raise ConfigError(f"{path}: {where} is too large a number, or none")
    return value


def _server(table: object, name: str, path: Path) -> Table:
    where = f"[server.{name}]"
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: a named server is a section of its own, as [server.work]")
    for key, value in table.items():
        require_known(key, SERVER_KEYS, f"{path}: there is no key '{key}' in {where}")
        kind = SERVER_KEYS[key]
        if type(value) is not kind:
            raise ConfigError(f"{path}: {key} in {where} has to be {_KINDS[kind]}")
        if type(value) is int and not 1 <= value <= 65535:
            raise ConfigError(f"{path}: {key} in {where} is not in the range 1 to 65535")
    return table
