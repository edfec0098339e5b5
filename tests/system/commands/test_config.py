"""The configuration file: flag over ``CHATCTL_*`` over file over default, and named servers."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import pytest

from chatctl.cli.config_defaults import keys_of
from chatctl.main import cli
from tests.support.fixture_types import Serve
from tests.support.in_process import InProcess
from tests.support.loaded_modules import HEAVY, loaded_by
from tests.support.processes import err_line
from tests.support.server_process import Server

Configured = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def run(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> InProcess:
    """Run commands in this process: there are many of them here."""
    return InProcess(env, tmp_path, monkeypatch, capfd)


@pytest.fixture
def configured(run: InProcess, env: dict[str, str], tmp_path: Path) -> Configured:
    """Run a command with a configuration file; ``env`` are more variables."""

    def call(text: str, *arguments: str, env_more: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
        (tmp_path / "config.toml").write_text(text, encoding="utf-8")
        return run(*arguments, env=env | {"CHATCTL_CONFIG": "config.toml"} | (env_more or {}))

    return call


def shown(done: subprocess.CompletedProcess[bytes]) -> dict[str, tuple[object, str]]:
    """Return each option's value and source, of ``config show --json``."""
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {f"{row['command']}.{row['option']}": (row["value"], row["source"]) for row in rows}


# --- precedence


def test_flag_over_environment_over_file_over_default(configured: Configured) -> None:
    file = "[who]\nroom = 'of-the-file'\n"
    show = ("config", "show", "who", "--json")
    assert shown(configured("", *show))["who.room"] == ("lobby", "default")
    assert shown(configured(file, *show))["who.room"] == ("of-the-file", "config.toml")
    variable = {"CHATCTL_ROOM": "of-the-environment"}
    assert shown(configured(file, *show, env_more=variable))["who.room"] == ("of-the-environment", "CHATCTL_ROOM")


def test_a_command_obeys(house: Server, configured: Configured, room: str) -> None:
    """What ``config show`` shows is what is done: each place in turn names the room that is really looked into."""
    with house.member("nadia", room):
        file = f"[who]\nport = {house.port}\nroom = '{room}'\ncount = true\n"
        assert configured(file, "who").stdout == b"1\n"
        other = {"CHATCTL_ROOM": f"{room}-other"}
        assert configured(file, "who", env_more=other).stdout == b"0\n"
        assert configured(file, "who", "--room", room, env_more=other).stdout == b"1\n"


def test_a_section_is_for_its_command_alone(configured: Configured) -> None:
    found = shown(configured("[send]\nnick = 'ci'\n", "config", "show", "--json"))
    assert found["send.nick"] == ("ci", "config.toml")
    assert found["join.nick"] == (None, "default")


def test_the_section_for_all_is_not_for_those_that_must_not_share(configured: Configured) -> None:
    """A server must not begin to listen where the one that I talk to is."""
    found = shown(
        configured("[default]\nhost = 'chat.example.org'\n[tail]\nhost = 'other'\n", "config", "show", "--json")
    )
    assert found["send.host"] == ("chat.example.org", "config.toml")
    assert found["tail.host"] == ("other", "config.toml")
    assert found["serve.host"] == ("127.0.0.1", "default")


def test_a_command_s_own_server_goes_over_all_that_is_for_every_command(configured: Configured) -> None:
    file = WORK + "[default]\nhost = 'x'\nnick = 'ci'\n[send]\nserver = 'work'\n"
    found = shown(configured(file, "config", "show", "--json"))
    assert found["send.host"] == ("chat.example.org", "server work")
    assert found["send.nick"] == ("rajat", "server work")
    assert found["tail.host"] == ("x", "config.toml")


