"""Each module has a test file of its own, or stands here with the reason why not and with what tests it.

``chatctl/hub/tick.py`` is tested by ``tests/hub/test_tick.py``, and a command also by ``tests/system/commands``.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

from tests.support.environment import ROOT

CODE, TESTS = ROOT / "chatctl", ROOT / "tests"

TYPES = "types and names alone: nothing is decided"
ELSEWHERE: dict[str, tuple[str, str]] = {
    # module: (the test that fails when it is wrong; empty where there is nothing to invert, why there)
    "__main__": ("system/commands/test_imports.py", "calls main"),
    "bench/connection": ("bench/test_load.py", "a load's connections, against a server that does wrong"),
    "bench/connector": ("bench/test_load.py", "as bench/connection"),
    "bench/wire_formats": ("bench/test_checker.py", "judged by what it makes of a stream"),
    "cli/completers": ("cli/test_completion_values.py", "a place for a function that is found late"),
    "cli/config_defaults": ("system/commands/test_config.py", "flag over variable over file over default"),
    "cli/credential_options": ("system/security/test_passwords.py", "options of every command"),
    "cli/options": ("system/commands/test_send_options.py", "options of every command"),
    "cli/shell_completion": ("system/commands/test_tab.py", "in real shells"),
    "client/__init__": ("client/test_api_docs.py", "the public names"),
    "client/admin_socket": ("system/commands/test_admin.py", "against a server's socket"),
    "client/aio_rooms": ("client/test_rooms.py", "both public forms under one face"),
    "client/rooms_core": ("client/test_rooms.py", "both public forms under one face"),
    "client/aio": ("client/test_api_say.py", "both public forms under one face"),
    "client/core/events": ("", TYPES),
    "client/core/following": ("client/test_api_places.py", "both public forms under one face"),
    "client/core/api": ("client/test_api_say.py", "both public forms under one face"),
    "client/core/reply": ("system/commands/test_send_reply.py", "across a server's restart"),
    "client/core/speaker": ("client/test_interrupted.py", "a signal at every place"),
    "client/core/transport": ("", TYPES),
    "client/health": ("system/commands/test_probe_options.py", "all that probe measures"),
    "client/io/blocking_classic": ("system/commands/test_send.py", "against the first version's server"),
    "client/io/blocking_socket": ("system/commands/test_strangers.py", "against all that may stand at a port"),
    "client/io/blocking_connection": ("system/commands/test_strangers.py", "against all that may stand at a port"),
    "client/io/blocking_tls": ("system/tls/test_client.py", "against real certificates"),
    "client/io/blocking_transport": ("client/core/test_follower.py", "on real sockets"),
    "client/io/clock": ("", "the one clock of the client"),
    "client/presence": ("system/commands/test_who.py", "across a server's restart"),
    "client/member_follower": ("client/test_member_room.py", "both public forms under one face"),
    "client/member_session": ("client/test_member_room.py", "both public forms under one face"),
    "client/io/loop_thread": ("client/test_member_room.py", "as the blocking form uses it"),
    "client/sync_following": ("client/test_api_follow.py", "both public forms under one face"),
    "client/sync": ("client/test_api_say.py", "both public forms under one face"),
    "commands/backup": ("system/commands/test_backup_export.py", "with a server and without"),
    "commands/config/formats": ("system/commands/test_config.py", "TOML that can be saved and used"),
    "commands/config/values": ("system/commands/test_config.py", "where each value came from"),
    "commands/export/command": ("system/commands/test_backup_export.py", "with a server and without"),
    "commands/join": ("system/terminal/test_ends.py", "in a terminal"),
    "commands/key": ("system/security/test_names.py", "keys that ssh-keygen reads"),
    "commands/password": ("system/security/test_passwords.py", "what a server takes"),
    "commands/probe/formats": ("system/commands/test_probe_options.py", "each form, as its readers take it"),
    "commands/probe/result_writer": ("system/commands/test_probe_options.py", "on files that can't be written"),
    "cli/prometheus": ("commands/run/test_metrics.py", "in the files of run and probe"),
    "commands/run/child": ("system/commands/test_run.py", "with real programs and signals"),
    "commands/run/output": ("system/commands/test_run.py", "with real programs and full disks"),
    "commands/run/signal_relay": ("system/commands/test_run.py", "with real programs and signals"),
    "commands/send/delivery": ("system/commands/test_send_retry.py", "across broken connections"),
    "commands/serve/options": ("system/commands/test_serve.py", "what the options make of a server"),
    "common/scram": ("core/test_auth.py", "both ends of the exchange"),
    "common/ssh_wire": ("common/test_fingerprints.py", "against what ssh-keygen prints"),
    "common/verbs": ("hub/test_admin_commands.py", "data: walked verb by verb"),
    "core/confusables_table": ("core/test_confusables.py", "data, generated"),
    "core/effects": ("core/test_session.py", "the values that a session returns"),
    "core/keepalive": ("core/test_session.py", "as a session uses it"),
    "core/line_queue": ("core/test_session.py", "as a session uses it, with any cut of the bytes"),
    "core/moderation": ("hub/test_moderation.py", "through the hub, with journals and restarts"),
    "core/peer": ("", TYPES),
    "core/rate_limits": ("core/test_session.py", "as a session uses it"),
    "hub/admin_operators": ("hub/test_admin_commands.py", "through the hub, with those who may and may not"),
    "hub/admin_plan": ("hub/test_admin_people.py", "whom an order hits, told before and after"),
    "hub/admin_rooms": ("hub/test_moderation.py", "through the hub, with journals and restarts"),
    "hub/catchup": ("hub/test_history.py", "with a journal that takes its time"),
    "hub/messages": ("hub/test_hub.py", "through the hub"),
    "hub/peer_control": ("", TYPES),
    "hub/shared": ("", TYPES),
    "hub/waiting": ("hub/test_name_requests.py", "by peers that wait for their name"),
    "directory/__init__": ("", TYPES),
    "journal/__init__": ("", TYPES),
    "journal/postgres/__init__": ("system/commands/test_serve_postgres.py", "what those without the extra are told"),
    "journal/postgres/directory_thread": ("journal/postgres/test_directory.py", "with engines and servers that fail"),
    "journal/postgres/directory_work": ("", TYPES),
    "journal/postgres/dispatching": ("journal/postgres/test_sharing.py", "by what several servers hear of each other"),
    "journal/postgres/epoch_layout": ("journal/postgres/test_resuming.py", "on a real engine"),
    "journal/postgres/layout": ("journal/postgres/test_store.py", "on a real engine"),
    "journal/moving": ("journal/test_transfer.py", "between a file and an engine"),
    "journal/postgres/presence": ("journal/postgres/test_directory.py", "on a real engine"),
    "journal/postgres/presence_layout": ("journal/postgres/test_directory.py", "on a real engine"),
    "journal/postgres/session": ("journal/postgres/test_opening.py", "by connections that are lost"),
    "journal/postgres/work": ("", TYPES),
    "journal/postgres/watcher": ("journal/postgres/test_sharing.py", "by what several servers hear of each other"),
    "journal/postgres/transfer": ("journal/test_transfer.py", "between a file and an engine"),
    "journal/records": ("", TYPES),
    "journal/sqlite_transfer": ("journal/test_transfer.py", "between a file and an engine"),
    "journal/store": ("journal/test_sqlite.py", "through the journal, on a real file"),
    "journal/threaded": ("journal/test_contract.py", "in a file and in an engine"),
    "journal/transaction": ("journal/test_sqlite.py", "through the journal, on a real file"),
    "journal/trimming": ("journal/test_retention.py", "in a file and in an engine"),
    "journal/work": ("", TYPES),
    "journal/writer": ("journal/test_sqlite.py", "through the journal, on a real file"),
    "server/journals": ("system/commands/test_serve_postgres.py", "with a real engine"),
    "server/program": ("system/commands/test_serve.py", "glue, with real signals and sockets"),
    "server/sharing": ("system/commands/test_serve_shared.py", "with two servers and a real engine"),
    "server/tls_handshake": ("system/tls/test_server.py", "on both event loops"),
    "server/metrics/start": ("system/commands/test_serve_metrics.py", "what the options make of a server"),
    "server/web/http_error": ("server/web/test_responses.py", "as a response"),
    "server/web/port": ("system/commands/test_serve_web.py", "what the options make of a server"),
    "server/web/room_requests": ("server/web/test_connection.py", "as a request that is answered"),
    "server/web/site": ("", TYPES),
    "terminal/classic": ("system/terminal/test_plain.py", "against the first version's server"),
    "terminal/combining_marks": ("terminal/test_prompt_renderer.py", "as the renderer draws them"),
    "terminal/draft": ("terminal/test_editing_keys.py", "around keys at a prompt"),
    "terminal/emoji": ("system/terminal/test_writing.py", "in a terminal"),
    "terminal/interfaces": ("", TYPES),
    "terminal/joined_room": ("terminal/test_rooms.py", "as the rooms use it"),
    "terminal/key_bindings": ("system/terminal/test_writing.py", "keys in a terminal"),
    "terminal/key_input": ("system/terminal/test_keys.py", "in a terminal"),
    "terminal/lifecycle": ("system/terminal/test_signals.py", "with real signals"),
    "terminal/modified_keys": ("terminal/test_key_parser.py", "as the parser uses it"),
    "terminal/prompt_screen": ("system/terminal/test_typing.py", "random keys in a terminal"),
    "terminal/room_view": ("terminal/test_controller.py", "as the controller uses it"),
    "terminal/shown_room": ("terminal/test_rooms.py", "as the rooms use it"),
    "terminal/stdin_reader": ("terminal/test_plain_screen.py", "as the plain screen uses it"),
    "terminal/terminal_modes": ("system/terminal/test_keys.py", "in a terminal"),
}

ACROSS = {
    "benchmarks/test_arena", "benchmarks/test_compare", "benchmarks/test_scale",  # programs beside the package
    "client/test_api", "client/test_api_ask", "client/test_api_bots", "client/test_api_cancelled",
    "client/test_api_closing", "client/test_api_docs", "client/test_api_follow", "client/test_api_places",
    "client/test_api_say", "client/test_api_search", "client/test_api_tls",  # the public forms, under one face
    "client/test_interrupted",
    "hub/test_fanout_cost", "hub/test_moderation", "hub/test_name_walk", "hub/test_names_in_two_rooms",
    "hub/test_question_ids", "hub/test_two_servers",
    "journal/postgres/test_encryption", "journal/postgres/test_lock_order", "journal/postgres/test_stopped_server",
    "journal/postgres/test_thread_faults",
    "journal/test_contract", "journal/test_crash", "journal/test_facts", "journal/test_kept_files",
    "server/test_banned_address", "server/test_limits",
    "server/web/test_browsers", "server/web/test_web_limits",
    "test_command_group", "test_file_calls", "test_house", "test_imports", "test_lock", "test_mirror",
}  # fmt: skip
"""Test files outside tests/system that test what several modules do together."""


FILES = sorted(file.relative_to(TESTS).with_suffix("").as_posix() for file in TESTS.rglob("test_*.py"))


@functools.cache
def modules() -> list[str]:
    """Return each module, by its path below chatctl/; packages that hold no code of their own are left out."""
    found = []
    for file in sorted(CODE.rglob("*.py")):
        name = file.relative_to(CODE).with_suffix("").as_posix()
        body = ast.parse(file.read_text(encoding="utf-8")).body[1:]  # behind the docstring
        if file.name != "__init__.py" or (body and name != "__init__" and not name.startswith("commands")):
            found.append(name)
    return found


def mirror_of(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}" if folder else f"test_{name}"


def system_test_of(module: str) -> str:
    """Return the test of a whole command, for ``commands/NAME`` and ``commands/NAME/command``; empty for others."""
    parts = module.split("/")
    if parts[0] != "commands" or (len(parts) == 3 and parts[2] != "command"):
        return ""
    return f"system/commands/test_{parts[1]}"


def test_each_module_has_a_test_or_a_reason() -> None:
    own = {module: {mirror_of(module), system_test_of(module)} & set(FILES) for module in modules()}
    without = [f"tests/{mirror_of(module)}.py" for module in modules() if not own[module] and module not in ELSEWHERE]
    assert not without, "write it, or say here why not"
    assert not [(module, own[module]) for module in ELSEWHERE if own.get(module)], "it has one"


def test_a_reason_names_a_module_and_a_test_that_are_there() -> None:
    assert set(ELSEWHERE) <= set(modules())
    assert all(why for _, why in ELSEWHERE.values())
    assert not [test for test, _ in ELSEWHERE.values() if test and not (TESTS / test).is_file()]


def test_each_test_file_has_its_module() -> None:
    names = [name for name in FILES if not name.startswith("system/") and name not in ACROSS]
    mirrored = {name: Path(name).with_name(Path(name).name.removeprefix("test_")) for name in names}
    without = [name for name, module in mirrored.items() if not (CODE / module).with_suffix(".py").is_file()]
    assert not without, "name it after its module, or list it as one of several"


def test_what_stands_for_several_modules_is_there() -> None:
    assert set(FILES) >= ACROSS


def test_no_test_file_is_imported() -> None:
    """What two of them share is in tests/support, or beside them in a file that is no test."""
    for file in sorted(TESTS.rglob("*.py")):
        assert not [name for name in _imported(file) if name.rpartition(".")[2].startswith("test_")], file


def _imported(file: Path) -> Iterator[str]:
    """Yield what a file imports of the tests, and whatever it imports by ``import``."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("tests")):
            names += (node.module or "").split(".")
        elif not isinstance(node, ast.Import):
            continue
        yield from names
