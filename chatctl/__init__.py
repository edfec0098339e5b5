"""chatctl: the chat room that one command starts, and that shell scripts can rely on."""

__version__ = "0.1.0"
