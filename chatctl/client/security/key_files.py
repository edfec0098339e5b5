"""Ed25519 keys in files, in OpenSSH's format: ssh-keygen reads ours, and we read its.

Lives here: making and reading them. Does not live here: which key is used (credentials.py). Importing this is cheap;
its functions import ``cryptography``.
"""

from __future__ import annotations

import getpass
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chatctl.common.file_reads import read_private
from chatctl.common.files import create_file, private_folder
from chatctl.common.ssh_wire import ED25519, key_blob
from chatctl.common.text import clean
from chatctl.errors import ChatError, reason_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Ask = Callable[[str], str]


class FileKey(NamedTuple):
    """A key from a file; see ``Signer``. ``public`` is its 32 bytes."""

    public: bytes
    private: Ed25519PrivateKey

    def sign(self, data: bytes) -> bytes:
        """Return the signature of ``data``, 64 bytes."""
        return self.private.sign(data)


def make_key(path: Path) -> FileKey:
    """Make a key and write it to ``path`` (0600); a file that exists is never replaced.

    Raises:
        ChatError: there is a file already, or it can't be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private = Ed25519PrivateKey.generate()
    data = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    try:
        private_folder(path.parent)
        create_file(path, data, durable=True)
    except FileExistsError:
        raise ChatError(f"there is a key already: {path}") from None
    except OSError as error:
        raise ChatError(f"cannot keep a key in {path}: {reason_of(error)}") from None
    return _of(private)


def read_key(path: Path, ask: Ask | None = None, wait: float | None = None, named_by: str = "--key") -> FileKey:
    """Read a key, and ``ask`` for its passphrase if it has one; by default on the terminal.

    A pipe is waited for, ``wait`` seconds at most. ``named_by`` is the option or parameter for the file, for errors.

    Raises:
        ChatError: the file can't be read, others can read it, it holds no Ed25519 key, or nobody knows its passphrase.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    data = read_private(path, "key", named_by, wait)
    try:
        try:
            key = load_ssh_private_key(data, None)
        except TypeError:  # it is encrypted
            key = load_ssh_private_key(data, (ask or ask_on_terminal)(f"passphrase of {path}: ").encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ChatError(f"{path} is not an OpenSSH private key, or its passphrase is another one") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ChatError(f"{path} is not an Ed25519 key: make one with 'chatctl key' or 'ssh-keygen -t ed25519'")
    return _of(key)


def _of(private: Ed25519PrivateKey) -> FileKey:
    return FileKey(private.public_key().public_bytes_raw(), private)


def ask_on_terminal(prompt: str) -> str:
    """Ask a person for a secret, without echo. Raises ChatError if stdin is no terminal."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise ChatError(f"there is no terminal to ask for the {prompt.removesuffix(': ')}: use an ssh-agent")
    return getpass.getpass(clean(prompt))  # it may hold the name of a file


def public_line(public: bytes, comment: str) -> str:
    """Return the line of a ``.pub`` file for a public key (32 bytes)."""
    return f"{ED25519.decode()} {b64encode(key_blob(public)).decode()} {comment}"
