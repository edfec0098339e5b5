"""Who we are to a server: the login name, and a token that only this account on this machine knows.

A token is made once for each server and kept in the state directory, readable by nobody else. It is the scope of
message ids, and lets us take over our own nickname. If it can't be kept, there is none.
"""

from __future__ import annotations

import contextlib
import os
import re

from chatctl.client.core.address import Address
from chatctl.common.file_reads import insist_private, read_file
from chatctl.common.paths import state_folder
from chatctl.protocol import VERSION, Hello

_SHAPE = r"[0-9a-f]{32}"
_MOST = 4096


def token_for(address: Address) -> str | None:
    """Return our token for a server, made now if there is none; None if it could not be kept.

    Raises:
        ChatError: others can read or change it.
    """
    with contextlib.suppress(OSError):
        folder = os.path.join(state_folder(), "tokens")
        path = os.path.join(folder, address.file_name)
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
        data = read_file(path, most=_MOST, check=lambda found: insist_private(path, found))
    except FileNotFoundError:
        return None
    token = data.decode("ascii", "replace").strip()
    if re.fullmatch(_SHAPE, token):
        return token
    os.unlink(path)  # cut short by a full disk: it never worked
    return None


def post_hello(address: Address, room: str, nick: str, token: str | None = None) -> Hello:
    """Return the hello that enters ``room`` to post.

    Without a kept ``token``, one of this process alone is enough to say a message once within it.
    """
    token = token or token_for(address) or os.urandom(16).hex()
    return Hello(v=VERSION, nick=nick, room=room, mode="post", token=token)


def login_nick() -> str:
    """Return the login name; ``guest`` where there is none."""
    import getpass  # most scripts name their nickname

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "guest"
