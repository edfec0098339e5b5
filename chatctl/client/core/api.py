"""What the two public forms are shells of: a room that one says something in, follows and asks.

blocking.py's form is sync.py, asyncio's is aio.py: the same names, and nothing in them but how one waits. Lives here:
what a call means, of which parts it is made. Source: docs/api.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chatctl.client.core.address import Address, names_port, parse_address
from chatctl.client.core.cursor import Cursor
from chatctl.client.core.deadline import Deadline
from chatctl.client.core.follower import Follower, Quiet
from chatctl.client.core.question import Answer, Asking, Question
from chatctl.client.core.speaker import Speaker
from chatctl.client.identity import login_nick
from chatctl.common.fingerprints import parse as parse_pin
from chatctl.common.names import check_nick, fold_nick
from chatctl.protocol import DEFAULT_TLS_PORT, Ack, Gap, Msg, Resume, Welcome

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.client.core.transport import Shell

CONNECT_SECONDS = 5.0
"""For one connection, or one answer of the server."""

RETRY_SECONDS = 60.0
"""How long it is tried to say something."""

ASK_SECONDS = 600.0
"""How long people have to answer."""

Notice = Callable[[str], None]


def ignore(_line: str) -> None:
    """Take a notice, and do nothing."""


def address_of(
    server: str | Address,
    *,
    tls: bool | None,
    pin: str | None,
    ca: str | Path | None,
    password: str | None,
    key: str | Path | None,
) -> Address:
    """Give where a room is, and what is proved there: what is given here goes over what an Address says.

    Raises:
        ValueError: ``server`` is no address, ``pin`` no fingerprint, the password or the key empty, or they do not go
            together.
    """
    address = parse_address(server) if isinstance(server, str) else server
    if tls is None and (pin is not None or ca is not None):
        tls = True
    if tls is not None:
        address = _with_tls(address, tls, pin, ca)
        if tls and isinstance(server, str) and not names_port(server):
            address = address._replace(port=DEFAULT_TLS_PORT)
    return _with_proof(address, password, key)


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


def _with_proof(address: Address, password: str | None, key: str | Path | None) -> Address:
    if password is None and key is None:
        return address
    if not password and password is not None:
        raise ValueError("an empty password opens nothing: leave it out where there is none")
    if key == "":
        raise ValueError("an empty key is none: leave it out where there is none")
    from chatctl.client.security.credentials import NO_KEY, Credentials

    known = address.credentials or Credentials(key=NO_KEY)
    return address._replace(credentials=known.but(password=password, key=None if key is None else str(key)))


class RoomCore:
    """A room, as one who posts in it and watches it: nobody sees us in the list of members."""

    def __init__(
        self, shell: Shell, address: Address, nick: str | None, room: str, timeout: float, notice: Notice
    ) -> None:
        """Connect with ``open``. Raises NickInvalid."""
        self.address = address
        self.nick = check_nick(login_nick() if nick is None else nick)
        self.room = room
        self.timeout = timeout
        self._shell = shell
        self._notice = notice
        self._speaker = Speaker(shell, self.address, room, self.nick, timeout, stay=True)
        self._followings: list[FollowCore] = []

    async def open(self) -> Welcome:
        """Be let in. Raises as ``Shell.connect``."""
        return await self._speaker.check()

    def close(self) -> None:
        """Hang up, whatever is still being followed."""
        self._speaker.close()
        while self._followings:
            self._followings.pop().close()

    async def say(self, text: str, ident: str | None, action: bool, retry_for: float) -> Ack:
        """Say it once."""
        return await self._speaker.say(text, id=ident, action=action, retry_for=retry_for or None)

    def follow(self, history: int, resume: Resume | None, live: bool, idle: float | None) -> FollowCore:
        """Give what brings the entries."""
        cursor = Cursor(resume)
        follower = Follower(self._shell, self.address, self.room, cursor, history=history, notice=self._notice)
        following = FollowCore(follower, self.timeout, live=live, idle=idle)
        self._followings = [*(one for one in self._followings if not one.closed), following]
        return following

    async def ask(self, question: str, choices: Sequence[str], nicks: Sequence[str], seconds: float) -> Answer:
        """Ask, and give the first answer."""
        asked = Question(question, choices, fold_nick(self.nick), [fold_nick(nick) for nick in nicks])
        if trouble := asked.trouble():
            raise ValueError(trouble)
        follower = Follower(self._shell, self.address, self.room, Cursor(), notice=self._notice)
        return await Asking(asked, follower, self._speaker, self._notice).ask(seconds)


class FollowCore:
    """Entries of a room, one after the other."""

    def __init__(self, follower: Follower, timeout: float, *, live: bool, idle: float | None) -> None:
        """Connect with ``open``, or when the first entry is wanted, within ``timeout`` seconds."""
        self._follower = follower
        self._timeout = timeout
        self._live = live
        self._idle = idle
        self._opened = False
        self.closed = False

    @property
    def place(self) -> Resume | None:
        """Where we stand."""
        return self._follower.cursor.resume

    async def open(self) -> None:
        """Start: from now on, nothing is missed. Raises as ``Shell.connect``."""
        if not self._opened:
            await self._follower.open(Deadline.after(self._timeout))
            self._opened = True

    async def next(self) -> Msg | Gap | None:
        """Give the next entry; None at the end. Raises as ``Follower.next``."""
        if self.closed:
            return None
        await self.open()
        entry = await self._follower.next(Deadline(None), follow=self._live, quiet=Quiet(self._idle))
        if entry is None:
            self.close()
        return entry

    def close(self) -> None:
        """Hang up: this is the end of it."""
        self.closed = True
        self._follower.close()
