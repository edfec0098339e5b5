"""Bytes that are no text, typed or read."""

from __future__ import annotations

from chatctl.terminal.broken_bytes import replaced, told


def test_each_byte_is_replaced_and_told() -> None:
    assert replaced("gr\udcfc\udcdfe ä") == ("gr\ufffd\ufffde ä", b"\xfc\xdf")
    assert replaced("größe") == ("größe", b"")
    assert told(b"\xfc\xdf", "utf-8") == "bytes that are no text in utf-8 (fc df): \ufffd stands for each"
    assert "(ff ff ff ff ff ff ff ff …)" in told(b"\xff" * 9, "utf-8")
