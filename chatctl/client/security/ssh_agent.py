"""The running ssh-agent: listing its keys, and signing with them. Source: draft-miller-ssh-agent.

Lives here: two requests over the socket that ``SSH_AUTH_SOCK`` names. Only Ed25519 keys are used.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chatctl.common import fingerprints
from chatctl.common.ssh_wire import ED25519, key_blob, pack
from chatctl.errors import ChatError, reason_of

SECONDS = 60.0
"""Longest time for one request: a person may have to confirm it."""

_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14
_MOST = 256 * 1024
"""The most bytes of an answer, as in OpenSSH's own client."""


Wait = Callable[[], float | None]


class AgentKey(NamedTuple):
    """A key of the agent; see ``Signer``. ``public`` is its 32 bytes, ``comment`` its owner's name for it."""

    public: bytes
    comment: str
    wait: Wait = lambda: None

    def sign(self, data: bytes) -> bytes:
        """Return the signature of ``data``, 64 bytes. Raises ChatError."""
        answer = _ask(_SIGN, pack(key_blob(self.public), data) + bytes(4), _SIGNED, self.wait())
        algorithm, signature = _strings(_strings(answer, 1)[0], 2)
        if algorithm != ED25519 or len(signature) != 64:
            raise ChatError("the ssh-agent made a signature of another kind")
        return signature


def agent_keys(wait: Wait = lambda: None) -> list[AgentKey]:
    """Return the agent's Ed25519 keys. Raises ChatError.

    ``wait`` returns how many seconds are left for a request, this one and each signature; None: SECONDS.
    """
    answer = _ask(_LIST, b"", _LISTED, wait())
    number = int.from_bytes(answer[:4], "big")
    if number > _MOST:
        raise _nonsense()
    parts = _strings(answer[4:], 2 * number)
    keys = [(_strings(blob, None), comment) for blob, comment in zip(parts[::2], parts[1::2], strict=True)]
    return [AgentKey(blob[1], comment.decode("utf-8", "replace"), wait) for blob, comment in keys if _is_ed25519(blob)]


def agent_key(wanted: str | None, wait: Wait = lambda: None) -> AgentKey:
    """Return the agent's only Ed25519 key, or the one with this fingerprint (``SHA256:…``). As ``agent_keys``."""
    keys = agent_keys(wait)
    found = [key for key in keys if wanted is None or fingerprints.of_key(key.public) == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise ChatError(f"the ssh-agent has {len(found)} Ed25519 keys: choose one of {_listed(found)}")
    if wanted is None or not keys:
        raise ChatError("the ssh-agent has no Ed25519 key: add one with ssh-add")
    raise ChatError(f"the ssh-agent has no key {wanted}; it has {_listed(keys)}")


def _listed(keys: Sequence[AgentKey]) -> str:
    return ", ".join(f"agent:{fingerprints.of_key(key.public)} ({key.comment})" for key in keys)


def _is_ed25519(blob: Sequence[bytes]) -> bool:
    return len(blob) == 2 and blob[0] == ED25519 and len(blob[1]) == 32


def _strings(data: bytes, number: int | None) -> list[bytes]:
    """Read ``number`` strings from the start of ``data``, or all (None). Raises ChatError if data ends too early."""
    found: list[bytes] = []
    while data if number is None else len(found) < number:
        size = int.from_bytes(data[:4], "big")
        if len(data) < 4 + size or len(data) < 4:
            raise _nonsense()
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found


def _nonsense() -> ChatError:
    return ChatError("the ssh-agent sent an invalid answer")


def _ask(kind: int, body: bytes, wanted: int, seconds: float | None) -> bytes:
    """Send a request of this ``kind``; return the answer's body, which is of kind ``wanted``. Raises ChatError."""
    path = os.environ.get("SSH_AUTH_SOCK")
    if not path:
        raise ChatError("there is no ssh-agent: SSH_AUTH_SOCK is not set")
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(SECONDS if seconds is None else min(SECONDS, seconds))
            sock.connect(path)
            sock.sendall(pack(bytes([kind]) + body))
            with sock.makefile("rb") as file:
                size = int.from_bytes(file.read(4), "big")
                answer = file.read(min(size, _MOST))
    except OSError as error:
        raise ChatError(f"cannot ask the ssh-agent at {path}: {reason_of(error)}") from None
    if not answer or len(answer) != size:
        raise _nonsense()
    if answer[0] != wanted:
        raise ChatError("the ssh-agent refused (is it locked, or was the key taken out or not confirmed?)")
    return answer[1:]
