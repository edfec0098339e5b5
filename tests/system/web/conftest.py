"""Headless Chromium, Debian's: a test is skipped with a reason where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fixture_types import Serve
from tests.support.needs import CHROMIUMS, need
from tests.support.web import port_of
from tests.system.web.tabs import Browse, RoomServer, Tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

AS_ROOT = ("--no-sandbox", "--disable-dev-shm-usage")
"""In a container: as root, and with 64 MB of shared memory, in which a tab would crash."""

ELSEWHERE = "--host-resolver-rules=MAP *.lan 127.0.0.1"
"""A name that is not localhost: to a browser, plain http there is no safe place."""


@pytest.fixture(scope="module")  # its event loop runs until it ends, and no test of another module could have one
def chromium() -> Iterator[Browser]:
    need("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = next(path for path in CHROMIUMS if Path(path).exists())
        browser = playwright.chromium.launch(executable_path=path, args=[*AS_ROOT, ELSEWHERE])
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium: Browser) -> Iterator[Browse]:
    """Open pages, each as a person with a browser of its own unless ``beside`` another; none may complain."""
    contexts: list[BrowserContext] = []
    tabs: list[Tab] = []

    def open_tab(url: str, *, beside: Tab | None = None, **more: Any) -> Tab:
        context = chromium.new_context(**more) if beside is None else beside.page.context
        if context not in contexts:
            contexts.append(context)
        tabs.append(Tab(context.new_page(), url))
        return tabs[-1]

    yield open_tab
    for context in contexts:
        context.close()
    assert [complaint for tab in tabs for complaint in tab.complaints] == []


@pytest.fixture
def room_server(serve: Serve) -> RoomServer:
    server = serve("--web", "0", "--open-rooms", "--rate", "off")
    return server, port_of(server)