def test_config_flag_over_its_variable(configured: Configured, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[who]\nroom = 'mine'\n")
    found = shown(configured("[who]\nroom = 'x'\n", "--config", "mine.toml", "config", "show", "who", "--json"))
    assert found["who.room"] == ("mine", "mine.toml")


def test_lists_and_flags_and_numbers(configured: Configured) -> None:
    file = "[ask]\nchoice = ['now', 'later']\ntimeout = 90\n[who]\ncount = true\n"
    found = shown(configured(file, "config", "show", "--json"))
    assert found["ask.choice"] == (["now", "later"], "config.toml")
    assert found["ask.timeout"] == (90, "config.toml")
    assert found["who.count"] == (True, "config.toml")


# --- named servers

WORK = "[server.work]\nhost = 'chat.example.org'\nport = 7000\nnick = 'rajat'\nroom = 'ops'\n"


def test_a_named_server(configured: Configured) -> None:
    """Its values are as strong as ``--server``: chosen in the environment they go over the file's own."""
    found = shown(
        configured(
            WORK + "[send]\nhost = 'x'\nroom = 'y'\n", "config", "show", "--json", env_more={"CHATCTL_SERVER": "work"}
        )
    )
    assert found["send.server"] == ("work", "CHATCTL_SERVER")
    assert found["send.host"] == ("chat.example.org", "server work")
    assert found["send.port"] == (7000, "server work")
    assert found["send.nick"] == ("rajat", "server work")
    assert found["send.room"] == ("ops", "server work")


def test_what_stands_beside_a_named_server_goes_over_it(configured: Configured) -> None:
    found = shown(
        configured(WORK + "[default]\nserver = 'work'\n[send]\nroom = 'mine'\n", "config", "show", "send", "--json")
    )
    assert found["send.room"] == ("mine", "config.toml")
    assert found["send.host"] == ("chat.example.org", "server work")


def test_server_flag_over_environment(house: Server, configured: Configured, room: str) -> None:
    """And no part of a weaker address is left in it."""
    file = f"[server.here]\nport = {house.port}\nroom = '{room}'\n"
    weaker = {"CHATCTL_HOST": "192.0.2.1", "CHATCTL_UNIX": "/nowhere", "CHATCTL_ROOM": "elsewhere", "CHATCTL_PORT": "1"}
    with house.member("nadia", room):
        done = configured(file, "who", "--server", "here", "--count", env_more=weaker)
        assert (done.returncode, done.stdout) == (0, b"1\n")
        done = configured(file, "who", "--server", "here", "--room", f"{room}x", "--count", env_more=weaker)
        assert done.stdout == b"0\n"
        done = configured(
            file, "who", "--server", f"127.0.0.1:{house.port}", "--room", room, "--count", env_more=weaker
        )
        assert done.stdout == b"1\n"


def test_host_flag_over_a_unix_socket_of_the_environment(house: Server, configured: Configured, room: str) -> None:
    done = configured("", "who", "--port", str(house.port), "--room", room, env_more={"CHATCTL_UNIX": "/nowhere"})
    assert done.returncode == 0


def test_a_unix_socket_beside_host_and_port_of_the_same_place(configured: Configured) -> None:
    """It is instead of them."""
    file = "[send]\nhost = 'x'\nport = 1\nunix = '/run/chat.sock'\n"
    assert shown(configured(file, "config", "show", "send", "--json"))["send.unix"] == ("/run/chat.sock", "config.toml")


def test_what_is_no_server(configured: Configured) -> None:
    done = configured("", "who", "--server", "a b")
    assert done.returncode == 2
    assert b"is not a server" in done.stderr


# --- errors


def test_an_unknown_key_is_an_error_in_one_line(configured: Configured) -> None:
    done = configured("[send]\ntimeuot = '1s'\n", "who")
    assert (done.returncode, done.stdout) == (2, b"")
    assert err_line(done) == "chatctl: config.toml: there is no key 'timeuot' in [send]: did you mean 'timeout'?"


def test_a_wrong_value_says_where_it_came_from(configured: Configured) -> None:
    done = configured("[who]\ntimeout = 'soon'\n", "who")
    assert done.returncode == 2
    assert b"'soon' is not a duration" in done.stderr
    assert b"(that value comes from config.toml)\n" in done.stderr
    assert b"that value comes" not in configured("", "who", "--timeout", "soon").stderr
    nick = configured("[send]\nnick = 'two words'\n", "send", "hi")
    assert nick.returncode == 5
    assert err_line(nick).endswith("(that value comes from config.toml)")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[who]\nroom = " + "[" * 5000 + "]" * 5000, "it is nested too deeply"),
        ("[who]\nroom = " + "{a=" * 5000 + "1" + "}" * 5000, "it is nested too deeply"),
        ("[who]\ntimeout = " + "9" * 5000, "there is a number with too many digits"),
        ("[who]\ntimeout = 0x" + "f" * 6000, "timeout in [who] is too large a number, or none"),
        ("[who]\nroom = [1, 0x" + "f" * 6000 + "]", "room in [who] is too large a number, or none"),
        ("[who]\ntimeout = inf", "timeout in [who] is too large a number, or none"),
        ("[who]\ntimeout = nan", "timeout in [who] is too large a number, or none"),
    ],
    ids=range(7),
)
def test_what_python_itself_can_not_read_is_an_error_of_the_file(
    configured: Configured, text: str, complaint: str
) -> None:
    """Not one of ours: its recursion, its digits, its floats have an end."""
    done = configured(text, "who")
    assert (done.returncode, err_line(done)) == (2, f"chatctl: config.toml: {complaint}")


