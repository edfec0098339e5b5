"""Who may import whom. Run it: ``python tests/house.py`` prints a line per violation and fails if there is one.

The rules are those of docs/design.md, "The house". A new file needs a place in them before anything else.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The server's side, and what both sides share. A file may import what stands on the lines above its own.
ORDER = """
errors common.paths common.scram common.fingerprints
common.files
common.text core.token_bucket common.times
core.confusables
protocol
common.key_proof core.name_claims core.verbs core.moderation
core.dialects
core.ring core.roster core.effects core.permissions
core.room
core.session
journal
hub.event_log core.admission core.auth core.ip_networks server.certificates server.self_signed
core.peer
hub.tick hub.catchup
hub.history hub.admin_target
hub.admin_commands hub.login
server.admin_socket server.reload hub.hub
core.connection_throttle
server.connection server.listener
server.tls_handshake
server.server server.systemd server.startup
server.shutdown
server.program
"""

COMMANDS_USE = (
    "errors common.paths common.fingerprints common.files common.text protocol common.times common.key_proof client terminal bench journal hub.event_log core.admission "
    "core.auth core.ip_networks server.program cli.config_file"
)

# Instead of all that is above: nothing but this. A package's own files may import each other.
NARROWER = {
    "__init__": "",
    "journal": "errors common.text protocol",
    "client": "errors common.paths common.fingerprints common.files common.text protocol common.key_proof common.scram",
    "terminal": "errors common.paths common.fingerprints common.text protocol client",
    "bench": "errors common.text protocol common.scram client",
    "cli": COMMANDS_USE,
    "commands": f"{COMMANDS_USE} cli",
    "cli.config_file": "errors common.paths",
    "main": "errors common.text cli commands",
    "__main__": "main",
}

SANS_IO = """
errors common.fingerprints common.text core.confusables core.token_bucket core.connection_throttle protocol common.key_proof core.name_claims core.verbs core.moderation core.ip_networks core.dialects core.ring core.roster core.effects core.permissions
core.room core.session client.core.connection client.core.classic client.core.outbox client.core.retry client.core.keepalive client.core.wanted client.core.transport
client.core.sender client.core.speaker client.core.follower client.core.reply client.core.question client.core.api
"""
NOT_THERE = (
    "asyncio click concurrent datetime logging multiprocessing os queue random secrets select selectors signal socket "
    "sqlite3 ssl subprocess sys threading time uvloop"
)

# ``--help`` and completion load main.py, at times a command, and what they import on top, all the way down: none of it
# may load these.
FAST = "main"
HEAVY = "asyncio cryptography msgspec platformdirs precis_i18n prompt_toolkit socket sqlite3 ssl uvloop"

PACKAGES = "common core hub server".split()  # a docstring each

# (file, what it imports): why that is all right. One that is no longer needed is a violation too.
EXCUSED: dict[tuple[str, str], str] = {}


@dataclass(frozen=True)
class Import:
    """``module`` imports ``name`` on ``line``; ``own`` if that is a file of ours, named without ``chatctl.``."""

    module: str
    name: str
    line: int
    own: bool
    on_top: bool
    """Done when the module is loaded: not in a function's body, not for the type checker alone."""

    def __str__(self) -> str:
        return f"{self.module.replace('.', '/')}.py:{self.line}: imports {self.name}"


