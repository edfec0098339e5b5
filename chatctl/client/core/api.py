"""What the two public forms share: a room that a program says things in, follows and asks.

sync.py is the blocking form, aio.py the asyncio form: the same names, and nothing in them but how to wait. Lives here:
what each call does. Does not live here: the parameters of ``connect`` (connect_options.py). Source: docs/api.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chatctl.client.core.asking import Answer, Asking
from chatctl.client.core.author_key import AuthorKeys
from chatctl.client.core.cursor import Cursor
from chatctl.client.core.deadline import Deadline
from chatctl.client.core.follower import Follower
from chatctl.client.core.held_lease import HeldLease
from chatctl.client.core.log_search import search_frame, search_room
from chatctl.client.core.question import Question
from chatctl.client.core.speaker import Speaker
from chatctl.common.fingerprints import parse
from chatctl.common.names import fold_nick
from chatctl.protocol import Ack, Gap, Hello, Msg, Resume, Welcome

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.transport import Transport

Notice = Callable[[str], None]
"""Receives a line for a person."""


class RoomCore:
    """A room for a program that posts in it and watches it, without being a member."""

    def __init__(self, transport: Transport, address: Address, hello: Hello, timeout: float, notice: Notice) -> None:
        """Connect with ``open``.

        Args:
            transport: makes connections.
            address: of the server.
            hello: enters to post; its nickname and room are used to follow and ask, too.
            timeout: seconds for one connection, or one answer of the server.
            notice: receives a line for a person when a connection is lost for two seconds, and when it is back.
        """
        self.nick = hello.nick
        self._transport = transport
        self._address = address
        self._room = hello.room
        self._token = hello.token
        self._timeout = timeout
        self._notice = notice
        self._speaker = Speaker(transport, address, hello, timeout, keep_open=True)
        self._followings: list[FollowCore] = []

    async def open(self) -> Welcome:
        """Connect. Raises as ``Transport.connect``."""
        return await self._speaker.check()

    def close(self) -> None:
        """Hang up, and end what is still being followed."""
        self._speaker.close()
        while self._followings:
            self._followings.pop().close()

    async def say(self, text: str, ident: str | None, action: bool, retry_for: float) -> Ack:
        """Say a message once. Raises as ``Speaker.say``."""
        return await self._speaker.say(text, id=ident, action=action, retry_for=retry_for or None)

    def follow(self, history: int, resume: Resume | None, live: bool, idle: float | None) -> FollowCore:
        """Return the room's entries, which connect later."""
        following = FollowCore(self._follower(Cursor(resume), history, idle), self._timeout, live=live)
        self._followings = [*(one for one in self._followings if not one.closed), following]
        return following

    async def search(
        self, text: str, nicks: Sequence[str], since: float | None, before: int | None, limit: int
    ) -> list[Msg]:
        """Search the log on a connection of its own. Raises ValueError, and as ``search_room``."""
        wanted, now = search_frame(text, nicks=nicks, since=since, before=before, limit=limit), self._transport.now
        where = (self._transport, self._address, self._room)
        return await search_room(*where, wanted, Deadline(None, now), self._timeout)

    async def ask(
        self,
        question: str,
        choices: Sequence[str],
        nicks: Sequence[str],
        keys: Sequence[str],
        approvals: int | None,
        seconds: float,
    ) -> Answer:
        """Ask, and return the first answer. Raises ValueError for a bad question or key, and as ``Asking.ask``."""
        folded = [fold_nick(nick) for nick in nicks]
        asked = Question(question, choices, fold_nick(self.nick), folded, list(map(parse, keys)), approvals)
        if problem := asked.problem():
            raise ValueError(problem)
        return await self._asking(asked).ask(seconds)

    def _asking(self, question: Question) -> Asking:
        where = (self._transport, self._address, self._room)
        follower = Follower(*where, Cursor(), token=self._token, notice=self._notice)

        def lease(tag: str) -> HeldLease:
            return HeldLease(*where, self._token, "question", tag)

        return Asking(question, follower, self._speaker, AuthorKeys(*where), self._notice, lease)

    def _follower(self, cursor: Cursor, history: int, idle: float | None) -> Follower:
        return Follower(
            self._transport, self._address, self._room, cursor, history=history, idle=idle, notice=self._notice
        )


class FollowCore:
    """The entries of a room, one after the other."""

    def __init__(self, follower: Follower, timeout: float, *, live: bool) -> None:
        """Connect with ``open`` or ``next``, within ``timeout`` seconds; unless ``live``, end at the log's end."""
        self._follower = follower
        self._timeout = timeout
        self._live = live
        self._opened = False
        self.closed = False

    @property
    def place(self) -> Resume | None:
        """The position in the log; None before the first connection."""
        return self._follower.cursor.resume

    async def open(self) -> None:
        """Connect: from now on, nothing is missed. Raises as ``Transport.connect``."""
        if not self._opened:
            await self._follower.open(Deadline.after(self._timeout, self._follower.now))
            self._opened = True

    async def next(self) -> Msg | Gap | None:
        """Return the next entry; None at the end. Raises as ``Follower.next``."""
        if self.closed:
            return None
        await self.open()
        self._follower.restart_idle()
        entry = await self._follower.next(Deadline(None, self._follower.now), follow=self._live)
        if entry is None:
            self.close()
        return entry

    def close(self) -> None:
        """Hang up. No entry comes after this."""
        self.closed = True
        self._follower.close()
