"""``chatctl key``: the key that names are bound to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from chatctl.cli.help_pages import Group
from chatctl.cli.output import emit, note
from chatctl.common.text import clean
from chatctl.errors import ChatError

if TYPE_CHECKING:
    from pathlib import Path


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def key(ctx: click.Context) -> None:
    """Create the key that reserves your nicknames.

    The key is created once, in the state directory, and used by every command that has a nickname: on servers that
    reserve names, the first join with a nickname binds it to the key. It has no passphrase; for a key that has one, run
    'ssh-keygen -t ed25519' and use --key PATH, or --key agent. Whoever has a copy of the file can use your names. If
    you lose it, an operator has to release them.

    \b
    Examples:
      chatctl key
      chatctl key show
      chatctl join --key ~/.ssh/id_ed25519
      chatctl join --key agent

    \b
    Exit codes:
      0 created, or exists already   1 can't write or read it   2 usage

    \b
    Environment:
      CHATCTL_STATE_DIR   its folder, instead of the platform's
    """
    if ctx.invoked_subcommand is not None:
        return
    from chatctl.client.security.key_files import make_key, read_key

    path = _path()
    if os.path.lexists(path):
        note(f"there is one already: {path}")
        public = read_key(path, wait=0).public
    else:
        public = make_key(path).public
        note(f"kept in {path}: keep a copy in a safe place")
    _print(public)


@key.command()
def show() -> None:
    """Print the public key and its fingerprint, as OpenSSH does.

    \b
    Example:
      chatctl key show

    \b
    Exit codes:
      0 done   1 there is none, or it can't be read   2 usage

    \b
    Environment:
      CHATCTL_STATE_DIR   its folder, instead of the platform's
    """
    from chatctl.client.security.key_files import read_key

    path = _path()
    if not os.path.lexists(path):
        raise ChatError("there is no key yet: make one with 'chatctl key'")
    _print(read_key(path, wait=0).public)


def _path() -> Path:
    from pathlib import Path

    from chatctl.common.paths import own_key

    return Path(own_key())


def _print(public: bytes) -> None:
    from chatctl.client.identity import login_nick
    from chatctl.client.security.key_files import public_line
    from chatctl.common import fingerprints

    emit(clean(public_line(public, login_nick())))  # login_nick returns what LOGNAME says, unchecked
    emit(fingerprints.of_key(public))
