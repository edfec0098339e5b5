"""Requests for a room as conversations: the lines that a client of json would send. Pure.

Each is a connection of its own, with the session, the limits and the log of any other.
"""

from __future__ import annotations

from chatctl import protocol
from chatctl.server.web.routes import ReadRequest, SayRequest


def hello_of(request: SayRequest | ReadRequest) -> protocol.Hello:
    """Return the hello of a request. Reading history needs no name, and no place in the room."""
    token = request.credentials.token
    if isinstance(request, SayRequest):
        return protocol.Hello(protocol.VERSION, request.nick, request.room, "post", token)
    return protocol.Hello(protocol.VERSION, room=request.room, mode="probe", token=token)


def lines_of_say(request: SayRequest, body: bytes, spare_id: str) -> bytes:
    """Return the conversation that says a body, a last line end taken off.

    Args:
        request: its head.
        body: the message.
        spare_id: asks for the ``ack`` where the request has no id.

    Raises:
        UnicodeDecodeError: the body is not UTF-8.
    """
    text = body.decode().removesuffix("\n").removesuffix("\r")
    return protocol.encode_run([hello_of(request), protocol.Say(text, request.id or spare_id), protocol.Bye()])


def lines_of_read(request: ReadRequest) -> bytes:
    """Return the conversation that asks for history."""
    before = protocol.MAX_COUNT if request.after is None else None
    page = protocol.History(request.limit, request.after, before)
    return protocol.encode_run([hello_of(request), page, protocol.Bye()])
