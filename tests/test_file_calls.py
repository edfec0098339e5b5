"""Files are opened, made and moved by common/files.py and common/file_reads.py alone: no call goes around them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.environment import ROOT

HELPERS = {"common/files.py", "common/file_reads.py"}

EXCUSED = {
    ("bench/metrics.py", "Path(f'/proc/{pid}/statm').read_text()"),
    ("commands/run/output.py", "tempfile.TemporaryFile(buffering=0)"),  # it has no name
    ("common/programs.py", "Path(path).open('rb')"),  # a program that is run then
    ("commands/run/signal_relay.py", "os.open('/dev/tty', os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)"),
    ("cli/help_pages.py", "formatter.write_text('\\n\\n'.join(blocks))"),  # Click's, of a help page
    ("common/crash_log.py", "open(open_own(path, os.O_WRONLY | os.O_APPEND), 'a', encoding='utf-8')"),
    ("journal/backup.py", "partial.open('rb+')"),  # in a folder of ours, made by common/files.py
    ("journal/sqlite_transfer.py", "self.path.open('rb+')"),  # made or checked by schema.connect
    ("journal/rebuild.py", "self.path.open('rb+')"),  # beside the journal, made by common/files.py
    ("journal/rollback_check.py", "Path('/proc/sys/kernel/random/boot_id').read_text()"),
    ("journal/schema.py", "path.open('rb')"),  # after insist_on_own, as SQLite does
    ("server/certificates.py", "context.load_cert_chain(cert, key, password=lambda: _is_encrypted(key))"),  # were read
    (
        "terminal/output_stream.py",
        "os.open(f'/proc/self/fd/{descriptor}', os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)",
    ),  # stdout
    ("server/machine_memory.py", "(root / 'proc/self/cgroup').read_text()"),
    ("server/machine_memory.py", "(folder / name).read_text()"),  # the kernel's
    ("server/unix_socket.py", "path.hardlink_to(aside)"),  # sockets
}
"""A line is what a library has to open by its name, or no file; each says why, or the call does."""

FUNCTIONS = {
    *("open", "io.open", "os.open", "os.link", "os.makedirs", "os.mkdir", "os.mkfifo", "os.mknod"),
    *("os.rename", "os.replace", "os.symlink", "os.truncate"),
}
_HARMLESS = r"\(cadata=|\bos\.O_DIRECTORY\b"  # no file, a folder
MODULES = ("shutil.copy", "shutil.move", "shutil.rmtree", "tempfile.")
METHODS = {
    *("hardlink_to", "load_cert_chain", "load_verify_locations", "mkdir", "read_bytes", "read_text", "symlink_to"),
    *("write_bytes", "write_text"),
}


def file_calls(source: str) -> Iterator[str]:
    """Yield the calls that open, make or move a file by its name."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name, call = ast.unparse(node.func), ast.unparse(node)
        method = name.rpartition(".")[2]
        mode = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        opens = (
            isinstance(node.func, ast.Attribute) and method == "open" and (isinstance(mode, str) or bool(node.keywords))
        )
        opens |= name in FUNCTIONS or name.startswith(MODULES) or (name != method and method in METHODS)
        if (
            opens
            and not call.startswith(("os.open(os.devnull,", "open(os.devnull,"))
            and not re.search(_HARMLESS, call)
        ):
            yield call


def test_no_file_is_opened_around_the_helpers() -> None:
    package = ROOT / "chatctl"
    found = set()
    for path in sorted(package.rglob("*.py")):
        file = path.relative_to(package).as_posix()
        if file not in HELPERS:
            found |= {(file, call) for call in file_calls(path.read_text(encoding="utf-8"))}
    assert found - EXCUSED == set(), "use common/files.py and common/file_reads.py"
    assert EXCUSED - found == set(), "no longer needed"


@pytest.mark.parametrize(
    "source",
    [
        "open(path)",
        "with open(path, 'w') as file: pass",
        "os.open(path, os.O_RDONLY)",
        "path.open('w')",
        "Path(name).open(encoding='utf-8')",
        "self.path.read_text()",
        "Path(name).write_bytes(b'')",
        "os.replace(draft, path)",
        "shutil.copy(one, other)",
        "tempfile.NamedTemporaryFile()",
        "context.load_verify_locations(path)",
    ],
)
def test_a_call_around_them_is_seen(source: str) -> None:
    assert list(file_calls(source))


@pytest.mark.parametrize("source", ["os.open(os.devnull, os.O_RDWR)", "core.open()", "room.roster.rename(a, b)"])
def test_another_call_is_none(source: str) -> None:
    assert not list(file_calls(source))
