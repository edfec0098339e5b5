"""Tab in real shells: what is offered, and that what is inserted is the name alone, whatever it is called."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.support.environment import DEADLINE, ROOT
from tests.support.naughty import NAUGHTY
from tests.support.needs import need
from tests.support.server_process import Server
from tests.system.security.rogues import Rogue

CONFIG = """
[server."my work"]
host = "127.0.0.1"
port = {port}
[server."$(touch pwned)"]
host = "x"
[server."it's; touch pwned"]
host = "x"
[server.'"quoted" `touch pwned`']
host = "x"
[server."\\u001b]0;title\\u0007"]
host = "x"
"""

START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
SET_UP = {
    "bash": ". $ROOT/completions/chatctl.bash; bind 'set enable-bracketed-paste off'; PS1='ready> '",
    "zsh": "autoload -Uz compinit; compinit -u -D; . $ROOT/completions/_chatctl; PS1='ready> '",
    "fish": ". $ROOT/completions/chatctl.fish; function fish_prompt; echo 'ready> '; end",
}
RECORD = {  # in the place of chatctl: what Tab asks is the real one
    "bash": """chatctl() { printf '%s\\0' "$@" >arguments; echo DO''NE; }""",
    "zsh": """chatctl() { printf '%s\\0' "$@" >arguments; echo DO''NE; }""",
    "fish": """function chatctl; printf '%s\\0' $argv >arguments; echo DO''NE; end""",
}


PATIENT = f"""
from chatctl.__main__ import main
from chatctl.cli import completion_values
completion_values.ASK_SECONDS = {DEADLINE}  # a busy machine is not what is tested
main()
"""


class Shell:
    """A shell at a terminal, in which ``chatctl`` writes down what it was called with."""

    def __init__(self, name: str, env: dict[str, str], folder: Path) -> None:
        self._folder = folder
        program, *arguments = START[name]
        self._child = pexpect.spawn(
            program, arguments, env=env, cwd=str(folder), encoding="utf-8", timeout=DEADLINE, dimensions=(24, 200)
        )
        self._child.delaybeforesend = None
        self._child.logfile_read = self._seen = io.StringIO()
        for line in (SET_UP[name], RECORD[name], "echo RE''ADY"):
            self._child.send(line + "\r")
        self._child.expect_exact("READY\r\n")

    def type(self, keys: str) -> list[str]:
        """Type a line and Enter; give what ``chatctl`` was called with."""
        (self._folder / "arguments").unlink(missing_ok=True)
        self._child.send(keys + "\r")
        self._child.expect_exact("DONE\r\n")
        return (self._folder / "arguments").read_text().split("\0")[:-1]

    @property
    def seen(self) -> str:
        """All that its terminal got."""
        return self._seen.getvalue()

    def close(self) -> None:
        self._child.close(force=True)


@pytest.fixture
def tab_env(env: dict[str, str], house: Server, tmp_path: Path) -> dict[str, str]:
    """Return an environment with ``chatctl`` on its PATH, and a configuration with odd names."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "chatctl"
    program.write_text(f"#!{sys.executable}\n{PATIENT}")
    program.chmod(0o755)
    (tmp_path / "config.toml").write_text(CONFIG.format(port=house.port))
    return env | {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / ".config"),  # fish writes there
        "ROOT": str(ROOT),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
        "CHATCTL_CONFIG": str(tmp_path / "config.toml"),
    }


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest, tab_env: dict[str, str], tmp_path: Path) -> Iterator[Shell]:
    """Yield each of the three, at a terminal."""
    need(request.param)
    one = Shell(request.param, tab_env, tmp_path)
    yield one
    one.close()


def test_a_member_is_completed_whatever_it_is_called(shell: Shell, house: Server, room: str, tmp_path: Path) -> None:
    """A name may hold what a shell takes for a pipe or a pattern; there are files that the pattern fits."""
    for nick in ("a|touch-pwned", "x[1]", "~root", "{b}", "zoë", "n.a@home"):
        house.member(nick, room)
    for decoy in ("x1", "a|touch-pwned", "x[1]"):
        (tmp_path / decoy).touch()
    where = f"--room {room} --port {house.port}"
    start = ["--room", room, "--port", str(house.port)]
    assert shell.type(f"chatctl send {where} --to a\t") == ["send", *start, "--to", "a|touch-pwned"]
    assert shell.type(f"chatctl tail {where} --from x\t") == ["tail", *start, "--from", "x[1]"]
    assert shell.type(f"chatctl ask {where} --from zo\t") == ["ask", *start, "--from", "zoë"]
    for typed in ("n.a", "n.a@", "n.a@h"):
        assert shell.type(f"chatctl who {where} {typed}\t") == ["who", *start, "n.a@home"]
    assert shell.type(f"chatctl send {where} --from n\t") == ["send", *start, "--from", "n.a@home"]
    assert not (tmp_path / "pwned").exists()


