"""Who may import whom. Run it: ``python tests/house.py`` prints a line per violation and fails if there is one.

The law is about folders: docs/design.md, "The house", has it as a table. A new folder needs a place here first.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Each place, and what it may import beside its own files. ``journal.__init__`` is the interface of journals, apart from
# the folder's other files, and so is ``directory.__init__`` of directories.
BOTH_ENDS = "errors common.nesting protocol common"
CLIENT = f"{BOTH_ENDS} client client.core client.security client.io"
ALLOWED = {
    "__init__": "",
    "errors": "",
    "common.nesting": "",
    "protocol": "errors common.nesting",
    "common": "errors common.nesting protocol",
    "journal.__init__": BOTH_ENDS,
    "directory.__init__": f"{BOTH_ENDS} journal.__init__",
    "core": f"{BOTH_ENDS} journal.__init__ directory.__init__",
    "journal": f"{BOTH_ENDS} journal.__init__ directory.__init__",
    "directory": f"{BOTH_ENDS} journal.__init__ directory.__init__ core",
    "hub": f"{BOTH_ENDS} journal.__init__ directory.__init__ core",
    "server": f"{BOTH_ENDS} journal.__init__ directory.__init__ journal directory core hub",
    "client.core": BOTH_ENDS,
    "client.security": f"{BOTH_ENDS} client.core",
    "client.io": f"{BOTH_ENDS} client.core client.security",
    "client": CLIENT,
    "terminal": CLIENT,
    "bench": CLIENT,
    "cli": CLIENT,
    "commands": f"{CLIENT} journal.__init__ directory.__init__ journal directory core hub server terminal bench cli",
    "main": "errors common cli commands",
    "__main__": "main",
}

# These, and all of ours that they import, know none of the modules below: time, chance and bytes are handed to them.
SANS_IO = "protocol journal.__init__ directory.__init__ core client.core"
IO = (
    "asyncio click concurrent ctypes datetime fcntl getpass http importlib io logging multiprocessing os pathlib "
    "queue random secrets select selectors shutil signal socket socketserver sqlite3 ssl subprocess sys tempfile "
    "threading time urllib uuid uvloop"
)
IO_CALLS = "__import__ input open print"

# The same for modules that a place does not import from outside the package, though it may do other I/O.
BARRED = {
    "common": "asyncio click prompt_toolkit socket ssl",
    "journal": "click socket ssl",
    "hub": "click select selectors socket ssl",
}

# ``--help`` and completion load main.py, at times a command, and what they import on top, all the way down: none of it
# may load these.
FAST = "main"
HEAVY = "asyncio cryptography msgspec platformdirs precis_i18n prompt_toolkit psycopg socket sqlite3 ssl uvloop"

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
    homeless = [module for module in sorted(modules(root)) if not place(module)]
    ours = [i for i in found if i.own and (i.module, i.name) not in excused]
    foreign = [i for i in found if not i.own and (i.module, i.name) not in excused]
    packages = {module for module, path in modules(root).items() if path.name == "__init__.py"}
    pure = reached(
        (m for m in modules(root) if place(m) in SANS_IO.split()),
        [
            i for i in ours if i.on_top or i.module not in packages
        ],  # what a package hands out late is not loaded with it
    )
    fast = reached([FAST], [i for i in ours if i.on_top])
    return [
        *(f"{module}.py: has no place in tests/house.py" for module in homeless),
        *(f"{i}, which its place does not allow" for i in ours if not may(i)),
        *(f"{i}, but it is sans-I/O{pure[i.module]}" for i in foreign if i.module in pure and top(i) in IO.split()),
        *(f"{i}, which its place does not allow" for i in foreign if top(i) in BARRED.get(place(i.module), "").split()),
        *(
            call
            for module in pure
            for call in io_calls(module, modules(root).get(module))
            if place(module) in SANS_IO.split()
        ),
        *(f"{module}: is no command in {FAST}.py" for module in strays(root)),
        *(
            f"{i}, which makes --help slow"
            for i in foreign
            if i.on_top and i.module in fast and top(i) in HEAVY.split()
        ),
        *(f"import cycle: {' -> '.join(cycle)}" for cycle in cycles(ours)),
        *(f"tests/house.py excuses {pair} for nothing" for pair in excused if pair not in used),
    ]


def place(module: str) -> str:
    """Return the longest entry of ALLOWED that the module is or lies in; empty if there is none."""
    if f"{module}.__init__" in ALLOWED:
        return f"{module}.__init__"
    while module and module not in ALLOWED:
        module = module.rpartition(".")[0]
    return module


def may(found: Import) -> bool:
    """Tell whether the law allows an import of one of our modules by another."""
    here, there = place(found.module), place(found.name)
    if here == there == "commands" and command(found.name) and command(found.module) != command(found.name):
        return False
    return here == there or there == "__init__" or there in ALLOWED.get(here, "").split()


def command(module: str) -> str:
    """Return the command that a module below commands/ belongs to; empty for the package itself."""
    return ".".join(module.split(".")[1:2])


def strays(root: Path) -> list[str]:
    """Return the modules and packages in commands/ that are no command of the table."""
    table = {command(i.name) for i in by_name(root / f"{FAST}.py")} if FAST in modules(root) else set()
    return sorted({command(m) for m in modules(root) if place(m) == "commands"} - table - {""}) if table else []


def io_calls(module: str, path: Path | None) -> Iterator[str]:
    """Yield the calls of built-in functions that do I/O without an import."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if path else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IO_CALLS.split():
            yield f"{module.replace('.', '/')}.py:{node.lineno}: calls {node.func.id}, but it is sans-I/O"


