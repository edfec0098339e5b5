"""The places at which clients reach this server: the names that a client's signature may have for it.

Does not live here: how a place is written, and what is signed (common/key_proof.py).
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from chatctl.common.key_proof import is_unix, place_of_tcp, place_of_tls, place_of_unix


def places_of(sockname: str | bytes | tuple[Any, ...], channel: bytes, reached_as: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that a client's signature may have for this server.

    Args:
        sockname: the local address of the connection.
        channel: the digest of the certificate, for a connection with TLS: that is the name then, wherever the server
            was reached.
        reached_as: further places at which clients reach it.
    """
    if channel:
        return (place_of_tls(channel),)
    if not isinstance(sockname, tuple):
        return _unix_places(sockname, reached_as)
    return _tcp_places(sockname[0], sockname[1], reached_as)


@lru_cache(maxsize=64)
def _tcp_places(host: str, port: int, others: tuple[str, ...]) -> tuple[str, ...]:
    """Return one tuple that all connections to the same address share."""
    return (place_of_tcp(host, port), *(place for place in others if not is_unix(place)))


@lru_cache(maxsize=64)
def _unix_places(name: str | bytes, others: tuple[str, ...]) -> tuple[str, ...]:
    """Return the same for a unix socket, whose name may be a path with symbolic links, or relative."""
    if isinstance(name, str) and name:
        name = os.path.realpath(name)  # once: the folder that it is relative to may be another one later
    own = [place_of_unix(name)] if name else []
    return (*own, *filter(is_unix, others))
