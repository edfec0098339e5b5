"""The page: one document made of the files in ``page/``, and the headers that it is sent with.

Style and scripts stand in the document itself, so that the policy can name each by its hash: nothing else is run.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from chatctl.common.file_reads import read_file
from chatctl.server.web.http_error import Headers
from chatctl.server.web.responses import response

FOLDER = Path(__file__).parent / "page"

_HTML = "text/html; charset=utf-8"
_PART = re.compile(
    r'<link rel="stylesheet" href="(?P<style>[a-z]+\.css)">|<script src="(?P<script>[a-z]+\.js)"></script>'
)
_POLICY = (
    "default-src 'none'",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)


class PageFile:
    """The document, whole."""

    def __init__(self) -> None:
        """Read the files. Raises OSError."""
        self._hashes: dict[str, list[str]] = {"style": [], "script": []}
        document = _PART.sub(self._inline, _read("index.html"))
        self.version = hashlib.sha256(document.encode()).hexdigest()[:16]
        self.body = document.replace("{version}", self.version).encode()
        sources = (f"{kind}-src {' '.join(hashes)}" for kind, hashes in self._hashes.items())
        self._headers: Headers = (
            ("Content-Security-Policy", "; ".join((*_POLICY, *sources))),
            ("ETag", f'"{self.version}"'),
            ("Cache-Control", "no-cache"),
        )

    def _inline(self, part: re.Match[str]) -> str:
        kind = part.lastgroup or ""
        text = _read(part[kind])
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        self._hashes[kind].append(f"'sha256-{digest}'")
        return f"<{kind}>{text}</{kind}>"

    def answer(self, known: str | None) -> bytes:
        """Return the response; ``known`` is the request's ``If-None-Match``."""
        if known is not None and f'"{self.version}"' in known:
            return response(304, headers=self._headers)
        return response(200, self.body, _HTML, self._headers)


def _read(name: str) -> str:
    return read_file(FOLDER / name).decode()
