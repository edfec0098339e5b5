"""Starting chatctl as a fork of a process that has loaded it: an interpreter and its imports take 60 to 250 ms of CPU.

What is started is the whole program, as a process of its own: arguments, environment, descriptors, signals and the
interpreter's end are its own, and whoever started it waits for it. Started as anybody does it (``python -m chatctl``)
is what depends on more: on the interpreter's variables, on limits, on another program that stands before it, or on
which modules are loaded; and all that tests/system/exits, cookbook and docs type into a shell.

``python -m tests.support.forked DESCRIPTOR`` is the process that is forked.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from tests.support.environment import CHATCTL, ROOT, clean_env

_PR_SET_CHILD_SUBREAPER = 36
_MOST_BYTES = 1 << 20
_OWN = {"args", "stdin", "stdout", "stderr", "env", "cwd"}
"""What ``popen`` is told that a fork can have; with anything else, an interpreter is started."""


LONG_WAITS = """
import sys
for module in [module for name, module in sys.modules.items() if name.startswith("chatctl.client.")]:
    for name, value in list(vars(module).items()):
        if name.endswith("_SECONDS") and isinstance(value, float) and value >= 1:
            setattr(module, name, 100 * value)
"""
"""Makes each wait that the client itself has from 1 s on longer than any test lasts, so that none can be overlooked."""


def popen(command: Sequence[str], *, first: str = "", terminal: bool = False, **more: Any) -> subprocess.Popen[bytes]:
    """Return ``subprocess.Popen(command, **more)``, or a fork that behaves as it does.

    Args:
        command: chatctl, or another one.
        first: Python that chatctl runs before all else, with its modules loaded.
        terminal: whether it leads a session of its own, whose terminal is its stdin.
        more: as for ``subprocess.Popen``.
    """
    starts_chatctl = tuple(command[: len(CHATCTL)]) == CHATCTL
    if sys.platform == "linux" and starts_chatctl and more.keys() <= _OWN and _is_plain(more.get("env")):
        return Forked(command, first=first, terminal=terminal, **more)
    if first:
        assert starts_chatctl, command
        code = f"from tests.support import forked\nforked.load()\n{first}\nfrom chatctl.__main__ import main\nmain()"
        command = [CHATCTL[0], "-c", code, *command[len(CHATCTL) :]]
    if terminal:
        more |= {"start_new_session": True, "preexec_fn": _take_terminal}
    return subprocess.Popen(command, **more)


def run(
    command: Sequence[str], *, seconds: float, stdin: bytes | None, **more: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end, as ``subprocess.run`` does; ``stdin`` None: empty. Raises TimeoutExpired."""
    ends = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    ends["stdin"] = subprocess.DEVNULL if stdin is None else subprocess.PIPE
    with popen(command, **ends | more) as process:
        try:
            out, err = process.communicate(stdin, timeout=seconds)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _is_plain(env: Mapping[str, str] | None) -> bool:
    """Tell whether an interpreter is the same with ``env`` as with that of the process that is forked."""
    if env is None:
        return False
    told = {name: value for name, value in env.items() if name.startswith(("PYTHON", "LC_ALL", "LD_"))}
    return told == {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}


class Forked(subprocess.Popen[bytes]):
    """A process as ``subprocess.Popen`` has it, that was forked and not executed."""

    def __init__(self, command: Sequence[str], *, first: str, terminal: bool, **more: Any) -> None:
        self._first = first
        self._terminal = terminal
        super().__init__(command, **more)

    def _execute_child(self, args: Any, *more: Any) -> None:
        """Start it; the place of the standard library at which it forks and executes."""
        _executable, _preexec, _close, _pass, cwd, env, _startup, _flags, _shell, *pipes = more[:15]
        stdin, _, _, stdout, _, stderr = pipes
        ends = [end if end >= 0 else number for number, end in enumerate((stdin, stdout, stderr))]
        os.umask(umask := os.umask(0))
        where = str(Path(cwd or ".").absolute())
        asked = Request([*args[len(CHATCTL) :]], dict(env), where, umask, self._first, self._terminal)
        self.pid = Nursery.here().fork(asked, ends)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


