"""commands/send/message_source.py: bytes to text, and reading what may be endless, silent or not a regular file."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import click
import pytest

from chatctl.client.io.clock import deadline_in
from chatctl.commands.send.message_source import MAX_MESSAGE, TextRules, line_text, read_all, read_file
from chatctl.errors import TooLong, Unreachable
from tests.support.environment import DEADLINE

STRICT, LOSSY, PLAIN = TextRules(), TextRules(lossy=True), TextRules(plain=True)


def test_without_options_no_byte_is_changed() -> None:
    assert STRICT.text("\x1b[1mé\r\ufeff".encode(), "stdin") == "\x1b[1mé\r\ufeff"
    with pytest.raises(click.UsageError, match=r"stdin is not UTF-8 \(byte 0xff at 2\): --lossy sends it all the same"):
        STRICT.text(b"ab\xff", "stdin")


def test_lossy_and_plain() -> None:
    assert LOSSY.text(b"gr\xfc\xdfe", "") == "gr\ufffd\ufffde"
    assert PLAIN.text(b"\xef\xbb\xbf\x1b[31m10%\r100%\x1b[0m\r\n", "") == "100%\n"
    assert TextRules(lossy=True, plain=True).text(b"\x1b[31m\xff\x1b[0m", "") == "\ufffd"


def test_a_character_cut_in_half_at_the_end_is_no_error_where_more_was_left_out() -> None:
    half = "aé".encode()[:-1]
    assert STRICT.text(half, "", whole=False) == "a"
    with pytest.raises(click.UsageError):
        STRICT.text(half, "")


def test_a_line_that_is_too_long_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatctl.commands.send.message_source.MAX_INPUT", 4)
    assert line_text(b"four", "line 3", STRICT, "error") == "four"
    assert line_text("abcé".encode(), "line 3", STRICT, "truncate") == "abc"
    for overflow in ("error", "split"):
        with pytest.raises(TooLong, match="line 3 has more than 4 bytes: it was not sent"):
            line_text(b"five!", "line 3", STRICT, overflow)  # type: ignore[arg-type]


def test_reading_stops_shortly_over_the_limit() -> None:
    with Path("/dev/zero").open("rb", buffering=0) as endless:
        assert MAX_MESSAGE < len(read_all(endless.fileno(), MAX_MESSAGE, deadline_in(DEADLINE), "it")) < 2 * MAX_MESSAGE


def test_the_deadline_holds_where_nothing_comes_and_where_it_never_ends() -> None:
    reader, writer = os.pipe()
    try:
        os.write(writer, b"half a message")
        with pytest.raises(Unreachable, match="stdin did not end in time: nothing was sent"):
            read_all(reader, MAX_MESSAGE, deadline_in(0.05), "stdin")
        with Path("/dev/zero").open("rb", buffering=0) as endless, pytest.raises(Unreachable):
            read_all(endless.fileno(), 1 << 62, deadline_in(0.05), "it")
    finally:
        os.close(reader)
        os.close(writer)


def test_a_fifo_is_read_until_its_writer_is_done(tmp_path: Path) -> None:
    """As ``--file <(CMD)`` is one. One that nobody writes to holds us no longer than the deadline."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(b"one\n\ntwo",))
    writer.start()
    assert read_file(fifo, STRICT, DEADLINE) == [(1, "one"), (3, "two")]
    writer.join()
    with pytest.raises(Unreachable, match="did not end in time"):
        read_file(fifo, STRICT, 0.05)


def test_a_file_that_is_too_long_or_has_no_end_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("chatctl.commands.send.message_source.MAX_INPUT", 3)
    (tmp_path / "file").write_bytes(b"four")
    with pytest.raises(TooLong, match="file has more than 3 bytes: nothing was sent"):
        read_file(tmp_path / "file", STRICT, None)
    with pytest.raises(click.UsageError, match="it is not a regular file"):
        read_file(Path("/dev/zero"), STRICT, None)
