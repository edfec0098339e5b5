"""Questions to the user before ``join`` begins: is this server to be trusted, and what is the password.

Only a user at a terminal is asked, as ssh does; a script gets the error.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from chatctl.client.core.address import Address
from chatctl.client.core.prover import Secrets
from chatctl.client.io.blocking_socket import open_socket
from chatctl.client.io.clock import deadline_in
from chatctl.client.security.key_files import Ask, ask_on_terminal
from chatctl.client.security.known_servers import known_servers, pins_of, remember
from chatctl.client.security.trust import UnknownServer
from chatctl.common.fingerprints import parse
from chatctl.common.text import clean
from chatctl.errors import PasswordWanted, PasswordWrong, Unreachable, Untrusted

CONNECT_SECONDS = 10.0
MAX_ATTEMPTS = 3
MAX_WAIT = 600.0
"""Seconds: no server of ours makes a client wait longer for the next attempt."""


def confirm_server(address: Address) -> Address:
    """Ask whether to trust each of an address's servers whose certificate is not known yet.

    The connection that is made to see the certificate sends nothing but the TLS handshake.

    Returns:
        The address, pinned to the certificate if it is trusted but could not be remembered.

    Raises:
        Untrusted: the user refused, or there is no user at a terminal.
        Unreachable: none of the servers can be reached.
        ChatError: one of them has no TLS.
    """
    confirmed: list[Address] = []
    away: list[Unreachable] = []
    for one in address.each:
        try:
            confirmed.append(_confirm_one(one))
        except Unreachable as error:
            away.append(error)
            confirmed.append(one)
    if len(away) == len(confirmed):
        raise away[-1]
    return confirmed[0]._replace(others=tuple(confirmed[1:]))


def _confirm_one(address: Address) -> Address:
    if not _at_terminal() or address.pin is not None or pins_of(address):
        return address
    try:
        open_socket(address, deadline_in(CONNECT_SECONDS)).close()
    except UnknownServer as unknown:
        return _ask_trust(address, unknown)
    return address


def _at_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _ask_trust(address: Address, unknown: UnknownServer) -> Address:
    _tell(f"The certificate of {address} is not known here ({unknown.why}).")
    _tell(f"Its fingerprint is {unknown.found}: is it the one that the server printed when it started?")
    if not _confirms(unknown.found):
        raise Untrusted(f"{address} is not trusted: nothing was sent")
    if remember(address, unknown.found):
        _tell(f"It is trusted from now on: {known_servers()} says so.")
        return address
    _tell(f"It is trusted this time; {known_servers()} can't be written.")
    return address._replace(pin=unknown.found)


def _confirms(fingerprint: str) -> bool:
    """Ask once. ``y``, ``yes`` and the fingerprint itself confirm; every other answer, Enter too, refuses."""
    _tell("Trust it (or type the fingerprint that you were given)? [y/N] ", end="")
    answer = sys.stdin.readline().strip()
    if answer.lower() in ("y", "yes"):
        return True
    try:
        return parse(answer) == fingerprint
    except ValueError:
        return False


def with_password(credentials: Secrets, join: Callable[[], int], ask: Ask = ask_on_terminal) -> int:
    """Call ``join``; if the server wants a password, ask for it and call ``join`` again, up to three times.

    Args:
        credentials: ``join`` uses them; the password is put in here.
        join: runs the program until it ends, and returns its exit code.
        ask: asks the user for a secret.

    Returns:
        The exit code.

    Raises:
        ChatError: as ``join``.
    """
    not_before, attempts = 0.0, MAX_ATTEMPTS
    while True:
        try:
            return join()
        except PasswordWanted:
            attempts -= 1
        except PasswordWrong as error:
            if not 0 < attempts < MAX_ATTEMPTS:  # it was not typed here, or it was the last attempt
                raise
            attempts -= 1
            not_before = time.monotonic() + min(error.retry_after or 0.0, MAX_WAIT)
            _tell(f"chatctl: {error.text}")
        credentials.password = ask("password of the room: ")
        _wait_until(not_before)


def _wait_until(moment: float) -> None:
    """Wait while the server would refuse every password."""
    left = moment - time.monotonic()
    if left > 0:
        _tell(f"(try again in {left:.0f} s)")
        time.sleep(left)


def _tell(text: str, end: str = "\n") -> None:
    print(clean(text), end=end, file=sys.stderr, flush=True)  # noqa: T201
