"""Keys in files: which are taken, and what is told of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatctl.client.security.key_files import make_key, read_key
from chatctl.errors import ChatError
from tests.support.openssh import openssh_key


def test_openssh_keys_are_taken(tmp_path: Path) -> None:
    plain = openssh_key(tmp_path / "plain")
    locked = openssh_key(tmp_path / "locked", "open sesame")
    assert len(read_key(plain).public) == 32
    asked: list[str] = []
    assert read_key(locked, lambda prompt: asked.append(prompt) or "open sesame").public != read_key(plain).public
    assert asked == [f"passphrase of {locked}: "]


def test_keys_that_are_of_no_use_are_told(tmp_path: Path) -> None:
    locked = openssh_key(tmp_path / "locked", "open sesame")
    rsa = openssh_key(tmp_path / "rsa", kind="rsa")
    (tmp_path / "junk").write_text("junk")
    (tmp_path / "junk").chmod(0o600)
    (tmp_path / "open").write_bytes(rsa.read_bytes())
    (tmp_path / "open").chmod(0o644)
    for path, told in (
        (locked, "its passphrase is another one"),
        (rsa, "not an Ed25519 key"),
        (tmp_path / "junk", "not an OpenSSH private key"),
        (tmp_path / "open", "others can read"),
        (tmp_path / "none", "no such file"),
    ):
        with pytest.raises(ChatError, match=told):
            read_key(path, lambda _: "wrong")


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    """Of two who make one at once, the first one's counts; the second one is told."""
    first = make_key(tmp_path / "key")
    with pytest.raises(ChatError, match="there is a key already"):
        make_key(tmp_path / "key")
    assert read_key(tmp_path / "key").public == first.public
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]
