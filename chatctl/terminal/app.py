"""Running ``join``: opens the saved state, chooses the screen, and writes our own faults to a file."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

from chatctl.client.core.address import Address
from chatctl.client.identity import token_for
from chatctl.client.saved_state import SavedState, kept_path
from chatctl.client.security.credentials import NO_KEY, Credentials
from chatctl.common.crash_log import record
from chatctl.common.paths import state_dir
from chatctl.errors import ChatError, NoHome
from chatctl.protocol import DEFAULT_HOST, DEFAULT_PORT, DEFAULT_ROOM
from chatctl.terminal.classic import ClassicController
from chatctl.terminal.ignore_list import IgnoreList
from chatctl.terminal.interfaces import JoinOptions, MakeConversation, Screen, ScreenOptions
from chatctl.terminal.login_prompts import with_password
from chatctl.terminal.output_stream import tell
from chatctl.terminal.plain_screen import PlainScreen
from chatctl.terminal.render import FrameRenderer
from chatctl.terminal.rooms import Rooms
from chatctl.terminal.stdin_reader import is_interactive
from chatctl.terminal.terminal_modes import TerminalModes


def run_join(options: JoinOptions, modes: TerminalModes | None, screen_options: ScreenOptions) -> int:
    """Be in the room until the user leaves or stdin ends.

    Args:
        options: where to join, and as whom.
        modes: of the terminal; the prompt takes it, and gives it back at the end. None: print lines, draw no prompt.
        screen_options: how to type and read.

    Returns:
        The exit code.

    Raises:
        ChatError: the server cannot be joined; or a fault of our own, with the path of its traceback.
    """
    interactive = modes is not None or is_interactive()
    credentials = options.address.credentials or Credentials(key=NO_KEY)
    with modes.lent() if modes is not None else nullcontext():
        credentials.signer  # noqa: B018 — asks for the passphrase of a key, if it has one, before the screen is drawn
    options = replace(
        options,
        address=options.address._replace(credentials=credentials),
        for_person=interactive,
        ignored=_ignored(options.address, kept=interactive),
    )
    token = token_for(options.address)
    made: list[Rooms] = []
    opened: list[SavedState] = []

    def open_saved(room: str, nick: str) -> SavedState:
        opened.append(SavedState.open(options.address, room, nick) if interactive else SavedState(None))
        return opened[-1]

    def make(screen: Screen, render: FrameRenderer) -> Rooms:
        made[:] = [Rooms(options, open_saved, render, screen, token)]
        return made[0]

    def join() -> int:
        try:
            return _run(make, modes, screen_options)
        finally:  # after a refused password the next attempt opens, and locks, the same files
            while opened:
                opened.pop().close()

    if not interactive:
        return join()
    code = with_password(credentials, join)
    rooms = made[0].names
    screen = screen_options if modes is not None else ScreenOptions()
    tell(f"left {', '.join(rooms)}; come back with: {rejoin_command(options, rooms, screen)}")
    return code


def _ignored(address: Address, *, kept: bool) -> IgnoreList:
    try:
        folder = state_dir() / "ignored"
        return IgnoreList(kept_path(address, lambda server: folder / f"{server}.json") if kept else None)
    except NoHome:
        return IgnoreList(None)


def run_classic(address: Address, nick: str, modes: TerminalModes | None, screen_options: ScreenOptions) -> int:
    """Talk to a server of the first version. Returns and raises as ``run_join``."""
    return _run(
        lambda screen, render: ClassicController(address, nick, render, screen),
        modes,
        replace(screen_options, history_file=False),
    )


def _run(make_conversation: MakeConversation, modes: TerminalModes | None, options: ScreenOptions) -> int:
    async def run() -> int:
        if modes is None:
            return await PlainScreen(make_conversation).run()
        if options.linear:
            from chatctl.terminal.linear_screen import LinearScreen

            with modes.taken():
                return await LinearScreen(make_conversation, modes, options).run()
        from chatctl.terminal.prompt_screen import PromptScreen  # loads prompt-toolkit

        with modes.taken():
            return await PromptScreen(make_conversation, modes, options).run()

    try:
        return asyncio.run(run())
    except ChatError:
        raise
    except Exception as error:  # noqa: BLE001 — whatever it is, the terminal is not the place for a traceback
        raise ChatError(record(error, error.__cause__)) from None


def rejoin_command(options: JoinOptions, rooms: Sequence[str], screen: ScreenOptions) -> str:
    """Return the command line that joins these rooms again, to type and read there in the same way."""
    words, address = ["chatctl", "join", "--nick", options.nick], options.address
    if address.others:
        words += ["--server", ",".join(map(str, address.each))]
    elif address.unix is not None:
        words += ["--unix", address.unix]
    elif address.host != DEFAULT_HOST:
        words += ["--host", address.host]
    if address.tls:
        pin = ["--pin", address.pin] if address.pin is not None else []
        ca = ["--ca", address.ca] if address.ca is not None else []
        words += pin + ca or ["--tls"]
    if not address.others and address.unix is None and (address.tls or address.port != DEFAULT_PORT):
        words += ["--port", str(address.port)]
    if list(rooms) != [DEFAULT_ROOM]:
        words += [word for room in rooms for word in ("--room", room)]
    if screen.linear:
        words.append("--linear")
    elif screen.keys == "vi":
        words += ["--keys", "vi"]
    return shlex.join(words)
