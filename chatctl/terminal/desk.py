"""The desk: what ``join`` does with what is typed and what comes in, whatever the screen.

Lives here: commands, the roster, what waits, the status. Does not live here: how lines look (lines.py), the screen
(prompt.py, plain.py), the connection (client/aio.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from chatctl import protocol
from chatctl.client.address import Address
from chatctl.client.aio import Link
from chatctl.client.keep import Keep
from chatctl.client.outbox import OutboxFull
from chatctl.protocol import ServerFrame, Welcome
from chatctl.terminal.lines import Lines, mentions
from chatctl.terminal.screen import Screen
from chatctl.terminal.slash import Command, Wrong, help_lines, parse
from chatctl.text import clean, fold_nick

Notify = Literal["off", "mention", "all"]

SETTLE_SECONDS = 2.0
"""How long leaving waits for what is not acknowledged; the rest stays in the outbox."""

LATE_SECONDS = 1.0
"""An acknowledgement that takes longer is worth a word in the status."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the person chose."""

    address: Address
    room: str
    nick: str
    history: int = 50
    notify: Notify = "mention"


class Desk:
    """One person in one room."""

    def __init__(self, settings: Settings, keep: Keep, lines: Lines, screen: Screen, token: str | None) -> None:
        """Make it inside a running event loop, then await ``run``."""
        self.settings = settings
        self.nick = settings.nick
        self.members: dict[str, str] = {}
        self.count: int | None = 0
        self._keep = keep
        self._lines = lines
        self._screen = screen
        self.ready = asyncio.Event()
        self.name = settings.room
        self._whispers: dict[str, tuple[str, str]] = {}
        self._held: list[ServerFrame] | None = None
        self._away = 0
        hello = protocol.Hello(
            v=protocol.VERSION,
            nick=settings.nick,
            room=settings.room,
            token=token,
            resume=keep.cursor(),
            history=settings.history,
        )
        self._resumes = hello.resume is not None
        self.link = Link(settings.address, hello, keep.outbox, self)
        self._commands: dict[str, Callable[[str], None]] = {
            "help": lambda _: self._say_notes(help_lines()),
            "me": self._act,
            "msg": self._whisper,
            "who": lambda _: self._ask(protocol.Who()),
            "nick": lambda rest: self._ask(protocol.Nick(rest)),
            "history": self._show_history,
            "clear": lambda _: screen.clear(),
            "status": lambda _: self._say_notes(self._status_lines()),
            "quit": lambda _: screen.leave(),
        }

    # --- what is typed

    def submit(self, line: str) -> bool:
        """Take a line that was entered. False if it stays with the person, who was told why."""
        if not line.strip():
            self.link.retry_now()
            return False
        match parse(line):
            case Wrong(why):
                return self._refuse(why)
            case Command(name, rest):
                if name in ("me", "msg") and not self._fits(rest):
                    return False
                self._commands[name](rest)
            case str(text):
                return self._fits(text) and self._speak(text)
        return True

    def _refuse(self, why: str) -> bool:
        self._screen.show([self._lines.trouble(why)])
        return False

    def _fits(self, text: str) -> bool:
        limit = self.link.welcome.limits.text if self.link.welcome else protocol.MAX_TEXT
        size = len(text.encode("utf-8", "replace"))
        if size > limit:
            return self._refuse(f"this message has {size} bytes, at most {limit} can be sent: shorten it")
        return True

    def _speak(self, text: str, *, action: bool = False) -> bool:
        try:
            self.link.say(text.encode("utf-8", "replace").decode(), action=action)
        except OutboxFull as error:
            return self._refuse(str(error))
        self._screen.refresh()
        return True

    def _act(self, rest: str) -> None:
        self._speak(rest, action=True)

    def _whisper(self, rest: str) -> None:
        to, _, text = rest.partition(" ")
        ident = f"w{time.monotonic_ns():x}"
        self._whispers[ident] = (to, text.strip())
        self._ask(protocol.Whisper(to, text.strip(), id=ident))

    def _ask(self, frame: protocol.ClientFrame) -> None:
        if not self.link.send(frame):
            self._refuse("there is no connection now: that can't wait, try again when it is back")

    def _show_history(self, rest: str) -> None:
        number = int(rest) if rest.isascii() and rest.isdecimal() and len(rest) < 6 else 50
        cursor = self.link.cursor
        if cursor is not None:
            self._ask(protocol.History(limit=number, before=cursor.after + 1))

    def _say_notes(self, texts: list[str]) -> None:
        self._screen.show([self._lines.note(text) for text in texts])

    # --- what comes in

    def connected(self, welcome: Welcome, missed: int | None) -> None:
        """See Listener."""
        first = not self.ready.is_set()
        self.nick = welcome.nick
        self.count = welcome.count
        self.members = {fold_nick(nick): nick for nick in welcome.members}
        self._away = missed or 0
        self.ready.set()
        if not first:
            self._say_notes(["connected again"])
            self._announce_away()
        elif self._resumes and self.settings.history:  # an earlier run's cursor: show what came before it, too
            self._want_context(welcome)
        self._screen.refresh()

    def _want_context(self, welcome: Welcome) -> None:
        cursor = self.link.cursor
        assert cursor is not None, "a link that is in has a cursor"
        self._held = []
        ask = protocol.History(limit=min(self.settings.history, welcome.limits.page), before=cursor.after + 1)
        asyncio.get_running_loop().call_soon(self.link.send, ask)

    def _announce_away(self) -> None:
        if self._away:
            self._screen.show([self._lines.away(self._away)])
        self._away = 0

    def disconnected(self, why: str | None) -> None:
        """See Listener."""
        if why is not None:
            self._screen.show([self._lines.trouble(f"disconnected: {why}")])
        self._screen.refresh()

    def received(self, frame: ServerFrame) -> None:
        """See Listener."""
        if self._held is not None and isinstance(frame, protocol.Page):
            held, self._held = self._held, None
            self._page(frame)
            self._announce_away()
            for waiting in held:
                self._show(waiting)
        elif self._held is not None and isinstance(frame, protocol.Msg | protocol.Gap):
            self._held.append(frame)
        else:
            self._show(frame)

    def _show(self, frame: ServerFrame) -> None:
        lines = self._lines
        match frame:
            case protocol.Msg():
                self._screen.show(lines.entry(frame, self.nick))
                self._maybe_alert(frame.nick, frame.text)
            case protocol.Join(nicks=nicks, count=count):
                self._came(nicks, count)
            case protocol.Leave(nicks=nicks, count=count):
                self._went(nicks, count)
            case protocol.Rename(old=old, new=new):
                self._renamed(old, new)
            case protocol.Whispered(from_=nick):
                self._screen.show(lines.whisper(frame.time, nick, frame.text, sent=False))
                if self.settings.notify != "off":
                    self._screen.alert(f"{clean(nick)} whispers")
            case protocol.Ack(id=ident):
                self._settled(ident, frame.time)
            case protocol.Roster():
                self.members = {fold_nick(row.nick): row.nick for row in frame.members}
                self._screen.show(lines.roster(frame))
            case protocol.Page():
                self._page(frame)
            case protocol.Gap():
                self._screen.show([lines.gap(frame)])
            case protocol.Error(text=text):
                self._screen.show([lines.trouble(text)])
            case protocol.Bye(why=why):
                self._screen.show([lines.trouble(why)] if why else [])

    def _maybe_alert(self, nick: str, text: str) -> None:
        if nick == self.nick or self.settings.notify == "off":
            return
        if self.settings.notify == "all":
            self._screen.alert(f"{clean(nick)} says something")
        elif mentions(text, self.nick):
            self._screen.alert(f"{clean(nick)} mentions you")

    def _came(self, nicks: list[str], count: int) -> None:
        self.count = count
        new = [nick for nick in nicks if fold_nick(nick) not in self.members]
        self.members |= {fold_nick(nick): nick for nick in nicks}
        if new:
            self._screen.show([self._lines.presence(new, "joined", count)])
        self._screen.refresh()

    def _went(self, nicks: list[str], count: int) -> None:
        self.count = count
        for nick in nicks:
            self.members.pop(fold_nick(nick), None)
        self._screen.show([self._lines.presence(nicks, "left", count)])
        self._screen.refresh()

    def _renamed(self, old: str, new: str) -> None:
        self.members.pop(fold_nick(old), None)
        self.members[fold_nick(new)] = new
        if old == self.nick:
            self.nick = new
            self.link.renamed(new)
        self._screen.show([self._lines.rename(old, new)])
        self._screen.refresh()

    def _settled(self, ident: str, when: float) -> None:
        if whisper := self._whispers.pop(ident, None):
            to, text = whisper
            self._screen.show(self._lines.whisper(when, to, text, sent=True))
        self._screen.refresh()

    def _page(self, page: protocol.Page) -> None:
        shown = [line for entry in page.entries for line in self._lines.entry(entry, self.nick)]
        self._screen.show(shown)

    # --- what it looks like

    @property
    def status(self) -> str:
        """Give what is worth a word beside the room's name; empty when all is well."""
        parts: list[str] = []
        if self.link.retry_at is not None:
            left = max(0, round(self.link.retry_at - asyncio.get_running_loop().time()))
            parts.append(f"reconnecting in {left} s" if left else "reconnecting")
        if len(self.link.outbox) and (self.link.retry_at is not None or self._slow()):
            parts.append(f"{len(self.link.outbox)} unsent")
        if self.link.lag >= LATE_SECONDS:
            parts.append(f"lag {self.link.lag:.1f} s")
        return ", ".join(parts)

    def run(self) -> Coroutine[Any, Any, None]:
        """See Talk."""
        return self.link.run()

    def nicks(self) -> Iterable[str]:
        """See Talk."""
        return self.members.values()

    def _slow(self) -> bool:
        return self.link.oldest_wait() >= LATE_SECONDS

    def unsent(self) -> list[str]:
        """See Talk."""
        return [clean(say.text) for say in self.link.outbox] if self.status else []

    def _status_lines(self) -> list[str]:
        link, where = self.link, self.settings
        state = "connected" if link.connected else self.status or "connecting"
        durability = link.welcome.durability if link.welcome else "unknown"
        return [
            f"room {where.room} on {where.address}, as {self.nick}",
            f"{state}; {self.count} here; lag {link.lag * 1000:.0f} ms; {len(link.outbox)} unsent",
            f"messages are kept: {durability}; you have read up to {link.cursor.after if link.cursor else 0}",
        ]

    def save(self, draft: str) -> None:
        """Keep what a crash must not take: the line being typed and the place in the log."""
        self._keep.save_draft(draft)
        if self.link.cursor is not None:
            self._keep.save_cursor(self.link.cursor)

    async def leave(self, seconds: float = SETTLE_SECONDS) -> int:
        """See Talk. What is unsent stays in the outbox."""
        if self.link.connected:
            await self.link.settled(seconds)
        self.link.leave()
        return len(self.link.outbox)
