"""What works on one server works on several: a table, with the tests in which it is done at one and seen at another.

A new frame, verb or command is missing here until it has such a test, or a reason why it has none.
"""

from __future__ import annotations

import ast
import typing
from collections.abc import Iterable, Mapping

import pytest

from chatctl import main, protocol
from chatctl.common import verbs
from tests.hub.conftest import ABOUT_ROOMS
from tests.support.environment import ROOT
from tests.system import of_two

HUB, HERE, TERMINAL = "tests/hub/", of_two.COMMANDS, of_two.TERMINAL
SHARED = f"{HERE}test_serve_shared.py::"
ROOM, LOG = (
    f"{SHARED}test_a_room_is_one_at_both",
    f"{SHARED}test_what_is_said_at_one_is_the_log_that_is_read_at_the_other",
)
ORDERS = f"{SHARED}test_an_operators_orders_hold_at_both_when_he_is_answered"
LEARNED = f"{HUB}test_learning.py::test_what_is_ordered_of_a_member_is_told_to_all_in_the_room_wherever_that_one_is"
NOBODY = f"{HUB}test_learning.py::test_what_hits_nobody_is_told_in_all_rooms_of_all_servers"
DRAINED = f"{SHARED}test_who_names_both_goes_to_the_other_one_when_theirs_is_drained"
LOCK = f"{SHARED}test_a_lock_is_one_at_both"

FRAMES: dict[str, tuple[str, ...]] = {
    "hello": (ROOM, f"{SHARED}test_all_that_are_killed_and_started_again_at_once_go_on_as_if_nothing_was"),
    "proof": (f"{HUB}test_names_in_two_rooms.py::test_one_who_makes_a_key_later_is_not_shut_out_of_his_own_name",),
    "say": (ROOM, LOG),
    "whisper": (ROOM, f"{HUB}test_errands.py::test_a_whisper_reaches_a_member_of_another_server_and_nobody_else"),
    "nick": (ROOM,),
    "who": (ROOM,),
    "whois": (LOG,),
    "history": (LOG,),
    "search": (LOG,),
    "lease": (LOCK, f"{SHARED}test_two_who_answer_at_different_servers_are_two"),
    "rooms": (f"{HUB}test_presence.py::test_a_room_that_is_open_elsewhere_alone_is_listed_and_costs_nothing",),
    "admin": (f"{HUB}test_learning.py::test_the_log_of_orders_is_one",),
}
"""Frames of clients."""

VERBS: dict[str, tuple[str, ...]] = {
    "kick": (ORDERS, LEARNED),
    "ban": (ORDERS, NOBODY),
    "unban": (NOBODY,),
    "mute": (ORDERS, LEARNED),
    "unmute": (LEARNED, NOBODY),
    "topic": (ORDERS,),
    "slow": (ORDERS,),
    "read-only": (ORDERS,),
    "redact": (ORDERS, f"{HUB}test_redaction.py::test_all_of_a_name_in_every_room_and_spelling"),
    "unlock": (f"{HUB}test_learning.py::test_a_lock_is_taken_away_at_all_servers",),
    "op": (f"{HUB}test_learning.py::test_an_operator_is_one_at_all_servers",),
    "deop": (f"{HUB}test_learning.py::test_an_operator_is_one_at_all_servers",),
    "unclaim": (f"{HUB}test_learning.py::test_a_name_that_was_set_free_is_free_at_all_servers",),
    "claims": (f"{HUB}test_learning.py::test_a_name_is_in_use_while_its_owner_is_at_another_server",),
    "log": (f"{HUB}test_learning.py::test_the_log_of_orders_is_one",),
    "drain": (DRAINED,),
}
"""Verbs of operators."""

