"""The command ``chatctl probe``."""

from chatctl.commands.probe.command import probe as probe