def violations(root: Path, excused: dict[tuple[str, str], str] | None = None) -> list[str]:
    """Check the package in the folder ``root``."""
    excused = EXCUSED if excused is None else excused
    found = list(dict.fromkeys(read(root)))
    used = {(i.module, i.name) for i in found}
    homeless = [module for module in sorted(modules(root)) if not room(module) and module not in PACKAGES]
    ours = [i for i in found if i.own and (i.module, i.name) not in excused]
    foreign = [i for i in found if not i.own]
    fast = [i for i in foreign if i.on_top and i.module in loaded(ours)]
    return [
        *(f"{module}.py: has no place in tests/house.py" for module in homeless),
        *(f"{i}, which its place does not allow" for i in ours if not may(i)),
        *(f"{i}, but it is sans-I/O" for i in foreign if i.module in SANS_IO.split() and top(i) in NOT_THERE.split()),
        *(f"{i}, which makes --help slow" for i in fast if top(i) in HEAVY.split()),
        *(f"import cycle: {' -> '.join(cycle)}" for cycle in cycles(ours)),
        *(f"tests/house.py excuses {pair} for nothing" for pair in excused if pair not in used),
    ]


def rules() -> dict[str, set[str]]:
    """Give for each place what it may import."""
    above: set[str] = set()
    allowed: dict[str, set[str]] = {}
    for line in ORDER.split("\n"):
        allowed |= {name: set(above) for name in line.split()}
        above |= set(line.split())
    return allowed | {name: set(line.split()) for name, line in NARROWER.items()}


def may(found: Import) -> bool:
    here, there = room(found.module), room(found.name)
    return here == there or there == "__init__" or there in rules().get(here, set())


def room(module: str) -> str:
    while module and module not in rules():
        module = module.rpartition(".")[0]
    return module


def top(found: Import) -> str:
    return found.name.partition(".")[0]


def modules(root: Path) -> dict[str, Path]:
    """Give each file of the package by its dotted name, without the package's own."""
    named = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        named[".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)] = path
    return named


def read(root: Path) -> Iterator[Import]:
    known = modules(root)
    for module, path in known.items():
        for node, on_top in statements(ast.parse(path.read_text(encoding="utf-8")), on_top=True):
            for name in names(node):
                own = name == root.name or name.startswith(f"{root.name}.")
                yield Import(module, shorten(name, root.name, known) if own else name, node.lineno, own, on_top)
    if FAST in known:
        yield from by_name(known[FAST])


def by_name(path: Path) -> Iterator[Import]:
    """Give the commands that FAST's table COMMANDS names: they are loaded by name, so no statement tells of them."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COMMANDS":
            for name in ast.literal_eval(node.value):
                yield Import(FAST, f"commands.{name}", node.lineno, own=True, on_top=True)


def statements(node: ast.AST, *, on_top: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, on_top
        else:
            body = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from statements(child, on_top=on_top and not body and not typing)


def names(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Give what is imported; ``from a import b`` is ``a.b``, be it a module or not."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names]


def shorten(name: str, package: str, known: dict[str, Path]) -> str:
    """Give the file that ``name`` is or is in, without the package's name."""
    rest = name.removeprefix(package).removeprefix(".")
    while rest and rest not in known:
        rest = rest.rpartition(".")[0]
    return rest or "__init__"


def loaded(ours: list[Import]) -> set[str]:
    """Give what is loaded with FAST, all the way down."""
    found, new = set[str](), {FAST}
    while new:
        found |= new
        parents = {module.rpartition(".")[0] for module in new} - {""}
        new = (parents | {i.name for i in ours if i.on_top and i.module in new}) - found
    return found


def cycles(ours: list[Import]) -> list[list[str]]:
    """Give each cycle once, imports in bodies and for types included."""
    graph: dict[str, set[str]] = {}
    for found in ours:
        graph.setdefault(found.module, set()).add(found.name)
    seen: set[str] = set()
    out: list[list[str]] = []

    def visit(module: str, path: list[str]) -> None:
        if module in path:
            out.append([*path[path.index(module) :], module])
        elif module not in seen:
            for name in sorted(graph.get(module, ())):
                visit(name, [*path, module])
            seen.add(module)

    for module in sorted(graph):
        visit(module, [])
    return out


if __name__ == "__main__":
    lines = violations(Path(__file__).parent.parent / "chatctl")
    print("\n".join(lines), end="\n" if lines else "")
    sys.exit(bool(lines))