@pytest.mark.parametrize("seconds", ["-1", "1000000000", "1e18"])
def test_a_number_of_seconds_has_the_bounds_of_a_written_one(configured: Configured, seconds: str) -> None:
    done = configured(f"[who]\ntimeout = {seconds}", "who")
    assert done.returncode == 2
    assert b"is not a duration" in done.stderr


@pytest.mark.parametrize("home", ["/dev/null", "/nonexistent"])
def test_an_account_without_a_home_has_no_file(house: Server, run: InProcess, env: dict[str, str], home: str) -> None:
    """As many a service has."""
    here = {key: value for key, value in env.items() if key != "XDG_CONFIG_HOME"} | {"HOME": home}
    assert run("who", env=here, port=house.port).returncode == 0


def test_a_file_that_was_named_has_to_be_there(run: InProcess) -> None:
    done = run("--config", "no-such-file", "who")
    assert (done.returncode, err_line(done)) == (2, "chatctl: cannot read no-such-file: no such file or directory")


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["send", "--help"], ["--version"], ["config", "path"], ["config", "--help"], ["completion", "bash"]],
    ids=" ".join,
)
def test_a_broken_file_is_in_nobody_s_way_who_needs_none(configured: Configured, arguments: list[str]) -> None:
    assert configured("this is no TOML", *arguments).returncode == 0


def test_help_shows_defaults_not_my_settings(configured: Configured) -> None:
    """It is what manuals are made of."""
    assert configured("[probe]\ncount = 77\n", "probe", "--help").stdout == configured("", "probe", "--help").stdout


# --- config show, path, edit


def test_show_is_toml_with_sources(configured: Configured) -> None:
    import tomllib

    done = configured(WORK + "[send]\nnick = 'ci'\n", "config", "show", env_more={"CHATCTL_TIMEOUT": "9s"})
    text = done.stdout.decode()
    found = tomllib.loads(text)
    assert text.startswith("# config.toml\n")
    assert (found["send"]["nick"], found["send"]["timeout"], found["send"]["port"]) == ("ci", "9s", 5500)
    assert found["server"]["work"]["host"] == "chat.example.org"
    lines = {
        line.split(" = ")[0]: line for line in text.split("[send]")[1].split("\n[")[0].splitlines() if " = " in line
    }
    assert lines["nick"].endswith("# config.toml")
    assert lines["timeout"].endswith("# CHATCTL_TIMEOUT")
    assert lines["port"].endswith("# default")


@pytest.mark.parametrize(("folder", "why"), [("none", "there is no such file"), ("x" * 300, "file name too long")])
def test_show_says_why_nothing_is_read(
    run: InProcess, env: dict[str, str], tmp_path: Path, folder: str, why: str
) -> None:
    """Somebody else's home, say, as sudo leaves it: a command that needs nothing of it goes on."""
    without = {name: value for name, value in env.items() if name != "CHATCTL_CONFIG"}
    done = run("config", "show", "send", env=without | {"XDG_CONFIG_HOME": str(tmp_path / folder)})
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines()[0].endswith(f"config.toml ({why})")


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("serve", "claim-names is not set: on with a journal"),
        ("serve", "max-clients is not set: 10000, or 0.8 × the file limit"),
        ("send", "tls is not set"),
        ("tail", "n is not set: 10"),
    ],
)
def test_show_does_not_call_off_what_the_command_decides_itself(
    configured: Configured, command: str, line: str
) -> None:
    """Of a pair of switches neither was given: names are reserved with a journal."""
    assert f"# {line}\n".encode() in configured("", "config", "show", command).stdout


def test_show_tells_of_every_option_what_its_help_tells(configured: Configured) -> None:
    """Whatever the help calls the default is shown: as the value, or in words where there is none."""
    rows = [json.loads(line) for line in configured("", "config", "show", "--json").stdout.splitlines()]
    told = {(row["command"], row["option"]): row for row in rows}
    wrong = []
    for name, command in cli.commands.items():
        for key, param in keys_of(command).items():
            option = next(one for one in command.params if one.name == param)
            words = re.findall(r"\[default: (.*?)(?:; [\dx<=>]+)?\]", " ".join(help_of(option)))
            row = told[name, key]
            value = row.get("default", "") if row["value"] is None else row["value"]
            text = ", ".join(value) if isinstance(value, list) else str(value)
            same = not words or words[-1].strip("()") in (text, key)  # --follow: true is shown
            if row["source"] == "default" and not same:
                wrong.append((name, key, words[-1], text))
    assert wrong == []


def help_of(option: click.Parameter) -> Sequence[str]:
    """Return what --help says about an option."""
    with click.Context(click.Command("x")) as ctx:
        return option.get_help_record(ctx) or ()


