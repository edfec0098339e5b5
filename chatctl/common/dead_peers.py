"""The TCP options by which a kernel ends a connection whose other end is gone, whatever is under way on it.

An end that is gone sends nothing: no FIN, no reset, no acknowledgement. Keepalive probes find it while a connection is
idle. They are not sent while anything is unacknowledged; without a limit of its own that is sent again for a quarter
of an hour. Pings find it too, but only where the other end answers them, so not with nc or the first version.
"""

from __future__ import annotations

UNACKNOWLEDGED_SECONDS = 80
"""How long data, or a closed window, may stand without an acknowledgement. Linux alone has an option for it."""

IDLE_SECONDS, PROBE_SECONDS, PROBES = 60, 25, 2
"""When an idle connection is probed, how often, and how many probes may be lost.

With UNACKNOWLEDGED_SECONDS a peer is gone after 165 s at most: the worst case is a message that is sent just before
the second probe is found lost (60 + 25 s), and has its own 80 s from there.
"""

_OPTIONS = (
    ("SOL_SOCKET", "SO_KEEPALIVE", 1),
    ("IPPROTO_TCP", "TCP_KEEPIDLE", IDLE_SECONDS),
    ("IPPROTO_TCP", "TCP_KEEPALIVE", IDLE_SECONDS),  # what macOS calls it
    ("IPPROTO_TCP", "TCP_KEEPINTVL", PROBE_SECONDS),
    ("IPPROTO_TCP", "TCP_KEEPCNT", PROBES),
    ("IPPROTO_TCP", "TCP_USER_TIMEOUT", UNACKNOWLEDGED_SECONDS * 1000),
)


def tcp_options(platform: object) -> list[tuple[int, int, int]]:
    """Return (level, option, value) of each that the platform has.

    Args:
        platform: the module ``socket``, which nothing in this package imports.
    """
    return [
        (getattr(platform, level), getattr(platform, option), value)
        for level, option, value in _OPTIONS
        if hasattr(platform, option)
    ]
