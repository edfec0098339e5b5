from __future__ import annotations

import base64
import hashlib
import re

from chatctl.core.limits import ServerLimits
from chatctl.server.web.origins import Origins
from chatctl.server.web.page_file import FOLDER, PageFile
from tests.support.in_process_server import in_process_server
from tests.support.web import Answer, request

WEB = Origins([], [])
PAGE = PageFile()
POLICY = Answer.of(PAGE.answer(None)).headers["content-security-policy"]


def test_it_is_small() -> None:
    assert len(PAGE.body) < 60_000


def test_each_file_is_in_it_whole() -> None:
    for file in FOLDER.iterdir():
        if file.suffix != ".html":
            assert file.read_bytes() in PAGE.body, file.name
    assert b"{version}" not in PAGE.body
    assert not re.search(rb"(src|href)=", re.sub(rb"(?s)<(script|style)>.*?</\1>", b"", PAGE.body))


def test_each_part_that_is_run_is_named_by_its_hash_and_nothing_else_is() -> None:
    header = PAGE.answer(None).partition(b"\r\n\r\n")[0].decode()
    parts = re.findall(r"(?s)<(script|style)>(.*?)</\1>", PAGE.body.decode())
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for _, text in parts]
    assert len(hashes) > 5
    assert set(re.findall(r"'sha256-[^']+'", header)) == set(hashes)
    assert POLICY.startswith("default-src 'none'; connect-src 'self'; frame-ancestors 'none'")
    for rule in ("base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"):
        assert rule in POLICY
    assert "unsafe" not in POLICY


def test_no_script_makes_markup_of_text() -> None:
    """Trusted types would stop it in the browsers that have them."""
    for file in FOLDER.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function", file.read_text()
        )


def test_it_is_served_and_known_by_its_version() -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        whole = request(port, target="/")
        assert (whole.status, whole.body) == (200, PAGE.body)
        assert whole.headers["content-type"] == "text/html; charset=utf-8"
        assert whole.headers["cache-control"] == "no-cache"
        known = request(port, target="/", if_none_match=f'W/"x", {whole.headers["etag"]}')
        assert (known.status, known.body) == (304, b"")
        assert request(port, target="/", if_none_match='"other"').status == 200
        head = request(port, "HEAD", "/")
        assert (head.status, head.headers["etag"], head.body) == (200, whole.headers["etag"], b"")
        assert request(port, "POST", "/", b"x").status == 405
        assert request(port, target="/", host="evil.example").status == 421
