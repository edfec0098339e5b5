"""Writing to what is slow, blocked or gone."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import threading
from collections.abc import Iterator

import pytest

from chatctl.terminal.output_stream import OutputStream, buffered_stdout
from tests.support.environment import DEADLINE

MORE_THAN_FITS = b"x" * 300_000
"""No pipe and no pty takes so much while nobody reads."""


@pytest.fixture(params=["pipe", "pty"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Return where to read and where to write."""
    read, write = os.pipe() if request.param == "pipe" else pty.openpty()
    yield read, write
    for descriptor in (read, write):
        with contextlib.suppress(OSError):  # the test closed it
            os.close(descriptor)


def test_a_slow_reader_gets_everything(ends: tuple[int, int]) -> None:
    """And the flags of the descriptor, which is the shell's as well, stay as they were."""
    read, write = ends
    stream = OutputStream(write)
    got = bytearray()

    def take() -> None:
        while len(got) < len(MORE_THAN_FITS):
            got.extend(os.read(read, 1000))

    reader = threading.Thread(target=take)
    reader.start()
    assert stream.write(MORE_THAN_FITS) == len(MORE_THAN_FITS)
    reader.join(DEADLINE)
    assert bytes(got) == MORE_THAN_FITS
    assert os.get_blocking(write)
    assert not stream.blocked


def test_a_signal_ends_the_wait_for_a_reader(ends: tuple[int, int]) -> None:
    """Otherwise SIGTERM would end no client whose terminal hangs."""
    stream = OutputStream(ends[1])
    before = signal.signal(signal.SIGUSR1, lambda *_: stream.hurry())
    timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        assert stream.write(MORE_THAN_FITS) == len(MORE_THAN_FITS)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    assert stream.blocked


def test_a_vanished_reader_is_told_once(ends: tuple[int, int]) -> None:
    """What is written later is dropped, and raises nothing."""
    read, write = ends
    stream = OutputStream(write)
    told: list[bool] = []
    stream.on_gone = lambda: told.append(True)
    os.close(read)
    for _ in range(3):
        assert stream.write(b"hello") == 5
    assert told == [True]
    assert stream.blocked


def test_without_anybody_to_tell_it_raises(ends: tuple[int, int]) -> None:
    """A script's closed pipe is the plain screen's to judge."""
    read, write = ends
    os.close(read)
    with pytest.raises(OSError):
        OutputStream(write).write(b"hello")


def test_a_character_that_the_encoding_lacks_is_replaced(
    monkeypatch: pytest.MonkeyPatch, ends: tuple[int, int]
) -> None:
    """Anybody's emoji would end the program."""
    read, write = ends
    with os.fdopen(write, "w", encoding="latin-1", closefd=False) as narrow:
        monkeypatch.setattr("sys.stdout", narrow)
        text, _ = buffered_stdout()
        text.write("漢 grüße 👋\n")
        text.flush()
    assert os.read(read, 100).decode("latin-1").splitlines() == ["\\u6f22 grüße \\U0001f44b"]
