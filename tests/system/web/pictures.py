"""Pictures of the page, from a real server in a real browser: ``python -m tests.system.web.pictures FOLDER``.

Each scene is a file in FOLDER, to be looked at; ``--write`` makes docs/web-page.png of four of them.
"""

from __future__ import annotations

import argparse
import base64
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.environment import ROOT, clean_env
from tests.support.needs import CHROMIUMS
from tests.support.server_process import Server
from tests.support.web import port_of, say
from tests.support.wire import Wire
from tests.system.web.conftest import AS_ROOT
from tests.system.web.tabs import Tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURE = ROOT / "docs" / "web-page.png"
PHONE, DESK = {"width": 360, "height": 640}, {"width": 900, "height": 640}

TALK = (
    ("omar", "The backup of last night is done: 41 GB in 12 minutes."),
    ("lena", "Good. Then I take db1 out at two."),
    ("omar", "Please wait for the report, it reads from there: https://reports.example.org/2026/47"),
    ("lena", "Until when does it run?"),
    ("omar", "Ten past two, at the latest."),
    ("ci", "firing: InstanceDown on db2:9100: The machine does not answer"),
    ("lena", "That is mine.\nI have pulled the wrong cable.\nIt is in again."),
    ("ci", "resolved: InstanceDown on db2:9100: The machine does not answer"),
)


class Stage:
    """A server with people in it, and a browser."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self.server = Server("--web", "0", "--open-rooms", "--rate", "off", env=clean_env(folder))
        self.port = port_of(self.server)
        self._people: dict[str, Wire] = {}

    def person(self, nick: str) -> Wire:
        """Return somebody who is in the room."""
        if nick not in self._people:
            self._people[nick] = self.server.member(nick)
        return self._people[nick]

    def talk(self) -> None:
        """Let people talk."""
        for nick, text in TALK:
            if nick == "ci":
                assert say(self.port, text, nick).status == 200
            else:
                self.person(nick).say(text).frame("msg", where=lambda frame, text=text: frame["text"] == text)

    def tab(self, nick: str = "nadia", scheme: str = "light", **size: int) -> Tab:
        """Open the page, and come in."""
        context = self._browser.new_context(color_scheme=scheme, viewport=size, device_scale_factor=1)
        return Tab(context.new_page(), f"http://127.0.0.1:{self.port}/").enter(nick)


def conversation(stage: Stage, size: Mapping[str, int], scheme: str) -> Tab:
    """Show people who talk, and one who answers."""
    stage.talk()
    tab = stage.tab(scheme=scheme, **size)
    tab.hears(TALK[-1][1]).say("Thank you, Lena ☺").hears("Thank you, Lena ☺")
    stage.person("omar").say_frame(type="whisper", to="nadia", text="Is it really in again?")
    tab.sees(".row.whisper .said", "Is it really in again?")
    tab.page.fill("#text", "I'll look at the graphs and")
    return tab


def many(stage: Stage, scheme: str, *, flood: bool) -> Tab:
    """Show a room in which ten thousand messages were said, read upwards; while more are said, if ``flood``."""
    omar = stage.person("omar")
    for number in range(10_000):
        omar.push(json.dumps({"type": "say", "text": f"message {number}"}).encode() + b"\n")
        if number % 1_000 == 999:
            omar.frame("msg", where=lambda frame, number=number: frame["text"] == f"message {number}")
    tab = stage.tab(scheme=scheme, **PHONE)
    tab.hears("message 9999")
    tab.page.hover("#log")
    for _ in range(20):
        tab.page.mouse.wheel(0, -900)
        tab.page.wait_for_timeout(30)
    for number in range(500 * flood):
        omar.push(json.dumps({"type": "say", "text": f"flood {number}"}).encode() + b"\n")
    if flood:
        omar.frame("msg", where=lambda frame: frame["text"] == "flood 499")
        tab.page.wait_for_timeout(300)
    return tab


def away(stage: Stage) -> Tab:
    """Show what the page says when its server is gone, with a line that waits."""
    tab = conversation(stage, PHONE, "dark")
    stage.server.process.kill()
    tab.wait("() => document.querySelector('#status').className === 'off'")
    tab.say("And this one waits.")
    return tab


def entering(stage: Stage) -> Tab:
    """Show the question who one is, and a name that is not taken."""
    stage.person("omar")
    tab = stage.tab(**PHONE)
    tab.page.evaluate("() => localStorage.clear()")
    tab.page.reload()
    tab.fill_in("omar").wait("() => document.querySelector('#enter-error').textContent !== ''")
    return tab


def side(stage: Stage) -> Tab:
    """Show rooms and people on a telephone."""
    tab = conversation(stage, PHONE, "light")
    tab.say("/join builds").sees("#title", "builds at chatctl")
    stage.person("lena").say("One more thing").frame("msg", where=lambda frame: frame["text"] == "One more thing")
    tab.page.click("#show-side")
    tab.wait("() => document.querySelector('#rooms .count') !== null")
    return tab


SCENES: Mapping[str, Callable[[Stage], Tab]] = {
    "phone": lambda stage: conversation(stage, PHONE, "light"),
    "phone-dark": lambda stage: conversation(stage, PHONE, "dark"),
    "desk": lambda stage: conversation(stage, DESK, "light"),
    "desk-dark": lambda stage: conversation(stage, DESK, "dark"),
    "rooms": side,
    "enter": entering,
    "away": away,
    "many": lambda stage: many(stage, "light", flood=False),
    "flood-dark": lambda stage: many(stage, "dark", flood=True),
}
SHOWN = ("phone", "desk", "phone-dark", "desk-dark")


def main() -> None:
    """Make them."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", nargs="*", default=list(SCENES))
    given: Any = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    path = next(path for path in CHROMIUMS if Path(path).exists())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(AS_ROOT))
        for name in given.only:
            with tempfile.TemporaryDirectory() as folder:
                stage = Stage(browser, Path(folder))
                tab = SCENES[name](stage)
                tab.page.screenshot(path=given.folder / f"{name}.png")
                stage.server.stop() if stage.server.process.poll() is None else None
                assert tab.complaints == []
                tab.page.context.close()
        if given.write:
            _write(browser, [given.folder / f"{name}.png" for name in SHOWN])
        browser.close()


def _write(browser: Browser, pictures: list[Path]) -> None:
    """Put pictures beside each other."""
    sources = [base64.b64encode(picture.read_bytes()).decode() for picture in pictures]
    images = "".join(f'<img src="data:image/png;base64,{source}">' for source in sources)
    page = browser.new_page(viewport={"width": 1292, "height": 1312})
    page.set_content(f"<style>body{{margin:8px;background:#888}}img{{margin:4px;float:left}}</style>{images}")
    page.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
