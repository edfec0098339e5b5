"""Draw the code for docs/: the states of a session, the path of a message, the map of all files.

    python docs/diagrams.py            write docs/session.svg, docs/map.md, and the path into docs/design.md
    python docs/diagrams.py --check    write nothing; name each file that is out of date, and fail if there is one

None is written by hand. A session is put into each state and given each event that matters there: its transitions
are those that it makes, and an assignment of a state in core/session.py that no event reaches is an error. The path is
a trace of the server's own code while one member says something: each call from one file into another, with the first
line of the docstring. The map has the first line of each file's docstring.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from html import escape
from math import hypot
from pathlib import Path
from types import FrameType
from typing import TypeGuard
from unittest.mock import Mock

from chatctl.core.admission import Admission
from chatctl.core.dialects import WEB
from chatctl.core.keepalive import MISSED_PINGS
from chatctl.core.limits import ServerLimits
from chatctl.core.session import Session, State
from chatctl.directory.memory import MemoryDirectory
from chatctl.errors import NickTaken, ServerFull
from chatctl.hub.event_log import Log
from chatctl.hub.hub import Hub
from chatctl.journal.memory import MemoryJournal
from chatctl.protocol import Bye, Hello, Proof, Say, encode
from chatctl.server.connection import Connection
from chatctl.server.server import Server

ROOT = Path(__file__).resolve().parent.parent
CODE = ROOT / "chatctl"
DESIGN = ROOT / "docs" / "design.md"
MAP = ROOT / "docs" / "map.md"
DRAWING = ROOT / "docs" / "session.svg"
BEGIN, END = "<!-- made by docs/diagrams.py -->\n```text\n", "```\n<!-- end -->\n"

# --- the states of a session

LIMITS = ServerLimits()
HELLO = encode(Hello(v=1, nick="ana"))
ERROR = NickTaken("for the drawing")

Event = Callable[[Session], object]


class TracedSession(Session):
    """A session that notes its transitions, and which functions made them."""

    __slots__ = ("_state", "made_by", "passed")

    def __init__(self) -> None:
        self.made_by: set[str] = set()
        self.passed: list[State] = []
        super().__init__(LIMITS, now=0.0)

    @property
    def state(self) -> State:
        """Where the conversation stands."""
        return self._state

    @state.setter
    def state(self, new: State) -> None:
        self._state = new
        self.passed.append(new)
        self.made_by.add(inspect.stack(0)[1].function)


def gets(data: bytes) -> Event:
    """Return the event that these bytes arrive."""
    return lambda one: one.receive(data, 0.0)


def silent(one: Session) -> None:
    """Let nothing arrive until the last ping has no answer."""
    for ping in range(1, MISSED_PINGS + 2):
        one.tick(ping * LIMITS.ping_seconds)
        one.step(0.0)


late: Event = partial(Session.step, now=LIMITS.hello_seconds)
ends: Event = partial(Session.end, now=0.0)

TO: dict[State, list[Event]] = {
    State.FRESH: [],
    State.GREETING: [gets(b"{")],
    State.ENTERING: [gets(HELLO)],
    State.CHALLENGED: [gets(HELLO), Session.await_proof],
    State.LIVE: [gets(HELLO), lambda one: one.accept("ana")],
}
"""How a session gets into each state; none has a way out of CLOSED."""

EVENTS: list[tuple[State, str, list[Event]]] = [
    (State.FRESH, "first bytes", [gets(b"{")]),
    (State.FRESH, "speak()", [lambda one: one.speak(WEB, 0.0)]),
    (State.FRESH, "HTTP or TLS", [gets(b"GET / HTTP/1.1\r\n")]),
    (State.FRESH, "HTTP or TLS", [gets(b"\x16\x03\x01\x02\x00\x01\x00\x01")]),
    (State.FRESH, "hello too long or too late", [gets(b"x" * (LIMITS.hello_bytes + 1))]),
    (State.FRESH, "hello too long or too late", [late]),
    (State.FRESH, "end of input", [ends]),
    (State.GREETING, "hello", [gets(HELLO[1:])]),
    (State.GREETING, "not JSON, another version", [gets(b"x\n")]),
    (State.GREETING, "not JSON, another version", [gets(encode(Hello(v=2))[1:])]),
    (State.GREETING, "refused at the accept", [lambda one: one.refuse_on_hello(ServerFull("full")), gets(HELLO[1:])]),
    (State.GREETING, "hello too long or too late", [gets(b"x" * LIMITS.line)]),
    (State.GREETING, "hello too long or too late", [late]),
    (State.GREETING, "end of input", [ends]),
    (State.ENTERING, "await_proof()", [Session.await_proof]),
    (State.ENTERING, "accept()", [lambda one: one.accept("ana")]),
    (State.ENTERING, "refuse_retryable(), dialect json", [lambda one: one.refuse_retryable(ERROR)]),
    (State.ENTERING, "refuse_final()", [lambda one: one.refuse_final(ERROR)]),
    (State.CHALLENGED, "proof", [gets(encode(Proof()))]),
    (State.CHALLENGED, "bye", [gets(encode(Bye()))]),
    (State.CHALLENGED, "not JSON, too late", [gets(b"x\n")]),
    (State.CHALLENGED, "not JSON, too late", [late]),
    (State.CHALLENGED, "end of input", [ends]),
    (State.LIVE, "bye", [gets(encode(Bye()))]),
    (State.LIVE, "not JSON, line too long", [gets(b"x\n")]),
    (State.LIVE, "not JSON, line too long", [gets(b"x" * (LIMITS.line + 1))]),
    (State.LIVE, "no answer to pings", [silent]),
    (State.LIVE, "end of input", [ends]),
]


def transitions() -> dict[tuple[State, State], list[str]]:
    """Return the labels of each transition. Raises LookupError for one in the code that no event makes."""
    found: dict[tuple[State, State], list[str]] = {}
    made_by = {"__init__"}
    text: list[Event] = [gets(b"ana\n"), lambda one: one.refuse_retryable(ERROR)]  # the only dialect that asks again
    runs = [(start, label, [*TO[start], *events], len(TO[start])) for start, label, events in EVENTS]
    for start, label, events, before in [*runs, (State.ENTERING, "refuse_retryable(), dialect text", text, 1)]:
        one = TracedSession()
        for number, event in enumerate(events):
            if number == before:
                assert one.state is start, f"{label}: the session is {one.state.name}, not {start.name}"
                one.passed.clear()
            event(one)
            while one.step(0.0) is not None:
                pass
        if not one.passed:
            raise LookupError(f"{label}: a session that is {start.name} stays so")
        labels = found.setdefault((start, one.passed[0]), [])
        labels += [label] if label not in labels else []
        made_by |= one.made_by
    if missing := assigning() - made_by:
        raise LookupError(f"no event makes these functions of Session set a state: {', '.join(sorted(missing))}")
    return found


def assigning() -> set[str]:
    """Return the functions in core/session.py that assign ``self.state``."""
    tree = ast.parse((CODE / "core" / "session.py").read_text(encoding="utf-8"))
    return {
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "self.state" for target in node.targets)
    }


# --- their drawing

PLACES = {
    State.FRESH: (100, 60),
    State.GREETING: (330, 60),
    State.CHALLENGED: (560, 190),
    State.ENTERING: (790, 60),
    State.LIVE: (1020, 60),
    State.CLOSED: (560, 370),
}
WIDTH, HEIGHT = 1200, 410
BOX = (120, 36)
LINE = 15
STYLE = "text{font:12px sans-serif;fill:#222}.state{font-weight:bold;text-anchor:middle}.box{fill:#eef3fa;stroke:#446}"


def drawing() -> str:
    """Return the SVG: a box for each state, CLOSED as wide as all, an arrow for each transition."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>The states of a session</title>",
        f"<style>{STYLE}.arrow{{stroke:#446;fill:none;marker-end:url(#head)}}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#446"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    found = transitions()
    for (start, end), labels in found.items():
        parts += arrow(start, end, labels, both=(end, start) in found)
    for state, (x, y) in PLACES.items():
        width = WIDTH - 40 if state is State.CLOSED else BOX[0]
        left = 20 if state is State.CLOSED else x - width // 2
        parts.append(
            f'<rect class="box" x="{left}" y="{y - BOX[1] // 2}" width="{width}" height="{BOX[1]}" rx="6"/>'
            f'<text class="state" x="{x}" y="{y + 4}">{state.name}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def arrow(start: State, end: State, labels: list[str], *, both: bool) -> list[str]:
    """Return an arrow between two boxes and its labels; two that go both ways stand side by side."""
    (x1, y1), (x2, y2) = PLACES[start], PLACES[end]
    if end is State.CLOSED:
        first, last = (x1, y1 + BOX[1] // 2), (x1, y2 - BOX[1] // 2)
        where, anchor = (x1 + 8, y2 - 40 - LINE * (len(labels) - 1)), "start"
    else:
        aside = 9 if both else 0
        length = hypot(x2 - x1, y2 - y1)
        dx, dy = (x2 - x1) / length, (y2 - y1) / length
        middle = ((x1 + x2) / 2 - dy * aside, (y1 + y2) / 2 + dx * aside)
        reach = length / 2 - (BOX[0] / 2 + 4) / max(abs(dx), 0.5)
        first = (round(middle[0] - dx * reach), round(middle[1] - dy * reach))
        last = (round(middle[0] + dx * reach), round(middle[1] + dy * reach))
        if dy:
            where, anchor = (round(middle[0] - dy * 16), round(middle[1] + dx * 16)), "end" if dx < 0 else "start"
        else:
            below = both and dx > 0
            where = (round(middle[0]), round(middle[1] + (LINE + 2 if below else -7 - LINE * (len(labels) - 1))))
            anchor = "middle"
    lines = [
        f'<text x="{where[0]}" y="{where[1] + LINE * number}" text-anchor="{anchor}">{escape(label)}</text>'
        for number, label in enumerate(labels)
    ]
    return [f'<path class="arrow" d="M{first[0]} {first[1]}L{last[0]} {last[1]}"/>', *lines]


# --- the path of a message

TAKES_ALL = {"is_closing.return_value": False, "is_reading.return_value": True, "get_extra_info.return_value": ""}
"""What a transport says that takes everything."""


@dataclass
class Call:
    """A call from one file into another."""

    file: str
    name: str
    calls: list[Call] = field(default_factory=list)


class Tracer:
    """Notes calls of our code. Properties, magic methods, lambdas and comprehensions count as part of their caller."""

    def __init__(self) -> None:
        self.top = Call("", "")
        self._stack = [self.top]

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Take an event of ``sys.setprofile``."""
        path = Path(frame.f_code.co_filename)
        if not path.is_relative_to(CODE):
            return
        if event == "call":
            self._stack.append(self._enter(path.relative_to(CODE).as_posix(), frame.f_code.co_qualname))
        elif event == "return" and len(self._stack) > 1:
            self._stack.pop()

    def _enter(self, file: str, name: str) -> Call:
        caller = self._stack[-1]
        if file == caller.file or name not in functions(file):
            return caller
        caller.calls.append(Call(file, name))
        return caller.calls[-1]


def is_step(node: ast.AST) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Tell whether a node is a function that the path shows."""
    return (
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("__")
        and "property" not in [ast.unparse(one) for one in node.decorator_list]
    )


@lru_cache
def functions(file: str) -> dict[str, str]:
    """Return the functions of a file that the path shows, and the first line of each docstring."""
    found: dict[str, str] = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                visit(child, f"{prefix}{child.name}.")
            elif is_step(child):
                found[prefix + child.name] = (ast.get_docstring(child) or "").partition("\n")[0]

    visit(ast.parse((CODE / file).read_text(encoding="utf-8")), "")
    return found


async def traced() -> Call:
    """Return the calls that one message makes, in a room of two."""
    loop, log, limits = asyncio.get_running_loop(), Log(write=lambda *_: None), ServerLimits()
    journal = MemoryJournal()
    directory = MemoryDirectory(journal)
    hub = Hub(journal, directory, Admission("chatctl"), limits, log, clock=lambda: 0.0, loop=loop)
    server = Server(hub)
    members = [Connection(server, nick, "") for nick in ("ana", "ben")]
    for member in members:
        member.connection_made(Mock(asyncio.Transport, **TAKES_ALL))
        member.data_received(encode(Hello(v=1, nick=member.label)))
        for _ in range(3):
            await asyncio.sleep(0)
    said, tracer = encode(Say("hello", id="1")), Tracer()
    sys.setprofile(tracer)
    try:
        members[0].data_received(said)
        await asyncio.sleep(0)
    finally:
        sys.setprofile(None)
    return tracer.top


def path() -> str:
    """Return the path as text, a line for each call, a call further in for each level."""
    rows = list(indented(asyncio.run(traced()), 0))
    left = max(len(file) for file, _, _ in rows) + 2
    middle = max(len(name) for _, name, _ in rows) + 2
    return "".join(f"{file:{left}}{name:{middle}}{says}".rstrip() + "\n" for file, name, says in rows)


def indented(call: Call, level: int) -> list[tuple[str, str, str]]:
    """Return a row for each call below ``call``, but for those that only repeat an earlier one of the same caller."""
    rows: list[tuple[str, str, str]] = []
    seen: set[tuple[str, str]] = set()
    for inner in call.calls:
        if inner.calls or (inner.file, inner.name) not in seen:
            says = functions(inner.file)[inner.name]
            rows.append((f"{'  ' * level}{inner.file}", inner.name, says))
            rows += indented(inner, level + 1)
        seen.add((inner.file, inner.name))
    return rows


# --- the map

HEAD = """\
# The map

Each file of `chatctl/` with the first line of its header; the headers also say what does not live there. Made by
`python docs/diagrams.py`: change the headers, not this page. [The packages](design.md#the-packages) has the laws.
"""


def mapped() -> str:
    """Return a table for each folder."""
    tables: dict[str, list[str]] = {}
    for file in sorted(CODE.rglob("*.py"), key=lambda file: (file.parent.relative_to(CODE).parts, file.name)):
        header = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]
        folder = file.parent.relative_to(ROOT).as_posix()
        tables.setdefault(folder, []).append(f"| `{file.name}` | {header.replace('``', '`')} |\n")
    return HEAD + "".join(
        f"\n## {folder}/\n\n| file | |\n|---|---|\n{''.join(rows)}" for folder, rows in tables.items()
    )


# --- files


def pages() -> dict[Path, str]:
    """Return the text of each file as it has to be."""
    design = DESIGN.read_text(encoding="utf-8")
    before, _, rest = design.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise LookupError(f"{DESIGN.relative_to(ROOT)} has no place for the path of a message")
    return {DRAWING: drawing(), MAP: mapped(), DESIGN: before + BEGIN + path() + END + after}


def main(arguments: list[str]) -> int:
    """Write the files or check them; return the exit status."""
    stale = {
        file: text for file, text in pages().items() if not file.exists() or file.read_text(encoding="utf-8") != text
    }
    for file, text in stale.items():
        if arguments != ["--check"]:
            file.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{file.relative_to(ROOT)}\n")
    return int(bool(stale) and arguments == ["--check"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
