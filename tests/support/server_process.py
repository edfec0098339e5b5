"""A ``chatctl serve`` in a process of its own, and what it logs."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Mapping, Sequence

from tests.support.environment import CHATCTL, DEADLINE, ROOT
from tests.support.forked import popen
from tests.support.wire import Wire


class Server:
    """A real ``chatctl serve``, and what it printed."""

    def __init__(
        self,
        *options: str,
        port: int | None = 0,
        env: Mapping[str, str] | None = None,
        program: Sequence[str] = CHATCTL,
        news: threading.Condition | None = None,
    ) -> None:
        """Start it and wait until it says where it listens; ``port`` None leaves that to ``options``.

        ``program`` is one that stands for ``chatctl``; ``news`` is notified of each line that it logs.
        """
        where = () if port is None else ("--port", str(port))
        self.process = popen(
            [*program, "serve", *where, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env) if env is not None else None,
            cwd=ROOT,
        )
        self._err: list[bytes] = []
        self._news = news or threading.Condition()
        self._reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._reader.start()
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline().decode()
        if not self.first_line:
            self.process.wait(DEADLINE)
            raise AssertionError(f"it did not start: {self.stderr_text()}")
        port_shown = re.search(r":(\d+)$", self.first_line.strip())
        self.port = int(port_shown[1]) if port_shown else 0

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self._err.append(line)
                self._news.notify_all()

    def stderr_text(self) -> str:
        """Return the log so far."""
        with self._news:
            return b"".join(self._err).decode()

    def wait_for_log(self, wanted: str, times: int = 1) -> str:
        """Wait until the log holds ``wanted`` so many times; give the log."""

        def there() -> bool:
            return b"".join(self._err).decode().count(wanted) >= times

        with self._news:
            assert self._news.wait_for(there, DEADLINE), f"no {wanted!r} in:\n{b''.join(self._err).decode()}"
            return b"".join(self._err).decode()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end; give its exit code."""
        return self.process.wait(DEADLINE)

    def stop(self) -> str:
        """End it in order if it still runs; give all that it logged, in which there is no traceback."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it did not end:\n{self.stderr_text()}") from None
        finally:
            self._reader.join(DEADLINE)
            for pipe in (self.process.stdout, self.process.stderr):
                if pipe is not None:
                    pipe.close()
        log = self.stderr_text()
        assert "Traceback" not in log, log
        assert "internal error in chatctl" not in log, log
        return log

    def wire(self) -> Wire:
        """Connect to it, and be greeted."""
        return Wire(("127.0.0.1", self.port)).greeted()

    def member(self, nick: str, room: str = "lobby", **more: object) -> Wire:
        """Connect and be let in."""
        return self.wire().enter(nick, room, **more)
