"""The port for browsers and HTTP clients. Imported only by a server with ``--web``."""
