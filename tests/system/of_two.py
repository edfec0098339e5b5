"""Which tests of commands run with one server and with two in its place, and why the others do not.

With two (tests/support/server_pair.py), whoever writes and whoever reads are at different ones, commands are told both
(``--server A,B``, and the next one ``--server B,A``), and whoever comes back goes to the other one. A file of commands'
tests that is in none of these tables makes a test red (commands/test_shared_verbs.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

COMMANDS, TERMINAL = "tests/system/commands/", "tests/system/terminal/"

ALL = frozenset(
    f"{COMMANDS}{name}.py"
    for name in (
        "test_ask",
        "test_probe",
        "test_run_lock",
        "test_search",
        "test_send",
        "test_send_reply",
        "test_send_retry",
        "test_tail",
        "test_tail_cursor",
        "test_tail_options",
        "test_tail_since",
        "test_who",
        "test_who_once",
    )
)
"""Files in which each test of the server that all share does, unless it is one of ``EXCEPT``."""

EXCEPT: Mapping[str, str] = {
    name: why
    for why, names in {
        "takes a second or more, in which nothing comes from any server": (
            "test_a_message_that_takes_the_pattern_for_ever_is_left_out "
            "test_a_reply_that_takes_the_pattern_for_ever_does_not_keep_it test_an_answer_before_the_question_is_none "
            "test_count_not_reached_in_time test_no_reply_in_time test_not_enough_in_time test_the_deadline "
            "test_the_deadline_is_8 test_the_question_is_no_answer_to_itself test_watch_ends_at_its_deadline"
        ),
        "of what is printed, for each of many texts": "test_what_annoys_is_found_and_acts_on_nothing",
    }.items()
    for name in names.split()
}
"""Tests of these files that do not, and why."""

SOME: Mapping[str, Collection[str]] = {
    f"{COMMANDS}test_admin.py": {
        "test_a_ban_by_the_console_holds_across_a_restart",
        "test_a_dry_run_tells_whom_it_would_hit",
        "test_a_room_is_set_and_everybody_in_it_is_told",
    },
    f"{COMMANDS}test_ask.py": {
        "test_an_operator_withdraws_a_question",
        "test_it_survives_a_server_s_restart",
        "test_which_question_is_meant_is_known_across_a_restart",
    },
    f"{COMMANDS}test_backup_export.py": {
        "test_a_backup_of_a_running_server_holds_what_was_acknowledged",
        "test_an_export_reads_the_whole_log_in_pages",
        "test_since_and_until_bound_an_export",
    },
    f"{COMMANDS}test_operator.py": {
        "test_a_muted_one_is_refused_in_its_own_words",
        "test_an_operator_types_it_in_join",
        "test_who_was_kicked_ends_and_may_join_again",
    },
    f"{COMMANDS}test_probe_options.py": {
        "test_a_name_is_looked_for_within_bounds",
        "test_no_trace",
        "test_one_that_fails_of_several_stays_a_failure",
        "test_silence",
        "test_the_silence_of_one_name",
        "test_users",
        "test_wait_tries_again",
    },
    f"{COMMANDS}test_redact.py": {"test_all_that_one_said_goes_and_those_who_are_here_are_told"},
    f"{COMMANDS}test_run.py": {
        "test_a_failure_with_its_last_lines",
        "test_its_first_word_is_said_while_it_runs",
        "test_quiet_success_says_something_only_of_a_failure",
        "test_require_room",
        "test_the_room_hears_how_it_began_and_ended",
        "test_what_cannot_be_started",
    },
    f"{COMMANDS}test_run_lock.py": {"test_an_operator_frees_it", "test_it_outlives_a_restart_of_the_server"},
    f"{COMMANDS}test_send_options.py": {
        "test_a_file_is_said_line_by_line",
        "test_a_text_in_several_messages_is_said_once",
        "test_a_whisper_reaches_one",
        "test_a_whisper_to_nobody",
        "test_me",
        "test_the_id_is_printed",
    },
    f"{COMMANDS}test_send_reply.py": {"test_it_waits_through_a_restart"},
    f"{COMMANDS}test_tail_cursor.py": {"test_a_killed_server_comes_back"},
    f"{TERMINAL}test_kept.py": {
        "test_a_second_client_takes_over_what_the_first_kept",
        "test_resuming_shows_once_what_was_missed",
        "test_your_own_ghost_gives_your_name_back",
    },
    f"{TERMINAL}test_plain.py": {"test_echo_into_join", "test_on_a_terminal"},
    f"{TERMINAL}test_rooms.py": {
        "test_a_nickname_is_one_rooms",
        "test_what_was_not_shown_is_shown_by_the_next_run",
    },
    f"{TERMINAL}test_whispers.py": {
        "test_a_query_and_an_answer",
        "test_whom_one_ignores_is_ignored_in_the_next_run",
    },
}
"""Tests that do, of files with others: with two in the place of the shared server, or of each that they start."""

ALONE: Mapping[str, str] = {
    f"{COMMANDS}test_{name}.py": why
    for why, names in {
        "of one server as a process: its start and end, sockets, log, metrics": (
            "serve serve_activated serve_announcement serve_descriptors serve_log serve_metrics serve_postgres "
            "serve_proxied serve_signals serve_web serve_web_orders"
        ),
        "of two servers itself": "serve_shared shared_verbs",
        "of lists of servers itself, with one that is away": "server_list",
        "of what stands in a server's place": "ask_interrupted deadlines hanging_resolver probe_web strangers",
        "of journals as files, and of moving them": "journal journal_place",
        "of this machine: its shells, folders, locales, imports": "complaints config imports no_home tab",
        "measures the server that it is given": "bench",
        "of the tests themselves": "forked",
    }.items()
    for name in names.split()
}
"""Files with no test that runs with two, and why."""


def is_with_two(file: str, name: str, fixtures: Collection[str]) -> bool:
    """Return whether a test runs with two servers, too."""
    return name in SOME.get(file, ()) or (file in ALL and "house" in fixtures and name not in EXCEPT)


def generate(metafunc: pytest.Metafunc) -> None:
    """Have a test run with one server, and with two."""
    file = metafunc.module.__name__.replace(".", "/") + ".py"
    if is_with_two(file, metafunc.definition.originalname, metafunc.fixturenames):
        which = "house" if "house" in metafunc.fixturenames else "serve"
        metafunc.parametrize(which, ["one", "two"], indirect=True)
