"""A membership that outlives its connections, against a server that does what a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
from msgspec import structs

from chatctl import protocol as p
from chatctl.client import membership as membership
from chatctl.client.core.address import Address
from chatctl.client.core.outbox import Outbox
from chatctl.client.membership import Membership
from chatctl.client.security.credentials import Credentials
from chatctl.core.auth import Authenticator, ConnectionInfo
from chatctl.core.passwords import Verifier
from chatctl.errors import ChatError, Forbidden, NickTaken, Unauthorized

Peer = Callable[["Server", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
DEADLINE = 8.0


class Listener:
    """Remembers."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.is_busy = False

    def connected(self, welcome: p.Welcome, missed: int | None) -> None:
        self.events.append(f"connected {missed}")

    def disconnected(self, why: str | None) -> None:
        self.events.append(f"disconnected {why}")

    def received(self, frame: p.ServerFrame) -> None:
        self.events.append(f"msg {frame.seq}" if isinstance(frame, p.Msg) else type(frame).__name__)

    def refused(self, say: p.Say, why: str) -> None:
        self.events.append(f"refused {say.text}")

    def busy(self) -> bool:
        return self.is_busy


class Server:
    """Takes each connection as the next function says."""

    def __init__(self, *peers: Peer) -> None:
        self.peers = list(peers)
        self.hellos: list[dict[str, Any]] = []
        self.frames: list[dict[str, Any]] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.write(b"NAME")
        self.hellos.append(json.loads(await reader.readline()))
        await self.peers.pop(0)(self, reader, writer)
        writer.close()

    async def collect(self, reader: asyncio.StreamReader, count: int) -> None:
        for _ in range(count):
            self.frames.append(json.loads(await reader.readline()))


def send(writer: asyncio.StreamWriter, *frames: Any) -> None:
    for frame in frames:
        writer.write(p.encode(frame))


def welcome(last: int = 0, epoch: str = "e") -> p.Welcome:
    return p.Welcome(1, "s", "lobby", "nadia", epoch, 1, last, ["nadia"], 1, 0, "memory", p.Limits())


def msg(seq: int) -> p.Msg:
    return p.Msg(seq=seq, time=0.0, nick="omar", text="x")


@asynccontextmanager
async def linked(
    server: Server, resume: p.Resume | None = None, history: int = 100, credentials: Credentials | None = None
) -> AsyncIterator[tuple[Membership, Listener, asyncio.Task[None]]]:
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    listener = Listener()
    address = Address("127.0.0.1", listening.sockets[0].getsockname()[1], credentials=credentials)
    link = Membership(address, p.Hello(v=1, nick="nadia", resume=resume, history=history), Outbox(), listener)
    task = asyncio.get_running_loop().create_task(link.run())
    try:
        yield link, listener, task
    finally:
        link.leave()
        await asyncio.wait([task], timeout=DEADLINE)
        listening.close()
        for writer in server.writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.005)


