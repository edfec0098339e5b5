"""One connection of the web port: a request of HTTP, and behind some of them a WebSocket.

A request is taken to the session as lines of json, and its answers come out as responses, so that limits, rates, bans
and the order of leaving are those of every connection. Lives here: which bytes go to the session, and closing. Does not
live here: what a request asks for (routes.py), what a WebSocket's frames are (websocket.py).
"""

from __future__ import annotations

import asyncio
import secrets
from ipaddress import ip_address

import msgspec

from chatctl.common.text import clean
from chatctl.core.dialects import WEB, Dialect
from chatctl.core.effects import Raw
from chatctl.core.session import State
from chatctl.errors import ChatError, Forbidden, TooLong
from chatctl.protocol import Bye
from chatctl.server.connection import Connection, ConnectionOwner
from chatctl.server.web.http_error import HttpError
from chatctl.server.web.request_reader import LINE_END_BYTES, Head, RequestReader, forwarded_for, too_large
from chatctl.server.web.responses import CONTINUE, HTTP, HTTP_TEXT, error_response, without_body
from chatctl.server.web.room_requests import hello_of, lines_of_read, lines_of_say
from chatctl.server.web.routes import PageRequest, ReadRequest, Route, SayRequest, SocketRequest, route
from chatctl.server.web.site import Site
from chatctl.server.web.websocket import WebSocket, handshake

ANSWER_SECONDS = 20.0
"""How long a request for a room waits for its answer, once it is whole: less than proxies wait for a server."""

LINGER_SECONDS = 1.0
"""How long a connection that we have ended is read from: a close with unread input resets it, and its last bytes are
lost."""