class Request(NamedTuple):
    """What is to be started: arguments of chatctl, its whole environment, and as ``popen`` was asked."""

    arguments: list[str]
    env: dict[str, str]
    cwd: str
    umask: int
    first: str
    terminal: bool


class Nursery:
    """The process that is forked for this one. It lives as long as this one does."""

    _here: Nursery | None = None

    def __init__(self) -> None:
        # What it forks is reparented to us, the next reaper above it: we wait for it as for each child of our own.
        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "cannot become the parent of orphans")
        self._lock = threading.Lock()
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.forked", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=clean_env(Path(os.devnull)),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
            )

    @classmethod
    def here(cls) -> Nursery:
        """Return that of this process; start it, if it does not run yet."""
        if cls._here is None:
            cls._here = cls()
        return cls._here

    @classmethod
    def end(cls) -> None:
        """End it, if it runs."""
        here, cls._here = cls._here, None
        if here is not None:
            here._sock.close()
            here._process.wait()

    def fork(self, asked: Request, ends: list[int]) -> int:
        """Start a command whose descriptors 0 to 2 are ``ends``; return its pid."""
        with self._lock:
            socket.send_fds(self._sock, [json.dumps(asked).encode()], ends)
            pid = int(self._sock.recv(32))
            assert self._sock.recv(32) == b"yours", "it is a child of this process now"
        return pid


# --- the process that is forked


def load() -> None:
    """Load what most commands load; more would make each fork slower."""
    for package in ("client", "commands", "terminal"):
        for path in sorted((ROOT / "chatctl" / package).rglob("*.py")):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    for name in ("chatctl.server.program", "chatctl.journal.sqlite", "uvloop"):
        with contextlib.suppress(ImportError):  # there may be no uvloop
            importlib.import_module(name)


def _serve(sock: socket.socket) -> None:
    """Fork for each request, until nobody is there to send one. Returns in the child, too: to be the command."""
    while True:
        data, ends, _, _ = socket.recv_fds(sock, _MOST_BYTES, 3)
        if not data:
            os._exit(0)
        between = os.fork()
        if between == 0:
            pid = os.fork()
            if pid == 0:
                sock.close()
                return _become(Request(*json.loads(data)), ends)
            sock.send(str(pid).encode())
            os._exit(0)  # and the command has another parent
        os.waitpid(between, 0)
        for end in ends:
            os.close(end)
        sock.send(b"yours")


def _become(asked: Request, ends: list[int]) -> None:
    """Be as an interpreter that was started so is before it runs the first line of chatctl."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    kept = [os.dup(end) if end < 3 else end for end in ends]  # its new number may be the old one of another
    for number, end in enumerate(kept):
        os.dup2(end, number)
    os.closerange(3, max(kept) + 1)
    if asked.terminal:
        os.setsid()
        _take_terminal()
    os.umask(asked.umask)
    os.chdir(asked.cwd)
    os.environ.clear()
    os.environ.update(asked.env)
    time.tzset()
    sys.argv = [str(ROOT / "chatctl" / "__main__.py"), *asked.arguments]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old = getattr(sys, name)
        binary = open(number, "wb" if number else "rb", closefd=False)  # noqa: SIM115 — it stays open
        is_line_buffered = number == 2 or os.isatty(number)
        new = io.TextIOWrapper(binary, encoding=old.encoding, errors=old.errors, line_buffering=is_line_buffered)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    exec(asked.first, {})


def main() -> NoReturn:
    """Be forked, and be what was asked for."""
    from chatctl.__main__ import main as run

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # typed, it is for pytest, and for the commands
    load()
    gc.collect()
    gc.freeze()  # what is not visited is not copied
    _serve(socket.socket(fileno=int(sys.argv[1])))
    code: object = 1
    try:
        run()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 — as the interpreter does
        traceback.print_exc()
    _end(code)


def _end(code: object) -> NoReturn:
    """End as the interpreter does, but do not take apart what it has loaded, which takes longer than most commands."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except OSError:
        os._exit(120)
    assert code is None or isinstance(code, int)
    os._exit((code or 0) & 0xFF)


if __name__ == "__main__":
    main()
