"""The stage for the pictures of the page: a server with people in it, and a browser."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.environment import CHATCTL, clean_env
from tests.support.server_process import Server
from tests.support.web import port_of, say
from tests.support.wire import Wire
from tests.system.web.tabs import Tab, url

if TYPE_CHECKING:
    from playwright.sync_api import Browser

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


NEWER = """
from chatctl.server.web import page_file
read = page_file._read
page_file._read = lambda name: read(name) + " "
from chatctl.__main__ import main
main()
"""
"""A server whose page is another version."""


class Stage:
    """A server with people in it, and a browser."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self.folder = folder
        self.serve("--web", "0")

    def serve(self, *options: str, program: Sequence[str] = CHATCTL) -> None:
        """Start a server, in place of the one that runs."""
        if hasattr(self, "server"):
            self.end()
        journal = ("--journal", str(self.folder / "rooms.db"))
        more = ("--open-rooms", "--rate", "off", *journal, *options)
        self.server = Server(*more, env=clean_env(self.folder), program=program)
        self.port = port_of(self.server)
        self._people: dict[str, Wire] = {}

    def end(self) -> None:
        """End the server, if it still runs."""
        if self.server.process.poll() is None:
            self.server.stop()

    def person(self, nick: str, room: str = "lobby") -> Wire:
        """Return somebody who is in the room."""
        if (at := f"{nick} in {room}") not in self._people:
            self._people[at] = self.server.member(nick, room)
        return self._people[at]

    def talk(self) -> None:
        """Let people talk."""
        for nick, text in TALK:
            if nick == "ci":
                assert say(self.port, text, nick).status == 200
            else:
                self.person(nick).say(text).frame("msg", where=lambda frame, text=text: frame["text"] == text)

    def open(self, scheme: str = "light", host: str = "127.0.0.1", beside: Tab | None = None, **size: int) -> Tab:
        """Open the page."""
        if beside is not None:
            return Tab(beside.page.context.new_page(), url(self.port))
        context = self._browser.new_context(color_scheme=scheme, viewport=size, device_scale_factor=1)
        return Tab(context.new_page(), url(self.port, host))

    def tab(self, nick: str = "nadia", scheme: str = "light", **size: int) -> Tab:
        """Open the page, and come in."""
        return self.open(scheme, **size).enter(nick)

    def order(self, *words: str) -> None:
        """Do something as the operator."""
        command = [*CHATCTL, "admin", *words, "--journal", str(self.folder / "rooms.db")]
        subprocess.run(command, env=clean_env(self.folder), check=True, capture_output=True)
