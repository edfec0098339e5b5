"""What the metrics port answers: ``GET /metrics`` and ``GET /healthz``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chatctl.hub.health import Health
from chatctl.server.web.http_error import HttpError
from chatctl.server.web.origins import Origins
from chatctl.server.web.request_reader import Head
from chatctl.server.web.responses import PLAIN, response

METHODS = ("GET", "HEAD")


class MetricsSite:
    """The paths of the port."""

    def __init__(
        self,
        metrics: Callable[[], Awaitable[tuple[bytes, str]]],
        health: Health,
        is_stopping: Callable[[], bool],
        origins: Origins | None,
    ) -> None:
        """Answer with these.

        Args:
            metrics: returns the samples, and their content type.
            health: of the journal.
            is_stopping: whether the server takes nobody any more.
            origins: the names that a request may have for this server; None where others can reach it anyway.
        """
        self._metrics = metrics
        self._health = health
        self._is_stopping = is_stopping
        self._origins = origins

    async def answer(self, head: Head) -> bytes:
        """Return the response to a request. Raises HttpError."""
        if self._origins is not None:
            self._check_host(self._origins, head)
        path = head.target.partition("?")[0]
        if path not in ("/metrics", "/healthz"):
            raise HttpError(404, "forbidden", "there is nothing at this path: /metrics or /healthz")
        if head.method not in METHODS:
            why = f"{head.method[:20]} is not for this path: use {' or '.join(METHODS)}"
            raise HttpError(405, "forbidden", why, headers=(("Allow", ", ".join(METHODS)),))
        return await (self._scrape() if path == "/metrics" else self._look())

    def _check_host(self, origins: Origins, head: Head) -> None:
        try:
            origins.check_host(head.host, "http")
        except HttpError as error:
            if error.status != 421:
                raise
            why = "this port is for this machine alone: ask for localhost, or an address"
            raise HttpError(421, "forbidden", why) from None

    async def _scrape(self) -> bytes:
        body, kind = await self._metrics()
        return response(200, body, kind)

    async def _look(self) -> bytes:
        why = "the server is going down" if self._is_stopping() else await self._health.check()
        return response(503 if why else 200, f"{why or 'ok'}\n".encode(), PLAIN)
