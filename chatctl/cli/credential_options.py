"""``--password-file`` and ``--key``: what a command can prove of whoever runs it, and ``CHATCTL_PASSWORD``.

A password is never on the command line: everybody on the machine could read it there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from chatctl.cli.server_option import FromServer, strength

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.client.security.credentials import Credentials

F = TypeVar("F", bound=Callable[..., Any])

PASSWORD = "CHATCTL_PASSWORD"  # noqa: S105 — the variable's name


def proving_options() -> tuple[Callable[[F], F], ...]:
    """``--password-file --key``. Their values are for ``credentials_of`` alone: no command has to hand them on."""

    def option(*names: str, text: str, **more: Any) -> Callable[[F], F]:
        return click.option(*names, cls=FromServer, expose_value=False, callback=_keep, help=text, **more)

    return (
        option(
            "--password-file",
            "password_file",
            type=click.Path(),
            metavar="PATH",
            text=f"A file whose first line is the room's password, instead of {PASSWORD}.",
        ),
        option(
            "--key",
            "key_file",
            type=click.Path(),
            metavar="PATH|agent|none",
            envvar="CHATCTL_KEY",
            text="Our key: an OpenSSH Ed25519 key file, agent[:FINGERPRINT], or none.  [default: the one of 'chatctl "
            "key', if there is one]",
        ),
    )


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    ctx.meta[f"chatctl.{param.name} {ctx.command_path}"] = value


def credentials_of(ctx: click.Context) -> Credentials | None:
    """Give what the options and the environment let us prove, None if it is nothing. No file is read yet."""
    password, path = password_source(
        ctx.meta.get(f"chatctl.password_file {ctx.command_path}"), ctx.get_parameter_source("password_file")
    )
    key = ctx.meta.get(f"chatctl.key_file {ctx.command_path}")
    if password is None and path is None and (key == "none" or (key is None and not _has_own_key())):
        return None
    from chatctl.client.security.credentials import Credentials

    return Credentials(password=password, password_file=path, key=key)


def password_source(path: str | None, source: ParameterSource | None) -> tuple[str | None, Path | None]:
    """Give the password of the environment, or the file that goes over it: each None if it is not that."""
    password = os.environ.get(PASSWORD) or None
    if path is None or (password is not None and strength(source) <= strength(ParameterSource.ENVIRONMENT)):
        return password, None
    from pathlib import Path

    return None, Path(path).expanduser()


def _has_own_key() -> bool:
    from chatctl.common.paths import own_key

    return os.path.lexists(own_key())
