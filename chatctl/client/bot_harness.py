"""Testing a bot without a server: say something to it, and see what it answers."""

from __future__ import annotations

from chatctl.client.bot import Bot
from chatctl.client.core.events import Event, Msg, Whisper
from chatctl.errors import IdReused, TooLong
from chatctl.protocol import MAX_TEXT


class Harness:
    """A room with a bot in it, and whoever a test lets speak there.

        talk = Harness(bot)
        assert talk.say("nadia", "!ping") == ["pong"]

    Its room is a ``BotRoom``: ids are heeded, and long texts refused, as a server does. What a function of the bot
    raises, which a bot that runs logs, is raised here.
    """

    def __init__(self, bot: Bot, room: str = "lobby", nick: str = "bot") -> None:
        """Put ``bot`` into a room of this name, under this nickname."""
        self._bot = bot
        self._seq = 0
        self._ids: dict[str, str] = {}
        self._said: list[str] = []
        self._whispered: list[tuple[str, str]] = []
        self.room = _Speaks(self, room, nick)
        """The room that the bot's functions get."""

    def say(self, nick: str, text: str) -> list[str]:
        """Say something in the room; return what the bot says then."""
        self._seq += 1
        return self.again(Msg(self._seq, 1_700_000_000.0 + self._seq, nick, text))

    def whisper(self, nick: str, text: str) -> list[str]:
        """Whisper something to the bot; return what it whispers back."""
        self._whispered.clear()
        self._handle(Whisper(nick, text, 1_700_000_000.0))
        return [told for to, told in self._whispered if to == nick]

    def again(self, event: Event) -> list[str]:
        """Have an event reach the bot, perhaps once more; return what it says then in the room."""
        self._said.clear()
        self._handle(event)
        return list(self._said)

    def _handle(self, event: Event) -> None:
        if failed := self._bot.handle(event, self.room):
            raise failed[0]

    def take(self, text: str, ident: str | None) -> None:
        """Take what the bot says. Raises TooLong, IdReused."""
        _insist_on_length(text)
        if ident is not None and ident in self._ids:
            if self._ids[ident] != text:
                raise IdReused("this id belongs to another message")
            return  # it was said before
        if ident is not None:
            self._ids[ident] = text
        self._said.append(text)

    def take_whisper(self, to: str, text: str) -> None:
        """Take what the bot whispers. Raises TooLong."""
        _insist_on_length(text)
        self._whispered.append((to, text))


class _Speaks:
    """The room that the bot sees."""

    def __init__(self, harness: Harness, name: str, nick: str) -> None:
        self.name = name
        self.nick = nick
        self._harness = harness

    def say(self, text: str, *, id: str | None = None) -> None:  # noqa: A002 — its name on the wire
        self._harness.take(text, id)

    def whisper(self, to: str, text: str) -> None:
        self._harness.take_whisper(to, text)


def _insist_on_length(text: str) -> None:
    if len(text.encode()) > MAX_TEXT:
        raise TooLong(f"the server takes at most {MAX_TEXT} bytes")