async def stay(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    send(writer, welcome())
    await reader.read()


def test_entries_come_once_across_connections() -> None:
    async def first(_server: Server, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, welcome(2), msg(1), msg(2))

    async def second(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, welcome(4), msg(2), msg(3), msg(4))
        await reader.read()

    async def scenario() -> None:
        server = Server(first, second)
        async with linked(server) as (_, listener, _task):
            await until(lambda: "msg 4" in listener.events)
            assert server.hellos[1]["resume"] == {"epoch": "e", "after": 2, "cut": True}
            assert [event for event in listener.events if event.startswith("msg")] == [f"msg {n}" for n in (1, 2, 3, 4)]
            assert "connected 2" in listener.events

    asyncio.run(scenario())


@pytest.mark.parametrize(("cut", "gap"), [(None, p.Gap(from_=1, to=3, why="lost")), (2, p.Gap(3, 7, "lost"))])
def test_a_place_in_another_log_is_kept_until_the_gap_told_of_it(cut: int | None, gap: p.Gap) -> None:
    """A connection that breaks between the two must not hide the loss, also where the log is the same up to there."""
    new = structs.replace(welcome(3, epoch="new"), cut=cut)

    async def brief(_server: Server, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, new)

    async def tells(_server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, new, gap, msg(4))
        await reader.read()

    async def scenario() -> None:
        server = Server(brief, tells)
        async with linked(server, p.Resume("old", 7)) as (link, listener, _task):
            await until(lambda: "msg 4" in listener.events)
            assert [hello["resume"] for hello in server.hellos] == [{"epoch": "old", "after": 7, "cut": True}] * 2
            assert [event for event in listener.events if event in ("Gap", "msg 4")] == ["Gap", "msg 4"]
            assert link.cursor == p.Resume("new", 4)
            missed = [event for event in listener.events if event.startswith("connected")]
            assert missed == [f"connected {None if cut is None else 3 - cut}"] * 2

    asyncio.run(scenario())


def test_without_history_it_stands_at_the_logs_end() -> None:
    """What lies before that can be asked for right away: \"/history\" asks for what is before the cursor."""

    async def late(_server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, welcome(9))
        await reader.read()

    async def scenario() -> None:
        async with linked(Server(late), history=0) as (link, _listener, _task):
            await until(lambda: link.connected)
            assert link.cursor == p.Resume("e", 9)

    asyncio.run(scenario())


def test_what_is_unsent_goes_again_in_order_with_its_ids() -> None:
    async def deaf(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, welcome())
        await server.collect(reader, 2)

    async def good(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, welcome())
        await server.collect(reader, 2)
        send(writer, *(p.Ack(frame["id"], 0.0, False, 1) for frame in server.frames[2:]))
        await reader.read()

    async def scenario() -> None:
        server = Server(deaf, good)
        async with linked(server) as (link, _, _task):
            link.say("one")
            link.say("two")
            await until(lambda: not len(link.outbox))
            assert server.frames[:2] == server.frames[2:]

    asyncio.run(scenario())


def test_refused_at_first_it_is_an_error_and_later_it_is_not() -> None:
    async def refuse(_server: Server, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, p.Error("nick_taken", "taken"))

    async def brief(_server: Server, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, welcome())

    async def scenario() -> None:
        async with linked(Server(refuse)) as (_, _listener, task):
            with pytest.raises(NickTaken):
                await asyncio.wait_for(task, DEADLINE)
        async with linked(Server(brief, refuse, refuse, stay)) as (link, listener, _task):
            await until(lambda: link.retry_now() or listener.events.count("connected 0") + len(listener.events) >= 5)  # type: ignore[func-returns-value]
            assert listener.events.count("disconnected taken") == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"nonsense", "not JSON"),
        (b'{"type":"later","x":' + b"[" * 32 + b"]" * 32 + b"}", "nested deeper than 32 levels"),
        (b'{"type":"done","verb":"x","text":"","rows":[{"a":' + b"[" * 8000 + b"]" * 8000 + b"}]}", "nested deeper"),
    ],
    ids=["nonsense", "nested", "nested-rows"],
)
def test_a_server_that_breaks_the_protocol_is_not_hammered(line: bytes, problem: str) -> None:
    """It lets us in and then talks nonsense, again and again: the waits grow."""

    async def nonsense(_server: Server, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, welcome())
        writer.write(line + b"\n")

    async def scenario() -> None:
        async with linked(Server(*[nonsense] * 8)) as (link, listener, _task):
            waits: list[float] = []
            while len(waits) < 4:
                await until(lambda: link.retry_at is not None)
                assert link.retry_at is not None
                waits.append(link.retry_at - asyncio.get_running_loop().time())
                link.retry_at = None
                link.retry_now()
            assert waits[3] > 1.5, waits
            assert problem in "".join(listener.events)

    asyncio.run(scenario())


def is_reading(link: Membership) -> bool:
    assert link._connection is not None
    assert link._connection._transport is not None
    return link._connection._transport.is_reading()


def test_a_reader_that_is_busy_is_waited_for() -> None:
    """Nothing more is read from the connection until it has caught up."""

    async def much(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, welcome())
        await server.collect(reader, 1)
        send(writer, *(msg(seq) for seq in range(1, 20_001)))
        await reader.read()

    async def scenario() -> None:
        async with linked(Server(much)) as (link, listener, _task):
            await until(lambda: listener.events)
            listener.is_busy = True
            link.say("go on")
            await until(lambda: not is_reading(link))
            assert len(listener.events) < 20_001
            listener.is_busy = False
            await until(lambda: "msg 20000" in listener.events)

    asyncio.run(scenario())


