"""The command ``chatctl config``."""

from chatctl.commands.config.command import config as config
