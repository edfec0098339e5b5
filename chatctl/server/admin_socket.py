"""The admin socket: a unix socket beside the journal, for those who may read that file anyway.

Its mode is 0600, and it answers the server's own user and root only, as the kernel tells (SO_PEERCRED). It speaks json
as every port does, without a greeting or a hello: ``admin`` is answered by ``done`` or ``error``, ``ping`` by ``pong``,
and ``bye`` ends it. The form of requests that earlier commands sent is answered in kind. Does not live here: what the
verbs do (hub/admin_commands.py). Source: docs/protocol.md, "The operator's socket".
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path

import msgspec

from chatctl.common.files import private_folder
from chatctl.common.framing import Framer
from chatctl.common.nesting import too_deep
from chatctl.common.verbs import is_listing
from chatctl.core.effects import error_frame
from chatctl.core.limits import ServerLimits
from chatctl.errors import BadFrame, ChatError, Forbidden, ServerFull, reason_of
from chatctl.hub.admin_commands import AdminCommands
from chatctl.hub.admin_plan import Outcome
from chatctl.protocol import (
    MAX_LINE,
    Admin,
    Bye,
    Done,
    Frame,
    NotJson,
    Ping,
    Pong,
    decode_client,
    encode,
)
from chatctl.server.unix_socket import UnixSocket

CarryOut = Callable[[Admin], Awaitable[Done]]
"""Carries out an order. Raises ChatError."""

OldAnswer = dict[str, object]

MAX_CONNECTIONS = 64
"""At once: operators are few, and an order may take minutes."""

_READ = 64 * 1024


class AdminSocket:
    """Answers operators on a unix socket."""

    def __init__(
        self, path: Path, carry_out: CarryOut, limits: ServerLimits, users: Collection[int] | None = None
    ) -> None:
        """Create it; ``open`` starts it.

        Args:
            path: where the socket is made.
            carry_out: what an order does.
            limits: how long a request and its answer may take to cross the wire.
            users: the user IDs that are answered; by default the server's own and root's.
        """
        self._path = path
        self._carry_out = carry_out
        self._limits = limits
        self._open = 0
        self._users = {0, os.geteuid()} if users is None else users
        self._socket: UnixSocket | None = None
        self._server: asyncio.AbstractServer | None = None

    async def open(self) -> None:
        """Listen.

        Raises:
            ChatError: somebody listens there, or the socket can't be made.
        """
        try:
            private_folder(self._path.parent)
        except OSError as error:
            why = reason_of(error)
            raise ChatError(f"cannot listen on {self._path}: {why} (choose another path with --admin-socket)") from None
        self._socket = UnixSocket(self._path, "--admin-socket", 0o177)
        self._server = await asyncio.start_unix_server(self._answer, sock=self._socket)

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
        if self._socket is not None:
            self._socket.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            # Cancelled is one that is open as the loop ends: asyncio before 3.12 logs that as a fault.
            with contextlib.suppress(OSError, asyncio.TimeoutError, asyncio.CancelledError):
                try:
                    self._insist_on_user(writer)
                    await self._conversation(reader, writer)
                except ChatError as error:
                    await self._send(writer, error_frame(error))
        finally:  # after a fault of our own, too: operators must not run out of places
            self._open -= 1
            writer.close()

    def _insist_on_user(self, writer: asyncio.StreamWriter) -> None:
        user = _user_of(writer.get_extra_info("socket"))
        if user is not None and user not in self._users:
            raise Forbidden("this is for the server's own user and for root alone")
        if self._open > MAX_CONNECTIONS:
            raise ServerFull(f"{MAX_CONNECTIONS} connections are here already: try again")

    async def _conversation(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one line after the other. Raises ChatError for what the stream can't go on after."""
        framer = Framer(MAX_LINE)
        while data := await self._read(reader, waits=len(framer) > 0):
            for line in framer.feed(data):
                if not line.strip():
                    continue
                frame = await self._reply(line)
                if frame is None:
                    return
                await self._send(writer, frame)
        if len(framer):
            raise BadFrame("the last line has no end")

    async def _read(self, reader: asyncio.StreamReader, *, waits: bool) -> bytes:
        """Return what comes next; nothing at the end, and when nothing more comes. Raises BadFrame if a line waits."""
        seconds = self._limits.hello_seconds
        try:
            return await asyncio.wait_for(reader.read(_READ), seconds)
        except TimeoutError:
            if waits:
                raise BadFrame(f"the line did not end within {seconds:g} s") from None
            return b""

    async def _send(self, writer: asyncio.StreamWriter, frame: Frame | OldAnswer) -> None:
        writer.write(encode(frame) if isinstance(frame, Frame) else json.dumps(frame).encode() + b"\n")
        await asyncio.wait_for(writer.drain(), self._limits.stall_seconds)

    async def _reply(self, line: bytes) -> Frame | OldAnswer | None:
        """Return the answer to a line; None for ``bye``. Raises NotJson."""
        if (old := old_request(line)) is not None:
            return await self._old_answer(old)
        try:
            match decode_client(line):
                case Admin() as ask:
                    return await self._done(ask)
                case Ping(t=t):
                    return Pong(t=t, last=0)
                case Bye():
                    return None
            raise BadFrame("this socket takes admin, ping and bye")
        except NotJson:
            raise
        except BadFrame as error:
            return error_frame(error)

    async def _done(self, ask: Admin) -> Frame:
        try:
            return await self._carry_out(ask)
        except ChatError as error:
            return error_frame(error, ask.id)

    async def _old_answer(self, asked: Mapping[str, object]) -> OldAnswer:
        """Answer in the form of a command that is older than the server."""
        try:
            fields = {"type": "admin", "verb": asked["do"]} | {key: asked[key] for key in asked if key != "do"}
            done = await self._carry_out(msgspec.convert(fields, Admin))
        except ChatError as error:
            return {"ok": False, "error": error.text, "code": error.wire_code}
        except msgspec.ValidationError as error:
            return {"ok": False, "error": f"not an order: {error}", "code": "bad_frame"}
        return {"ok": True, "text": done.text, "rows": done.rows, "list": is_listing(done.verb)}


def old_request(line: bytes) -> Mapping[str, object] | None:
    """Return a request in the form that had no ``type``: ``{"do": "kick", "target": "Rajat"}``; None for another."""
    try:
        asked = msgspec.json.decode(line) if b'"do"' in line and not too_deep(line) else None
    except (msgspec.DecodeError, UnicodeDecodeError):  # half of a surrogate pair, too: it could not be answered
        return None
    return asked if isinstance(asked, dict) and "do" in asked and "type" not in asked else None


def _user_of(sock: socket.socket) -> int | None:
    """Return the user ID at the other end; None where the system does not tell: the mode has to suffice there."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    form = "iII"  # struct ucred: pid, uid, gid
    _, user, _ = struct.unpack(form, sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(form)))
    return int(user)


async def order(commands: AdminCommands, ask: Admin) -> Done:
    """Carry out an order of the console. Raises ChatError."""
    outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    commands.order_from_console(ask, outcome.set_result)
    done = await outcome
    if isinstance(done, ChatError):
        raise done
    return done
