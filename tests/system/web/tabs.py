"""A tab of a browser, as a person uses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tests.support.environment import DEADLINE
from tests.support.server_process import Server
from tests.support.wire import Wire

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page

EXPECTED = (
    "net::ERR_CONNECTION_REFUSED",
    "WebSocket connection to",
    "405 (Method Not",
    "Cross-Origin-Opener-Policy header has been ignored",
)
"""What a browser says of a server that is away, of the question why, and of a header that counts with TLS alone."""


class Tab:
    """One page of the chat. ``complaints``: errors of its scripts, and what its policy stopped."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(DEADLINE * 1000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._heard)
        page.goto(url)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(one in message.text for one in EXPECTED):
            self.complaints.append(message.text)

    def enter(self, nick: str, room: str = "lobby", password: str = "") -> Tab:
        """Say who we are, and wait until we are in."""
        self.fill_in(nick, room, password)
        self.sees("#status", "Connected")
        return self

    def fill_in(self, nick: str, room: str = "lobby", password: str = "") -> Tab:
        self.page.fill("#nick", nick)
        self.page.fill("#room", room)
        if password:
            self.page.fill("#password", password)
        self.page.click("#enter button")
        return self

    def say(self, text: str) -> Tab:
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")
        return self

    def sees(self, selector: str, text: str) -> Tab:
        """Wait until something shows exactly this text."""
        self.wait(
            "([at, text]) => [...document.querySelectorAll(at)].some(one => one.textContent === text)", selector, text
        )
        return self

    def wait(self, condition: str, *arguments: Any) -> None:
        self.page.wait_for_function(condition, arg=list(arguments))

    def hears(self, text: str) -> Tab:
        """Wait for a message."""
        return self.sees(".row:not(.waiting) .said", text)

    def said(self) -> list[str]:
        """Return what was said, as it is shown."""
        found: list[str] = self.page.eval_on_selector_all(".row.say .said", "all => all.map(one => one.textContent)")
        return found

    def count(self, selector: str) -> int:
        return self.page.locator(selector).count()

    def ask(self, script: str, *arguments: Any) -> Any:
        return self.page.evaluate(script, list(arguments))

    def drawn(self) -> None:
        """Wait until what has come is on the screen."""
        self.ask("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def is_away(self) -> None:
        """Wait until the page says that it is not connected."""
        self.wait("() => document.querySelector('#status').textContent.startsWith('Not connected')")


Browse = Callable[..., Tab]

RoomServer = tuple[Server, int]
"""A server, and its port for browsers."""


def url(port: int, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{port}/"


def post_many(poster: Wire, texts: Sequence[str]) -> None:
    """Say many things, and wait until all are stored."""
    for number, text in enumerate(texts):
        poster.say(text, id=str(number))
    while poster.frame("ack")["id"] != str(len(texts) - 1):
        pass
