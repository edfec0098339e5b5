"""``chatctl completion``: what a shell needs to complete our commands and options."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    Examples:
      chatctl completion bash > ~/.local/share/bash-completion/completions/chatctl
      chatctl completion zsh  > "${fpath[1]}/_chatctl"
      chatctl completion fish > ~/.config/fish/completions/chatctl.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "the choice above names Click's own three"
    click.echo(kind(ctx.find_root().command, {}, "chatctl", "_CHATCTL_COMPLETE").source())
