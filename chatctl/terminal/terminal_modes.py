"""The modes of the terminal: ours from the first moment on, and back as they were found at the end.

Lives here: echo, line mode, and the keys that came before. Does not live here: what is written (painter.py).

It loads nothing but ``termios``: ``join`` takes the terminal before it loads the rest. What is typed in that time would
be echoed by the terminal's driver among our lines, and its Enter would arrive as Ctrl-J.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Iterator

_LOCAL, _INPUT, _CC = 3, 0, 6
"""Where tcgetattr has these flags."""


class TerminalModes:
    """One terminal, for one process. Each call is harmless where there is no terminal."""

    def __init__(self, descriptor: int, *, erases: bool = True) -> None:
        """Change nothing yet. ``erases``: clear the row in which the driver has echoed what was typed before."""
        self._descriptor = descriptor
        self._erases = erases
        self._found: list[int | list[bytes | int]] | None = None
        self._typed_before = b""

    def take(self) -> None:
        """Switch echo and line mode off, but leave Ctrl-C a signal, and read what was typed before."""
        if self._found is not None:
            return
        with contextlib.suppress(termios.error):
            self._found = termios.tcgetattr(self._descriptor)
            self._set_raw()
            self._typed_before += self._waiting().replace(b"\n", b"\r")  # the driver has made LF of each CR
            self._handle_signals()
            if self._typed_before:  # its echo stands where our first line comes
                with contextlib.suppress(OSError):
                    os.write(self._descriptor, b"\r\x1b[K" if self._erases else b"\n")

    def typed_before(self) -> bytes:
        """Return what was typed before ``take``, once; its line ends are as the Enter key sends them."""
        typed, self._typed_before = self._typed_before, b""
        return typed

    def _set_raw(self) -> None:
        modes = termios.tcgetattr(self._descriptor)
        modes[_LOCAL] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        modes[_INPUT] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
        modes[_CC][termios.VMIN] = 1
        termios.tcsetattr(self._descriptor, termios.TCSANOW, modes)  # TCSAFLUSH would drop what was typed

    def _waiting(self) -> bytes:
        size = struct.unpack("i", fcntl.ioctl(self._descriptor, termios.FIONREAD, b"\0" * 4))[0]
        return os.read(self._descriptor, size) if size else b""

    def _handle_signals(self) -> None:
        """Have SIGHUP and SIGQUIT end the program as SIGTERM does: by default they would leave the terminal raw.

        SIGCONT takes the terminal again: whoever stopped us has had it meanwhile.
        """
        signal.signal(signal.SIGCONT, lambda *_: self._continued())
        for number in (signal.SIGHUP, signal.SIGQUIT):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, signal.getsignal(signal.SIGTERM))

    def _continued(self) -> None:
        if self._found is not None:
            with contextlib.suppress(termios.error):
                self._set_raw()

    def give_back(self) -> None:
        """Restore the modes that were found."""
        found, self._found = self._found, None
        if found is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._descriptor, termios.TCSANOW, found)

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take the terminal inside the block."""
        self.take()
        try:
            yield
        finally:
            self.give_back()

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """Give the terminal back inside the block, for a question that is asked there."""
        was_ours = self._found is not None
        self.give_back()
        try:
            yield
        finally:
            if was_ours:
                self.take()
