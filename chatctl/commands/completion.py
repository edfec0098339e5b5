"""``chatctl completion``: print a shell's completion script."""

from __future__ import annotations

import click

from chatctl.cli.help_pages import Command
from chatctl.cli.output import emit


@click.command(cls=Command)
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL: bash, zsh or fish.

    Packages install these scripts where the shells find them.

    \b
    Examples:
      eval "$(chatctl completion bash)"    # in ~/.bashrc
      chatctl completion zsh  > "${fpath[1]}/_chatctl"
      chatctl completion fish > ~/.config/fish/completions/chatctl.fish

    \b
    Exit codes:
      0 done   2 usage

    \b
    Environment:
      none
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "the choice above names Click's own three"
    emit(kind(ctx.find_root().command, {}, "chatctl", "_CHATCTL_COMPLETE").source())
