"""What a terminal sends, as keys: sequences are taken whole, however they are cut, and unknown ones mean nothing.

Lives here: where a sequence begins and ends, what of it is a key, pastes. Does not live here: keys with modifiers
(modified_keys.py), reading (key_input.py), what a key does (key_bindings.py). No I/O, no clock: a pause is a call.

prompt-toolkit's own parser knows its table of sequences, and takes any other one for what somebody typed: focus events,
late replies to other programs, keys of kitty's protocol stood in the line. Grammar: ECMA-48, 5.4 (CSI) and 5.6
(strings); SS3 is one character more.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from chatctl.terminal.modified_keys import Key, keys_of
from chatctl.terminal.pasted_text import PasteCollector

ESC, BEL, ST, CTRL_C = "\x1b", "\x07", "\x9c", "\x03"

_C1 = {"\x8f": "O", "\x90": "P", "\x98": "X", "\x9b": "[", "\x9d": "]", "\x9e": "^", "\x9f": "_"}
"""The introducers as one character, as a terminal in 8-bit mode sends them."""

_STRINGS = "PX]^_"
"""What begins a string behind ESC: DCS, SOS, OSC, PM, APC."""

_REPLIES = {
    "]": re.compile(r"\d+(;.*)?", re.DOTALL),
    "P": re.compile(r"\d(?:[$+!].*)?|[>!](?:\|.*)?", re.DOTALL),
    "_": re.compile(r"G.*", re.DOTALL),
}
"""How a terminal's replies begin. What a person types behind Alt-], by chance, does not look like them."""

_CURSOR = re.compile(r"\d+;(\d+)")

MAX_PARAMETERS = 256
MAX_HELD = 64 * 1024
"""Characters of a sequence that are kept; of a longer one, as a reply with a clipboard in it, only the end counts."""

_SS3 = dict(zip("jklmnopqrstuvwxyX", "*+,-./0123456789=", strict=True))
"""The keypad in application mode, by its last character."""
_WHOLE = re.compile(r"O[A-DFHMP-S]\Z|[PX\]^_].*(?:\x07|\x1b\\|\x9c)", re.DOTALL)
"""What follows an ESC that came long before, beyond doubt."""


