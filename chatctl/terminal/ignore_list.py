"""Whom the user ignores: by key where the person has proved one, else by nickname. Kept for each server.

Lives here: who is hidden, and the file. Does not live here: the commands, and asking for keys (ignore_commands.py).
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from chatctl.common.file_reads import read_file
from chatctl.common.files import locked_folder, private_folder, replace_file
from chatctl.common.names import fold_any


class Ignored(msgspec.Struct, frozen=True):
    """One person."""

    nick: str
    """As it was when the user typed it."""
    key: str | None = None
    """The fingerprint of their key; None: the nickname is all that is known."""


_kept = msgspec.json.Decoder(list[Ignored])


class IgnoreList:
    """All of them, for the rooms of one server."""

    def __init__(self, path: Path | None) -> None:
        """Read the file, if there is one; None: keep nothing."""
        self._path = path
        found: list[Ignored] = []
        with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
            found = _kept.decode(read_file(path)) if path is not None else []
        self._entries = {fold_any(one.nick): one for one in found}

    @property
    def entries(self) -> list[Ignored]:
        """All of them, in the order in which they were ignored."""
        return list(self._entries.values())

    def find(self, nick: str) -> Ignored | None:
        """Return who was ignored under this nickname."""
        return self._entries.get(fold_any(nick))

    def has_key(self, key: str | None) -> bool:
        """Return whether somebody with this key is ignored."""
        return key is not None and any(one.key == key for one in self._entries.values())

    def add(self, nick: str, key: str | None) -> bool:
        """Ignore somebody from now on. Return whether that could be kept."""
        self._entries[fold_any(nick)] = Ignored(nick, key)
        return self._save()

    def remove(self, nick: str) -> bool:
        """Ignore somebody no more. Return whether they were ignored."""
        was = self._entries.pop(fold_any(nick), None) is not None
        self._save()
        return was

    def _save(self) -> bool:
        if self._path is None:
            return False
        try:
            private_folder(self._path.parent)
            with locked_folder(self._path.parent):
                replace_file(self._path, msgspec.json.encode(self.entries), durable=False, alone=True)
        except OSError:
            return False
        return True


class IgnoredHere:
    """Whom of the list the members of one room are seen to be: a nickname may be somebody else's in another room."""

    def __init__(self, ignored: IgnoreList) -> None:
        """Begin with nobody known."""
        self.all = ignored
        self._keys: dict[str, str | None] = {}
        """By folded nickname: the key that its holder has proved, as far as that was asked."""
        self._asked: set[str] = set()
        """Folded nicknames whose key the server was asked for: once, whatever comes of it."""
        self._renamed: dict[str, str] = {}
        """By folded nickname that somebody took while they were here: the one under which they are ignored."""

    def hides(self, nick: str) -> bool:
        """Return whether what ``nick`` says is not to be shown."""
        return self.all.has_key(self._keys.get(fold_any(nick))) or self._by_name(nick) is not None

    def _by_name(self, nick: str) -> Ignored | None:
        """Return as whom ``nick`` is hidden by name: a key is not known to be another's."""
        name = fold_any(nick)
        if name in self._renamed:
            return self.all.find(self._renamed[name])
        entry = self.all.find(nick)
        return entry if entry is not None and (entry.key is None or name not in self._keys) else None

    def wants_key(self, nick: str) -> bool:
        """Return whether the key behind a nickname would tell something, and is not known."""
        return fold_any(nick) not in self._asked and any(one.key for one in self.all.entries)

    def asked(self, nick: str) -> None:
        """Note that the server was asked who has a nickname."""
        self._asked.add(fold_any(nick))

    def learn(self, nick: str, key: str | None) -> None:
        """Note with which key ``nick`` is here; None: without one, or not here."""
        self._keys[fold_any(nick)] = key
        self.asked(nick)

    def doubt_all(self) -> None:
        """Note that anybody may have another's nickname now. Who is hidden by key stays so until the server tells."""
        self._keys = {name: key for name, key in self._keys.items() if self.all.has_key(key)}
        self._asked.clear()

    def forget(self, nick: str) -> None:
        """Forget who had a nickname: whoever takes it next may be somebody else."""
        self._keys.pop(fold_any(nick), None)
        self._asked.discard(fold_any(nick))
        self._renamed.pop(fold_any(nick), None)

    def renamed(self, old: str, new: str) -> None:
        """Follow a member who is called otherwise from now on."""
        hidden, known = self._by_name(old), fold_any(old) in self._keys
        key = self._keys.get(fold_any(old))
        for nick in (old, new):
            self.forget(nick)
        if known:
            self.learn(new, key)
        if hidden is not None:
            self._renamed[fold_any(new)] = hidden.nick
