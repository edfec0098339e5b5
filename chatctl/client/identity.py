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

    Servers of the same rooms have the same token, so that whoever goes from one to another is the same there.

    Raises:
        ChatError: others can read or change it.
    """
    token: str | None = None
    missing: list[str] = []
    with contextlib.suppress(OSError):
        folder = os.path.join(state_folder(), "tokens")
        for path in [os.path.join(folder, one.file_name) for one in address.each]:
            with contextlib.suppress(OSError):
                found = _read(path)
                token = token or found
                missing += [] if found else [path]
    for path in missing:
        with contextlib.suppress(OSError):
            token = _create(path, token) or token
    return token


def _create(path: str, token: str | None) -> str | None:
    """Keep a token in a new file; of two processes at once, the first one's is both's."""
    from chatctl.common.files import create_file, private_folder  # once for each server

    private_folder(os.path.dirname(path))
    token = token or os.urandom(16).hex()
    with contextlib.suppress(FileExistsError):
        create_file(path, token.encode() + b"\n", durable=False)  # a lost one is made anew
    return _read(path)


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
