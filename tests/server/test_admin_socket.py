"""The admin socket: whom it answers."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from chatctl.server.admin_socket import AdminSocket


def test_the_socket_answers_no_other_user(tmp_path: Path) -> None:
    """Its mode alone would not do: a backup or a careless chmod may change it. The kernel says who is there."""

    async def ask(users: set[int]) -> dict[str, object]:
        async def verb(_: object) -> dict[str, object]:
            return {}

        admin = AdminSocket(tmp_path / "s.sock", {"ops": verb}, users)
        await admin.open()
        try:
            reader, writer = await asyncio.open_unix_connection(tmp_path / "s.sock")
            writer.write(b'{"do":"ops"}\n')
            answer = json.loads(await reader.readline())
            writer.close()
        finally:
            await admin.close()
        assert isinstance(answer, dict)
        return answer

    assert asyncio.run(ask({os.geteuid()}))["ok"] is True
    refused = asyncio.run(ask({os.geteuid() + 1}))
    assert (refused["ok"], refused["code"]) == (False, "forbidden")
