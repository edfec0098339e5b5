"""What users of the best programs of this kind complain about, each with the tests that it does not happen here.

`COMPLAINTS` is the list; what had no test elsewhere is tested below it.
"""

from __future__ import annotations

import ast
import json
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL, DEADLINE, ROOT
from tests.support.fixture_types import Run, Serve
from tests.support.server_process import Server
from tests.support.wire import Wire, log_of

HERE = "system/commands/test_complaints.py"

COMPLAINTS: dict[str, tuple[str, ...]] = {
    "typing and incoming lines interleave (kirc#29)": (
        "system/terminal/test_typing.py::test_random_keys_leave_exactly_what_was_typed",
        "system/terminal/test_textbook.py::test_join_never_leaves_raw_mode",
    ),
    "input longer than a line corrupts the log (ssh-chat#161)": (
        "system/terminal/test_typing.py::test_long_lines_come_whole",
        "system/terminal/test_typing.py::test_a_line_of_ten_thousand_characters",
    ),
    "messages lost on reconnect (ntfy#1895)": (
        "system/commands/test_tail_cursor.py::test_a_killed_server_comes_back",
        "system/terminal/test_kept.py::test_a_restarted_server_costs_nothing",
        "system/chaos/test_short.py::test_nothing_is_lost_and_nothing_comes_twice_through_twenty_kills",
    ),
    "a dead connection noticed late (profanity#698)": (
        "client/test_membership.py::test_a_server_that_falls_silent_is_left",
        "client/core/test_follower.py::test_a_silent_server_is_left_for_one_that_speaks",
        "server/test_limits.py::test_a_peer_that_answers_no_ping_is_gone",
    ),
    "resume that duplicates (ircv3-specifications#540)": (
        "system/commands/test_tail_cursor.py::test_each_entry_once_whatever_a_server_repeats",
        "system/wire/test_presence.py::test_resume_shows_each_message_once",
        "client/test_membership.py::test_entries_come_once_across_connections",
    ),
    "resume that says again what was said days ago (libstrophe#215)": (
        f"{HERE}::test_what_was_acknowledged_is_never_said_again",
        "system/commands/test_send_retry.py::test_an_id_is_said_once",
    ),
    "drafts and unsent text lost on a dropped network (zulip#2681)": (
        "system/terminal/test_kept.py::test_kill_9_loses_neither_draft_nor_outbox",
        "client/core/test_outbox.py::test_the_outbox_is_on_disk_before_anything_is_sent",
    ),
    "the flood limiter eats a four-line paste (ssh-chat#318, #364)": (
        f"{HERE}::test_a_paste_of_four_lines_is_four_messages",
        "system/wire/test_bad_input.py::test_over_the_rate_is_delayed_not_dropped",
        "system/terminal/test_writing.py::test_a_message_of_several_lines",
    ),
    "one huge pasted line slips past the confirmation (weechat#1117)": (
        "system/terminal/test_textbook.py::test_join_never_submits_a_paste",
        "system/terminal/test_writing.py::test_over_the_limit_nothing_is_cut",
    ),
    "after a drop your own name is taken (ssh-chat#199, devzat#228)": (
        "system/terminal/test_kept.py::test_your_own_ghost_gives_your_name_back",
        "system/wire/test_presence.py::test_who_comes_back_with_the_token_takes_the_name_over",
    ),
    "ghosts until a restart (ssh-chat#359)": (
        "system/wire/test_presence.py::test_a_killed_member_is_told_once",
        "server/test_limits.py::test_a_peer_that_answers_no_ping_is_gone",
    ),
    "echo hi | shows join and leave but no message (ssh-chat#280)": (
        "system/terminal/test_plain.py::test_echo_into_join",
        "system/wire/test_presence.py::test_last_words_are_shown_before_the_leaving",
        f"{HERE}::test_an_echo_into_nc_is_a_message",
    ),
    "exit status always 0 (natscli#958, mosquitto#1285, matrix-commander-rs#50)": (
        "system/exits/test_table.py::test_a_cell",
    ),
    "stdin read when it should not be (natscli#317, #1426)": (
        f"{HERE}::test_a_loop_over_a_list_sees_the_whole_list",
        "system/commands/test_send.py::test_with_text_stdin_is_not_touched",
    ),
    "stdin not read when it should be (natscli#1613, #1696)": (
        "system/commands/test_send.py::test_all_of_stdin_is_one_message",
        "system/commands/test_send_options.py::test_a_dash_for_a_file_is_stdin",
    ),
    "refused connections reported as UNKNOWN (nagios-check-supervisord#5)": (
        "system/exits/test_table.py::test_a_cell",
    ),
    "escape sequences stored in messages (binkterm-php#447)": (
        f"{HERE}::test_escape_sequences_act_nowhere",
        "system/wire/test_dialects.py::test_text_shows_no_control_characters",
        "system/terminal/test_hostile.py::test_text_and_whispers",
    ),
    "UTF-8 turned into octal (nmap#1280)": (
        f"{HERE}::test_utf_8_is_the_same_everywhere",
        "system/commands/test_tail_options.py::test_a_locale_that_cannot_show_it",
    ),
    "output not flushed when piped (redis#2074)": (
        "system/commands/test_tail_options.py::test_each_line_leaves_at_once",
        f"{HERE}::test_a_bot_behind_two_pipes_hears_each_line_at_once",
    ),
}
"""What others suffer from, and the tests (under tests/). The password in the process list (mosquitto#3571) waits for
passwords: there is none yet that could show."""


@pytest.mark.parametrize("test", sorted({test for tests in COMPLAINTS.values() for test in tests}))
def test_each_of_them_is_there(test: str) -> None:
    path, _, name = test.partition("::")
    assert name in functions(ROOT / "tests" / path)


