"""The command ``chatctl tail``."""

from chatctl.commands.tail.command import tail as tail
