"""What a server does with its connections, on a loop of the test's own."""

from __future__ import annotations

import asyncio
import io
import socket

import pytest

from chatctl.common.ip_addresses import parse_network
from chatctl.core.ip_networks import Networks
from chatctl.core.limits import ServerLimits
from chatctl.journal.memory import MemoryJournal
from chatctl.server.certificates import Tls
from chatctl.server.server import Port, Server
from tests.support.environment import DEADLINE
from tests.support.fakes import SlowJournal
from tests.support.in_process_server import in_process_server, new_server
from tests.support.tls import Authority
from tests.support.wire import Wire


def test_who_still_waits_for_an_answer_is_told_goodbye_too() -> None:
    """A disk that hangs, say: they of all people have to know why it ends, and when to come back."""
    with in_process_server(ServerLimits(), journal=SlowJournal(), within=0.05) as port:
        nadia = Wire(("127.0.0.1", port)).greeted().enter("nadia")
        nadia.say("hm", id="1").say_frame(type="ping", t=1).frame("pong")
    assert nadia.frame("bye")["why"] == "the test is over"
    assert nadia.rest() == b""


@pytest.mark.parametrize("kind", ["plain", "proxied", "secure"])
def test_who_was_accepted_right_before_the_end_is_closed(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Between its accept and its transport, a connection is in none of the server's registers."""
    tls = Tls(Authority(tmp_path_factory.mktemp("ca")).sign("127.0.0.1")) if kind == "secure" else None
    networks = Networks(proxies=[parse_network("127.0.0.1")]) if kind == "proxied" else None

    async def accept_and_stop(accepted: socket.socket) -> Server:
        server = new_server(ServerLimits(), journal=MemoryJournal(), networks=networks, log=io.StringIO())
        server.accept(accepted, accepted.getpeername(), Port(tls))
        await server.stop("the test is over", within=DEADLINE)
        await asyncio.sleep(0.1)  # what is left is made now
        return server

    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = Wire(listener.getsockname())
        accepted, _ = listener.accept()
    accepted.setblocking(False)
    _kept = asyncio.run(accept_and_stop(accepted))  # what it holds is not closed by the garbage collector
    wire.rest()
