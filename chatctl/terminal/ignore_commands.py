"""``/ignore`` and ``/unignore``, and finding out whose key stands behind a nickname.

Lives here: what is asked of the server, and what the user is told. Does not live here: who is hidden (ignore_list.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from chatctl.client.core.deadline import Deadline
from chatctl.client.core.request import request
from chatctl.common.names import fold_any
from chatctl.protocol import Identity, Whois
from chatctl.terminal.ignore_list import IgnoredHere
from chatctl.terminal.room_requests import RoomRequests

ANSWER_SECONDS = 10.0
MOST_ASKED = 5
"""Of those who join together: a server that comes back brings thousands, and each is asked about when they speak."""


class IgnoreCommands:
    """Ignoring, in one room."""

    def __init__(
        self,
        ignored: IgnoredHere,
        requests: RoomRequests,
        note: Callable[..., object],
        refuse: Callable[[str], object],
    ) -> None:
        """Ask nothing yet.

        Args:
            ignored: the list, as it concerns this room.
            requests: asks the server.
            note: tells the user something, a line each.
            refuse: tells why something can't be done.
        """
        self._ignored = ignored
        self._requests = requests
        self._note = note
        self._refuse = refuse

    def ignore(self, nick: str, own_nick: str) -> bool:
        """Ignore ``nick``; empty: list whom the user ignores."""
        if not nick:
            rows = [
                f"  {one.nick} {f'by key {one.key}' if one.key else 'by this name'}"
                for one in self._ignored.all.entries
            ]
            self._note(*(["you ignore:", *rows] if rows else ["you ignore nobody"]))
            return True
        if " " in nick or fold_any(nick) == fold_any(own_nick):
            self._refuse("usage: /ignore NICK, of somebody else")
            return False
        before = self._ignored.all.find(nick)  # who is away now stays ignored by the key that is known
        kept = self._ignored.all.add(nick, before.key if before is not None else None)
        self._note(f"messages of {nick} are hidden{'' if kept else ' in this run'}: /unignore {nick} ends that")
        self._ask(self._find_key(nick))
        return True

    def unignore(self, nick: str) -> bool:
        """Show again what ``nick`` says."""
        if not nick or not self._ignored.all.remove(nick):
            self._refuse(f"you do not ignore {nick}: /ignore lists whom you do" if nick else "usage: /unignore NICK")
            return False
        self._ignored.forget(nick)
        self._note(f"new messages of {nick} are shown again")
        return True

    def joined(self, nicks: Iterable[str]) -> None:
        """Find out who has joined, whoever had their nicknames before."""
        new = list(nicks)
        for nick in new:
            self._ignored.forget(nick)
        self.met(new)

    def met(self, nicks: Iterable[str]) -> None:
        """Find out who is behind nicknames that are new here, if a key tells."""
        for nick, _ in zip(nicks, range(MOST_ASKED), strict=False):
            if self._ignored.wants_key(nick):
                self._ask(self._look_up(nick))

    def _ask(self, work: Coroutine[Any, Any, None]) -> None:
        self._requests.start(work, lambda _why: None)  # whoever is gone has nothing to hide

    async def _identity(self, nick: str) -> Identity:
        loop = asyncio.get_running_loop()
        return await request(self._requests, Whois(nick), Identity, Deadline(loop.time() + ANSWER_SECONDS, loop.time))

    async def _look_up(self, nick: str) -> None:
        if self._ignored.wants_key(nick):
            self._ignored.asked(nick)
            self._ignored.learn(nick, (await self._identity(nick)).key)

    async def _find_key(self, nick: str) -> None:
        key = (await self._identity(nick)).key
        self._ignored.learn(nick, key)
        if self._ignored.all.find(nick) is None:
            return  # they are not ignored any more
        self._ignored.all.add(nick, key)
        if key is not None:
            self._note(f"  by key {key}: under any name here")
