"""The command ``chatctl admin``."""

from chatctl.commands.admin.command import admin as admin
