"""The command ``chatctl run``."""

from chatctl.commands.run.command import run as run
