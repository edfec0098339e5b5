"""Pictures of the page, from a real server in a real browser: ``python -m tests.system.web.pictures FOLDER``.

Each scene is a file in FOLDER, to be looked at; ``--write`` makes docs/web-page.png of four of them.
"""

from __future__ import annotations

import argparse
import base64
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.environment import ROOT
from tests.support.needs import CHROMIUMS
from tests.system.web.conftest import AS_ROOT, ELSEWHERE
from tests.system.web.stage import NEWER, TALK, Stage
from tests.system.web.tabs import Tab, post_many

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURE = ROOT / "docs" / "web-page.png"
PHONE, DESK = {"width": 360, "height": 640}, {"width": 900, "height": 640}


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
    poster = stage.server.member("omar", mode="post")
    post_many(poster, [f"message {number}" for number in range(10_000)])
    tab = stage.tab(scheme=scheme, **PHONE)
    tab.hears("message 9999")
    tab.page.hover("#log")
    for _ in range(20):
        tab.page.mouse.wheel(0, -900)
        tab.page.wait_for_timeout(30)
    if flood:
        post_many(poster, [f"flood {number}" for number in range(500)])
        tab.wait("() => app.current.after === 10500")
        tab.drawn()
    return tab


def away(stage: Stage) -> Tab:
    """Show what the page says when its server is gone, with a line that waits."""
    tab = conversation(stage, PHONE, "dark")
    stage.server.process.kill()
    tab.wait("() => document.querySelector('#status').className === 'off'")
    tab.say("And this one waits.")
    return tab


def typing(stage: Stage) -> Tab:
    """Show a text that an input method has not finished; Enter ends it and sends nothing."""
    stage.person("omar")
    tab = stage.tab(**PHONE).say("Καλημέρα").hears("Καλημέρα")
    tab.page.focus("#text")
    method = tab.page.context.new_cdp_session(tab.page)
    method.send("Input.imeSetComposition", {"text": "ευχαριστώ", "selectionStart": 9, "selectionEnd": 9})
    tab.page.keyboard.press("Enter")
    return tab


def second_tab(stage: Stage) -> Tab:
    """Show the page in a second tab of one browser."""
    first = conversation(stage, PHONE, "light")
    return stage.open(beside=first).sees("#notice-text", "This chat is open in another tab.")


def first_tab(stage: Stage) -> Tab:
    """Show the first tab once the second is used."""
    first = conversation(stage, PHONE, "light")
    second = stage.open(beside=first)
    second.page.click("#notice-button")
    first.sees("#notice-text", "This chat was opened in another tab or window.")
    return first


def asleep(stage: Stage, *, woken: bool) -> Tab:
    """Show what an open page says as a laptop wakes after an hour, and a moment later."""
    stage.talk()
    tab = stage.open(**PHONE)
    tab.page.clock.install()
    tab.page.reload()
    tab.enter("nadia").hears(TALK[-1][1])
    stage.server.signal(signal.SIGSTOP)
    tab.page.clock.fast_forward("01:00:00")
    tab.page.clock.fast_forward("00:06")
    tab.is_away()
    stage.server.signal(signal.SIGCONT)
    if woken:
        post_many(stage.person("lena"), [f"while you slept, {number}" for number in range(3)])
        tab.page.clock.fast_forward("00:02")
        tab.hears("while you slept, 2")
    return tab


def upgrade(stage: Stage) -> Tab:
    """Show an open page whose server is another version now."""
    tab = conversation(stage, PHONE, "light")
    port = stage.port
    stage.serve("--web", str(port), program=(sys.executable, "-c", NEWER))
    tab.ask("() => app.check()")
    return tab.sees("#notice-text", "The server has a newer version of this page.")


def password(stage: Stage, host: str = "127.0.0.1") -> Tab:
    """Show how a password is asked for."""
    word = stage.folder / "word"
    word.write_text("tulip ladder\n")
    word.chmod(0o600)
    stage.serve("--web", "0", "--web-origin", "http://chat.lan:1", "--password-file", str(word))
    tab = stage.open(host=host, **PHONE).fill_in("nadia")
    tab.wait("() => document.querySelector('#enter-error').textContent !== ''")
    return tab


def plain(stage: Stage) -> Tab:
    """Show the page over plain http on an address of a local network."""
    stage.serve("--web", "0", "--web-origin", "http://chat.lan:1")
    stage.talk()
    return stage.open(host="chat.lan", **PHONE).enter("nadia").say("hello").hears("hello")


def banned(stage: Stage, *, again: bool) -> Tab:
    """Show what somebody is told who was banned; and who comes back nevertheless."""
    tab = conversation(stage, PHONE, "light")
    stage.order("ban", "nadia", "flood", "--for", "1h")
    tab.is_away()
    if again:
        tab.page.click("#notice-button")
        tab.wait("() => !document.querySelector('#enter').hidden")
    return tab


def gone(stage: Stage) -> Tab:
    """Show what the page says of a server that stays away."""
    tab = conversation(stage, DESK, "light")
    stage.end()
    tab.wait("() => document.querySelector('#notice-text').textContent.includes('reached')")
    return tab


def many_rooms(stage: Stage) -> Tab:
    """Show five rooms, with what is unread in them."""
    tab = conversation(stage, DESK, "light")
    for number, name in enumerate(("ops", "builds", "night-watch", "news"), 1):
        tab.say(f"/join {name}").sees("#title", f"{name} at chatctl").sees("#status", "Connected")
        tab.page.click("#rooms button:has-text('lobby')")
        post_many(stage.server.member("ci", name, mode="post"), [f"{n}" for n in range(number * 37)])
    tab.sees(".count", "148")
    return tab


def entering(stage: Stage) -> Tab:
    """Show the question who one is, and a name that is not taken."""
    stage.person("omar")
    tab = stage.open(**PHONE)
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
    "gone": gone,
    "many": lambda stage: many(stage, "light", flood=False),
    "flood-dark": lambda stage: many(stage, "dark", flood=True),
    "typing": typing,
    "second-tab": second_tab,
    "first-tab": first_tab,
    "asleep": lambda stage: asleep(stage, woken=False),
    "woken": lambda stage: asleep(stage, woken=True),
    "upgrade": upgrade,
    "password": password,
    "password-without-tls": lambda stage: password(stage, "chat.lan"),
    "plain-http": plain,
    "banned": lambda stage: banned(stage, again=False),
    "banned-again": lambda stage: banned(stage, again=True),
    "five-rooms": many_rooms,
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
        browser = playwright.chromium.launch(executable_path=path, args=[*AS_ROOT, ELSEWHERE])
        for name in given.only:
            with tempfile.TemporaryDirectory() as folder:
                stage = Stage(browser, Path(folder))
                tab = SCENES[name](stage)
                tab.page.screenshot(path=given.folder / f"{name}.png")
                stage.end()
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
