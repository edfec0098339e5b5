"""The dates of the certificate in use: warnings before it ends, and when it has ended or has not begun.

Lives here: when to warn, and of what. Does not live here: reading a certificate (certificates.py). Clients that pin it
do not look at its dates; all others refuse it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from chatctl.common.durations import short_span
from chatctl.hub.event_log import Log
from chatctl.server.certificates import Certificate, Tls

DAY = 86_400.0
WARN_SECONDS = 14 * DAY
"""How long before its end a certificate is warned of."""

LOOK_SECONDS = 3_600.0
"""Time between two looks at the dates: a clock that is set is noticed, too."""


def trouble_with(certificate: Certificate, now: float) -> tuple[str, str] | None:
    """Return what is wrong with the dates of a certificate or its chain, and the details; None if nothing is.

    Args:
        certificate: the one in use.
        now: Unix seconds.
    """
    if not certificate.dates:
        return None
    last = min(certificate.dates, key=lambda one: one.ends)
    first = max(certificate.dates, key=lambda one: one.begins)
    if last.ends <= now:
        return "the certificate has expired", f"{last.subject} ended {short_span(now - last.ends)} ago"
    if first.begins > now:
        return "the certificate is not valid yet", f"{first.subject} begins in {short_span(first.begins - now)}"
    if last.ends - now <= WARN_SECONDS:
        return "the certificate expires soon", f"{last.subject} ends in {short_span(last.ends - now)}"
    return None


class CertificateWatch:
    """Warns of the certificate's dates: at the start, at each reload, once a day, and when something else is wrong."""

    def __init__(
        self, tls: Tls, log: Log, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.time
    ) -> None:
        """Watch what ``tls`` shows; ``start`` begins. ``clock`` returns Unix seconds."""
        self._tls = tls
        self._log = log
        self._loop = loop
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._told = ""
        self._told_at = 0.0

    def start(self) -> None:
        """Look now, and from now on."""
        self._look()
        self._timer = self._loop.call_later(LOOK_SECONDS, self.start)

    def reload(self) -> None:
        """Read the certificate again, and warn of the new one. Raises ChatError, and keeps the one it has."""
        self._tls.reload()
        self._told = ""
        self._look()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        found = trouble_with(self._tls.current, self._clock())
        if found is None:
            self._told = ""
            return
        what, details = found
        if what != self._told or self._loop.time() - self._told_at >= DAY:
            self._told, self._told_at = what, self._loop.time()
            self._log.warning(what, path=str(self._tls.path), why=details)
