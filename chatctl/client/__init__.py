"""The client: one sans-I/O core, and shells around it that move its bytes.

``core.py`` and ``classic.py`` know no socket and no clock. ``blocking.py`` is for one-shot commands, which must start
fast; ``aio.py`` is for programs that live long. Nothing here knows the server's side: both meet in protocol.py.
"""