class WebConnection(Connection):
    """One accepted connection of the web port."""

    greeting = b""
    wants_tls = "this port speaks TLS only: use https:// or wss://"

    def __init__(
        self,
        site: Site,
        server: ConnectionOwner,
        label: str,
        host: str,
        address: str = "",
        reached: tuple[str, int] | None = None,
    ) -> None:
        """Create it as any connection, for one ``site``."""
        super().__init__(server, label, host, address, reached)
        self.info = msgspec.structs.replace(self.info, sees_certificate=False)
        self._site = site
        self._request: RequestReader | None = RequestReader(server.limits.hello_bytes)
        self._say: SayRequest | None = None  # its body is read
        self._is_head = False
        self._socket: WebSocket | None = None
        self._answered = False
        self._has_ended = False  # the client
        self._checking: asyncio.Task[None] | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._unmatched = 0
        self.session.speak(HTTP, server.loop.time())

    # --- bytes in

    def data_received(self, data: bytes) -> None:
        """Pass what a request or a WebSocket says to the session."""
        if self._ending is not None:
            self._end_if_closed(data)
        elif self._socket is not None:
            self._read_frames(self._socket, data)
        elif self._request is not None:
            self._read_request(self._request, data)

    def eof_received(self) -> bool:
        """Note that the client sends no more."""
        self._has_ended = True
        if self._ending is not None:
            self._end()
        return super().eof_received()

    def _read_frames(self, socket: WebSocket, data: bytes) -> None:
        if lines := self._lines_of(socket, data):
            super().data_received(lines)
        if socket.failed is not None:
            self.session.fail(socket.failed)
        elif socket.closed:
            self.session.end(self._server.loop.time())
        if (answers := socket.answers()) and not self.paused:
            self._server.hub.perform(self, Raw(answers))
        self.pump()

    def _lines_of(self, socket: WebSocket, data: bytes) -> bytes:
        """Return lines, and behind them a blank one of all bytes that are none: they count as much."""
        lines, blank = socket.feed(data), socket.overhead
        socket.overhead = 0
        if not blank:
            return lines
        if self.session.state is State.LIVE:
            return lines + _blank_lines(blank, self._server.limits.line)
        self._unmatched += blank
        if self._unmatched > self._server.limits.hello_bytes:
            self.session.fail(TooLong("too many frames before the hello"))
        return lines

    # --- a request

    def _read_request(self, request: RequestReader, data: bytes) -> None:
        try:
            if self._say is not None:
                self._read_body(request, self._say, data)
            elif (head := request.head(data)) is not None:
                self._is_head = head.method == "HEAD"
                self._begin(request, head)
        except ChatError as error:
            self._refuse(error)

    def _begin(self, request: RequestReader, head: Head) -> None:
        if self.is_forwarded:
            self._server.readdress(self, forwarded_for(head))
        if self.leaving is not None:  # nobody is taken from there
            return
        scheme = "https" if self.info.channel else "http"
        host = head.host
        self._site.origins.check_host(host, scheme)
        is_socket = head.target.partition("?")[0] == "/ws"
        self._site.origins.check_origin(head.get("origin"), host or "", scheme, required=is_socket)
        asked = route(head)
        if isinstance(asked, SocketRequest):
            self._upgrade(request, head)
        elif self.session.refusal is not None:
            raise self.session.refusal
        elif isinstance(asked, PageRequest):
            self._end_with(self._site.page.answer(asked.known), "answered")
        elif isinstance(asked, SayRequest):
            self._begin_say(request, head, asked)
        else:
            self._ask(asked, lines_of_read(asked), HTTP_TEXT if asked.as_text else HTTP)

    def _begin_say(self, request: RequestReader, head: Head, asked: SayRequest) -> None:
        self._say = asked
        most = self._server.limits.text
        if int(head.get("content-length") or 0) > most + LINE_END_BYTES:
            raise too_large(most)
        if request.waits_for_continue:
            self._transport.write(CONTINUE)
        self._read_body(request, asked, b"")

    def _read_body(self, request: RequestReader, asked: SayRequest, data: bytes) -> None:
        body = request.body(data, self._server.limits.text)
        if body is None:
            return
        try:
            lines = lines_of_say(asked, body, secrets.token_hex(8))
        except UnicodeDecodeError as error:
            raise HttpError(400, "bad_frame", f"the body is not UTF-8: {error}") from None
        self._ask(asked, lines, HTTP)

    def _ask(self, asked: Route, lines: bytes, dialect: Dialect) -> None:
        """Give the conversation of a request to the session, after the password was checked, if there is one."""
        assert isinstance(asked, SayRequest | ReadRequest)
        self._request = None
        self.session.speak(dialect, self._server.loop.time())
        self._giving_up = self._server.loop.call_later(ANSWER_SECONDS, self._give_up)
        if self._site.passwords.is_needed:
            self._checking = self._server.loop.create_task(self._check(asked, lines))
        else:
            super().data_received(lines)

    async def _check(self, asked: SayRequest | ReadRequest, lines: bytes) -> None:
        try:
            if not (self.info.channel or self._is_local()):
                raise Forbidden("a password over HTTP needs TLS")
            await self._site.passwords.check(asked.credentials.password, self.info, hello_of(asked))
        except ChatError as error:
            self._refuse(error)
        else:
            self.info = msgspec.structs.replace(self.info, password_proved=True)
            super().data_received(lines)

    def _is_local(self) -> bool:
        """Whether the connection did not leave this machine."""
        name = self._transport.get_extra_info("sockname")
        return not isinstance(name, tuple) or ip_address(name[0].partition("%")[0]).is_loopback

    def _give_up(self) -> None:
        """Answer that nobody knows. What was said may still be committed."""
        if not self._answered and not self._transport.is_closing():
            why = "it is not known whether this was done: repeat it with the same Idempotency-Key"
            self._answer(HttpError(504, "internal", why))

    def last_frame(self, why: str, retry_after: float | None) -> Bye | None:
        """Answer a request that has begun, and of which nothing will be done."""
        has_begun = self._request is None or self._request.has_begun
        if self._socket is not None or not has_begun or self._answered or self.in_flight:
            return super().last_frame(why, retry_after)
        self._answer(HttpError(503, "server_full", why, retry_after=retry_after))
        return None

    # --- a WebSocket

    def _upgrade(self, request: RequestReader, head: Head) -> None:
        """Begin to speak json in frames. Who is refused is told so there: a page sees no other answer."""
        answer = handshake(head)
        rest, self._request = request.rest, None
        self._socket = WebSocket(self._server.limits.line)
        self.session.speak(WEB, self._server.loop.time())
        self._transport.write(answer)
        if rest:
            self._read_frames(self._socket, rest)

    # --- bytes out

    def queue_reply(self, data: bytes) -> None:
        """Keep a reply until the end of the tick; of a request's answers the first one alone."""
        if self._socket is None:
            if self._answered:
                return
            self._answered = True
            data = without_body(data) if self._is_head else data
        super().queue_reply(data)

    def _end_with(self, answer: bytes, why: str) -> None:
        self.refused = True  # so that the log has no line of it: it let nobody in
        self._server.hub.perform(self, Raw(answer))
        self._server.hub.disconnect(self, why)

    def _refuse(self, error: ChatError) -> None:
        """Answer a request with an error, and end the connection."""
        if self.leaving is not None:
            return
        self._answer(error)
        self._server.hub.disconnect(self, "refused")

    def _answer(self, error: ChatError) -> None:
        if not self.refused:
            self.refused = True
            self._site.log.info("refused a request", peer=self.label, why=clean(error.text))
        self._server.hub.refusals[error.code if isinstance(error, HttpError) else error.wire_code] += 1
        self._server.hub.perform(self, Raw(error_response(error)))

    def close(self) -> None:
        """Flush, then close: at once if the client is done too, else once it is."""
        if self._ending is not None or self._transport.is_closing():
            return
        if self._socket is not None:
            self._transport.write(self._socket.close())
        has_ended = self._has_ended or (self._socket is not None and self._socket.closed)
        if has_ended or not self._transport.can_write_eof():  # TLS has an end of its own, and reads up to the other one
            super().close()
            return
        try:
            self._transport.write_eof()
        except OSError:  # the client has reset it, which asyncio learns with its next read
            super().close()
            return
        self._ending = self._server.loop.call_later(LINGER_SECONDS, self._end)
        if not self._transport.is_reading():
            self._transport.resume_reading()

    def _end_if_closed(self, data: bytes) -> None:
        if self._socket is not None:
            self._socket.feed(data)
            if self._socket.closed or self._socket.failed is not None:
                self._end()

    def _end(self) -> None:
        super().close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end of the connection."""
        for waiting in (self._giving_up, self._ending, self._checking):
            if waiting is not None:
                waiting.cancel()
        super().connection_lost(exc)


def _blank_lines(size: int, longest: int) -> bytes:
    """Return lines of so many bytes that mean nothing."""
    line = b" " * longest + b"\n"
    return line * (size // longest) + line[-1 - size % longest :]
