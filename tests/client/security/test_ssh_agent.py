"""The ssh-agent: what it signs, and what is told of one that is of no use."""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path

import pytest

from chatctl.client.security.ssh_agent import agent_key, agent_keys
from chatctl.errors import ChatError
from tests.support.environment import DEADLINE
from tests.support.openssh import add_to_agent, openssh_key


def test_an_agent_that_is_of_no_use_is_told(
    agent: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ChatError, match="add one with ssh-add"):
        agent_key(None)
    key = openssh_key(tmp_path / "one")
    add_to_agent(key)
    with pytest.raises(ChatError, match="has no key SHA256:x"):
        agent_key("SHA256:x")
    signer = agent_key(None)
    subprocess.run(["ssh-add", "-q", "-d", key], check=True)
    with pytest.raises(ChatError, match="refused"):
        signer.sign(b"data")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "nobody"))
    with pytest.raises(ChatError, match="no such file"):
        agent_key(None)
    monkeypatch.delenv("SSH_AUTH_SOCK")
    with pytest.raises(ChatError, match="not set"):
        agent_key(None)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0\0\0\x01",
        b"\0\0\0\x01\x05",
        b"\0\0\0\x05\x0c\xff\xff\xff\xff",
        b"\0\0\0\x09\x0c\0\0\0\x01\0\0\0\xff",
        b"\xff" * 9,
    ],
)
def test_an_agent_that_talks_nonsense_is_told(answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "agent")
    monkeypatch.setenv("SSH_AUTH_SOCK", path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(100)
                client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ChatError, match="ssh-agent"):
            agent_keys()
        thread.join(DEADLINE)
