"""Asking a running server something as its operator, over the socket beside its journal."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from chatctl.errors import ChatError
from chatctl.places import admin_socket, reachable_socket


def ask_server(journal: Path, verb: str, timeout: float, **fields: object) -> dict[str, object] | None:
    """Have the server that has ``journal`` do something, and give its answer; None if no server has it.

    Raises:
        ChatError: it did not do it, or gave no answer in ``timeout`` seconds.
    """
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(timeout)
        try:
            with reachable_socket(admin_socket(journal)) as name:
                sock.connect(name)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        except OSError as error:
            raise ChatError(f"cannot reach the server of {journal}: {(error.strerror or '').lower()}") from None
        try:
            answer = _exchange(sock, json.dumps({"do": verb} | fields).encode() + b"\n")
        except (OSError, ValueError):
            what = f"the server of {journal} did not answer"
            raise ChatError(f"{what}: it may or may not have made the {verb}") from None
    if not answer.get("ok"):
        raise ChatError(str(answer.get("error", "the server gave no reason")))
    return answer


def _exchange(sock: socket.socket, ask: bytes) -> dict[str, object]:
    sock.sendall(ask)
    with sock.makefile("rb") as file:
        answer = json.loads(file.readline(1 << 20))
    if not isinstance(answer, dict):
        raise ChatError("the server gave an answer that is none")
    return answer