COMMANDS: dict[str, tuple[str, ...]] = {
    "join": (
        "tests/system/docs/test_scaling_page.py::test_the_third_server_is_killed_and_then_the_primary",
        f"{TERMINAL}test_kept.py::test_resuming_shows_once_what_was_missed",
        f"{HERE}test_operator.py::test_an_operator_types_it_in_join",
    ),
    "send": (
        f"{SHARED}test_who_names_both_notices_nothing_of_the_one_that_is_killed",
        f"{HERE}test_send_retry.py::test_an_acknowledgement_that_got_lost",
    ),
    "tail": (LOG, DRAINED, f"{HERE}test_tail_cursor.py::test_the_next_run_goes_on"),
    "who": (LOG, f"{HERE}test_who.py::test_watch"),
    "search": (LOG, f"{HERE}test_search.py::test_authors_and_times"),
    "export": (LOG, f"{HERE}test_backup_export.py::test_an_export_reads_the_whole_log_in_pages"),
    "backup": (
        LOG,
        f"{HERE}test_backup_export.py::test_a_backup_of_a_running_server_holds_what_was_acknowledged",
    ),
    "probe": (LOG, f"{HERE}test_probe.py::test_nobody_sees_it"),
    "run": (
        LOCK,
        f"{HERE}test_run_lock.py::test_of_two_that_race_one_runs",
        f"{HERE}test_run.py::test_the_room_hears_how_it_began_and_ended",
    ),
    "ask": (
        f"{SHARED}test_two_who_answer_at_different_servers_are_two",
        f"{HERE}test_ask.py::test_two_have_to_agree",
    ),
    "admin": (ORDERS, f"{HERE}test_admin.py::test_a_ban_by_the_console_holds_across_a_restart"),
    "serve": (ROOM,),
    "journal": ("tests/journal/postgres/test_sharing.py::test_a_journal_that_several_wrote_is_one_that_one_can_open",),
}

OWN: dict[str, str] = {
    "ping": "of one connection",
    "pong": "of one connection",
    "bye": "of one connection",
    "bans": "lists what ban and mute have set, which every server has",
    "locks": "lists what every server has",
    "ops": "lists what op has set, which every server has",
    "compact": "of a file, which several servers can't have",
    "reload": "reads the files of the server that is told",
    "trim": "confirms the clock of the server that is told",
    "bench": "measures the server that it is given",
    "completion": "asks no server",
    "config": "asks no server",
    "key": "asks no server",
    "password": "asks no server",
}
"""Why there is no such test."""

THREE = {"tests/system/docs/test_scaling_page.py", "tests/journal/postgres/test_sharing.py"}
"""Files whose tests are of several servers, or of their journals."""


@pytest.mark.parametrize(
    ("table", "known"),
    [
        (FRAMES, [kind.__struct_config__.tag for kind in typing.get_args(protocol.ClientFrame)]),
        (VERBS, verbs.VERBS),
        (COMMANDS, main.COMMANDS),
    ],
    ids=["frames", "verbs", "commands"],
)
def test_each_has_a_test_or_a_reason(table: Mapping[str, tuple[str, ...]], known: Iterable[str]) -> None:
    assert set(table) <= set(known)
    assert set(known) - set(table) <= set(OWN)
    assert not set(table) & set(OWN)
    assert all(table.values())


@pytest.mark.parametrize(
    "test", sorted({test for table in (FRAMES, VERBS, COMMANDS) for one in table.values() for test in one})
)
def test_each_of_them_is_of_several_servers(test: str) -> None:
    """By what it is given: the two, or a house in whose place two stand."""
    file, _, name = test.partition("::")
    node = found(file, name)
    given = {argument.arg for argument in node.args.args}
    alone = {one.id for one in node.decorator_list if isinstance(one, ast.Name)} & {"OF_ONE", "AT_ONCE"}
    by_name = file.startswith(HUB) and file.removeprefix(HUB).removesuffix(".py") in ABOUT_ROOMS and not alone
    of_both = given & {"pair", "servers"} or of_two.is_with_two(file, name, given)
    assert of_both or by_name or file in THREE


def found(file: str, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """Return the one test of a file that has this name."""
    [node] = [node for node in ast.parse((ROOT / file).read_text()).body if getattr(node, "name", "") == name]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return node


def test_each_file_of_commands_tests_runs_with_two_or_has_a_reason() -> None:
    files = {str(file.relative_to(ROOT)) for file in (ROOT / HERE).glob("test_*.py")}
    with_two = of_two.ALL | set(of_two.SOME)
    assert files <= with_two | set(of_two.ALONE), "say in of_two.py what is true of it"
    assert with_two | set(of_two.ALONE) <= files | {file for file in of_two.SOME if file.startswith(TERMINAL)}
    assert not with_two & set(of_two.ALONE)


def test_each_test_that_is_named_there_is_one() -> None:
    """That is given what two can stand for."""
    for file, names in of_two.SOME.items():
        for name in names:
            given = {argument.arg for argument in found(file, name).args.args}
            assert given & {"house", "serve", "join", "pipe"}, f"{file}::{name}"
    everywhere = "".join((ROOT / file).read_text() for file in of_two.ALL)
    assert [name for name in of_two.EXCEPT if f"def {name}(" not in everywhere] == []
