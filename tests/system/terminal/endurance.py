"""``join`` in a multiplexer for some minutes, by hand: ``python -m tests.system.terminal.endurance tmux [SECONDS]``.

The long form of test_multiplexers.py. For each part it prints how many messages there were, how many the multiplexer
keeps, once and whole, and how many of these can be seen; how many prompts there are, and whether what was typed stands
in the line. The first part is ``cat`` instead of ``join``: what the multiplexer does with any program. ``SECONDS``: of
the flood.
"""

from __future__ import annotations

import itertools
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.environment import CHATCTL, ROOT, clean_env
from tests.support.server_process import Server
from tests.system.terminal.flood import message
from tests.system.terminal.multiplexer import CLEAR_LINE, GnuScreen, Joined, Tmux, wait

KINDS = {"tmux": Tmux, "screen": GnuScreen}
DRAFT = "".join(f"{number:02d}abcdefgh" for number in range(30))
SCRIPTS = (
    "हिन्दी भाषा क्षत्रिय", "வணக்கம் உலகம் ஸ்ரீ", "తెలుగు భాష క్షేత్రం", "မင်္ဂလာပါ ကမ္ဘာ", "สวัสดีชาวโลก กำลังน้ำ",
    "مرحبا بالعالم السَّلامُ", "שלום עולם שָׁלוֹם", "漢字的長消息", "안녕 세계 한글",
    "Z\u0351\u036b\u0343a\u0325\u030bl\u0489go",
    "❤\ufe0f ☀\ufe0f 1\ufe0f\u20e3 ⚠\ufe0f x", "👨\u200d👩\u200d👧 👩🏽\u200d💻 🏳\ufe0f\u200d🌈 🇮🇳 x",
)  # fmt: skip
RATE = 2000


def cat(kind: str, state: Path) -> str:
    """Have ``cat`` print lines of 60 columns, and make the window narrower. Return how many can be seen."""
    mux = KINDS[kind](("sh", "-c", "stty -echo; echo ready; exec cat"), state)
    try:
        wait(lambda: "ready" in mux.lines(), "start", mux.lines)
        lines = [f"line {number:02d} {'x' * 52}" for number in range(30)]
        for line in lines:
            mux.keys(f"{line}\r")
        wait(lambda: mux.stands(lines[-1], mux.lines()), lines[-1], mux.lines)
        mux.resize(40)
        kept, seen = ([mux.stands(line, found) for line in lines].count(1) for found in (mux.kept(), mux.lines()))
        return f"{len(lines)} printed, then 40 columns: {kept} kept, {seen} seen"
    finally:
        mux.close()


@contextmanager
def joined(kind: str, server: Server, room: str, state: Path) -> Iterator[Joined]:
    where = ("--port", str(server.port), "--room", room, "--nick", "nadia")
    with server.member("omar", room) as omar:
        mux = KINDS[kind]((*CHATCTL, "join", *where), state)
        try:
            yield Joined(mux, omar.say)
        finally:
            mux.close()


def every_length(room: Joined) -> None:
    """A draft that wraps at every column from 1 to 80."""
    for length in range(1, 81):
        room.type(DRAFT[length - 1])
        room.resize(40)
        room.say(f"length {length} at 40.")
        room.resize(80)
        room.say(f"length {length} at 80.")


def every_width(room: Joined) -> None:
    """Narrower and wider, column by column, with a message at each."""
    room.type(DRAFT[:60])
    for step, columns in enumerate((*range(79, 19, -1), *range(20, 81))):
        room.resize(columns)
        room.say(f"step {step}.")


def every_script(room: Joined) -> None:
    """Each script, long enough to wrap, at three widths."""
    for number, text in enumerate(SCRIPTS):
        room.mux.keys(f"{text} " * 3)
        for columns in (80, 43, 26):
            room.resize(columns)
            room.say(f"script {number} at {columns}.")
        room.mux.keys(CLEAR_LINE)
    room.resize(80)
    room.say("the last script")


def pastes_and_keys(room: Joined) -> None:
    """Pastes of 200 KB, and what is no text."""
    room.type("half a line")
    for number in range(20):
        room.mux.keys("\x1b[I\x1b[O\x1b[57441;2u\x1b[97;5:3u\x1b]11;rgb:0/0/0\x07\x1b[?62;4c")
        if isinstance(room.mux, Tmux):
            room.mux.paste("a paste \n" * 25_000)
        else:
            room.mux.keys("\x1b[200~" + "a paste \r" * 25_000 + "\x1b[201~")
        room.say(f"paste {number}.")


