"""What a search of a long log takes, and what a flood of searches costs somebody who speaks meanwhile.

Run it: ``python benchmarks/search.py [ENTRIES]``. The journal is a file; nothing of what is searched for is in it, but
for the last rows, where every entry is found. Each connection that searches asks again as soon as it is answered.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from chatctl.client.core.address import Address
from chatctl.client.core.request import request
from chatctl.client.io.blocking_connection import BlockingConnection
from chatctl.client.io.blocking_transport import drive
from chatctl.client.io.clock import deadline_in
from chatctl.journal import Draft
from chatctl.journal.sqlite import SqliteJournal
from chatctl.protocol import VERSION, Ack, Found, Hello, Say, Search

SECONDS = 60.0
SAYS = 400
TEXTS = {
    "ASCII": "the deploy of the api is done but a build has failed on main so nobody knows why it is slow",
    "Cyrillic": "сборка на главной ветке опять не прошла и никто не знает почему она такая медленная",
}


async def fill(path: Path, entries: int, words: list[str]) -> None:
    """Write a log of so many entries of twelve words."""
    chance = random.Random(1)
    journal = SqliteJournal(path, durability="os")
    numbers = iter(range(entries))
    while batch := list(itertools.islice(numbers, 5_000)):
        drafts = [Draft("lobby", 1.7e9 + n, f"nick{n % 50}", " ".join(chance.choices(words, k=12))) for n in batch]
        done = asyncio.get_running_loop().create_future()
        journal.append(drafts, done.set_result)
        await done
    await journal.close()


@contextmanager
def server(journal: Path) -> Iterator[Address]:
    """Run a server on a free port."""
    serve = [sys.executable, "-m", "chatctl", "serve", "--port", "0", "--journal", str(journal), "--rate", "off"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield Address("127.0.0.1", int(process.stdout.readline().rpartition(":")[2]))
        finally:
            process.terminate()


def connect(address: Address, **hello: str) -> BlockingConnection:
    """Connect."""
    return BlockingConnection(address, Hello(v=VERSION, **hello), deadline_in(SECONDS))  # type: ignore[arg-type]


def find(connection: BlockingConnection, ask: Search) -> Found:
    """Search once."""
    return drive(request(connection, ask, Found, deadline_in(SECONDS)))


def whole_log(connection: BlockingConnection, text: str) -> None:
    """Search to the start of the log, and print what it took."""
    ask, took, looked = Search(text), list[float](), list[int]()
    before = connection.welcome.last + 1
    while True:
        begun = time.perf_counter()
        found = find(connection, ask)
        took.append(time.perf_counter() - begun)
        looked.append(before - found.before)
        before = found.before
        if not found.more or found.entries:
            break
        ask = Search(text, before=before)
    what = f"{'a page of hits' if found.entries else 'no hit'}: {sum(looked):,} entries, {len(took)} requests"
    print(
        f"  {what:<52} {sum(took):6.2f} s, the longest request {max(took):.2f} s, {max(looked):,} entries", flush=True
    )


def acknowledged(address: Address, searching: int, text: str) -> None:
    """Print how long an acknowledgement takes while so many connections search."""
    over = threading.Event()

    def flood(connection: BlockingConnection) -> None:
        ask = Search(text)
        while not over.is_set():
            found = find(connection, ask)
            ask = Search(text, before=found.before if found.more else None)

    with ExitStack() as stack:
        threads = [
            threading.Thread(target=flood, args=[stack.enter_context(connect(address, mode="watch"))])
            for _ in range(searching)
        ]
        speaker = stack.enter_context(connect(address, mode="post", nick="speaker", token="ab" * 16))
        for thread in threads:
            thread.start()
        took = []
        for number in range(SAYS):
            begun = time.perf_counter()
            drive(request(speaker, Say("hello", id=f"{searching}-{number}"), Ack, deadline_in(SECONDS)))
            took.append(time.perf_counter() - begun)
        over.set()
        for thread in threads:
            thread.join()
    p99 = statistics.quantiles(took, n=100)[98]
    what = f"{searching} connections search"
    print(f"  {what:<52} ack p50 {1000 * statistics.median(took):5.1f} ms, p99 {1000 * p99:5.1f} ms", flush=True)


def main() -> None:
    """Measure as the command line says."""
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    for kind, text in TEXTS.items():
        words = text.split()
        with tempfile.TemporaryDirectory() as folder:
            journal = Path(folder) / "rooms.db"
            asyncio.run(fill(journal, entries, words))
            print(f"{kind}, {entries:,} entries", flush=True)
            with server(journal) as address:
                with connect(address, mode="watch") as connection:
                    whole_log(connection, "nobody said that")
                    whole_log(connection, words[-1])
                for searching in (0, 1, 8):
                    acknowledged(address, searching, "nobody said that")


if __name__ == "__main__":
    main()
