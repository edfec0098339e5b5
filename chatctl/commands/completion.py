"""``chatctl completion``: what a shell needs to complete our commands and options."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    Examples:
      chatctl completion bash > ~/.local/share/bash-completion/completions/chatctl
      chatctl completion zsh  > "${fpath[1]}/_chatctl"
      chatctl completion fish > ~/.config/fish/completions/chatctl.fish
    """
    from click.shell_completion import get_completion_class

    from chatctl.cli import cli

    kind = get_completion_class(shell)
    assert kind is not None, "the choice above names Click's own three"
    click.echo(kind(cli, {}, "chatctl", "_CHATCTL_COMPLETE").source())
