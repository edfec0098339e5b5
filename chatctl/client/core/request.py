"""One request on a connection that the server let us in on, and its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from chatctl.client.core.connection import raise_refusal
from chatctl.protocol import ClientFrame, ServerFrame

if TYPE_CHECKING:
    from chatctl.client.core.deadline import Deadline
    from chatctl.client.core.transport import OpenConnection

Answer = TypeVar("Answer", bound=ServerFrame)


async def request(connection: OpenConnection, frame: ClientFrame, answer: type[Answer], deadline: Deadline) -> Answer:
    """Send ``frame``, and return the next frame of type ``answer``; frames of other types are dropped.

    Raises:
        ChatError: the server refused, or said ``bye``; or as ``OpenConnection.send`` and ``receive``.
    """
    await connection.send(frame, deadline)
    while not isinstance(found := await connection.receive(deadline), answer):
        raise_refusal(found)
    return found
