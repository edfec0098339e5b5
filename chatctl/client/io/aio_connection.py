"""One connection as an asyncio protocol: connecting, being let in, bytes to the core, frames to whoever wants them.

Does not live here: coming back when it breaks (link.py, say.py, follow.py), what a frame means (core.py, terminal/).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from chatctl.client.core.address import Address
from chatctl.client.core.connection import HURRY_SECONDS, ClientConnection
from chatctl.client.core.prover import Prover, place_of
from chatctl.client.io.blocking_connection import look_again
from chatctl.client.io.blocking_tls import look_closer
from chatctl.client.security.credentials import Credentials
from chatctl.client.security.trust import Trust, handshake_failed
from chatctl.errors import ChatError, Unreachable, Untrusted, reason_of
from chatctl.protocol import ClientFrame, Hello, ServerFrame, Welcome

CONNECT_SECONDS = 10.0

BUSY_SECONDS = 0.02
"""How long reading waits before it looks again whether its reader has caught up."""


class _Closed(Unreachable):
    """The connection ended before we were let in."""


class Wire(asyncio.Protocol):
    """One connection: bytes to the core, frames to ``on_frame``. While that one is ``busy``, nothing more is read."""

    def __init__(
        self,
        core: ClientConnection,
        on_frame: Callable[[ServerFrame], None],
        busy: Callable[[], bool] = lambda: False,
        trust: Trust | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        """Wait for ``connection_made``, with ``trust`` after a TLS handshake. Prove what ``credentials`` can."""
        self.channel = b""
        self._trust = trust
        self._credentials = credentials
        self._core = core
        self._on_frame = on_frame
        self._busy = busy
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self.welcomed: asyncio.Future[Welcome] = self._loop.create_future()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.error: ChatError | None = None
        self.heard = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the greeting, if it is the right server."""
        self._transport = cast(asyncio.Transport, transport)
        if self._trust is not None:
            try:
                self.channel = self._trust.check(transport.get_extra_info("ssl_object").getpeercert(binary_form=True))
            except Untrusted as error:
                self._fail(error, error.text)
                return
        if self._credentials is not None:
            place = place_of(transport.get_extra_info("peername"), self.channel)
            self._core.prove_with(Prover(self._credentials, place, self.channel))
        self._loop.call_later(HURRY_SECONDS, self._hurry)

    def _hurry(self) -> None:
        try:
            self._core.hurry()
        except ChatError as error:
            self._fail(error, error.text)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Hand on every frame."""
        self.heard = self._loop.time()
        try:
            for frame in self._core.receive(data):
                if isinstance(frame, Welcome) and not self.welcomed.done():
                    self.welcomed.set_result(frame)
                self._on_frame(frame)
        except ChatError as error:
            self._fail(error, error.text)
        self._flush()
        if self._busy() and self._transport is not None:
            self._transport.pause_reading()
            self._loop.call_later(BUSY_SECONDS, self._go_on)

    def _go_on(self) -> None:
        self.heard = self._loop.time()  # the silence was ours
        if self._transport is None or self._transport.is_closing():
            return
        if self._busy():
            self._loop.call_later(BUSY_SECONDS, self._go_on)
        else:
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        why = reason_of(exc) if exc else "the server closed the connection"
        self._fail(_Closed(why), why)

    def _fail(self, error: ChatError, why: str) -> None:
        if not self.welcomed.done():
            self.welcomed.set_exception(error)
        elif not self.lost.done():
            self.error = error
            self.lost.set_result(why)
        self.close()

    @property
    def closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._transport is None or self._transport.is_closing()

    def send(self, frame: ClientFrame) -> None:
        """Send a frame now, or once we are in."""
        self._core.send(frame)
        self._flush()

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_closing() and (out := self._core.outgoing()):
            self._transport.write(out)

    def close(self) -> None:
        """Close; what was sent still leaves."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once: the other end is gone anyway."""
        if self._transport is not None:
            self._transport.abort()


async def connect(
    address: Address, hello: Hello, on_frame: Callable[[ServerFrame], None], busy: Callable[[], bool]
) -> tuple[Wire, Welcome]:
    """Connect and be let in, within ``CONNECT_SECONDS``.

    Raises:
        Unreachable: nobody there, or no word from it.
        ChatError: something else answered, or the server said no.
    """
    trust = Trust(address) if address.tls else None
    wire = Wire(ClientConnection(hello, address), on_frame, busy, trust, address.credentials)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await _open(address, wire, trust)
            return wire, await wire.welcomed
    except TimeoutError:
        wire.abort()
        raise Unreachable(f"cannot reach {address}: it did not answer in time") from None
    except _Closed as closed:
        raise Unreachable(f"cannot reach {address}: {closed.text} before it let us in") from None
    except ChatError:
        wire.abort()  # nothing of ours is under way, and TLS would wait for a goodbye that a loop that ends never reads
        raise
    except ssl.SSLCertVerificationError as error:
        raise await asyncio.to_thread(look_closer, address, error, lambda: look_again(address)) from None
    except ssl.SSLError as error:
        raise handshake_failed(address, error) from None
    except (ConnectionResetError, ConnectionAbortedError) as error:  # in the handshake, or even before
        if trust is not None:
            raise handshake_failed(address, error) from None
        raise Unreachable(f"cannot reach {address}: {_reason(error)}") from None
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"cannot reach {address}: {_reason(error)}") from None
    except asyncio.CancelledError:
        wire.abort()
        raise
    finally:
        if wire.welcomed.done() and not wire.welcomed.cancelled():
            wire.welcomed.exception()  # it was raised above, or its time was over: either way it is known


async def _open(address: Address, wire: Wire, trust: Trust | None) -> None:
    loop = asyncio.get_running_loop()
    if address.unix is not None:
        await loop.create_unix_connection(lambda: wire, address.unix)
    else:
        context = trust.context if trust is not None else None
        await loop.create_connection(lambda: wire, address.host, address.port, ssl=context)


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "this can't be a host's name"
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return "connection refused (is 'chatctl serve' running there?)"
    return reason_of(error)
