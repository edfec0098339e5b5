"""The admin socket: whom it answers, in which form, and what it bears."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chatctl.core.limits import ServerLimits
from chatctl.errors import Forbidden
from chatctl.protocol import MAX_LINE, Admin, Done
from chatctl.server import admin_socket
from chatctl.server.admin_socket import AdminSocket
from tests.support.environment import DEADLINE

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def carry_out(ask: Admin) -> Done:
    if ask.verb == "drain":
        raise RuntimeError("a fault of our own")
    if ask.verb != "bans":
        raise Forbidden(f"'{ask.verb}' is none")
    return Done(ask.verb, f"of {ask.target}", [{"name": "Rajat"}], ask.id)


@asynccontextmanager
async def listening(path: Path, users: set[int] | None = None, **limits: Any) -> AsyncIterator[Callable[[], Any]]:
    admin = AdminSocket(path, carry_out, ServerLimits(**limits), users)
    await admin.open()
    writers: list[asyncio.StreamWriter] = []

    async def connect() -> Streams:
        streams = await asyncio.open_unix_connection(path, limit=1 << 20)
        writers.append(streams[1])
        return streams

    try:
        yield connect
    finally:
        for writer in writers:
            writer.close()
        await admin.close()


def run(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(main, DEADLINE))


def answers(path: Path, data: bytes, *, ends: bool = True, **limits: Any) -> list[dict[str, Any]]:
    """Send bytes, and return all that comes until the server closes."""

    async def main() -> list[dict[str, Any]]:
        async with listening(path, **limits) as connect:
            reader, writer = await connect()
            writer.write(data)
            if ends:
                writer.write_eof()
            try:
                got = await reader.read(-1)
            except ConnectionResetError:  # it closed while we were still sending
                got = b""
            return [json.loads(line) for line in got.splitlines()]

    got = run(main())
    assert isinstance(got, list)
    return got


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.sock"


def test_the_socket_answers_no_other_user(path: Path) -> None:
    """Its mode alone would not do: a backup or a careless chmod may change it. The kernel says who is there."""

    async def ask(users: set[int]) -> dict[str, Any]:
        async with listening(path, users) as connect:
            reader, writer = await connect()
            writer.write(b'{"type":"admin","verb":"bans"}\n')
            return dict(json.loads(await reader.readline()))

    assert run(ask({os.geteuid()}))["type"] == "done"
    refused = run(ask({os.geteuid() + 1}))
    assert (refused["type"], refused["code"]) == ("error", "forbidden")


def test_it_speaks_the_frames_of_the_protocol(path: Path) -> None:
    asked = [
        {"type": "admin", "verb": "bans", "target": "x", "id": "1"},
        {"type": "admin", "verb": "dance", "id": "2"},
        {"type": "ping", "t": "a"},
        {"type": "bye"},
        {"type": "ping"},
    ]
    done, refused, pong = answers(path, b"".join(json.dumps(one).encode() + b"\n" for one in asked))
    assert done == {"type": "done", "verb": "bans", "text": "of x", "rows": [{"name": "Rajat"}], "id": "1"}
    assert refused == {"type": "error", "code": "forbidden", "text": "'dance' is none", "id": "2"}
    assert (pong["type"], pong["t"]) == ("pong", "a")


def test_an_empty_line_is_nothing(path: Path) -> None:
    assert answers(path, b'\n \r\n{"type":"ping","t":"x"}\n\n') == [{"type": "pong", "t": "x", "last": 0}]


def test_a_command_that_is_older_than_the_server_is_answered_as_it_expects(path: Path) -> None:
    """An old ``chatctl admin drain`` has to end a new server."""
    done, refused, wrong = answers(
        path, b'{"do":"bans","target":"x"}\n{"do":"dance"}\n{"do":"bans","seconds":"soon"}\n'
    )
    assert done == {"ok": True, "text": "of x", "rows": [{"name": "Rajat"}], "list": True}
    assert refused == {"ok": False, "error": "'dance' is none", "code": "forbidden"}
    assert (wrong["ok"], wrong["code"]) == (False, "bad_frame")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"x" * 65_536, "too_long"),
        (b"x" * 65_536 + b"\n", "too_long"),
        (b"[" * 100_000, "too_long"),
        (b"[" * 100_000 + b"\n", "too_long"),
        (b'{"do":' + b"[" * 10_000 + b"\n", "bad_frame"),
        (b"[" * 10_000 + b"]" * 5_000 + b"\n", "bad_frame"),
        (b"[" * (MAX_LINE - 1) + b"\n", "bad_frame"),
        (b'{"do":"bans"}', "bad_frame"),
        (b"{\n", "bad_frame"),
        (b"\xff\n", "bad_frame"),
        (b"null\n", "bad_frame"),
        (b'{"do":1}\n', "bad_frame"),
        (b'{"do":"bans","target":"\\ud800"}\n', "bad_frame"),
        (b'{"do":null,"type":null}\n', "bad_frame"),
        (b'{"type":"say","text":"hi"}\n', "bad_frame"),
        (b'{"type":"dance"}\n', "bad_frame"),
        (b'{"type":"admin","verb":1}\n', "bad_frame"),
        (b"GET / HTTP/1.1\r\n\r\n", "bad_frame"),
    ],
    ids=range(18),
)
def test_what_is_no_order_is_answered(path: Path, capsys: pytest.CaptureFixture[str], data: bytes, code: str) -> None:
    """No traceback, no silence: also for a line that is longer than any may be."""
    [answer, *_] = answers(path, data)
    assert answer.get("code") == code
    assert "Traceback" not in capsys.readouterr().err


def test_a_line_that_does_not_end_in_time_is_told(path: Path) -> None:
    [answer] = answers(path, b'{"type":', ends=False, hello_seconds=0.05)
    assert answer["text"] == "the line did not end within 0.05 s"


def test_who_says_nothing_is_let_go(path: Path) -> None:
    assert answers(path, b"", ends=False, hello_seconds=0.05) == []


def test_a_connection_that_is_open_at_the_end_is_no_fault(path: Path) -> None:
    """The loop cancels what is left, which asyncio before 3.12 logs of a conversation."""
    faults: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, fault: faults.append(fault))
        admin = AdminSocket(path, carry_out, ServerLimits())
        await admin.open()
        await loop.sock_connect(sock, str(path))
        await loop.sock_sendall(sock, b'{"type":"ping","t":"x"}\n')
        assert await loop.sock_recv(sock, 100)
        await admin.close()

    with socket.socket(socket.AF_UNIX) as sock:
        sock.setblocking(False)
        run(main())
    assert faults == []


def test_one_more_than_it_takes_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_socket, "MAX_CONNECTIONS", 1)

    async def main() -> list[dict[str, Any]]:
        async with listening(path) as connect:
            got = []
            reader, writer = await connect()
            writer.write(b'{"type":"ping"}\n')
            got.append(json.loads(await reader.readline()))
            second, _ = await connect()
            got.append(json.loads(await second.readline()))
            writer.close()
            while not got[-1].get("t"):
                third, other = await connect()
                other.write(b'{"type":"ping","t":"in"}\n')
                got.append(json.loads(await third.readline()))
            return got

    first, refused, *_ = run(main())
    assert first["type"] == "pong"
    assert (refused["type"], refused["code"]) == ("error", "server_full")


def test_a_fault_of_our_own_takes_no_operators_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_socket, "MAX_CONNECTIONS", 1)

    async def main() -> list[bytes]:
        async with listening(path) as connect:
            got = []
            for verb in (b"drain", b"bans"):
                reader, writer = await connect()
                writer.write(b'{"type":"admin","verb":"' + verb + b'"}\n')
                got.append(await reader.readline())
                writer.close()
            return got

    fault, answer = run(main())
    assert fault == b""
    assert json.loads(answer)["type"] == "done"
