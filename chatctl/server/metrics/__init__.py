"""The port for monitoring systems. Imported only by a server with ``--metrics``."""
