"""The command ``chatctl send``."""

from chatctl.commands.send.command import send as send
