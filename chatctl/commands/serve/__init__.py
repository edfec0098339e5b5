"""The command ``chatctl serve``."""

from chatctl.commands.serve.command import serve as serve