def test_a_server_that_falls_silent_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that drops everything: asked, not answered, given up, tried again."""
    monkeypatch.setattr(membership, "PING_SECONDS", 0.1)
    monkeypatch.setattr(membership, "WATCH_SECONDS", 0.02)

    async def scenario() -> None:
        server = Server(stay, stay)
        async with linked(server) as (_, listener, _task):
            await until(lambda: len(server.hellos) == 2)
            assert "disconnected the server does not answer any more" in listener.events

    asyncio.run(scenario())


def test_leaving_while_nobody_answers_is_quick() -> None:
    async def silent(_server: Server, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def scenario() -> None:
        server = Server(silent)
        async with linked(server) as (link, _, task):
            await until(lambda: server.hellos)
            link.leave()
            await asyncio.wait_for(task, 1.0)

    asyncio.run(scenario())


async def once_with(
    password: Verifier, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Ask for the password; let in who knows it, and hang up."""
    hello = p.decode_client(json.dumps(server.hellos[-1]).encode())
    assert isinstance(hello, p.Hello)
    auth = Authenticator(password).begin(hello, ConnectionInfo(), bytes(32), 0)
    assert auth is not None
    send(writer, auth.challenge)
    proof = p.decode_client((await reader.readline()).removesuffix(b"\n"))
    assert isinstance(proof, p.Proof)
    try:
        send(writer, structs.replace(welcome(), scram=auth.verify(proof, 0).scram))
    except Unauthorized as error:
        send(writer, p.Error(code="unauthorized", text=error.text, retry_after=error.retry_after))


def test_a_password_that_was_changed_is_not_tried_again_and_again() -> None:
    """Each try would lengthen the time for which everybody at our address is locked out. Enter tries it once more."""

    async def run() -> None:
        old, new = (partial(once_with, Verifier.of(word)) for word in ("old", "new"))
        async with linked(Server(old, new, new), credentials=Credentials(password="old", key="none")) as (
            link,
            listener,
            _,
        ):
            await until(lambda: "disconnected wrong password" in listener.events)
            assert link.retry_at is not None
            assert link.retry_at - asyncio.get_running_loop().time() > 600
            link.retry_now()
            await until(lambda: listener.events.count("disconnected None") == 1)
            assert link.retry_at - asyncio.get_running_loop().time() > 600

    asyncio.run(run())


@pytest.mark.parametrize(
    ("bye", "error", "text"),
    [
        (
            p.Bye("you joined from elsewhere", final=True, code="nick_taken"),
            NickTaken,
            "elsewhere: you have left the room",
        ),
        (p.Bye("you were kicked", final=True), Forbidden, "you were kicked"),
    ],
)
def test_a_final_bye_is_the_end_with_its_reason(bye: p.Bye, error: type[ChatError], text: str) -> None:
    """A script sees it by the exit code; nobody comes back by themselves."""

    async def sends_away(_server: Server, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, welcome(), bye)

    async def scenario() -> None:
        async with linked(Server(sends_away)) as (_, _listener, task):
            with pytest.raises(error, match=text):
                await task

    asyncio.run(scenario())


def test_who_is_replaced_right_after_coming_back_comes_back_once_more() -> None:
    """An earlier hello of its own, whose connection broke, may have been let in last. Twice in a row it is another."""

    async def brief(_server: Server, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, welcome())

    async def replaces(_server: Server, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, welcome(), p.Bye("joined from elsewhere", final=True, code="nick_taken"))

    async def scenario() -> None:
        server = Server(brief, replaces, replaces)
        async with linked(server) as (_, listener, task):
            with pytest.raises(NickTaken, match="elsewhere"):
                await task
            assert (len(server.hellos), listener.events.count("Bye")) == (3, 1)

    asyncio.run(scenario())


def test_who_is_replaced_long_after_coming_back_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async def brief(_server: Server, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, welcome())

    async def scenario() -> None:
        later = asyncio.Event()

        async def replaces(_server: Server, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            send(writer, welcome())
            await later.wait()
            send(writer, p.Bye("joined from elsewhere", final=True, code="nick_taken"))

        server = Server(brief, replaces)
        async with linked(server) as (_, listener, task):
            await until(lambda: sum(event.startswith("connected") for event in listener.events) == 2)
            monkeypatch.setattr(membership, "CONNECT_SECONDS", 0.0)
            later.set()
            with pytest.raises(NickTaken, match="elsewhere"):
                await task
            assert len(server.hellos) == 2

    asyncio.run(scenario())


def test_a_kept_message_that_this_server_never_takes_is_given_back() -> None:
    """It was typed without a connection, or for another server. It would be sent and hung up on for ever."""

    async def small(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        send(writer, structs.replace(welcome(), limits=structs.replace(p.Limits(), line=300)))
        await server.collect(reader, 1)
        await reader.read()

    async def scenario() -> None:
        server = Server(small)
        async with linked(server) as (link, listener, _task):
            link.say("\x01" * 100)
            link.say("short")
            await until(lambda: server.frames)
            assert listener.events[1:] == [f"refused {chr(1) * 100}"]
            assert server.frames[0]["text"] == "short"
            assert len(link.outbox) == 1

    asyncio.run(scenario())
