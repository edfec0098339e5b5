"""Who we are to a server: a token that only this account on this machine knows.

A token is made for each server once and kept in the state directory, readable by nobody else. It scopes message ids
and lets us take our own nickname over. Without a place to keep it we go without one.
"""

from __future__ import annotations

import contextlib
import os
import re

from chatctl.client.core.address import Address
from chatctl.common.paths import state_folder

_SHAPE = r"[0-9a-f]{32}"


def token_for(address: Address) -> str | None:
    """Give our token for a server, made now if there is none; None if it could not be kept."""
    folder = os.path.join(state_folder(), "tokens")
    path = os.path.join(folder, address.file_name)
    with contextlib.suppress(OSError):
        if found := _read(path):
            return found
        from chatctl.common.files import create_file, private_folder  # once for each server

        private_folder(folder)
        with contextlib.suppress(FileExistsError):  # of two processes at once, the first one's token is both's
            create_file(path, os.urandom(16).hex().encode() + b"\n", durable=False)  # a lost one is made anew
        return _read(path)
    return None


def _read(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            token = file.read().decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    if re.fullmatch(_SHAPE, token):
        return token
    os.unlink(path)  # cut short by a full disk: it never worked
    return None


def login_nick() -> str:
    """Give the login name, or ``guest`` where nobody has one."""
    import getpass  # most scripts say who they are

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "guest"


def new_id() -> str:
    """Give an id that nothing else has: 16 hex digits."""
    return os.urandom(8).hex()
