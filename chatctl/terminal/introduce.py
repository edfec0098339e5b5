"""Trusting a server for the first time: a person is shown its fingerprint and asked, as ssh does.

Only ``join`` asks, and only where somebody sits at a terminal. The connection that is made for it says nothing.
"""

from __future__ import annotations

import sys

from chatctl.client.core.address import Address
from chatctl.client.io.blocking_connection import open_socket
from chatctl.client.io.clock import deadline_in
from chatctl.client.security.known_servers import known_servers, pins_of, remember
from chatctl.client.security.trust import UnknownServer
from chatctl.common.fingerprints import parse
from chatctl.common.text import clean
from chatctl.errors import Untrusted

CONNECT_SECONDS = 10.0


def introduce(address: Address) -> Address:
    """Give the address of a server that is trusted, by what is known of it or by what the person says now.

    Raises:
        Untrusted: the person says no, or there is none.
        ChatError: it can't be reached, or speaks no TLS.
    """
    if not _has_person() or address.pin is not None or pins_of(address):
        return address
    try:
        open_socket(address, deadline_in(CONNECT_SECONDS)).close()
    except UnknownServer as stranger:
        return _ask(address, stranger)
    return address


def _has_person() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _ask(address: Address, stranger: UnknownServer) -> Address:
    _tell(f"The certificate of {address} is not known here ({stranger.why}).")
    _tell(f"Its fingerprint is {stranger.found}: is it the one that the server printed when it started?")
    if not _agrees(stranger.found):
        raise Untrusted(f"{address} is not trusted: nothing was sent")
    if remember(address, stranger.found):
        _tell(f"It is trusted from now on: {known_servers()} says so.")
        return address
    _tell(f"It is trusted this time; {known_servers()} can't be written.")
    return address._replace(pin=stranger.found)


def _agrees(found: str) -> bool:
    """Ask once: y and yes agree, the fingerprint itself is compared, everything else refuses, as Enter does."""
    _tell("Trust it (or type the fingerprint that you were given)? [y/N] ", end="")
    answer = sys.stdin.readline().strip()
    if answer.lower() in ("y", "yes"):
        return True
    try:
        return parse(answer) == found
    except ValueError:
        return False


def _tell(text: str, end: str = "\n") -> None:
    print(clean(text), end=end, file=sys.stderr, flush=True)  # noqa: T201