class KeyParser:
    """Cuts what a terminal sends into key presses. Any cut of the same characters gives the same keys.

    A sequence is waited for without limit once it has begun, as readline does; ESC alone is a key after a pause.
    """

    def __init__(self) -> None:
        """Start between two keys."""
        self._out: list[KeyPress] = []
        self._state: Callable[[str], None] = self._ground
        self._held = ""
        self._introducer = ""
        self._typed = ""
        """The introducer, if ESC stood so long before it that it may be text."""
        self._at_once = False
        """Whether characters of the string came together: a person types them one by one."""
        self._skip = 0
        self._paste: PasteCollector | None = None
        self.focused: bool | None = None
        """Whether the window has the keyboard's focus; None as long as the terminal has not told."""
        self.columns: list[int] = []
        """Columns in which the terminal has reported its cursor. Whoever reads it empties it."""
        self.broken = bytearray()
        """Bytes that are no text; each stands as U+FFFD where it was. Whoever reads it empties it."""

    @property
    def in_paste(self) -> bool:
        """Whether the end of a paste is still to come."""
        return self._paste is not None

    def feed(self, data: str) -> list[KeyPress]:
        """Return the keys that ``data`` completes. Lone surrogates in it stand for bytes that could not be decoded."""
        if self._paste is not None and data == CTRL_C:  # somebody presses it, as the paste's end has got lost
            self._paste = None
        if self._state == self._after_escape and _WHOLE.match(data):
            self._state = self._escape  # a terminal sends all of it at once, a person does not
        at, held = 0, len(self._held)
        while at < len(data):
            if self._paste is not None:
                at = self._pasted(data, at)
            else:
                self._state(data[at])
                at += 1
        self._at_once = self._at_once or len(self._held) > held + 1
        out, self._out = self._out, []
        return out

    def pause(self) -> list[KeyPress]:
        """Return what is decided by nothing having come for a while."""
        if self._state == self._escape:
            self._emit(Keys.Escape)
            self._state = self._after_escape
        elif self._state == self._string and not self._at_once and not self._is_reply():
            self._release()
        out, self._out = self._out, []
        return out

    # --- emitting

    def _emit(self, *keys: Key) -> None:
        for key in keys:
            text = isinstance(key, str) and not isinstance(key, Keys)
            self._out.append(KeyPress(key, str(key) if text else ""))

    def _text(self, char: str) -> None:
        if "\udc80" <= char <= "\udcff":
            self.broken.append(ord(char) & 0xFF)
            char = "\ufffd"
        found = ANSI_SEQUENCES.get(char)
        self._out.append(KeyPress(found if isinstance(found, Keys) else char, char))

    def _emit_known(self, sequence: str) -> bool:
        """Emit the keys of a sequence that prompt-toolkit knows. Its data is empty: it is inserted as text nowhere."""
        found = ANSI_SEQUENCES.get(sequence)
        if found is not None:
            self._emit(*(found if isinstance(found, tuple) else (found,)))
        return found is not None

    # --- states: each takes one character

    def _ground(self, char: str) -> None:
        if char == ESC:
            self._state = self._escape
        elif char in _C1:
            self._introduce(_C1[char])
        else:
            self._text(char)

    def _introduce(self, char: str, typed: str = "") -> None:
        self._held = ""
        self._at_once = False
        self._introducer = char
        self._typed = typed
        self._state = self._csi if char == "[" else self._ss3 if char == "O" else self._string

    def _escape(self, char: str) -> None:
        if char in "[O" or char in _STRINGS:
            self._introduce(char)
        elif char in "\r\n":  # as one key: in a search, ESC and Enter would send what was found
            self._state = self._ground
            self._emit(Keys.ControlJ)
        elif char == ESC:  # Alt with a key that is a sequence itself; or ESC twice
            self._emit(Keys.Escape)
        else:
            self._state = self._ground
            if not self._emit_known(ESC + char):
                self._emit(Keys.Escape)
                self._text(char)

    def _after_escape(self, char: str) -> None:
        """ESC has been given out as a key. Behind it a sequence may still come: the line may be that slow."""
        self._state = self._ground
        if char == "[" or char in _STRINGS:
            self._emit(Keys.Ignore)  # or ESC would make Alt of the key that follows the sequence
            self._introduce(char, typed=char)
        else:
            self._ground(char)

    def _csi(self, char: str) -> None:
        if "\x20" <= char <= "\x3f" and not self._is_rxvt(char):
            self._held += char if len(self._held) < MAX_PARAMETERS else ""
        elif char == "[" and not self._held:  # the Linux console's function keys have a second one
            self._held = char
        elif "\x40" <= char <= "\x7e" or char == "$":
            self._state = self._ground
            self._csi_ended(char)
        else:  # not a sequence after all
            self._state = self._ground
            self._ground(char)

    def _is_rxvt(self, char: str) -> bool:
        """Return whether it is rxvt's ``$``, which ends a key with Shift; elsewhere another character follows it."""
        return char == "$" and self._held.isdigit()

    def _csi_ended(self, final: str) -> None:
        held, self._held = self._held, ""
        if final == "~" and held == "200":
            self._paste = PasteCollector()
        elif final in "IO" and not held:
            self.focused = final == "I"
        elif final == "R" and (at := _CURSOR.fullmatch(held)):
            self.columns.append(int(at[1]))
        elif final == "M" and not held:  # a mouse report in its oldest form: three more characters
            self._skip, self._state = 3, self._skipping
        elif (keys := keys_of(held, final)) is not None:
            self._emit(*keys)
        else:
            self._emit_known(f"{ESC}[{held}{final}")

    def _skipping(self, _char: str) -> None:
        self._skip -= 1
        if not self._skip:
            self._state = self._ground

    def _ss3(self, char: str) -> None:
        if char.isdigit() or char == ";":  # older konsoles put modifiers there
            return
        self._state = self._ground
        if char == "M":  # the Shift-Enter of konsole
            self._emit(Keys.ControlJ)
        elif char in _SS3:
            self._emit(_SS3[char])
        elif not self._emit_known(f"{ESC}O{char}") and not "\x20" <= char <= "\x7e":
            self._ground(char)

    def _string(self, char: str) -> None:
        if char in (BEL, ST):
            self._state = self._ground
        elif char == ESC:
            self._state = self._string_escape
        elif char < "\x20":  # no reply holds one: it is a key, and the string was none
            if not self._is_reply() or not self._held:
                self._release()
            self._state = self._ground
            self._ground(char)
        elif len(self._held) < MAX_HELD:
            self._held += char

    def _string_escape(self, char: str) -> None:
        self._state = self._ground
        if char != "\\":
            if not self._is_reply():
                self._release()
            self._escape(char)

    def _is_reply(self) -> bool:
        """Return whether the string so far begins as replies of terminals do."""
        known = _REPLIES.get(self._introducer)
        return not self._held or (known is not None and known.fullmatch(self._held) is not None)

    def _release(self) -> None:
        """Take the string for what somebody typed behind Alt-] or the like."""
        typed, self._typed, self._held, self._state = self._typed + self._held, "", "", self._ground
        for char in typed:
            self._text(char)

    # --- pastes

    def _pasted(self, data: str, at: int) -> int:
        assert self._paste is not None
        rest = self._paste.feed(data[at:])
        if rest is None:
            return len(data)
        text = self._paste.text(self.broken)
        self._paste = None
        self._out.append(KeyPress(Keys.BracketedPaste, text))
        return len(data) - len(rest)
