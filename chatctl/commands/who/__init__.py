"""The command ``chatctl who``."""

from chatctl.commands.who.command import who as who