def at_random(room: Joined) -> None:
    """Keys and sizes, one by one and as a window is dragged, with messages of up to some rows; always the same ones."""
    chance = random.Random(1)
    kinds = ("keys", "keys", "clear", "left", "right", "delete", "size", "size", "size", "drag", "drag")
    for number in range(100):
        match chance.choice(kinds):
            case "keys":
                room.mux.keys(chance.choice((*SCRIPTS, "hello world ", "  ")) * chance.randint(1, 3))
            case "clear":
                room.mux.keys(CLEAR_LINE)
            case "left" | "right" | "delete" as move:
                room.mux.keys({"left": "\x1b[D", "right": "\x1b[C", "delete": "\x7f"}[move] * chance.randint(1, 30))
            case "size":
                room.resize(
                    chance.choice((20, 39, 40, 41, 79, 80, 81, chance.randint(15, 120))), chance.choice((12, 20))
                )
            case "drag":
                for columns in chance.choices(range(15, 121), k=chance.randint(2, 6)):
                    room.resize(columns)
                    threading.Event().wait(chance.choice((0, 0.05, 0.2, 0.35)))
        room.say(f"number {number} {'y' * chance.choice((0, 10, 50, 150))}.")
    room.resize(80)
    room.say("the last one")


def flood(room: Joined, server: Server, name: str, seconds: float) -> str:
    """2,000 messages a second, and a new size five times a second. Return how it went."""
    room.type(DRAFT[:60])
    count = int(RATE * seconds)
    argv = [sys.executable, "-m", "tests.system.terminal.flood", str(server.port), name, str(RATE), str(count), "tiny"]
    with subprocess.Popen(argv, cwd=ROOT) as talk:
        for columns in itertools.cycle((60, 47, 80, 33, 71)):
            room.mux.resize(columns)
            threading.Event().wait(0.2)
            if talk.poll() is not None:
                break
    while not any(message(count - 1, "tiny")[:7] in line for line in room.mux.lines()):
        threading.Event().wait(1)
    text = "\n".join(room.mux.kept())
    found = [int(number) for number in re.findall(r"fl: <(\d{6}) .* \1>", text)]
    lost, again = count - len(set(found)), len(found) - len(set(found))
    return f"{count} said: {lost} lost, {again} twice, {'in order' if found == sorted(found) else 'NOT IN ORDER'}"


def report(room: Joined, title: str, began: float, more: str = "", *, readable: bool = True) -> None:
    wait(room.prompts, "prompt", room.mux.lines)
    faults = room.faults(prompts=1 if isinstance(room.mux, Tmux) else 10**6, readable=readable)
    seen, kept = ([room.times(text, lines) for text in room.said] for lines in (room.mux.lines(), room.mux.kept()))
    more = more or f"{len(room.said)} said, {kept.count(1)} kept once and whole, {seen.count(1)} of them seen"
    line = "as typed" if readable and not faults else "not looked at" if not readable else faults[0]
    print(f"{title:16} {time.monotonic() - began:5.0f} s  {more}; {room.prompts()} prompts; line {line}", flush=True)


def main(kind: str, seconds: float) -> None:
    parts: dict[str, Callable[[Joined], None]] = {
        "every length": every_length, "every width": every_width, "every script": every_script,
        "pastes and keys": pastes_and_keys, "at random": at_random,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        env = clean_env(Path(folder) / "server", CHATCTL_JOURNAL=f"{folder}/rooms.db")
        server = Server("--rate", "off", "--open-rooms", "--keep-messages", "1000000", env=env)
        print(f"{'cat':26}  {cat(kind, Path(folder) / 'cat')}", flush=True)
        try:
            for number, (title, part) in enumerate(parts.items()):
                with joined(kind, server, f"part{number}", Path(folder) / f"state{number}") as room:
                    began = time.monotonic()
                    part(room)
                    report(room, title, began, readable=title not in ("every script", "at random"))
            with joined(kind, server, "flood", Path(folder) / "flood") as room:
                began = time.monotonic()
                report(room, "flood", began, flood(room, server, "flood", seconds))
        finally:
            server.stop()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 60.0)
