"""What all tests share: a server, the commands, what may stand in a server's place, and the last words of a run."""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import forked
from tests.support.environment import CHATCTL, DEADLINE, ROOT, clean_env
from tests.support.first_version import FirstVersionServer
from tests.support.fixture_types import Lossy, PutStub, Run, Serve, Start
from tests.support.lossy_proxy import LossyProxy
from tests.support.needs import NEEDS, need, reason
from tests.support.older import older_program
from tests.support.processes import kill
from tests.support.server_pair import ServerPair, option_of
from tests.support.server_process import Server
from tests.support.stub import Stub
from tests.support.wire import Wire

# A deadline, and the check of how fast examples are made, fail on a busy machine for nothing.
settings.register_profile("tests", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

# What is ignored here, as by nohup or in a background job, would be ignored by each command that a test starts.
for _number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)

if TYPE_CHECKING:
    from tests.support.engine import Engine

_numbers = itertools.count(1)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Share among the workers what takes most of their start: pytest rewrites the assert statements of all test files.

    Each begins with other files, keeps what it made of them (as the commands do that the tests start, whatever
    PYTHONDONTWRITEBYTECODE says), and finds those of the others done.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1 and session.config.args in (["tests"], [str(ROOT / "tests")]):
        sys.dont_write_bytecode = False
        files = sorted((ROOT / "tests").rglob("test_*.py"))
        for file in files[int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")) :: workers]:
            with contextlib.suppress(Exception):  # told where it is collected
                importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while 11,000 tests are made that stay, nor search them for it afterwards."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests that take long to who asks for them."""
    if "long" not in config.option.markexpr:
        items[:] = [item for item in items if item.get_closest_marker("long") is None]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Say, below the list of skips, how many tests were left out for want of something, and how to run them too."""
    yield
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])]
    lacking = [name for name in NEEDS if any(text.endswith(reason(name)) for text in reasons)]
    if lacking:
        packages = " ".join(sorted({NEEDS[name].package for name in lacking} - {""}))
        remedies = [f"apt install {packages}"] if packages else []
        remedies += [NEEDS[name].remedy for name in lacking if not NEEDS[name].package]
        terminalreporter.write_line(
            f"{len(reasons)} tests were left out: this machine lacks {', '.join(lacking)}. "
            f"To run them: {'; '.join(remedies)}"
        )


def pytest_sessionfinish() -> None:
    """End what was forked for commands."""
    forked.Nursery.end()


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the commands' environment."""
    return clean_env(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def house(env: dict[str, str]) -> Iterator[Server]:
    """Yield the server that most tests share; nobody is too fast for it. It must live through all of them."""
    server = Server("--open-rooms", "--rate", "off", env=env)
    yield server
    assert server.process.poll() is None, server.stderr_text()
    server.stop()


@pytest.fixture(scope="session")
def shared_pair(request: pytest.FixtureRequest, env: dict[str, str]) -> Iterator[ServerPair]:
    """Yield the two servers that most tests share which have two in the place of ``house``, as that lives."""
    pair = ServerPair(request.getfixturevalue("engine").place(), "--open-rooms", "--rate", "off", env=env)
    yield pair
    assert [server.process.poll() for server in pair.servers] == [None, None], pair.stderr_text()
    pair.stop()


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Yield the PostgreSQL that the tests of one worker share; each takes a schema of its own (``place``)."""
    from tests.support.engine import running  # psycopg takes its time

    with running() as engine:
        yield engine


@pytest.fixture(autouse=True)
def leave_no_trace(env: dict[str, str]) -> Iterator[None]:
    """See that no test leaves in the folder that all commands of this session share what would change later ones.

    A key signs, a known server or a certificate is taken again, a configuration counts. Tokens and drafts are for one
    server, of which a test has its own or a room of its own; a socket goes with its server.
    """
    state = Path(env["CHATCTL_STATE_DIR"])
    before = set(state.iterdir())
    yield
    left = {path.name for path in set(state.iterdir()) - before if path.suffix != ".sock"}
    assert left <= {"tokens", "rooms"}, "make it in a state folder of the test's own"


@pytest.fixture(autouse=True)
def close_wires() -> Iterator[None]:
    """Close what a test left open."""
    yield
    Wire.close_all()


@pytest.fixture
def room() -> str:
    """Return a room that no other test uses."""
    return f"room{next(_numbers)}"


@pytest.fixture
def serve(env: dict[str, str]) -> Iterator[Serve]:
    """Start servers of one's own; they are stopped at the end, if they were not killed."""
    servers: list[Server] = []

    def start(*options: str, port: int | None = 0, program: Sequence[str] = CHATCTL) -> Server:
        program = older_program(len(servers)) or program
        servers.append(Server(*options, port=port, env=env, program=program))
        return servers[-1]

    yield start
    Wire.close_all()  # a server that stops waits for those who do not go
    for server in servers:
        server.stop()


@pytest.fixture
def run(env: dict[str, str], tmp_path: Path) -> Run:
    """Run commands to their end."""

    def run(
        *arguments: str, stdin: bytes | None = None, port: int | None = None, closing: str = "", **more: Any
    ) -> subprocess.CompletedProcess[bytes]:
        command = [*CHATCTL] if not closing else ["sh", "-c", f'exec "$@" {closing}', "sh", *CHATCTL]
        if port is not None:
            arguments = (*arguments, *option_of(port))
        where = {"env": env, "cwd": tmp_path} | more
        return forked.run([*command, *arguments], seconds=2 * DEADLINE, stdin=stdin, **where)

    return run


@pytest.fixture
def start(env: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start commands whose end a test does not wait for, or brings about; all three ends of them are pipes."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, port: int | None = None, **more: Any) -> subprocess.Popen[bytes]:
        if port is not None:
            arguments = (*arguments, *option_of(port))
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": env} | more
        processes.append(forked.popen([*CHATCTL, *arguments], **{"cwd": tmp_path} | pipes))
        return processes[-1]

    yield start
    for process in processes:
        kill(process)


@pytest.fixture
def stub() -> Iterator[PutStub]:
    """Put something else at a port."""
    stubs: list[Stub] = []

    def put(handle: Callable[..., None]) -> Stub:
        stubs.append(Stub(handle))
        return stubs[-1]

    yield put
    for one in stubs:
        one.close()


@pytest.fixture
def lossy() -> Iterator[Lossy]:
    """Put a proxy before a server, that loses what the server answers."""
    proxies: list[LossyProxy] = []

    def put(port: int, **more: Any) -> LossyProxy:
        proxies.append(LossyProxy(port, **more))
        return proxies[-1]

    yield put
    for one in proxies:
        one.close()


@pytest.fixture
def first_version() -> Iterator[FirstVersionServer]:
    """Yield a server of the very first version."""
    server = FirstVersionServer()
    yield server
    server.close()


@pytest.fixture
def agent(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Run a real ssh-agent; give the variable that leads to it."""
    need("ssh-agent")
    path = tmp_path_factory.mktemp("agent") / "s"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    yield {"SSH_AUTH_SOCK": str(path)}
    process.terminate()
    process.wait(DEADLINE)
    process.stdout.close()
