"""What shows that each row of the table in docs/security.md holds: its defence is taken out, and its test fails.

``python tests/system/security/mutations.py [WORDS]`` does it for each row (or those whose attack holds WORDS) on a copy
of the tree, prints a line each, and ends with 1 if a test still passes. Some minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent.parent
AT_ONCE = 2
SECONDS = 600


@dataclass(frozen=True)
class Mutation:
    """One defence taken out: in ``file``, ``old`` (which stands there once) becomes ``new``; ``test`` then fails."""

    attack: str
    file: str
    old: str
    new: str
    test: str


TLS_S, TLS_C = "tests/system/tls/test_server.py::", "tests/system/tls/test_client.py::"
PASSWORDS = "tests/system/security/test_passwords.py::"
GATE, ADMIT = "tests/core/test_auth.py::", "tests/core/test_admission.py::"
LIMITS, NAUGHTY = "tests/server/test_limits.py::", "tests/system/security/test_naughty.py::"
OUTPUTS = "tests/system/security/test_outputs.py::"

MUTATIONS = (
    # --- on the way
    Mutation(
        "somebody takes the server's place, with a certificate of his own",
        "chatctl/client/security/trust.py",
        "if self._pins and not self._look_only and fingerprints.shown(found) not in self._pins:",
        "if False:",
        TLS_C + "test_a_server_with_another_certificate_is_a_hard_stop",
    ),
    Mutation(
        "the same at the first contact, to a script",
        "chatctl/client/security/trust.py",
        "    if not by_authority:",
        "    if True:",
        TLS_C + "test_an_unknown_server_is_not_trusted_without_a_person",
    ),
    Mutation(
        "the same to all but the first connection of a load, which share its trust",
        "chatctl/bench/tls.py",
        "        self.certificate_digest(sock)\n",
        "",
        "tests/bench/test_tls.py::test_each_further_connection_has_to_show_the_right_certificate",
    ),
    Mutation(
        "a certificate that an authority signed, for another name",
        "chatctl/client/security/trust.py",
        "context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)",
        "context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n    context.check_hostname = False",
        TLS_C + "test_a_certificate_for_another_name_is_not_vouched_for",
    ),
    Mutation(
        "a room that everybody on the way can read, by an oversight",
        "chatctl/server/startup.py",
        "    warn_if_exposed(plain, log)\n",
        "",
        TLS_S + "test_listening_to_the_network_without_tls_is_warned_of",
    ),
    Mutation(
        "another account of the machine reads the TLS key",
        "chatctl/server/certificates.py",
        "if mode & stat.S_IRWXO:",
        "if False:",
        TLS_S + "test_a_key_that_others_may_read_is_refused",
    ),
    Mutation(
        "another account of the machine reads the journal",
        "chatctl/server/program.py",
        "umask=os.umask(0o077)",
        "umask=os.umask(0o022)",
        "tests/system/security/test_service.py::test_what_it_makes_is_for_its_own_account_alone",
    ),
    # --- getting in
    Mutation(
        "coming in without the password",
        "chatctl/core/auth.py",
        'raise Unauthorized("this server wants a password: give it with CHATCTL_PASSWORD or --password-file")',
        "return None",
        GATE + "test_without_a_password_nobody_gets_in",
    ),
    Mutation(
        "guessing the password",
        "chatctl/core/auth.py",
        "if wait := self._lockout.wait(info.host, now):",
        "if wait := 0:",
        GATE + "test_who_waits_is_not_heard_even_with_the_right_password",
    ),
    Mutation(
        "guessing it from 2^64 addresses of one network",
        "chatctl/core/ip_networks.py",
        "_CLIENT_PREFIX = {4: 32, 6: 64}",
        "_CLIENT_PREFIX = {4: 32, 6: 128}",
        GATE + "test_a_whole_network_of_ipv6_is_one_address",
    ),
    Mutation(
        "handing a password's proof on, to a server with another certificate",
        "chatctl/core/auth.py",
        "exchange = server(self._authenticator.password, self._info.channel)",
        'exchange = server(self._authenticator.password, b"")',
        GATE + "test_a_password_for_another_certificate_does_not_open",
    ),
    Mutation(
        "a server in the place of the one that has the password",
        "chatctl/client/core/prover.py",
        'raise Unauthorized("the server does not know the password: it is not the one it seems") from None',
        "return",
        "tests/client/core/test_prover.py::test_a_server_that_does_not_know_the_password_is_refused",
    ),
    Mutation(
        "the same, and it asks for none",
        "chatctl/client/core/prover.py",
        "if not self._answered or welcome.scram is None:\n            raise self._unasked()",
        "if not self._answered or welcome.scram is None:\n            return",
        "tests/client/core/test_prover.py::test_a_server_that_asks_for_no_password_is_refused_where_there_is_one",
    ),
    Mutation(
        "taking a connection over after the password, on a line without TLS",
        "chatctl/server/startup.py",
        "    if not where:\n        return\n",
        "    return\n",
        PASSWORDS + "test_there_is_no_password_beyond_this_machine_without_tls",
    ),
    Mutation(
        "another account of the machine reads the password",
        "chatctl/common/files.py",
        "if stat.S_ISREG(found.st_mode) and found.st_mode & others:",
        "if False:",
        PASSWORDS + "test_a_client_refuses_a_file_that_can_not_be_right",
    ),
    Mutation(
        "coming from a network that the operator shut out",
        "chatctl/server/server.py",
        "if self._is_denied(ip):",
        "if False:",
        PASSWORDS + "test_connections_are_taken_from_where_the_operator_says",
    ),
    Mutation(
        "staying, from a network that is shut out while the server runs",
        "chatctl/server/program.py",
        "        self._server.disconnect_denied()\n",
        "",
        PASSWORDS + "test_a_file_of_networks_is_read_again_and_who_is_denied_then_is_sent_away",
    ),
    # --- somebody else's name
    Mutation(
        "speaking under the name of a member",
        "chatctl/core/admission.py",
        'raise NickTaken(f"{clean(holder.nick)} is somebody else\'s nickname now: choose another one")',
        "return shown",
        ADMIT + "test_a_held_name_is_given_to_the_same_token_alone",
    ),
    Mutation(
        "taking a name that is bound to a key, while its owner is away",
        "chatctl/core/admission.py",
        "        if claim is not None:\n            if claim.key != owner.key:",
        "        if claim is not None:\n            if False:",
        ADMIT + "test_a_bound_name_is_its_keys_alone",
    ),
    Mutation(
        "a name that looks like another one (Cyrillic, 1 for l)",
        "chatctl/core/admission.py",
        "        self._check_look_alikes(shown, owner, roster, own)\n",
        "",
        ADMIT + "test_what_looks_like_a_member_is_refused_while_that_one_is_here",
    ),
    Mutation(
        "a name with invisible or direction-changing characters",
        "chatctl/common/text.py",
        'return nick if nick.isascii() else _precis("UsernameCasePreserved", nick)',
        "return nick",
        "tests/common/test_text.py::test_these_are_no_nicknames",
    ),
    Mutation(
        "signing with another key",
        "chatctl/common/key_proof.py",
        "    except (InvalidSignature, ValueError):\n        return False",
        "    except (InvalidSignature, ValueError):\n        return True",
        GATE + "test_another_key_can_not_sign_for_it",
    ),
    Mutation(
        "using a signature again",
        "chatctl/common/key_proof.py",
        "[LABEL, nonce, *",
        "[LABEL, *",
        GATE + "test_an_old_signature_does_not_fit_a_new_challenge",
    ),
    Mutation(
        "handing a signature on, to another server",
        "chatctl/common/key_proof.py",
        'hello.token or "", place)',
        'hello.token or "")',
        GATE + "test_a_signature_for_another_server_is_not_one_for_this_one",
    ),
    Mutation(
        "binding all names to one key",
        "chatctl/core/name_claims.py",
        "if self._per_key[key] >= MAX_PER_KEY or len(self) >= MAX_CLAIMS:",
        "if False:",
        "tests/core/test_name_claims.py::test_a_key_binds_only_so_many_names_and_a_server_has_only_so_many",
    ),
    Mutation(
        "stealing tokens from the server's memory",
        "chatctl/core/admission.py",
        "hashlib.sha256(token.encode()).digest()",
        "token.encode()",
        ADMIT + "test_the_server_keeps_a_hash_and_not_the_secret",
    ),
    Mutation(
        "a second line that speaks for somebody else",
        "chatctl/core/dialects.py",
        'return "".join(f"{start}{line}\\n" for line in _lines(entry.text))',
        'return start + "\\n".join(_lines(entry.text)) + "\\n"',
        NAUGHTY + "test_what_nc_and_the_first_version_see_does_not_act",
    ),
    # --- acting on a terminal
    Mutation(
        "escape sequences to those who read with nc or the first version",
        "chatctl/core/dialects.py",
        'return clean(text, lines=True).split("\\n")',
        'return text.split("\\n")',
        NAUGHTY + "test_what_nc_and_the_first_version_see_does_not_act",
    ),
    Mutation(
        "escape sequences to those who read with tail or export",
        "chatctl/common/text.py",
        '    cleaned = _forbidden("" if lines else "\\n").sub(_show, text)',
        "    cleaned = text",
        NAUGHTY + "test_what_was_said_does_not_act",
    ),
    Mutation(
        "the same as JSON, on a terminal",
        "chatctl/common/text.py",
        'return _forbidden("").sub(_escape, line)',
        "return line",
        NAUGHTY + "test_what_was_said_does_not_act",
    ),
    Mutation(
        "a hostile server's errors",
        "chatctl/cli/output.py",
        "click.echo(clean(line), err=True)",
        "click.echo(line, err=True)",
        NAUGHTY + "test_no_server_acts_through_a_command",
    ),
    Mutation(
        "a hostile argument, variable, file name or configuration, quoted in an error",
        "chatctl/cli/output.py",
        "click.echo(clean(line), err=True)",
        "click.echo(line, err=True)",
        OUTPUTS + "test_no_argument_acts",
    ),
    Mutation(
        "a path or a choice that is printed as it was given",
        "chatctl/cli/output.py",
        "        emit(clean(text))",
        "        emit(text)",
        OUTPUTS + "test_what_a_program_gets_exactly_does_not_act_on_a_terminal",
    ),
    Mutation(
        "another program in the place of the operator's socket",
        "chatctl/commands/admin/formats.py",
        'yield clean(str(answer.get("text", "")))',
        'yield str(answer.get("text", ""))',
        OUTPUTS + "test_no_answer_of_the_console_acts",
    ),
    Mutation(
        "names that Tab offers, made up by a server",
        "chatctl/cli/completion_values.py",
        "name.startswith(incomplete) and clean(name) == name",
        "name.startswith(incomplete)",
        OUTPUTS + "test_no_name_that_is_offered_acts",
    ),
    Mutation(
        "a message at a time that no calendar has",
        "chatctl/common/times.py",
        "except (OverflowError, ValueError, OSError):",
        "except KeyError:",
        NAUGHTY + "test_no_server_acts_through_a_command",
    ),
    Mutation(
        "a name in the environment of --exec",
        "chatctl/commands/tail/sinks.py",
        '"CHATCTL_AUTHOR": clean(entry.nick)',
        '"CHATCTL_AUTHOR": entry.nick',
        NAUGHTY + "test_a_program_that_exec_runs_gets_nothing_that_acts",
    ),
    Mutation(
        "escape sequences to those who are in join",
        "chatctl/common/text.py",
        '    cleaned = _forbidden("" if lines else "\\n").sub(_show, text)',
        "    cleaned = text",
        "tests/system/terminal/test_hostile.py::test_text_and_whispers",
    ),
    Mutation(
        "a heap of combining marks over the neighbours' lines",
        "chatctl/common/text.py",
        "            if marks > MAX_MARKS:\n                continue",
        "            pass",
        "tests/system/terminal/test_hostile.py::test_a_heap_of_marks_stays_in_its_line",
    ),
    Mutation(
        "a script in an exported page",
        "chatctl/commands/export/formats.py",
        "escape(clean(entry.text, lines=True))",
        "clean(entry.text, lines=True)",
        "tests/system/commands/test_backup_export.py::test_html_is_one_page_in_which_nothing_that_was_typed_acts",
    ),
    Mutation(
        "escape sequences and lines of one's own in the operator's log",
        "chatctl/hub/event_log.py",
        "return clean(value[:_MAX_VALUE]) if isinstance(value, str) else value",
        "return value",
        "tests/hub/test_event_log.py::test_nothing_a_client_chose_acts_on_the_operators_terminal",
    ),
    Mutation(
        "reading secrets in the log",
        "chatctl/hub/login.py",
        'mode=hello.mode, key=peer.key or "")',
        'mode=hello.mode, token=hello.token, key=peer.key or "")',
        "tests/system/security/test_log.py::test_no_secret_and_nothing_that_was_said_is_logged",
    ),
    # --- too much
    Mutation(
        "opening connections and saying nothing, or a byte now and then",
        "chatctl/core/session.py",
        "if self.state in _BEFORE_LOGIN and now >= self._hello_by:",
        "if False:",
        LIMITS + "test_a_byte_now_and_then_does_not_put_the_hello_off",
    ),
    Mutation(
        "a hello without end",
        "chatctl/core/session.py",
        "self._failed or self._bytes_of_greeting() > self._limits.hello_bytes",
        "self._failed",
        LIMITS + "test_a_hello_has_a_size",
    ),
    Mutation(
        "a TLS handshake without end",
        "chatctl/server/tls_handshake.py",
        "ssl_handshake_timeout=max(0.001, self._hello_by - loop.time()),",
        "ssl_handshake_timeout=60.0,",
        TLS_S + "test_a_stalled_handshake_ends_with_the_time_for_the_hello",
    ),
    Mutation(
        "many TLS handshakes at once",
        "chatctl/core/connection_limits.py",
        "if network and self._handshakes[network] >= self._limits.per_address:",
        "if False:",
        TLS_S + "test_handshakes_of_one_address_are_counted",
    ),
    Mutation(
        "JSON nested thousands of levels deep",
        "chatctl/protocol.py",
        "    return _depth(text) > MAX_DEPTH",
        "    return False",
        "tests/test_protocol.py::test_exactly_what_is_nested_deeper_than_32_levels_is_refused",
    ),
    Mutation(
        "lines without end",
        "chatctl/protocol.py",
        "        if length > self._limit:",
        "        if False:",
        "tests/test_protocol.py::test_a_line_at_the_limit_passes_and_one_over_it_does_not",
    ),
    Mutation(
        "texts without end",
        "chatctl/core/permissions.py",
        "if 4 * len(text) > limit and len(text.encode()) > limit:",
        "if False:",
        LIMITS + "test_a_line_a_text_and_a_name_have_their_length",
    ),
    Mutation(
        "a flood of messages",
        "chatctl/core/session.py",
        "if self._limits.rate and self.state is State.LIVE and self._must_wait(now):",
        "if False:",
        LIMITS + "test_a_hundred_lines_at_once_arrive_whole_in_order_and_late",
    ),
    Mutation(
        "a flood of bytes in few messages",
        "chatctl/core/session.py",
        "                self._bytes.take(len(line) + 1, now)\n",
        "",
        LIMITS + "test_bytes_have_a_rate_too",
    ),
    Mutation(
        "asking without reading the answers",
        "chatctl/server/connection.py",
        "        busy = self.paused or self.leaving is not None or self.session.backlog",
        "        busy = self.leaving is not None",
        LIMITS + "test_a_client_that_asks_and_does_not_read",
    ),
    Mutation(
        "asking for many pages of history at once",
        "chatctl/hub/history.py",
        "peer.in_flight += PAGE_WEIGHT",
        "peer.in_flight += 0",
        "tests/hub/test_history.py::test_one_page_from_the_journal_is_under_way_at_a_time",
    ),
    Mutation(
        "messages that make a page too long for every client",
        "chatctl/hub/history.py",
        "if left < 0 < count:",
        "if False:",
        LIMITS + "test_a_page_fits_into_a_line_whatever_was_said",
    ),
    Mutation(
        "reading nothing, for ever",
        "chatctl/server/connection.py",
        "if now - self._stuck_since >= self._server.limits.stall_seconds:",
        "if False:",
        LIMITS + "test_a_reader_that_never_reads_again_is_gone",
    ),
    Mutation(
        "being gone without a word",
        "chatctl/core/session.py",
        "if self._missed == MISSED_PINGS:",
        "if False:",
        LIMITS + "test_a_peer_that_answers_no_ping_is_gone",
    ),
    Mutation(
        "taking every place",
        "chatctl/core/connection_limits.py",
        "if connections <= self._limits.clients:",
        "if True:",
        "tests/system/commands/test_serve.py::test_max_clients",
    ),
    Mutation(
        "taking every place from one address",
        "chatctl/core/connection_limits.py",
        "if self._by_network[network] > self._limits.per_address:",
        "if False:",
        LIMITS + "test_one_address_has_a_share",
    ),
    Mutation(
        "taking every place from one network of IPv6",
        "chatctl/server/connection.py",
        "self.network = client_of(host)",
        "self.network = host",
        LIMITS + "test_a_network_of_ipv6_is_one_address",
    ),
    Mutation(
        "taking every place with connections that are refused",
        "chatctl/core/connection_limits.py",
        "if self._by_network[network] >= self._limits.per_address + SPARE_PER_NETWORK:",
        "if False:",
        LIMITS + "test_those_refused_for_their_address_can_not_take_every_place",
    ),
    Mutation(
        "connecting over and over",
        "chatctl/core/connection_limits.py",
        "        if wait:",
        "        if False:",
        LIMITS + "test_who_connects_too_often_waits",
    ),
    Mutation(
        "filling the door from many addresses",
        "chatctl/core/connection_limits.py",
        "return drop_early(self._not_let_in(), self._limits, self._chance())",
        "return False",
        LIMITS + "test_of_many_who_say_nothing_newcomers_are_dropped",
    ),
    Mutation(
        "using the server's file descriptors up",
        "chatctl/server/listener.py",
        "if error.errno in _OUT_OF_DESCRIPTORS:",
        "if False:",
        LIMITS + "test_out_of_descriptors_members_notice_nothing",
    ),
    Mutation(
        "opening rooms without end",
        "chatctl/core/admission.py",
        "if len(opened) >= MAX_OPEN_ROOMS + len(self.rooms):",
        "if False:",
        ADMIT + "test_guests_open_rooms_only_where_they_may_and_only_so_many",
    ),
    Mutation(
        "a burst that makes a TLS connection keep memory",
        "chatctl/server/tls_handshake.py",
        "    max_size = _READ  # instead of 256 KiB, which each connection would hold",
        "    pass",
        TLS_S + "test_what_a_member_costs",
    ),
    # --- the machine
    Mutation(
        "going on from a server that was taken over",
        "contrib/chatctl.service",
        "ProtectSystem=strict",
        "ProtectSystem=no",
        "tests/system/security/test_service.py::test_the_unit_is_one_that_keeps_the_server_in",
    ),
    # --- order in the room
    Mutation(
        "coming back from a ban under another spelling of the name",
        "chatctl/core/bans.py",
        'yield from (("looks", skeleton) for skeleton in skeletons(person.name))',
        'yield "looks", person.name',
        "tests/hub/test_moderation.py::test_a_ban_holds_under_every_spelling_of_the_name",
    ),
    Mutation(
        "coming back from a ban under another name",
        "chatctl/core/bans.py",
        'if person.token is not None:\n            yield "token", person.token.hex()\n        if person.host',
        'if False:\n            yield "token", ""\n        if person.host',
        "tests/hub/test_moderation.py::test_another_name_is_no_way_back_for_a_token",
    ),
    Mutation(
        "the same, with a new token",
        "chatctl/core/bans.py",
        'if person.key is not None:\n            yield "key", person.key\n        if person.token',
        'if False:\n            yield "key", ""\n        if person.token',
        "tests/hub/test_moderation.py::test_another_name_is_no_way_back_for_a_key",
    ),
    Mutation(
        "coming back from a banned network, or after a restart",
        "chatctl/core/moderation.py",
        "ban = self.bans.find(Person(host=host), now) if host else None",
        "ban = None",
        "tests/hub/test_moderation.py::test_a_ban_of_a_network_holds_at_the_door_and_after_a_restart",
    ),
    Mutation(
        "a muted member who speaks on",
        "chatctl/core/moderation.py",
        "if mute := self._find(self.mutes, person, now):",
        "if (mute := self._find(self.mutes, person, now)) and False:",
        "tests/hub/test_moderation.py::test_who_is_muted_reads_on_and_says_nothing",
    ),
    Mutation(
        "getting around a slow room with another name or connection",
        "chatctl/core/moderation.py",
        'yield room, f"token {person.token.hex()}"',
        "return",
        "tests/hub/test_moderation.py::test_another_name_or_connection_is_no_way_around_a_slow_room",
    ),
    Mutation(
        "giving orders in the room without an operator's key",
        "chatctl/hub/admin_commands.py",
        'role: Role = "operator" if self._hub.rules.is_operator(peer.key) else "member"',
        'role: Role = "operator"',
        "tests/hub/test_admin_commands.py::test_who_proved_no_operators_key_is_refused_in_the_room",
    ),
    Mutation(
        "another account of the machine gives the server orders",
        "chatctl/server/admin_socket.py",
        "if user is None or user in self._users else _refusal(_STRANGER)",
        "",
        "tests/system/commands/test_admin.py::test_the_socket_answers_no_other_user",
    ),
)


UNTOUCHED = Mutation("nothing is taken out", "README.md", "", "", "")


def main() -> int:
    words = " ".join(sys.argv[1:])
    chosen = [mutation for mutation in MUTATIONS if words in mutation.attack]
    verdict, seconds = judge(UNTOUCHED, sorted({mutation.test for mutation in chosen}))
    print(f"{verdict:8} {seconds:5.1f} s  {UNTOUCHED.attack}", flush=True)
    if verdict != "PASSES":
        return 1
    survived = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for mutation, (verdict, seconds) in zip(chosen, pool.map(judge, chosen), strict=True):
            survived += verdict != "fails"
            print(f"{verdict:8} {seconds:5.1f} s  {mutation.attack}: {mutation.test}", flush=True)
    print(f"{len(chosen)} defences taken out, {survived} not noticed")
    return bool(survived)


def judge(mutation: Mutation, tests: Sequence[str] = ()) -> tuple[str, float]:
    """Give ``fails`` if a test notices, ``PASSES`` if none does, ``BROKEN`` if nothing was tested."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chatctl-mutation-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        if mutation.old:
            _take_out(mutation, tree / mutation.file)
        env = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        argv = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-x", "-p", "no:cacheprovider"]
        argv += tests or [mutation.test]
        done = subprocess.run(argv, cwd=tree, env=env, capture_output=True, timeout=SECONDS, check=False)
    return {0: "PASSES", 1: "fails"}.get(done.returncode, "BROKEN"), time.monotonic() - begun


def _take_out(mutation: Mutation, file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    assert source.count(mutation.old) == 1, f"{mutation.attack}: this stands {source.count(mutation.old)} times"
    file.write_text(source.replace(mutation.old, mutation.new), encoding="utf-8")


def rows(page: str) -> Iterator[tuple[str, str, str]]:
    """Give the rows of the page's table: attack, what stops it, the test that shows it."""
    table = page.partition("| attack | what stops it | test |\n")[2].partition("\n\n")[0]
    for line in table.split("\n")[1:]:
        attack, stops, test = (cell.strip() for cell in line.strip("|").split(" | "))
        yield attack, stops, test.strip("`")


if __name__ == "__main__":
    sys.exit(main())
