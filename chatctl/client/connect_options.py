"""The parameters of ``connect``, which both public forms share. Source: docs/api.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatctl.client.core.address import Address, names_port, parse_address
from chatctl.client.core.api import Notice, RoomCore
from chatctl.client.identity import login_nick, post_hello
from chatctl.common.fingerprints import parse as parse_pin
from chatctl.common.names import check_nick
from chatctl.protocol import DEFAULT_TLS_PORT

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.client.core.transport import Transport

CONNECT_SECONDS = 5.0
"""Time for one connection, or one answer of the server."""

RETRY_SECONDS = 60.0
"""Time for all tries to say something."""

ASK_SECONDS = 600.0
"""Time for people to answer a question."""


def ignore(_line: str) -> None:
    """Drop a notice."""


def room_core(
    transport: Transport, address: Address, nick: str | None, room: str, timeout: float, notice: Notice
) -> RoomCore:
    """Return the room that ``connect`` connects to. Raises NickInvalid."""
    hello = post_hello(address, room, check_nick(login_nick() if nick is None else nick))
    return RoomCore(transport, address, hello, timeout, notice)


def address_of(
    server: str | Address,
    *,
    tls: bool | None,
    pin: str | None,
    ca: str | Path | None,
    password: str | None,
    key: str | Path | None,
) -> Address:
    """Return the server's address with its TLS options and credentials; parameters override the Address's fields.

    Raises:
        ValueError: ``server`` is no address, ``pin`` no fingerprint, the password or the key empty, or the parameters
            contradict each other.
    """
    address = parse_address(server) if isinstance(server, str) else server
    if tls is None and (pin is not None or ca is not None):
        tls = True
    if tls is not None:
        address = _with_tls(address, tls, pin, ca)
        if tls and isinstance(server, str) and not names_port(server):
            address = address._replace(port=DEFAULT_TLS_PORT)
    return _with_credentials(address, password, key)


def _with_tls(address: Address, tls: bool, pin: str | None, ca: str | Path | None) -> Address:
    if not tls:
        if pin is not None or ca is not None:
            raise ValueError("without TLS there is nothing to check with pin or ca")
        return address._replace(tls=False, pin=None, ca=None)
    if address.unix is not None:
        raise ValueError("a unix socket has no TLS: leave tls, pin and ca out")
    return address._replace(
        tls=True,
        pin=address.pin if pin is None else parse_pin(pin),
        ca=address.ca if ca is None else str(ca),
    )


def _with_credentials(address: Address, password: str | None, key: str | Path | None) -> Address:
    if password is None and key is None:
        return address
    if not password and password is not None:
        raise ValueError("an empty password opens nothing: leave it out where there is none")
    if key == "":
        raise ValueError("an empty key is none: leave it out where there is none")
    from chatctl.client.security.credentials import NO_KEY, Credentials

    known = address.credentials or Credentials(key=NO_KEY)
    return address._replace(credentials=known.but(password=password, key=None if key is None else str(key)))
