"""The admin socket: a unix socket beside the journal, for those who may read that file anyway.

Its mode is 0600, and it answers the server's own user and root only, as the kernel tells (SO_PEERCRED). A client sends
one line with a JSON object and gets one back. Does not live here: what the verbs do (hub/admin_commands.py).
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
from chatctl.common.verbs import VERBS
from chatctl.errors import ChatError, Forbidden, reason_of
from chatctl.hub.admin_commands import AdminCommands
from chatctl.hub.admin_target import Actor
from chatctl.hub.journal_commands import Outcome
from chatctl.protocol import Admin, too_deep
from chatctl.server.unix_socket import UnixSocket

Verb = Callable[[Mapping[str, object]], Awaitable[dict[str, object]]]


class AdminSocket:
    """Answers each of ``verbs`` on a unix socket."""

    def __init__(self, path: Path, verbs: Mapping[str, Verb], users: Collection[int] | None = None) -> None:
        """Create it; ``open`` starts it.

        Args:
            path: where the socket is made.
            verbs: what each verb does; it may raise ChatError.
            users: the user IDs that are answered; by default the server's own and root's.
        """
        self._path = path
        self._verbs = verbs
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
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError):
            line = await _line_of(reader)
            user = _user_of(writer.get_extra_info("socket"))
            answer = await self._do(line) if user is None or user in self._users else _refusal(_STRANGER)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _do(self, line: bytes) -> dict[str, object]:
        try:
            if too_deep(line):
                raise ValueError("nested too deeply")
            ask = json.loads(line)
            return {"ok": True} | await self._verbs[ask["do"]](ask)
        except ChatError as error:
            return _refusal(error)
        except (ValueError, KeyError, TypeError):
            return _refusal(Forbidden("this server does not know how to do that"))


async def _line_of(reader: asyncio.StreamReader) -> bytes:
    """Return a line; nothing for one that is longer than the stream's limit."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        return b""


_STRANGER = Forbidden("this is for the server's own user and for root alone")


def _refusal(error: ChatError) -> dict[str, object]:
    return {"ok": False, "error": error.text, "code": error.wire_code}


def _user_of(sock: socket.socket) -> int | None:
    """Return the user ID at the other end; None where the system does not tell: the mode has to suffice there."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    form = "iII"  # struct ucred: pid, uid, gid
    _, user, _ = struct.unpack(form, sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(form)))
    return int(user)


def verbs_of(commands: AdminCommands) -> dict[str, Verb]:
    """Return a function for each verb of operators."""

    async def carry_out(ask: Mapping[str, object]) -> dict[str, object]:
        fields = {key: value for key, value in ask.items() if key != "do"}
        wanted = msgspec.convert({"type": "admin", "verb": ask["do"]} | fields, Admin)
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        commands.carry_out(wanted, Actor("console"), outcome.set_result)
        done = await outcome
        if isinstance(done, ChatError):
            raise done
        return {"text": done.text, "rows": done.rows, "list": VERBS[wanted.verb].lists}

    return dict.fromkeys(VERBS, carry_out)
