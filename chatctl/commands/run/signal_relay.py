"""Passing signals on to the program of ``run``: those that were sent to us, and not those of a key, which it got too.

Does not live here: starting the program and waiting for it (child.py).
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGIO", "SIGPWR")
FORWARDED = tuple(signal.Signals[name] for name in _NAMES if hasattr(signal, name))
"""Those that end a program which takes no care of them: of ours, the room would not hear how it ended."""

_KEYS = (signal.SIGINT, signal.SIGQUIT)
_SI_KERNEL = 0x80
"""``si_code`` of a signal that nobody sent: here, that of a key (Linux, sigaction(2))."""

Send = Callable[[int], None]


class SignalRelay:
    """Passes signals on, from before the program starts until it has ended."""

    def __init__(self) -> None:
        """Take the signals from now on; what comes before ``attach`` waits for it."""
        self._early: list[int] = []
        self._send: Send | None = None
        self._shares_keys = True
        self._thread: threading.Thread | None = None
        self._is_over = False
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, as some callers leave it, it hides the status
        self._numbers = [number for number in FORWARDED if signal.getsignal(number) is not signal.SIG_IGN]
        for number in self._numbers:  # nohup ignores some, for both of us
            signal.signal(number, self._arrived)

    def attach(self, send: Send, *, shares_keys: bool) -> None:
        """Pass signals on by ``send``.

        Args:
            send: sends a signal to the program.
            shares_keys: whether the terminal gives the program the signals of its keys as it does to us.
        """
        self._send, self._shares_keys = send, shares_keys
        for number in self._early:
            send(number)
        if hasattr(signal, "sigwaitinfo") and self._numbers:  # it tells who sent a signal; macOS has nothing like it
            signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)
            self._thread = threading.Thread(target=self._relay, daemon=True)
            self._thread.start()

    def detach(self) -> None:
        """Pass nothing on any more: the program has ended."""
        self._is_over = True
        if self._thread is not None and self._thread.ident is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pthread_kill(self._thread.ident, self._numbers[0])
            self._thread.join()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, self._numbers)

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        if self._send is None:
            self._early.append(number)
        elif not (self._shares_keys and number in _KEYS and is_our_terminal()):
            self._send(number)

    def _relay(self) -> None:
        while True:
            info = signal.sigwaitinfo(self._numbers)
            if self._is_over:
                return
            typed = info.si_code == _SI_KERNEL and info.si_signo in _KEYS
            if self._send is not None and not (typed and self._shares_keys):
                self._send(info.si_signo)


def is_our_terminal() -> bool:
    """Return whether a key typed at the terminal sends its signal to us, and so to the program in the same group."""
    with contextlib.suppress(OSError):
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False
