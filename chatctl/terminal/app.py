"""Running ``join`` as a program: what is kept is opened, a screen is chosen, our own faults are written down."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace

from chatctl.client.core.address import Address
from chatctl.client.identity import token_for
from chatctl.client.saved_state import SavedState
from chatctl.client.security.credentials import NO_KEY, Credentials
from chatctl.common.crash_log import record
from chatctl.common.text import clean
from chatctl.errors import ChatError
from chatctl.protocol import DEFAULT_HOST, DEFAULT_PORT, DEFAULT_ROOM
from chatctl.terminal.classic import ClassicTalk
from chatctl.terminal.controller import Controller
from chatctl.terminal.interfaces import Screen, Talk
from chatctl.terminal.nick_prompt import enter
from chatctl.terminal.plain_screen import PlainScreen, is_interactive
from chatctl.terminal.render import Lines
from chatctl.terminal.settings import Settings


def run_join(settings: Settings, *, plain: bool, history_file: bool) -> int:
    """Talk until the end, and give the exit code.

    Raises:
        ChatError: we could not get in, or a fault of our own; its traceback is in the file that is named.
    """
    person = not plain or is_interactive()
    credentials = settings.address.credentials or Credentials(key=NO_KEY)
    credentials.signer  # noqa: B018 — if it has a passphrase, that is asked for before the screen is drawn
    settings = replace(settings, address=settings.address._replace(credentials=credentials))
    keep = SavedState.open(settings.address, settings.room, settings.nick) if person else SavedState(None)
    token = token_for(settings.address)

    def talk() -> int:
        return _run(lambda screen, lines: Controller(settings, keep, lines, screen, token), keep, plain, history_file)

    code = enter(credentials, talk) if person else talk()
    if person:
        print(clean(f"left {settings.room}; come back with: {come_back(settings)}"), file=sys.stderr)  # noqa: T201
    return code


def run_classic(address: Address, nick: str, *, plain: bool) -> int:
    """Talk to a server of the first version until the end. Raises as ``run_join``."""
    return _run(
        lambda screen, lines: ClassicTalk(address, nick, lines, screen), SavedState(None), plain, history_file=False
    )


def _run(talk_on: Callable[[Screen, Lines], Talk], keep: SavedState, plain: bool, history_file: bool) -> int:
    async def run() -> int:
        if plain:
            return await PlainScreen(talk_on).run()
        from chatctl.terminal.prompt_screen import PromptScreen

        return await PromptScreen(talk_on, keep, history_file=history_file).run()

    try:
        return asyncio.run(run())
    except ChatError:
        raise
    except Exception as error:  # noqa: BLE001 — whatever it is, the terminal is not the place for a traceback
        raise ChatError(record(error, error.__cause__)) from None


def come_back(settings: Settings) -> str:
    """Give the command that joins the same room again."""
    words = ["chatctl", "join", "--nick", settings.nick]
    if settings.address.unix is not None:
        words += ["--unix", settings.address.unix]
    if settings.address.unix is None and settings.address.host != DEFAULT_HOST:
        words += ["--host", settings.address.host]
    if settings.address.tls:
        words += _tls_words(settings.address)
    if settings.address.unix is None and (settings.address.tls or settings.address.port != DEFAULT_PORT):
        words += ["--port", str(settings.address.port)]
    if settings.room != DEFAULT_ROOM:
        words += ["--room", settings.room]
    return shlex.join(words)


def _tls_words(address: Address) -> list[str]:
    words = ["--pin", address.pin] if address.pin is not None else []
    words += ["--ca", address.ca] if address.ca is not None else []
    return words or ["--tls"]