def test_what_show_says_of_a_server_is_what_it_does(configured: Configured, serve: Serve) -> None:
    """A server with all the shown values as options has the limits of one without any."""
    rows = [json.loads(line) for line in configured("", "config", "show", "serve", "--json").stdout.splitlines()]
    values = {row["option"]: row["value"] for row in rows if row["value"] not in (None, False)}
    assert (values.pop("host"), values.pop("port"), values.pop("tls-port")) == ("127.0.0.1", 5500, 5501)
    options = [f"--{name}={value}" for name, value in values.items()]
    plain, explicit = (serve("--journal", "none", *more).member("nadia").welcome for more in ([], options))
    assert len(options) > 20
    assert explicit["limits"] == plain["limits"]
    assert explicit["server"] == plain["server"]


def test_show_can_be_saved_and_used(configured: Configured) -> None:
    """Its output is a configuration that means the same."""
    first = configured(WORK + "[send]\nnick = 'ci'\n", "config", "show")
    again = configured(first.stdout.decode(), "config", "show", "send", "--json")
    assert shown(again)["send.nick"] == ("ci", "config.toml")


def test_show_of_no_command(configured: Configured) -> None:
    assert configured("", "config", "show", "sned").returncode == 2


def test_show_tells_a_wrong_value(configured: Configured) -> None:
    assert configured("[who]\nport = 'x'\n", "config", "show").returncode == 2


def test_path(run: InProcess, env: dict[str, str], tmp_path: Path) -> None:
    done = run("config", "path", env=env | {"XDG_CONFIG_HOME": str(tmp_path)})
    assert done.stdout.decode() == f"{tmp_path}/chatctl/config.toml\n"
    assert run("--config", "x.toml", "config", "path").stdout == b"x.toml\n"


def test_path_is_the_file_whatever_it_is_called(run: InProcess, env: dict[str, str]) -> None:
    """``cp "$(chatctl config path)"`` finds it; on a terminal, what would act there is shown instead."""
    name = "/naïve \x9b\x7f\u202e.toml"
    assert run("config", "path", env=env | {"CHATCTL_CONFIG": name}).stdout.decode() == f"{name}\n"


def test_edit(run: InProcess, env: dict[str, str], tmp_path: Path) -> None:
    """The first time there is something to begin with; afterwards it is checked."""
    path = tmp_path / "of" / "mine" / "config.toml"
    script = tmp_path / "editor"
    script.write_text('#!/bin/sh\necho "[sned]" >> "$1"\n')
    script.chmod(0o700)
    here = env | {"CHATCTL_CONFIG": str(path), "VISUAL": str(script)}
    done = run("config", "edit", env=here)
    assert done.returncode == 2
    assert "did you mean [send]?" in err_line(done)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().startswith("# What chatctl does")
    script.write_text('#!/bin/sh\nsed -i "s/sned/send/" "$1"\n')
    done = run("config", "edit", env=here)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_editor_may_fail(run: InProcess, env: dict[str, str], tmp_path: Path) -> None:
    done = run("config", "edit", env=env | {"CHATCTL_CONFIG": str(tmp_path / "c.toml"), "VISUAL": "false"})
    assert done.returncode == 1


def test_an_editor_that_is_not_there_is_told_in_words(run: InProcess, env: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    done = run("config", "edit", env=env | {"CHATCTL_CONFIG": str(path), "VISUAL": "/nonexistent"})
    why = "no such file or directory"
    assert err_line(done) == f"chatctl: cannot edit {path} with the editor of VISUAL or EDITOR: {why}"
    assert done.returncode == 1


def test_the_template_is_a_configuration_once_its_comments_are_taken_off(configured: Configured) -> None:
    from chatctl.commands.config.command import TEMPLATE

    lines = [line.removeprefix("# ") for line in TEMPLATE.splitlines()[1:]]
    assert configured("\n".join(lines), "config", "show").returncode == 0


# --- cost


def test_help_of_the_new_commands_loads_nothing_heavy() -> None:
    for name in ("ask", "run", "probe", "who", "search", "config"):
        _, names = loaded_by(name, "--help", expected=3 if name == "probe" else 0)
        assert not names & {*HEAVY, "tomllib", "subprocess"}


def test_a_command_looks_for_its_file_without_platformdirs(house: Server, env: dict[str, str], room: str) -> None:
    _, names = loaded_by("who", "--port", str(house.port), "--room", room, **(env | {"XDG_CONFIG_HOME": os.devnull}))
    assert "chatctl.cli.config_file" in names
    assert not names & {"platformdirs", "tomllib", "asyncio", "difflib"}
