"""One request on a connection that the server let us in on, and its answer.

A server that has the feature ``ids`` answers with the request's own id, errors too. From an older one the next frame of
the answer's type is the answer, and any error is one: ask it one thing at a time.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

from chatctl.client.core.connection import raise_refusal
from chatctl.protocol import (
    ClientFrame,
    Error,
    Found,
    History,
    Identity,
    Nick,
    Page,
    RoomList,
    Rooms,
    Roster,
    Search,
    ServerFrame,
    Welcome,
    Who,
    Whois,
)

if TYPE_CHECKING:
    from chatctl.client.core.deadline import Deadline
    from chatctl.client.core.transport import OpenConnection

Answer = TypeVar("Answer", bound=ServerFrame)
Asked = TypeVar("Asked", bound=ClientFrame)

FEATURE = "ids"

_numbers = itertools.count(1)


def with_id(frame: Asked, welcome: Welcome) -> Asked:
    """Return a question with an id of its own, if it has none and the server echoes ids."""
    if (
        FEATURE not in welcome.features
        or not isinstance(frame, Who | Whois | Rooms | History | Search | Nick)
        or frame.id
    ):
        return frame
    return cast(Asked, msgspec.structs.replace(frame, id=f"q{next(_numbers)}"))


def is_other_answer(frame: ServerFrame, asked: ClientFrame) -> bool:
    """Return whether a frame is the answer to another question than ``asked``, by its id."""
    ident = getattr(asked, "id", None)
    if isinstance(frame, Error):
        return frame.id is not None and frame.id != ident
    return isinstance(frame, Roster | Identity | RoomList | Page | Found) and frame.id != ident


async def request(connection: OpenConnection, frame: ClientFrame, answer: type[Answer], deadline: Deadline) -> Answer:
    """Send ``frame``, and return its answer, a frame of type ``answer``; other frames are dropped.

    Raises:
        ChatError: the server refused, or said ``bye``; or as ``OpenConnection.send`` and ``receive``.
    """
    asked = with_id(frame, connection.welcome)
    await connection.send(asked, deadline)
    while not isinstance(found := await connection.receive(deadline), answer) or is_other_answer(found, asked):
        if not is_other_answer(found, asked):
            raise_refusal(found)
    return found
