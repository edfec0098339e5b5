"""The desk: what ``join`` does with what is typed and what comes in, whatever the screen.

Lives here: commands, what waits, the status. Does not live here: how lines look (lines.py), who is here (presence.py),
the screen (prompt.py, plain.py), the connection (client/link.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from chatctl import protocol
from chatctl.client.core.outbox import OutboxFull
from chatctl.client.membership import Membership
from chatctl.client.saved_state import SavedState
from chatctl.common.text import clean
from chatctl.protocol import Admin, Say, ServerFrame, Welcome, Whisper
from chatctl.terminal import status
from chatctl.terminal.interfaces import Screen
from chatctl.terminal.member_list import Presence
from chatctl.terminal.render import Lines, mentions
from chatctl.terminal.settings import Settings
from chatctl.terminal.slash_commands import Command, Wrong, help_lines, parse


class Controller:
    """One person in one room."""

    def __init__(self, settings: Settings, keep: SavedState, lines: Lines, screen: Screen, token: str | None) -> None:
        """Make it inside a running event loop, then await ``run``."""
        self.settings = settings
        self.nick = settings.nick
        self.name = settings.room
        self.ready = asyncio.Event()
        self.refusals = 0
        self._keep = keep
        self._lines = lines
        self._screen = screen
        self._presence = Presence(lines, screen.show)
        self._whispers: dict[str, tuple[str, str]] = {}
        self._held: list[ServerFrame] | None = None
        self._away = 0
        self._out = False
        hello = protocol.Hello(
            v=protocol.VERSION,
            nick=settings.nick,
            room=settings.room,
            token=token,
            resume=keep.cursor(),
            history=settings.history,
        )
        self._resumes = hello.resume is not None
        self.link = Membership(settings.address, hello, keep.outbox, self)
        self._commands: dict[str, Callable[[str], bool]] = {
            "help": lambda _: self._say_notes(help_lines()),
            "me": lambda rest: self._fits(rest) and self._speak(rest, action=True),
            "msg": lambda rest: self._fits(rest) and self._whisper(rest),
            "who": lambda _: self._ask(protocol.Who()),
            "whois": lambda rest: self._ask(protocol.Whois(rest)),
            "nick": lambda rest: self._ask(protocol.Nick(rest)),
            "history": self._show_history,
            "clear": lambda _: self._do(screen.clear),
            "status": self._show_status,
            "quit": lambda _: self._do(screen.leave),
        }
        self._rules = protocol.RoomNow()

    # --- what is typed

    def submit(self, line: str) -> bool:
        """See Talk."""
        if not line.strip():
            self.link.retry_now()
            return False
        match parse(line.strip("\n")):
            case Wrong(why):
                return self._refuse(why)
            case Command(name, rest):
                return self._commands[name](rest)
            case Admin() as order:
                return self._ask(order)
            case str(text):
                return self._fits(text) and self._speak(text)

    def _refuse(self, why: str) -> bool:
        self.refusals += 1
        self._screen.show([self._lines.trouble(why)])
        return False

    @staticmethod
    def _do(what: Callable[[], None]) -> bool:
        what()
        return True

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
        asyncio.get_running_loop().call_later(status.SHOWN_UNSENT_SECONDS, self._screen.refresh)
        self._screen.refresh()
        return True

    def _whisper(self, rest: str) -> bool:
        to, _, text = rest.partition(" ")
        ident = f"w{time.monotonic_ns():x}"
        self._whispers[ident] = (to, text.strip())
        return self._ask(protocol.Whisper(to, text.strip(), id=ident))

    def _ask(self, frame: protocol.ClientFrame) -> bool:
        return self.link.send(frame) or self._refuse(
            "there is no connection now: that can't wait, try again when it is back"
        )

    def _show_history(self, rest: str) -> bool:
        cursor, welcome = self.link.cursor, self.link.welcome
        if cursor is None or welcome is None:
            return self._refuse("there is no connection yet")
        limit = min(int(rest) if rest else 50, welcome.limits.page)
        return self._ask(protocol.History(limit=limit, before=cursor.after + 1))

    def _say_notes(self, texts: list[str]) -> bool:
        self._screen.show([self._lines.note(text) for text in texts])
        return True

    # --- what comes in

    def connected(self, welcome: Welcome, missed: int | None) -> None:
        """See Listener."""
        first = not self.ready.is_set()
        self.nick = welcome.nick
        self._presence.set(welcome.members, welcome.count)
        self._away = missed or 0
        self._out = False
        self.ready.set()
        if not first:
            self._say_notes(["connected again"])
        self._obey(protocol.RoomNow(welcome.topic, welcome.slow, welcome.read_only))
        if first and self._resumes and self.settings.history:  # an earlier run's cursor: show what came before it, too
            self._want_context(self.settings.history)
        else:
            self._announce_away()
        self._screen.refresh()

    def _obey(self, rules: protocol.RoomNow) -> None:
        """Tell on entering what holds in the room, and after a break what holds since."""
        if rules != self._rules:
            self._say_notes(status.rules(rules))
        self._rules = rules

    def _want_context(self, limit: int) -> None:
        """Hold entries back until those before them are there."""
        cursor, welcome = self.link.cursor, self.link.welcome
        assert cursor is not None, "a link that is in has a cursor"
        assert welcome is not None, "and was welcomed"
        self._held = []
        ask = protocol.History(limit=min(limit, welcome.limits.page), before=cursor.after + 1)
        asyncio.get_running_loop().call_soon(self.link.send, ask)

    def _announce_away(self) -> None:
        if self._away:
            self._screen.show([self._lines.away(self._away)])
        self._away = 0

    def disconnected(self, why: str | None) -> None:
        """See Listener."""
        self._release()
        if why is not None:
            what = "cannot come back yet" if self._out else "disconnected"
            self._screen.show([self._lines.trouble(f"{what}: {why}")])
        self._out = True
        self._screen.refresh()

    def refused(self, say: Say | Whisper, why: str) -> None:
        """See Listener."""
        self._refuse(f"not said: {why}: {say.text}")
        self._screen.refresh()

    def busy(self) -> bool:
        """See Listener."""
        return self._screen.busy()

    def received(self, frame: ServerFrame) -> None:
        """See Listener."""
        if self._held is None:
            self._show(frame)
        elif isinstance(frame, protocol.Page):
            self._screen.show([line for entry in frame.entries for line in self._lines.entry(entry, self.nick)])
            self._release()
        elif isinstance(frame, protocol.Msg | protocol.Gap):
            self._held.append(frame)
        else:
            self._show(frame)

    def _release(self) -> None:
        """Show what was held back for a page, be it there or not."""
        held, self._held = self._held or [], None
        self._announce_away()
        for frame in held:
            self._show(frame)

    def _show(self, frame: ServerFrame) -> None:
        lines = self._lines
        match frame:
            case protocol.Msg():
                self._presence.speaks(frame.nick)
                self._screen.show(lines.entry(frame, self.nick))
                self._maybe_alert(frame.nick, frame.text)
            case protocol.Join(nicks=nicks, count=count):
                self._presence.came(nicks, count)
                self._screen.refresh()
            case protocol.Leave(nicks=nicks, count=count):
                self._presence.went(nicks, count)
                self._screen.refresh()
            case protocol.Rename(old=old, new=new):
                self._renamed(old, new)
            case protocol.Whispered(from_=nick):
                self._screen.show(lines.whisper(frame.time, nick, frame.text, sent=False))
                if self.settings.notify != "off":
                    self._screen.alert(f"{clean(nick)} whispers")
            case protocol.Ack(id=ident):
                self._settled(ident, frame.time)
            case protocol.Roster():
                self._presence.set([row.nick for row in frame.members], frame.count)
                self._screen.show(lines.roster(frame))
            case protocol.Identity():
                self._screen.show(lines.identity(frame))
            case protocol.Notice(text=text):
                self._screen.show([lines.notice(frame.time, text)])
            case protocol.RoomNow():
                self._rules = frame  # the notice beside it says what was done
            case protocol.Done(text=text, rows=rows):
                self._say_notes(status.rows(text, rows) if frame.verb in ("bans", "claims", "ops") else [])
            case protocol.Page():
                self._screen.show(lines.again(frame.entries, self.nick))
            case protocol.Gap():
                self._show_gap(frame)
            case protocol.Error(text=text, id=ident):
                self._failed(ident, text)
            case protocol.Bye(why=why):
                self._screen.show([lines.trouble(why)] if why else [])

    def _maybe_alert(self, nick: str, text: str) -> None:
        if nick == self.nick or self.settings.notify == "off":
            return
        if self.settings.notify == "all":
            self._screen.alert(f"{clean(nick)} says something")
        elif mentions(text, self.nick):
            self._screen.alert(f"{clean(nick)} mentions you")

    def _renamed(self, old: str, new: str) -> None:
        self._presence.renamed(old, new)
        if old == self.nick:
            self.nick = new
            self.link.renamed(new)
        self._screen.show([self._lines.rename(old, new)])
        self._screen.refresh()

    def _show_gap(self, gap: protocol.Gap) -> None:
        self._screen.show([self._lines.gap(gap)])
        if gap.why == "lost" and gap.from_ <= 1 and gap.to:  # what the new log holds was said while we were away
            self._want_context(gap.to)

    def _settled(self, ident: str, when: float) -> None:
        if whisper := self._whispers.pop(ident, None):
            to, text = whisper
            self._screen.show(self._lines.whisper(when, to, text, sent=True))
        self._screen.refresh()

    def _failed(self, ident: str | None, text: str) -> None:
        whisper = self._whispers.pop(ident or "", None)
        self._refuse(f"not said: {text}: {whisper[1]}" if whisper else text)
        if self._held is not None and ident is None:
            self._release()  # it may have been the page that was refused

    # --- what it looks like

    @property
    def status(self) -> str:
        """See Talk."""
        return status.brief(self.link, asyncio.get_running_loop().time())

    @property
    def count(self) -> int:
        """See Talk."""
        return self._presence.count

    @property
    def waiting(self) -> int:
        """See Talk."""
        return len(self.link.outbox)

    def run(self) -> Coroutine[Any, Any, None]:
        """See Talk."""
        return self.link.run()

    def nicks(self) -> Iterable[str]:
        """See Talk."""
        return self._presence.nicks()

    def unsent(self) -> list[str]:
        """See Talk."""
        return status.unsent(self.link)

    def _show_status(self, _: str) -> bool:
        where = f"room {self.settings.room} on {self.settings.address}, as {self.nick}"
        now = asyncio.get_running_loop().time()
        return self._say_notes([where, *status.full(self.link, now, self.count), *status.rules(self._rules)])

    def save(self, draft: str | None) -> None:
        """See Talk."""
        if draft is not None:
            self._keep.save_draft(draft)
        if self.link.cursor is not None and self._held is None:
            self._keep.save_cursor(self.link.cursor)

    async def leave(self, seconds: float) -> int:
        """See Talk. What is unsent stays in the outbox."""
        if self.link.connected:
            await self.link.settled(seconds)
        self._presence.flush()
        self.link.leave()
        return len(self.link.outbox)
