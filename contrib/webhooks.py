#!/usr/bin/env python3
"""Takes webhooks with JSON, and says a line of each in a chatctl room: webhooks.py [webhooks.toml].

For what can't send the line itself: Alertmanager, Grafana, git forges. Python 3.11, nothing else; the chatctl server
needs --web. What is said of which webhook stands in webhooks.toml. An answer of 200 means that it is said and stored; a
webhook that is sent again after another answer says nothing twice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Formatter
from typing import Any
from urllib.parse import quote

MOST_BYTES = 1 << 20
"""Of a webhook."""

MOST_LINES = 20
"""Of one webhook; behind them stands how many more there are."""

MOST_CHARACTERS = 1_000
"""Of a line."""

SECONDS = 15.0
"""For a webhook to arrive, and for the server to answer."""


class Refused(Exception):
    """A webhook that is not said, with the status of HTTP that its sender is told."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Fields(Formatter):
    """A template: ``{labels[alertname]}``, ``{commits[0][id]}``. What a payload does not have is a question mark."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        """Look a field up by keys and numbers alone: attributes are Python's, and nobody's business."""
        first, *keys = field_name.replace("]", "").split("[")
        found = kwargs.get(first)
        for key in keys:
            if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                found = found.get(key) if isinstance(found, dict) else None
        return "?" if found is None else found, first

    def format_field(self, value: Any, format_spec: str) -> Any:
        """Take the first line of a value: the subject of a commit."""
        return super().format_field(str(value).strip().split("\n")[0], format_spec)

    def line(self, template: str, payload: Mapping[str, Any]) -> str:
        """Return the template filled in, as one line."""
        line = " ".join(self.vformat(template, (), payload).split())
        return line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 1] + "…"


def lines_of(hook: Mapping[str, Any], payload: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of a webhook, and the key of each line: a line, or one for each item of ``each``."""
    items = payload.get(hook["each"]) if "each" in hook else [{}]
    if not isinstance(items, list):
        return  # an event of another kind, such as a forge's "ping"
    for item in items[:MOST_LINES]:
        fields = payload | (item if isinstance(item, dict) else {"item": item})
        yield Fields().line(hook["line"], fields), Fields().line(hook.get("key", hook["line"]), fields)
    if len(items) > MOST_LINES:
        yield f"… and {len(items) - MOST_LINES} more", json.dumps(items[MOST_LINES:])


def _json(data: bytes) -> dict[str, Any] | None:
    """Return a JSON object; None if it is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class Room:
    """The chatctl server."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Take the server's URL, and make the token if there is none yet: it is what makes a repeat one."""
        self._url = settings["server"].rstrip("/")
        token = Path(settings["token_file"])
        if not token.exists():
            file = os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(file, secrets.token_hex(16).encode() + b"\n")
            os.close(file)
        self._authorization = f"Bearer {token.read_text().strip()}"
        if "password_file" in settings:
            password = Path(settings["password_file"]).read_text().splitlines()[0]
            both = f"{token.read_text().strip()}:{password}".encode()
            self._authorization = "Basic " + base64.b64encode(both).decode()

    def say(self, hook: Mapping[str, Any], line: str, key: str) -> None:
        """Say a line once, however often it is called. Raises Refused."""
        request = urllib.request.Request(  # noqa: S310 — the operator's own URL
            f"{self._url}/rooms/{quote(hook['room'])}?nick={quote(hook['nick'])}",
            line.encode("utf-8", "replace"),
            {"Authorization": self._authorization, "Idempotency-Key": hashlib.sha256(key.encode()).hexdigest()[:32]},
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            answer = _json(error.read()) or {}
            if answer.get("code") == "id_reused":  # this webhook was said before, by a template that has changed since
                return
            why = answer.get("text", error.reason)
            raise Refused(502 if error.code < 500 else 503, f"the chat server: {why}") from None
        except OSError as error:
            raise Refused(503, f"the chat server: {error}") from None


class Handler(BaseHTTPRequestHandler):
    """One webhook."""

    protocol_version = "HTTP/1.1"
    timeout = SECONDS
    hooks: Mapping[str, Any]
    room: Room

    def do_POST(self) -> None:
        """Say what stands in it."""
        try:
            said = 0
            hook = self.hooks.get(self.path.strip("/"))
            if hook is None:
                raise Refused(404, "there is no such webhook")
            body = self._body()
            self._check_secret(hook, body)
            payload = _json(body)
            if payload is None:
                raise Refused(400, "this is no JSON object")
            for line, key in lines_of(hook, payload):
                self.room.say(hook, line, f"{self.path} {key}")
                said += 1
            self._answer(200, f"{said} said")
        except Refused as error:
            self._answer(error.status, str(error))

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise Refused(411, "a webhook has a Content-Length")
        if int(length) > MOST_BYTES:
            raise Refused(413, f"a webhook has at most {MOST_BYTES} bytes")
        return self.rfile.read(int(length))

    def _check_secret(self, hook: Mapping[str, Any], body: bytes) -> None:
        """A secret is proved by a signature, as GitHub, Forgejo and Gitea do, or is told, as others do."""
        if "secret_file" not in hook:
            return
        secret = Path(hook["secret_file"]).read_text().strip()
        signed = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        proofs = {"X-Hub-Signature-256": signed, "Authorization": f"Bearer {secret}", "X-Gitlab-Token": secret}
        given = [(self.headers.get(name, ""), right) for name, right in proofs.items()]
        if not any(hmac.compare_digest(one.encode("utf-8", "replace"), right.encode()) for one, right in given):
            raise Refused(401, "the secret is missing or wrong")

    def _answer(self, status: int, text: str) -> None:
        body = text.encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Listen until the end."""
    place = Path(sys.argv[1] if len(sys.argv) > 1 else "webhooks.toml")
    settings = tomllib.loads(place.read_text())
    for hook in settings["hooks"].values():
        Fields().line(hook["line"] + hook.get("key", ""), {})  # a template that is none ends it now
    Handler.hooks, Handler.room = settings["hooks"], Room(settings)
    host, _, port = settings["listen"].rpartition(":")
    server = ThreadingHTTPServer((host.strip("[]"), int(port)), Handler)
    print(f"webhooks: listening on {host}:{server.server_address[1]} for {', '.join(Handler.hooks)}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
