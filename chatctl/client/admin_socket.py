"""Sending a command to a running server as its operator, over the admin socket beside its journal."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from chatctl.common.nesting import too_deep
from chatctl.common.paths import admin_socket, reachable_socket
from chatctl.common.verbs import is_listing
from chatctl.errors import BadFrame, ChatError, OutcomeUnknown, Unreachable, from_wire, reason_of
from chatctl.protocol import Done, Error, decode_server

MAX_ANSWER = 64 * 1024 * 1024
"""The most bytes of an answer: a list of 100,000 claims takes about ten million."""


def ask_server(
    journal: Path, verb: str, timeout: float, *, at: Path | None = None, **fields: object
) -> dict[str, object] | None:
    """Send a command to the server that uses ``journal``; return its answer, None if no server uses it.

    Args:
        journal: the path of the journal.
        verb: what to do.
        timeout: seconds to wait for the answer.
        at: the server's admin socket; by default the one beside the journal.
        fields: the command's arguments.

    Raises:
        OutcomeUnknown: no answer came in time.
        ChatError: the server could not do it.
    """
    try:
        return _checked(_ask(at or admin_socket(journal), verb, timeout, fields), plainly=True)
    except Unreachable:
        return None
    except _SocketFailed as error:
        raise ChatError(f"cannot reach the server of {journal}: {error}") from None
    except (OSError, ValueError):
        what = f"the server of {journal} did not answer"
        raise OutcomeUnknown(f"{what}: it may or may not have made the {verb}") from None


def order(path: Path, verb: str, timeout: float, **fields: object) -> dict[str, object]:
    """Send a command to the server whose admin socket is at ``path``; return its answer. Args as ``ask_server``.

    Raises:
        Unreachable: nobody listens there.
        OutcomeUnknown: no answer came in time.
        ChatError: the server refused.
    """
    try:
        return _checked(_ask(path, verb, timeout, fields), plainly=False)
    except Unreachable:
        raise Unreachable(f"no server is there: nobody listens at {path} (is 'chatctl serve' running?)") from None
    except _SocketFailed as error:
        raise Unreachable(f"cannot reach the server at {path}: {error}") from None
    except (OSError, ValueError):
        raise OutcomeUnknown(f"the server at {path} did not answer: it may or may not have done that") from None


class _SocketFailed(Exception):
    """There may be a server, but its socket can't be used."""


def _ask(path: Path, verb: str, timeout: float, fields: dict[str, object]) -> dict[str, object]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(timeout)
        try:
            with reachable_socket(path) as name:
                sock.connect(name)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise Unreachable(str(path)) from None
        except OSError as error:
            raise _SocketFailed(reason_of(error)) from None
        # An older server looks for "do", and takes no offence at the rest.
        sock.sendall(_line({"type": "admin", "verb": verb, "do": verb} | fields))
        with sock.makefile("rb") as file:
            line = file.readline(MAX_ANSWER)
    if too_deep(line) or not isinstance(answer := json.loads(line), dict):
        raise ValueError("the answer is nested too deeply, or not a JSON object")
    return answer if "ok" in answer else _plain(line)


def _line(order: dict[str, object]) -> bytes:
    try:
        return json.dumps(order, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # a path of a file may be any bytes
        raise ChatError("a running server can't be told a path that is not UTF-8") from None


def _plain(line: bytes) -> dict[str, object]:
    """Return the answer of a server of today in the form of an older one. Raises ValueError."""
    try:
        frame = decode_server(line.rstrip(b"\n"))
    except BadFrame as error:
        raise ValueError(error.text) from None
    match frame:
        case Done():
            return {"ok": True, "text": frame.text, "rows": frame.rows, "list": is_listing(frame.verb)}
        case Error():
            return {"ok": False, "error": frame.text, "code": frame.code}
    raise ValueError("no answer to an order")


def _checked(answer: dict[str, object], *, plainly: bool) -> dict[str, object]:
    """Return an answer, or raise its error; with ``plainly``, as a ChatError whatever its code."""
    if answer.get("ok"):
        return answer
    text = str(answer.get("error", "the server gave no reason"))
    raise ChatError(text) if plainly else from_wire(str(answer.get("code", "internal")), text)
