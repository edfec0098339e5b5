"""Searching a room's log: one request after the other, until enough is found or nothing older is left."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

import msgspec

from chatctl.client.core.features import require_feature
from chatctl.client.core.request import request
from chatctl.protocol import MAX_AUTHORS, MAX_SEARCH, VERSION, Found, Hello, Msg, Search, Welcome

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.deadline import Deadline
    from chatctl.client.core.transport import OpenConnection, Transport


def search_frame(
    text: str,
    *,
    nicks: Sequence[str] = (),
    since: float | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Search:
    """Return the frame for a search. Raises ValueError for one that no server takes."""
    if not text:
        raise ValueError("an empty text is in every message: search for something")
    if len(text) > MAX_SEARCH:
        raise ValueError(f"a search is for at most {MAX_SEARCH} characters, and this one has {len(text)}")
    if len(nicks) > MAX_AUTHORS:
        raise ValueError(f"a search is for at most {MAX_AUTHORS} nicknames, and this one has {len(nicks)}")
    return Search(text, before, since, list(nicks), limit)


def insist_on_search(welcome: Welcome) -> None:
    """Return if this server can search. Raises Unsupported."""
    require_feature(welcome, "search", "a search")


async def search_pages(
    connection: OpenConnection, wanted: Search, deadline: Deadline, *, answer: float | None = None
) -> AsyncGenerator[Found, None]:
    """Yield the answers of the server: of ``wanted.limit`` entries in all, or fewer where the log has no more.

    Args:
        connection: to the server, in any mode.
        wanted: where to begin, and what is searched for.
        deadline: for all answers.
        answer: seconds for each of them; None: no other limit than the deadline.

    Raises:
        Unsupported: the server can't search.
        ChatError: as ``request``.
    """
    insist_on_search(connection.welcome)
    while wanted.limit > 0:
        found = await request(connection, wanted, Found, deadline.sooner(answer))
        yield found
        if not found.more or (wanted.before is not None and found.before >= wanted.before):  # it would have no end
            return
        wanted = msgspec.structs.replace(wanted, before=found.before, limit=wanted.limit - len(found.entries))


async def search_room(
    transport: Transport, address: Address, room: str, wanted: Search, deadline: Deadline, answer: float
) -> list[Msg]:
    """Connect, and return what is found, the newest first. Raises as ``Transport.connect`` and ``search_pages``."""
    hello = Hello(v=VERSION, room=room, mode="probe")  # nobody sees it, and it is not sent what is said meanwhile
    connection = await transport.connect(address, hello, deadline.sooner(answer))
    try:
        pages = search_pages(connection, wanted, deadline, answer=answer)
        return [entry async for found in pages for entry in found.entries]
    finally:
        connection.close()