def top(found: Import) -> str:
    return found.name.partition(".")[0]


def modules(root: Path) -> dict[str, Path]:
    """Return each file of the package by its dotted name, without the package's own."""
    named = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        named[".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)] = path
    return named


def read(root: Path) -> Iterator[Import]:
    known = modules(root)
    for module, path in known.items():
        for node, on_top in statements(ast.parse(path.read_text(encoding="utf-8")), on_top=True):
            for name in names(node, f"{root.name}.{module}", is_package=path.name == "__init__.py"):
                own = name == root.name or name.startswith(f"{root.name}.")
                yield Import(module, shorten(name, root.name, known) if own else name, node.lineno, own, on_top)
    if FAST in known:
        yield from by_name(known[FAST])


def by_name(path: Path) -> Iterator[Import]:
    """Yield the commands that FAST's table COMMANDS names: they are loaded by name, so no statement tells of them."""
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


def names(node: ast.Import | ast.ImportFrom, importer: str, *, is_package: bool) -> list[str]:
    """Return the imported names; ``from a import b`` is ``a.b``, be it a module or not."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    parts = importer.split(".")
    above = parts[: len(parts) + is_package - node.level] if node.level else []
    source = ".".join([*above, *([node.module] if node.module else [])])
    return [f"{source}.{alias.name}" for alias in node.names]


def shorten(name: str, package: str, known: dict[str, Path]) -> str:
    """Return the file that ``name`` is or is in, without the package's name."""
    rest = name.removeprefix(package).removeprefix(".")
    while rest and rest not in known:
        rest = rest.rpartition(".")[0]
    return rest or "__init__"


def reached(start: Iterable[str], imports: list[Import]) -> dict[str, str]:
    """Return all that ``start`` imports, all the way down, each with " for" the module of ``start`` that needs it."""
    found = dict.fromkeys(start, "")
    new = set(found)
    while new:
        parents = {parent: module for module in new if (parent := module.rpartition(".")[0])}
        more = {i.name: i.module for i in imports if i.module in new}
        new = (parents.keys() | more.keys()) - found.keys()
        found |= {m: found[(parents | more)[m]] or f", for {(parents | more)[m]}" for m in new}
    return found


def cycles(ours: list[Import]) -> list[list[str]]:
    """Return each cycle once, imports in bodies and for types included."""
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
