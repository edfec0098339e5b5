"""The parameters of ``connect``, which both public forms share. Source: docs/api.md."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from chatctl.client.core.address import Address, names_port, parse_address
from chatctl.client.core.api import Notice, RoomCore
from chatctl.client.core.following import Start
from chatctl.client.cursor_file import CursorFile
from chatctl.client.identity import login_nick, post_hello
from chatctl.common.fingerprints import parse as parse_pin
from chatctl.common.names import check_nick
from chatctl.protocol import DEFAULT_TLS_PORT, Resume

if TYPE_CHECKING:
    from chatctl.client.core.transport import ClosableTransport

CONNECT_SECONDS = 5.0
"""Time for one connection, or one answer of the server."""

RETRY_SECONDS = 60.0
"""Time for all tries to say something."""

ASK_SECONDS = 600.0
"""Time for people to answer a question."""


Mode = Literal["post", "join"]
"""How ``connect`` enters: to post and watch unseen, or as a member."""

Server = str | Address
"""One server, as ``connect`` takes it."""

log = logging.getLogger("chatctl.client")
logging.getLogger("chatctl").addHandler(logging.NullHandler())  # without handlers of its own a program sees nothing


def ignore(_line: str) -> None:
    """Drop a notice."""


def room_core(
    transport: ClosableTransport,
    address: Address,
    nick: str | None,
    room: str,
    timeout: float,
    notice: Notice,
    kind: type[RoomCore] = RoomCore,
) -> RoomCore:
    """Return the room that ``connect`` connects to. Raises NickInvalid."""
    hello = post_hello(address, room, check_nick(login_nick() if nick is None else nick))
    return kind(transport, address, hello, timeout, notice, log)


def start_of(
    address: Address,
    cursor: str | Path | None,
    *,
    history: int,
    resume: Resume | None,
    live: bool,
    idle: float | None,
    presence: bool,
    whispers: bool,
) -> Start:
    """Return where ``follow`` starts. Raises ValueError for parameters that contradict each other."""
    if cursor is not None and resume is not None:
        raise ValueError("a place is given, or kept in a file: leave resume or cursor out")
    kept = None if cursor is None else CursorFile(Path(cursor).expanduser(), str(address))
    return Start(history, resume, live, idle, presence, whispers, kept)


def address_of(servers: Server | Sequence[Server], **options: Any) -> Address:
    """Return the address of one server or several, with the same options. Raises as ``_address_of_one``."""
    several = [servers] if isinstance(servers, str | Address) else servers
    if not several:
        raise ValueError("there is no server in the list")
    first, *others = (_address_of_one(one, **options) for one in several)
    return first._replace(others=(*first.others, *others))


def _address_of_one(
    server: Server,
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
        raise ValueError("the password is empty: leave it out if the server has none")
    if key == "":
        raise ValueError("the key is empty: leave it out if you have none")
    from chatctl.client.security.credentials import NO_KEY, Credentials

    known = address.credentials or Credentials(key=NO_KEY)
    return address._replace(credentials=known.but(password=password, key=None if key is None else str(key)))
