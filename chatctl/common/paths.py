"""Paths of files and sockets that outlive a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MAX_SOCKET_NAME = 100
"""Bytes of a unix socket's path that every system accepts (Linux 107, macOS 103)."""


def state_dir() -> Path:
    """Return the state directory: ``CHATCTL_STATE_DIR``, or the platform's. Raises NoHome."""
    from pathlib import Path

    return Path(state_folder())


def state_folder() -> str:
    """Return the state directory as a string: importing pathlib takes as long as ten modules of ours. Raises NoHome."""
    if chosen := os.environ.get("CHATCTL_STATE_DIR"):
        return chosen
    if base := _linux_base("XDG_STATE_HOME", ".local/state"):
        return base
    from platformdirs import user_state_dir

    return user_state_dir("chatctl")


def _absolute(base: str) -> str:
    """Return an absolute path. Raises NoHome for what has no home directory to begin with."""
    if not os.path.isabs(base):
        from chatctl.errors import NoHome

        raise NoHome("there is no home directory for chatctl's files: set CHATCTL_STATE_DIR")
    return base


def config_file() -> str:
    """Return the default path of the configuration file. Raises NoHome."""
    if not (base := _linux_base("XDG_CONFIG_HOME", ".config")):
        from platformdirs import user_config_dir

        base = user_config_dir("chatctl")
    return os.path.join(base, "config.toml")


def _linux_base(variable: str, default: str) -> str | None:
    """Return what platformdirs returns on Linux, without the 20 ms of its import. A test compares them.

    A base that is no absolute path is none (XDG Base Directory Specification), and so is an empty home.
    """
    if not sys.platform.startswith("linux"):
        return None
    base = os.environ.get(variable, "").strip()
    if not os.path.isabs(base):
        base = _absolute(os.path.join(_home(), default))
    return os.path.join(base, "chatctl")


def _home() -> str:
    """Return the home directory; an empty string where there is none, as in containers of a UID without an account."""
    if os.path.isabs(home := os.environ.get("HOME", "")):
        return home
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def default_journal() -> Path:
    """Return the default path of a server's journal, with every symbolic link resolved. Raises NoHome."""
    from pathlib import Path

    return Path(os.path.realpath(os.path.join(state_folder(), "rooms.db")))


def own_key() -> str:
    """Return the path of the user's own key, whether or not there is one. Raises NoHome."""
    return os.path.join(state_folder(), "key")


def existing_key() -> str | None:
    """Return the path of the user's own key, or None if there is none."""
    try:
        path = own_key()
    except OSError:
        return None
    return path if os.path.lexists(path) else None


def parse_journal(text: str) -> str:
    """Return the absolute path of a journal's file, with every symbolic link resolved.

    All that lies beside the file (its write-ahead log, stamp and admin socket) is found by this path: SQLite resolves
    links, too, and a stamp beside the link would not belong to the log beside the file.

    Raises:
        ValueError: it is a URL, or a mistyped one, not a path. The text does not repeat it: it may hold a password.
    """
    scheme, is_url, _ = text.partition("://")
    if is_url and scheme.replace("+", "").replace("-", "").replace(".", "").isalnum():
        raise ValueError(f"a journal is a file or postgresql://..., and {scheme}:// is neither: name one, or none")
    from chatctl.common.journal_uri import is_mistyped

    if is_mistyped(text):
        raise ValueError("write postgresql://USER@HOST:PORT/DATABASE for a database, ./NAME for a file of such a name")
    return os.path.realpath(text)


def admin_socket(journal: Path) -> Path:
    """Return the admin socket of the server that has this journal."""
    journal = type(journal)(os.path.realpath(journal))
    return journal.with_name(journal.name + ".sock")


def admin_socket_at(port: int, unix: Path | None) -> Path:
    """Return the admin socket of a server without a journal that listens there."""
    if port or unix is None:
        return state_dir() / f"admin-{port}.sock"
    return unix.with_name(unix.name + ".admin")


@contextmanager
def reachable_socket(path: Path) -> Iterator[str]:
    """Yield a name under which a unix socket can be bound or connected, however long its path is."""
    name = str(path)
    if len(os.fsencode(name)) <= _MAX_SOCKET_NAME:
        yield name
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
