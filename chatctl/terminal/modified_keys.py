"""Keys with modifiers, as newer terminals send them: CSI-u (kitty's protocol) and xterm's modifyOtherKeys.

Lives here: what the parameters of one sequence mean. Does not live here: where a sequence ends (key_parser.py).

A program that ended without switching these off leaves them on for us, and tmux may have them on always. Sources: the
kitty keyboard protocol, "An overview"; XTerm Control Sequences, "modifyOtherKeys".
"""

from __future__ import annotations

from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.keys import Keys

Key = Keys | str

_SHIFT, _ALT, _CTRL = 1, 2, 4
_OTHERS = 8 | 16 | 32
"""Super, hyper, meta: shortcuts of a desktop, which we have none of."""
_CAPS = 64
_RELEASE = "3"
_ENTER = (13, 57414)

# The keypad and the keys that kitty's protocol numbers in a private area, as their plain counterparts.
_KEYPAD: dict[int, str] = dict(zip(range(57399, 57417), [*"0123456789./*-+", "\r", *"=,"], strict=False))
_NAMED: dict[int, Keys] = {
    8: Keys.ControlH,
    27: Keys.Escape,
    127: Keys.ControlH,
    57417: Keys.Left,
    57418: Keys.Right,
    57419: Keys.Up,
    57420: Keys.Down,
    57421: Keys.PageUp,
    57422: Keys.PageDown,
    57423: Keys.Home,
    57424: Keys.End,
    57425: Keys.Insert,
    57426: Keys.Delete,
}
_PRIVATE = range(57344, 63744)


def keys_of(parameters: str, final: str) -> tuple[Key, ...] | None:
    """Return the keys that a CSI sequence stands for; none for one that is to be ignored.

    Args:
        parameters: what stands between ``ESC [`` and the last character.
        final: the last character.

    Returns:
        None if it is no key with modifiers at all.
    """
    fields = [field.split(":") for field in parameters.split(";")]
    if not all(part.isdigit() or not part for field in fields for part in field):
        return None
    if final == "u":
        return _character(fields[0], _at(fields, 1), _at(fields, 2))
    if final == "~" and len(fields) == 3 and fields[0] == ["27"]:  # modifyOtherKeys
        return _character(fields[2], fields[1], [""])
    return _function_key(fields, final) if len(fields) <= 2 else None


def _at(fields: list[list[str]], index: int) -> list[str]:
    return fields[index] if index < len(fields) else [""]


def _modifiers(field: list[str]) -> int:
    return int(field[0] or 1) - 1


def _character(codes: list[str], modifiers: list[str], text: list[str]) -> tuple[Key, ...] | None:
    if not codes[0]:
        return None
    held = _modifiers(modifiers)
    if modifiers[1:] == [_RELEASE] or held & _OTHERS:
        return ()
    code = int(codes[0])
    if code in _ENTER:  # with any modifier a new line: it never sends what is not finished
        return (Keys.ControlJ if held & (_SHIFT | _ALT | _CTRL) else Keys.ControlM,)
    if any(text) and not held & (_ALT | _CTRL) and code not in (9, *_NAMED):
        return tuple("".join(_char(int(part)) for part in text if part))
    key = _plain(code, codes, held)
    return ((Keys.Escape, key) if held & _ALT and key is not Keys.Escape else (key,)) if key is not None else ()


def _plain(code: int, codes: list[str], held: int) -> Key | None:
    """Return the key without Alt; None for one that we have no use for."""
    if code == 9:
        return Keys.BackTab if held & _SHIFT else Keys.ControlI if not held & _CTRL else None
    if code in _NAMED:
        return _NAMED[code]
    if code in _KEYPAD:
        return _KEYPAD[code]
    char = _char(code)
    if not char or held & _CTRL:
        return _control(char) if char else None
    if held & _SHIFT and len(codes) > 1 and codes[1]:
        return _char(int(codes[1])) or None
    return char.upper() if held & (_SHIFT | _CAPS) and len(char.upper()) == 1 else char


def _char(code: int) -> str:
    """Return the character with this number; empty for a control, a surrogate, or what is none."""
    valid = 32 <= code <= 0x10FFFF and not 0x7F <= code < 0xA0 and not 0xD800 <= code < 0xE000
    return chr(code) if valid and code not in _PRIVATE else ""


def _control(char: str) -> Key | None:
    """Return the control character that Ctrl and this key have always sent."""
    if char == " ":
        return Keys.ControlAt
    if "@" <= char.upper() <= "_":
        found = ANSI_SEQUENCES[chr(ord(char.upper()) & 0x1F)]
        return found if isinstance(found, Keys) else None
    return None


def _function_key(fields: list[list[str]], final: str) -> tuple[Key, ...] | None:
    """Look an arrow or a function key up under the name that older terminals send, Num Lock and Caps Lock left out."""
    if len(fields) < 2:
        return None
    held = _modifiers(fields[1])
    if fields[1][1:] == [_RELEASE] or held & _OTHERS:
        return ()
    held &= _SHIFT | _ALT | _CTRL
    first = fields[0][0]
    name = (
        f"\x1b[{first};{held + 1}{final}" if held else f"\x1b[{'' if first == '1' and final != '~' else first}{final}"
    )
    found = ANSI_SEQUENCES.get(name)
    return found if isinstance(found, tuple) or found is None else (found,)
