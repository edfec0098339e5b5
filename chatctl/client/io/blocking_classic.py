"""Saying something to a server of the first version, on a blocking socket.

That server acknowledges nothing: a message was said when it comes back. Each message waits for the one before, or two
would arrive as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chatctl.client.core.address import Address
from chatctl.client.core.classic import ClassicCore
from chatctl.client.core.deadline import Deadline, DeadlinePassed
from chatctl.client.io.blocking_socket import hang_up, open_socket
from chatctl.client.io.clock import deadline_in
from chatctl.errors import OutcomeUnknown, Unreachable


def say_classic(address: Address, nick: str, texts: Iterable[str], timeout: float | None) -> None:
    """Say each text, with ``timeout`` seconds for the connection and for each text.

    Raises:
        Unreachable: nobody is there, or the server did not let us in; nothing was sent.
        OutcomeUnknown: a text did not come back in time.
        PeerBroke: it is another kind of server.
        Rejected: a nickname or text is not ASCII.
    """
    core = ClassicCore(nick, address)
    texts = list(texts)
    for text in texts:
        core.check(text)
    deadline = deadline_in(timeout)
    sock = open_socket(address, deadline)

    def wait(until: Callable[[], bool], deadline: Deadline) -> None:
        while not until():
            sock.settimeout(deadline.left())
            data = sock.recv(4096)
            if not data:
                raise ConnectionResetError
            core.receive(data)
            sock.sendall(core.outgoing())

    try:
        wait(lambda: core.connected, deadline)
        for text in texts:
            core.say(text)
            sock.sendall(core.outgoing())
            try:
                wait(lambda text=text: core.came_back(text), deadline_in(timeout))  # type: ignore[misc]
            except (OSError, DeadlinePassed):
                raise OutcomeUnknown("the message did not come back: it may or may not have been stored") from None
    except (OSError, DeadlinePassed):
        raise Unreachable(f"cannot reach {address}: it accepts connections, but does not answer the hello") from None
    finally:
        hang_up(sock)
