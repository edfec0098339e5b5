"""cli/extra_arguments.py: an argument that a command does not take is most often the value of one of its options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl import main

Refused = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Return a function that returns what a wrong usage prints, without the program's name."""

    def run(*arguments: str) -> str:
        assert main._run(arguments) == (3 if arguments[0] == "probe" else 2)
        out, err = capsys.readouterr()
        assert out == ""
        [line] = err.splitlines()
        return line.removeprefix("chatctl: ")

    return run


@pytest.mark.parametrize(
    ("command", "word", "meant"),
    [
        ("join", "nadia", "use --nick nadia or --room nadia"),
        ("join", "Björn", "use --nick 'Björn'"),
        ("join", "chat.example.org", "use --server chat.example.org or --nick chat.example.org"),
        ("join", "localhost:5500", "use --server localhost:5500"),
        ("tail", "ops", "use --room ops"),
        ("tail", "/run/chat.sock", ""),
        ("export", "rooms.db", "use --journal rooms.db"),
        ("probe", "localhost", "use --server localhost"),
        ("serve", "5500", "use --port 5500"),
        ("serve", "80", ""),
        ("serve", "ops", "use --room ops"),
        ("serve", "0.0.0.0", "use --host 0.0.0.0"),
        ("serve", "/srv/rooms.db", "use --journal /srv/rooms.db"),
        ("bench", "100", ""),
        ("join", "x" * 1000, ""),
    ],
)
def test_the_options_that_it_may_be_meant_for(refused: Refused, command: str, word: str, meant: str) -> None:
    shown = f"'{word}'" if len(word) <= 64 else f"'{word[:64]}...'"
    hint = f": {meant}" if meant else ""
    assert refused(command, word) == f"unexpected argument {shown}{hint} (see 'chatctl {command} -h')"


def test_a_command_with_an_argument_takes_no_second_one(refused: Refused) -> None:
    assert refused("who", "nadia", "ops").startswith(
        "unexpected argument 'ops': there can be one NAME, or use --room ops ("
    )


def test_a_server_of_the_configuration_file(refused: Refused, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[server.work]\nhost = "chat.example.org"\n')
    assert refused("--config", str(file), "join", "work").startswith("unexpected argument 'work': use --server work (")


def test_passwords_are_not_repeated(refused: Refused) -> None:
    """Standard error may end in a log."""
    assert "secret" not in refused("password", "secret")
    assert "secret" not in refused("serve", "postgresql://chat:secret@db/chat")


@pytest.mark.parametrize("arguments", [("join", "-nick", "nadia"), ("send", "-nick=nadia", "hi")])
def test_an_option_with_one_dash_is_answered_with_that_with_two(refused: Refused, arguments: tuple[str, ...]) -> None:
    assert refused(*arguments).startswith("no such option '-nick': write --nick (see ")


@pytest.mark.parametrize("command", ["join", "tail"])
def test_an_option_without_its_value_names_the_command_to_read_about(refused: Refused, command: str) -> None:
    assert refused(command, "--room") == f"option '--room' requires an argument (see 'chatctl {command} -h')"
