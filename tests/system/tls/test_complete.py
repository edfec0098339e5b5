"""Tab asks a server over TLS as the command on the line would: nobody who is not trusted is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatctl.cli import completion_values, shell_completion
from chatctl.main import cli
from tests.support.environment import DEADLINE, clean_env
from tests.support.tls import TlsServer


@pytest.mark.parametrize("command", ["who", "tail"])
def test_members_are_asked_over_tls(
    house: TlsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    for name, value in clean_env(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(completion_values, "ASK_SECONDS", DEADLINE)
    shell_completion.install()
    house.member("nadia", f"tab-{command}")

    def offered(*options: str) -> list[str]:
        words = [command, "--room", f"tab-{command}", "--port", str(house.tls_port), *options]
        words += ["--from"] if command == "tail" else []
        found = shell_completion.Zsh(cli, {}, "chatctl", "_CHATCTL_COMPLETE").get_completions(words, "na")
        return [item.value for item in found]

    assert offered("--pin", house.pin) == offered("--tls", "--pin", house.pin) == ["nadia"]
    assert offered("--tls") == offered("--pin", f"SHA256:{'A' * 43}") == []
    assert not (tmp_path / "known_servers").exists()
    assert capfd.readouterr() == ("", "")
