"""The command group, and the one place that turns an error into a line on stderr and an exit code."""

from __future__ import annotations

import click

from chatctl import __version__
from chatctl.commands.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="chatctl", message="%(prog)s %(version)s")
def cli() -> None:
    """X."""


cli.add_command(serve)


def main() -> None:
    """Run."""
    cli()
