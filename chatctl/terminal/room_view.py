"""What a room shows: each frame that a membership receives becomes lines on the screen.

Lives here: messages in order, also around a break of the connection; who is here; alerts; refusals. Does not live here:
what is typed (controller.py), how a line looks (render.py), the connection (client/membership.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chatctl import protocol
from chatctl.client.core.outbox import Outbox
from chatctl.client.membership import Membership
from chatctl.protocol import Say, ServerFrame, Welcome, Whisper
from chatctl.terminal import status
from chatctl.terminal.alerts import Alerts
from chatctl.terminal.ignore_commands import IgnoreCommands
from chatctl.terminal.ignore_list import IgnoredHere
from chatctl.terminal.interfaces import JoinOptions
from chatctl.terminal.member_list import MemberList
from chatctl.terminal.outage import Outage
from chatctl.terminal.render import FrameRenderer, mentions
from chatctl.terminal.room_requests import RoomRequests
from chatctl.terminal.room_screen import RoomScreen
from chatctl.terminal.whispering import Whispering

_TOLD = ("ban", "mute", "bans", "claims", "ops")
"""Orders whose answer says more than the notice that the room is shown."""


class RoomView:
    """Shows one room; the Listener of its membership.

    After an interruption the messages before the missed ones are shown first: frames of the log that arrive meanwhile
    are held back until that page is there.
    """

    def __init__(
        self, options: JoinOptions, hello: protocol.Hello, outbox: Outbox, render: FrameRenderer, screen: RoomScreen
    ) -> None:
        """Make it inside a running event loop; then run ``membership``."""
        self._options = options
        self._render = render
        self._screen = screen
        self._resumes = hello.resume is not None
        self._held_back: list[ServerFrame] | None = None
        """None unless a page of earlier messages is awaited."""
        self._missed = 0
        """Messages that arrived while there was no connection, until the line about them is shown."""
        self._outage = Outage(screen.show, screen.refresh)
        self.nick = options.nick
        self.room_state = protocol.RoomNow()
        self.refusals = 0
        self.unknown = 0
        """Whispers of which nobody knows whether they were told."""
        self.entered = asyncio.Event()
        self.whispers: dict[str, Whisper] = {}
        """Sent, by id, until the server has answered."""
        self._greets_at: int | None = None
        """Up to which message the room's past has to be shown before the user is greeted; None: it is done."""
        self.room_lines: Callable[[protocol.RoomList], list[str]] = lambda _: []
        """Renders the answer to /rooms."""
        self._new_after = 0
        """The last message that was there before the user was: what follows is news."""
        self._alerts = Alerts(options, screen.alert, lambda why: screen.show([render.error(why)]))
        self.whispering = Whispering()
        self.members = MemberList(render, screen.show)
        self.membership = Membership(options.address, hello, outbox, self)
        self.requests = RoomRequests(self.membership)
        self._ignored = IgnoredHere(options.ignored)
        self.ignoring = IgnoreCommands(self._ignored, self.requests, self.note, self.refuse)

    def note(self, *texts: str) -> None:
        """Show messages of chatctl's own, a line each."""
        self._screen.show([self._render.note(text) for text in texts])

    def refuse(self, why: str) -> None:
        """Show why a line was refused, and count it."""
        self.refusals += 1
        self._screen.tell([self._render.error(why)])

    def refuse_without_connection(self) -> None:
        """Refuse what can't wait for a connection, below why there is none."""
        self._outage.tell_now()
        self.refuse("there is no connection now: that can't wait, try again when it is back")

    def show(self, lines: list[str]) -> None:
        """Show lines that a command has asked for."""
        self._screen.show(lines)

    def show_whole(self, name: str) -> bool:
        """Show a long message whole, if it is at hand."""
        lines = self._render.whole(name)
        self._screen.show(lines or [])
        return lines is not None

    @property
    def complete(self) -> bool:
        """Whether everything up to the membership's cursor has been shown."""
        return self._held_back is None and not self._screen.has_unseen

    # --- what a membership tells its Listener

    def connected(self, welcome: Welcome, missed: int | None) -> None:
        """Show that we are in the room, and how many messages were missed."""
        first = not self.entered.is_set()
        if first:
            self._new_after = welcome.last if missed is None else welcome.last - missed
        self.nick = welcome.nick
        (self.members.reset if first else self.members.came_back)(welcome.members, welcome.count)
        self._ignored.doubt_all()
        self.entered.set()
        was_told = self._outage.end()
        self._missed = (missed or 0) if first or was_told else 0
        if was_told:
            self.note("connected again")
        state = protocol.RoomNow(welcome.topic, welcome.slow, welcome.read_only)
        if state != self.room_state:  # the first time: if there is anything to tell
            self.note(*status.room_state(state))
        self.room_state = state
        if first and self._resumes and self._options.history:  # the user has not seen the earlier run's messages
            self._request_context(self._options.history)
        else:
            self._show_missed()
        if first and self._options.for_person:
            self._greets_at = welcome.last
        self._greet()
        self._screen.refresh()

    def _greet(self) -> None:
        """Say who is here, below the messages that came on entering: above them nobody would see it."""
        cursor = self.membership.cursor
        if self._greets_at is None or self._held_back is not None or cursor is None or cursor.after < self._greets_at:
            return
        self._greets_at = None
        others = (nick for nick in self.members.nicks() if nick != self.nick)
        self._screen.show([self._render.entered(self.nick, self._options.room, others, self.members.count)])

    def _request_context(self, limit: int) -> None:
        """Request the last messages before the cursor, and hold newer ones back until they are there."""
        cursor, welcome = self.membership.cursor, self.membership.welcome
        assert cursor is not None, "a membership that is connected has a cursor"
        assert welcome is not None, "and was welcomed"
        self._held_back = []
        request = protocol.History(limit=min(limit, welcome.limits.page), before=cursor.after + 1)
        asyncio.get_running_loop().call_soon(self.membership.send, request)  # the outbox is sent first

    def _show_missed(self) -> None:
        if self._missed:
            self._screen.show([self._render.missed(self._missed)])
        self._missed = 0

    def disconnected(self, why: str | None) -> None:
        """Show why the connection is lost, or why it could not be made again."""
        self._release()
        self.requests.lost("the connection broke before the server had answered: try again")
        self.give_up_whispers("the connection broke before the server had answered")
        what = "cannot come back yet" if self._outage.is_on else "disconnected"
        self._outage.tell([self._render.error(f"{what}: {why}")] if why is not None else [])
        self._screen.refresh()

    def give_up_whispers(self, why: str) -> None:
        """Show those that the server has not answered: they may or may not have been told."""
        for whisper in self.whispers.values():
            self.unknown += 1
            self._screen.tell(
                [self._render.error(f"not known whether {whisper.to} received this ({why}): {whisper.text}")]
            )
        self.whispers.clear()

    def refused(self, say: Say | Whisper, why: str) -> None:
        """Show a message that the server will never accept, with its text."""
        self.refuse(f"not sent ({why}): {say.text}")
        self._screen.refresh()

    def busy(self) -> bool:
        """Return whether the screen cannot keep up."""
        return self._screen.busy()

    def received(self, frame: ServerFrame) -> None:
        """Show a frame, or hold it back while a page of earlier messages is awaited."""
        self._receive(frame)
        self._greet()

    def _receive(self, frame: ServerFrame) -> None:
        if self._held_back is None and self.requests.take(frame):
            return
        if self._held_back is None:
            self._show(frame)
        elif isinstance(frame, protocol.Page):
            shown = [entry for entry in frame.entries if not self._ignored.hides(entry.nick)]
            self._screen.show([line for entry in shown for line in self._render.message(entry, self.nick)])
            self._release()
        elif isinstance(frame, protocol.Msg | protocol.Gap):
            self._held_back.append(frame)
        elif isinstance(frame, protocol.Redacted):
            self._screen.redact(frame)
            self._held_back = [frame.apply_to(one) if isinstance(one, protocol.Msg) else one for one in self._held_back]
        else:
            self._show(frame)

    def _release(self) -> None:
        """Show what was held back, whether its page arrived or not."""
        held_back, self._held_back = self._held_back or [], None
        self._show_missed()
        for frame in held_back:
            self._show(frame)

    # --- frames

    def _show(self, frame: ServerFrame) -> None:
        match frame:
            case protocol.Redacted():
                self._screen.redact(frame)
            case protocol.Msg(redacted=True):
                self._screen.message(frame, self.nick)
            case protocol.Msg(nick=nick) | protocol.Whispered(from_=nick) if self._ignored.hides(nick):
                self.ignoring.met([nick])
            case protocol.Msg():
                self.ignoring.met([frame.nick])
                self.members.before_message(frame.nick)
                self._screen.message(frame, self.nick)
                self._count(frame)
                self._alerts.message(frame, self.nick)
            case protocol.Join(nicks=nicks, count=count):
                self.members.joined(nicks, count)
                self.ignoring.joined(nicks)
                self._screen.refresh()
            case protocol.Leave(nicks=nicks, count=count):
                self.members.left(nicks, count)
                for nick in nicks:
                    self._ignored.forget(nick)
                self._screen.refresh()
            case protocol.Rename(old=old, new=new):
                self._renamed(old, new)
            case protocol.Whispered(from_=nick):
                self.whispering.last_from = nick
                lines = self._render.whisper(frame.time, nick, frame.text, sent=False)
                self._screen.tell([*self._screen.unread_line(), *lines])
                self._alerts.whisper(frame)
            case protocol.Ack(id=ident):
                self._acknowledged(ident, frame.time)
            case protocol.RoomNow():
                self.room_state = frame  # the notice that comes with it tells the user
            case protocol.Gap():
                self._show_gap(frame)
            case protocol.Bye(why=why, final=False):  # the error that ends the program tells of a final one
                self._outage.announce([self._render.error(why)] if why else [])
            case protocol.Error(text=text, id=ident):
                self._failed(ident, text)
            case _:
                self._screen.show(self._answer_lines(frame))

    def _answer_lines(self, frame: ServerFrame) -> list[str]:
        """Return the lines of a frame that changes nothing here: most are answers to a command."""
        match frame:
            case protocol.Roster():
                self.members.reset([row.nick for row in frame.members], frame.count)
                return self._render.roster(frame)
            case protocol.RoomList():
                return self.room_lines(frame)
            case protocol.Identity():
                return self._render.identity(frame)
            case protocol.Notice(text=text):
                return [*self._render.date_line(frame.time), self._render.notice(frame.time, text)]
            case protocol.Done(text=text, rows=rows) if rows or frame.verb in _TOLD or frame.verb.startswith("?"):
                return [self._render.note(line) for line in status.rows(text, rows)]
            case _:
                return []

    def _count(self, msg: protocol.Msg) -> None:
        if msg.nick != self.nick and msg.seq > self._new_after:
            self._screen.said(mentions(msg.text, self.nick))

    def _renamed(self, old: str, new: str) -> None:
        self.members.renamed(old, new)
        self.whispering.renamed(old, new)
        self._ignored.renamed(old, new)
        if old == self.nick:
            self.nick = new
            self.membership.renamed(new)
        self._screen.show([self._render.rename(old, new)])
        self._screen.refresh()

    def _show_gap(self, gap: protocol.Gap) -> None:
        self._screen.show([self._render.gap(gap)])
        if gap.why == "lost" and gap.from_ <= 1 and gap.to:  # the new log's messages arrived while we were away
            self._request_context(gap.to)

    def _acknowledged(self, ident: str, when: float) -> None:
        if whisper := self.whispers.pop(ident, None):
            self._screen.show(self._render.whisper(when, whisper.to, whisper.text, sent=True))
        self._screen.refresh()

    def _failed(self, ident: str | None, text: str) -> None:
        whisper = self.whispers.pop(ident or "", None)
        self.refuse(f"not sent ({text}): {whisper.text}" if whisper else text)
        if self._held_back is not None and ident is None:
            self._release()  # the refused request may have been the one for the page