@cache
def functions(path: Path) -> frozenset[str]:
    """Return the names of a file's tests."""
    body = ast.parse(path.read_text()).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


# --- what had no test elsewhere


def test_what_was_acknowledged_is_never_said_again(serve: Serve, run: Run, env: dict[str, str], tmp_path: Path) -> None:
    """Neither by the same client to a server that came back, nor by one that starts anew."""
    kept = ("--journal", str(tmp_path / "rooms.db"), "--durability", "os")
    server = serve(*kept)
    port = server.port
    assert run("join", "--nick", "ci", stdin=b"once\n", port=port).returncode == 0
    server.stop()
    server = serve(*kept, port=port)
    assert run("join", "--nick", "ci", stdin=b"", port=port).returncode == 0
    assert log_of(server.member("nadia")) == ["once"]


@pytest.mark.parametrize("last", [b"\n", b""])
def test_an_echo_into_nc_is_a_message(house: Server, room: str, last: bytes) -> None:
    """All of it comes in one packet, with the end of the connection behind it."""
    nadia = house.member("nadia")
    with Wire(("127.0.0.1", house.port)) as echo:
        echo.send(f"echo-{room}\nhi".encode() + last)
        echo.end()
        assert nadia.frame("msg")["text"] == "hi"
        assert nadia.frame("leave")["nicks"] == [f"echo-{room}"]


def test_a_paste_of_four_lines_is_four_messages(serve: Serve) -> None:
    """At the rate that a server has unless told otherwise, from nc as from a program; and at once, in order."""
    server = serve()
    nadia, lines = server.member("nadia"), ["one", "two", "three", "four"]
    with Wire(("127.0.0.1", server.port)) as paste:
        paste.send(b"paster\none\ntwo\nthree\nfour\n")
        assert nadia.texts("four") == lines
    for line in lines:
        nadia.say(line)
    assert nadia.texts("four") == lines


def test_a_loop_over_a_list_sees_the_whole_list(house: Server, room: str, env: dict[str, str], tmp_path: Path) -> None:
    """As with ssh in such a loop: a command that reads stdin unasked eats the rest of the list."""
    chatctl = " ".join(CHATCTL)
    script = f"""
    while read -r host; do
        {chatctl} send "$host is up" || exit
        {chatctl} who > /dev/null || exit
        {chatctl} probe > /dev/null || exit
        {chatctl} tail --no-follow > /dev/null || exit
        {chatctl} export > /dev/null || exit
        {chatctl} config path > /dev/null || exit
        echo "$host"
    done
    """
    where = {"CHATCTL_PORT": str(house.port), "CHATCTL_ROOM": room, "CHATCTL_NICK": "ci"}
    done = subprocess.run(
        ["sh", "-c", script], input=b"a\nb\nc\n", capture_output=True, env=env | where, timeout=4 * DEADLINE, check=True
    )
    assert (done.stdout, done.stderr) == (b"a\nb\nc\n", b"")
    assert log_of(house.member("nadia", room)) == ["a is up", "b is up", "c is up"]


RED = "\x1b[31mred\x1b[0m \x9b2J\x07"


def test_escape_sequences_act_nowhere(house: Server, run: Run, room: str) -> None:
    """Whoever said them, and however they are read: what is printed holds none, and shows that they were there."""
    house.member("nadia", room).say(RED).frame("msg")
    assert run("send", RED, "--room", room, port=house.port).returncode == 0
    for command in (
        ["tail", "--no-follow"],
        ["tail", "--no-follow", "--json"],
        ["tail", "--no-follow", "-0"],
        *(["export", "--format", form] for form in ("jsonl", "text", "html")),
    ):
        printed = run(*command, "--room", room, port=house.port).stdout.decode()
        assert printed.count("[31mred") == 2, printed
        assert not set(printed) & set("\x1b\x9b\x07"), command


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_utf_8_is_the_same_everywhere(house: Server, run: Run, room: str, env: dict[str, str], locale: str) -> None:
    """From an argument and from a pipe, into lines and into JSON, in the locale of cron, too."""
    here = env | {"LC_ALL": locale}
    text = "grüße, 世界 👋🏽"
    where = ("--room", room)
    assert run("send", text, *where, port=house.port, env=here).returncode == 0
    assert run("send", *where, stdin=text.encode(), port=house.port, env=here).returncode == 0
    lines = run("tail", "--no-follow", *where, port=house.port, env=here).stdout.decode().splitlines()
    assert [line.endswith(f": {text}") for line in lines] == [True, True]
    frames = run("tail", "--no-follow", "--json", *where, port=house.port, env=here).stdout.decode().splitlines()
    assert [json.loads(line)["text"] for line in frames] == [text, text]
    assert all(text in line for line in frames)


def test_a_bot_behind_two_pipes_hears_each_line_at_once(house: Server, room: str, env: dict[str, str]) -> None:
    """``join`` as a coprocess: an answer is there while the next question has not been asked."""
    nadia = house.member("nadia", room)
    words = ("join", "--nick", "bot", "--room", room, "--port", str(house.port))
    with subprocess.Popen([*CHATCTL, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as bot:
        assert bot.stdin is not None
        assert bot.stdout is not None
        nadia.frame("join")
        for number in range(3):
            nadia.say(f"question {number}")
            assert bot.stdout.readline().endswith(f"nadia: question {number}\n".encode())
            bot.stdin.write(f"answer {number}\n".encode())
            bot.stdin.flush()
            assert nadia.texts(f"answer {number}")
            assert bot.stdout.readline().endswith(f"bot: answer {number}\n".encode())
        bot.stdin.close()
        assert bot.wait(DEADLINE) == 0
