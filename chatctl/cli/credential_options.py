"""``--password-file``, ``--key`` and ``CHATCTL_PASSWORD``: what a command can prove of the person who runs it.

A password is never on the command line: everybody on the machine could read it there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from chatctl.cli import password_variable
from chatctl.cli.password_variable import PASSWORD
from chatctl.cli.server_option import FromServer

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.client.security.credentials import Credentials

F = TypeVar("F", bound=Callable[..., Any])

PASSWORD_FILE = f"{PASSWORD}_FILE"


def credential_options() -> tuple[Callable[[F], F], ...]:
    """``--password-file`` and ``--key``; their values are for ``credentials_of``."""
    return (
        click.option(
            "--password-file",
            cls=FromServer,
            type=click.Path(),
            metavar="PATH",
            envvar=PASSWORD_FILE,
            help=f"File whose first line is the password, instead of {PASSWORD}.",
        ),
        click.option(
            "--key",
            "key_file",
            cls=FromServer,
            type=click.Path(),
            metavar="PATH|agent|none",
            envvar="CHATCTL_KEY",
            help="Your key: an OpenSSH Ed25519 key file, agent[:FINGERPRINT], or none.  [default: the one of 'chatctl "
            "key', if it exists]",
        ),
    )


def credentials_of(ctx: click.Context, password_file: str | None, key: str | None) -> Credentials | None:
    """Return what the options and the environment let us prove; None if nothing. No file is read yet."""
    password, path = password_source(password_file, ctx.get_parameter_source("password_file"))
    if password is None and path is None and (key == "none" or (key is None and not _has_own_key())):
        return None
    from chatctl.client.core.remedies import Options
    from chatctl.client.security.credentials import Credentials

    wait = ctx.params.get("timeout")
    return Credentials(password=password, password_file=path, key=key, wait=wait, remedies=Options)


def password_source(path: str | None, source: ParameterSource | None) -> tuple[str | None, Path | None]:
    """Return the password of the environment, or the file that takes precedence over it; the other one is None.

    Args:
        path: the value of ``--password-file``.
        source: where that value was given.
    """
    password = password_variable.password()
    if path is None or (password is not None and (source is None or source >= ParameterSource.ENVIRONMENT)):
        return password, None
    from pathlib import Path

    return None, Path(path).expanduser()


def _has_own_key() -> bool:
    from chatctl.common.paths import existing_key

    return existing_key() is not None
