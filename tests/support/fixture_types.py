"""The types of the fixtures in ``tests/conftest.py`` that are called."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any, Protocol

from tests.support.lossy_proxy import LossyProxy
from tests.support.server_process import Server
from tests.support.stub import Stub


class Run(Protocol):
    """Runs a command to its end."""

    def __call__(
        self, *arguments: str, stdin: bytes | None = None, port: int | None = None, closing: str = "", **more: Any
    ) -> subprocess.CompletedProcess[bytes]:
        """Return its exit code and output. ``stdin`` None: empty; ``closing``: redirections that a shell applies."""


Start = Callable[..., "subprocess.Popen[bytes]"]
PutStub = Callable[..., Stub]
Serve = Callable[..., Server]
Lossy = Callable[..., LossyProxy]
