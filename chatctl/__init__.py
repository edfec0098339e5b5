"""chatctl: a chat server and client for the terminal."""

__version__ = "0.2.0"
