"""The operator's door: a unix socket beside the journal, for those who may read the file anyway.

One JSON object a line, one answer a line. Lives here: the socket and what can be asked. Does not live here: the room's
own wire (protocol.py): nobody in the room can get here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from chatctl.errors import ChatError
from chatctl.places import reachable_socket

Verb = Callable[[Mapping[str, object]], Awaitable[dict[str, object]]]


class AdminDoor:
    """Answers ``verbs`` on the socket of a journal."""

    def __init__(self, path: Path, verbs: Mapping[str, Verb]) -> None:
        """Answer at ``path`` once it is opened."""
        self._path = path
        self._verbs = verbs
        self._server: asyncio.AbstractServer | None = None

    async def open(self) -> None:
        """Listen. The journal's lock was taken before: whatever socket is there, nobody listens on it.

        Raises:
            ChatError: the socket can't be made there.
        """
        try:
            self._path.unlink(missing_ok=True)
            mask = os.umask(0o177)
            try:
                with reachable_socket(self._path) as name:
                    self._server = await asyncio.start_unix_server(self._answer, name)
            finally:
                os.umask(mask)
        except OSError as error:
            raise ChatError(f"cannot listen on {self._path}: {(error.strerror or str(error)).lower()}") from None

    async def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(OSError):
                self._path.unlink()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError):
            line = await reader.readuntil(b"\n")
            writer.write(json.dumps(await self._do(line)).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _do(self, line: bytes) -> dict[str, object]:
        try:
            ask = json.loads(line)
            return {"ok": True} | await self._verbs[ask["do"]](ask)
        except ChatError as error:
            return {"ok": False, "error": error.text}
        except (ValueError, KeyError, TypeError):
            return {"ok": False, "error": "this server does not know how to do that"}
