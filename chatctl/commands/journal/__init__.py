"""The command ``chatctl journal``."""

from chatctl.commands.journal.command import journal as journal
