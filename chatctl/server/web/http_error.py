"""Why a request is refused: as a status of HTTP, and as a code of the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chatctl.errors import ChatError

Headers = Sequence[tuple[str, str]]

STATUS_OF_CODE: Mapping[str, int] = {
    "bad_frame": 400,
    "forbidden": 403,
    "id_reused": 409,
    "internal": 500,
    "nick_invalid": 400,
    "nick_taken": 409,
    "no_such_nick": 404,
    "not_joined": 408,
    "rate_limited": 429,
    "room_full": 503,
    "room_invalid": 404,
    "server_full": 503,
    "storage": 503,
    "too_long": 413,
    "unauthorized": 401,
    "version": 400,
}
"""Each code of the wire. Nobody but a slow client gets ``not_joined``: its hello is made of its request."""


class HttpError(ChatError):
    """A request that is not carried out. ``code`` is the wire's; ``headers`` are sent with the answer."""

    def __init__(
        self, status: int, code: str, text: str, *, headers: Headers = (), retry_after: float | None = None
    ) -> None:
        """Set the status of HTTP, the code of the wire, and what is to be done about it."""
        super().__init__(text, retry_after=retry_after)
        self.status = status
        self.code = code
        self.headers = headers