def test_a_server_s_name_is_quoted_as_the_shell_needs(shell: Shell, house: Server, room: str, tmp_path: Path) -> None:
    """Nothing of a name is run, and what the program gets is the name."""
    assert shell.type("chatctl who --server my\t") == ["who", "--server", "my work"]
    assert shell.type("chatctl who --server it\t") == ["who", "--server", "it's; touch pwned"]
    assert shell.type("chatctl who --server '$\t") == ["who", "--server", "$(touch pwned)"]
    house.member("nadia", room)
    said = shell.type(f"chatctl send --server my\t --room {room} --to na\t")
    assert said == ["send", "--server", "my work", "--room", room, "--to", "nadia"]
    assert not (tmp_path / "pwned").exists()


def test_an_option_and_its_value_may_be_one_word(shell: Shell, house: Server, room: str) -> None:
    """bash cuts there, the others don't."""
    house.member("nadia", room)
    where = f"--room={room} --server=localhost:{house.port}"
    said = shell.type(f"chatctl send {where} --to=na\t")
    assert said == ["send", f"--room={room}", f"--server=localhost:{house.port}", "--to=nadia"]
    assert shell.type("chatctl who --server=my\t") == ["who", "--server=my work"]


def test_no_server_acts_through_tab(shell: Shell) -> None:
    """Names that a server makes up are asked for at each Tab; shells show and insert what they are given as it is."""
    members = [start + text for text in NAUGHTY.values() for start in ("", "م")]
    rogue = Rogue(lambda peer: peer.let_in(members=members, count=len(members)))
    start = ["--port", str(rogue.port)]
    assert shell.type(f"chatctl send {' '.join(start)} --to مر\t") == ["send", *start, "--to", "مریم"]
    assert shell.type(f"chatctl send {' '.join(start)} --to م\t")[:4] == ["send", *start, "--to"]
    rogue.close()
    assert not re.search("\x1b[]P_^X][^\x07\x1b]*(owned|52;|b3du)|[\x80-\x9f\u202a-\u202e\u2066-\u2069]", shell.seen)
    assert "owned" not in shell.seen


BASH = """
. "$ROOT/completions/chatctl.bash"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _chatctl_completion chatctl; printf '%s\\n' "${COMPREPLY[@]}"
"""


def test_bash_is_given_quotes(tab_env: dict[str, str], tmp_path: Path) -> None:
    """It inserts what it gets, as it is. What would act on the terminal is not offered at all."""
    assert bash(tab_env, tmp_path, "who", "--server", "") == [
        """'"quoted" `touch pwned`'""",
        "'$(touch pwned)'",
        "'it'\"'\"'s; touch pwned'",
        "'my work'",
    ]
    assert bash(tab_env, tmp_path, "who", "--server", '"m') == ["my work"]
    assert bash(tab_env, tmp_path, "who", "--server", '"$') == []
    assert not (tmp_path / "pwned").exists()


def bash(env: dict[str, str], folder: Path, *words: str) -> list[str]:
    """Return bash's completions of the last word."""
    need("bash")
    command = ["bash", "-c", BASH, "bash", "chatctl", *words]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=True, timeout=DEADLINE)
    assert done.stderr == ""
    return [line for line in done.stdout.split("\n") if line]


def test_fish_is_given_names(tab_env: dict[str, str], house: Server, room: str, tmp_path: Path) -> None:
    need("fish")
    for nick in ("nadia", "a|b", "x[1]"):
        house.member(nick, room)
    line = f"chatctl send --room {room} --port {house.port} --to "
    script = ". $ROOT/completions/chatctl.fish; complete -C $LINE"
    found = subprocess.run(
        ["fish", "--no-config", "-c", script],
        env=tab_env | {"LINE": line},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    assert (sorted(found.stdout.split("\n")[:-1]), found.stderr) == (["a|b", "nadia", "x[1]"], "")
