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
from chatctl.client.core.deadline import Deadline, ReaderGone
from chatctl.client.core.follower import Follower
from chatctl.client.core.following import EventSource, FollowCore, Start
from chatctl.client.core.held_lease import HeldLease
from chatctl.client.core.log_search import search_frame, search_room
from chatctl.client.core.member_changes import MemberChanges
from chatctl.client.core.question import Question
from chatctl.client.core.speaker import Speaker
from chatctl.common.fingerprints import parse
from chatctl.common.names import fold_nick
from chatctl.errors import Closed
from chatctl.protocol import Ack, Hello, Msg, Roster, Welcome

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.servers import Log
    from chatctl.client.core.transport import ClosableTransport

Notice = Callable[[str], None]
"""Receives a line for a person."""


class RoomCore:
    """A room for a program that posts in it and watches it, without being a member."""

    def __init__(
        self,
        transport: ClosableTransport,
        address: Address,
        hello: Hello,
        timeout: float,
        notice: Notice,
        log: Log,
    ) -> None:
        """Connect with ``open``.

        Args:
            transport: makes connections; closed with the room.
            address: of the server.
            hello: enters to post; its nickname and room are used to follow and ask, too.
            timeout: seconds for one connection, or one answer of the server.
            notice: receives a line for a person when a connection is lost for two seconds, and when it is back.
            log: hears of each connection that is lost.
        """
        self.nick = hello.nick
        self.closed = False
        self._transport = transport
        self._address = address
        self._room = hello.room
        self._token = hello.token
        self._timeout = timeout
        self._notice = notice
        self._log = log
        self._speaker = Speaker(transport, address, hello, timeout, keep_open=True)
        self._followings: list[FollowCore] = []
        self._asking: list[ClosableTransport] = []
        self._saying = 0
        self._ends = False

    async def open(self, wait: float | None) -> Welcome:
        """Connect, trying for ``wait`` seconds. Raises as ``Transport.connect``."""
        return await self._speaker.check(wait)

    async def close(self, *, handled: bool = True) -> None:
        """Hang up, and end what is still being followed, said or asked. ``handled``: as ``FollowCore.close``."""
        self._ends = self.closed = True
        followings, self._followings = self._followings, []
        for transport in (self._transport, *self._asking, *(one.transport for one in followings)):
            transport.close()
        try:
            for following in followings:
                await following.close(handled=handled)
            await self._speaker.hang_up()
        finally:
            await self._transport.closed()

    async def drain(self) -> None:
        """Wait until all that is being said has its outcome, and close. Nothing new is accepted meanwhile."""
        self._ends = True
        while self._saying:
            await self._speaker.wait_turn()
        await self.close()

    async def say(self, text: str, ident: str | None, action: bool, retry_for: float) -> Ack:
        """Say a message once. Raises as ``Speaker.say``, and Closed."""
        self._insist_on_open()
        self._saying += 1
        try:
            return await self._speaker.say(text, id=ident, action=action, retry_for=retry_for or None)
        finally:
            self._saying -= 1

    async def whisper(self, to: str, text: str, retry_for: float) -> Ack:
        """Tell one member something. Raises as ``Speaker.whisper``, and Closed."""
        self._insist_on_open()
        self._saying += 1
        try:
            return await self._speaker.whisper(to, text, retry_for or None)
        finally:
            self._saying -= 1

    async def who(self) -> Roster:
        """Return who is in the room. Raises as ``Speaker.who``."""
        self._insist_on_open()
        return await self._speaker.who()

    def _insist_on_open(self) -> None:
        if self._ends:
            raise Closed("the room is closed: connect again")

    def follow(self, start: Start) -> FollowCore:
        """Return the room's entries, which connect later. Raises Closed; ChatError where the place is kept."""
        self._insist_on_open()
        resume = start.resume
        if start.kept is not None:
            start.kept.lock()
            resume = start.kept.load() or resume
        transport = self._transport.another()
        follower = self._source(transport, Cursor(resume), start)
        following = FollowCore(transport, follower, self._speaker.own, self._timeout, start, self._log)
        self._followings = [*(one for one in self._followings if not one.closed), following]
        return following

    def _source(self, transport: ClosableTransport, cursor: Cursor, start: Start) -> EventSource:
        return Follower(
            transport,
            self._address,
            self._room,
            cursor,
            history=start.history,
            idle=start.idle,
            notice=self._notice,
            members=MemberChanges() if start.presence else None,
        )

    async def search(
        self, text: str, nicks: Sequence[str], since: float | None, before: int | None, limit: int
    ) -> list[Msg]:
        """Search the log on a connection of its own. Raises ValueError, Closed, and as ``search_room``."""
        self._insist_on_open()
        wanted, now = search_frame(text, nicks=nicks, since=since, before=before, limit=limit), self._transport.now
        where = (self._transport, self._address, self._room)
        try:
            return await search_room(*where, wanted, Deadline(None, now), self._timeout)
        except ReaderGone:
            raise Closed("the room was closed") from None

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
        self._insist_on_open()
        folded = [fold_nick(nick) for nick in nicks]
        asked = Question(question, choices, fold_nick(self.nick), folded, list(map(parse, keys)), approvals)
        if problem := asked.problem():
            raise ValueError(problem)
        transport = self._transport.another()
        self._asking.append(transport)
        try:
            return await self._asker(asked, transport).ask(seconds)
        finally:
            self._asking.remove(transport)
            transport.close()
            await transport.closed()

    def _asker(self, question: Question, transport: ClosableTransport) -> Asking:
        where = (transport, self._address, self._room)
        follower = Follower(*where, Cursor(), token=self._token, notice=self._notice)

        def lease(tag: str) -> HeldLease:
            return HeldLease(*where, self._token, "question", tag)

        return Asking(question, follower, self._speaker, AuthorKeys(*where), self._notice, lease)
