"""What a process on this machine uses. Linux tells; elsewhere nothing is said rather than something wrong."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

from chatctl.errors import ChatError


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds so far, user and system, of all threads; resident bytes now."""

    cpu: float
    resident: int


def usage_of(pid: int) -> Usage:
    """Give what process ``pid`` uses. Raises ChatError if it can't be seen."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        cpu = time.clock_gettime(_cpu_clock(pid))
    except OSError:
        raise ChatError(f"there is no process {pid} to be seen here") from None
    return Usage(cpu, pages * os.sysconf("SC_PAGE_SIZE"))


def _cpu_clock(pid: int) -> int:
    """Give the clock that clock_getcpuclockid(3) gives: nanoseconds, where /proc/PID/stat has ticks of 10 ms."""
    return ~pid << 3 | 2


def own_cpu() -> float:
    """Give the CPU seconds that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
