"""The command ``chatctl export``."""

from chatctl.commands.export.command import export as export
