"""For each row of the table in docs/security.md: how its defence is taken out, and the test that then fails."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One defence taken out: at ``place``, ``old`` becomes ``new``; then ``test`` fails."""

    attack: str
    """The row of the table."""
    place: str
    """``FILE::FUNCTION`` or ``FILE::CLASS.METHOD``; a file that is not Python stands alone."""
    old: str
    """Text that occurs there once. Shorter is better: it has to be changed with the code that it is part of."""
    new: str
    test: str
    """As pytest names it."""


TLS_S, TLS_C = "tests/system/tls/test_server.py::", "tests/system/tls/test_client.py::"
PASSWORDS = "tests/system/security/test_passwords.py::"
AUTH, ADMIT = "tests/core/test_auth.py::", "tests/core/test_admission.py::"
LIMITS, NAUGHTY = "tests/server/test_limits.py::", "tests/system/security/test_naughty.py::"
OUTPUTS = "tests/system/security/test_outputs.py::"

MUTATIONS = (
    # --- on the way
    Mutation(
        "somebody takes the server's place, with a certificate of his own",
        "chatctl/client/security/trust.py::Trust.check",
        "fingerprints.shown(found) not in self._pins",
        "False",
        TLS_C + "test_a_server_with_another_certificate_is_a_hard_stop",
    ),
    Mutation(
        "the same at the first contact, to a script",
        "chatctl/client/security/trust.py::_context",
        "not by_authority",
        "True",
        TLS_C + "test_an_unknown_server_is_not_trusted_without_a_person",
    ),
    Mutation(
        "the same to all but the first connection of a load, which share its trust",
        "chatctl/bench/tls.py::SharedTls.handshake",
        "self.certificate_digest(sock)",
        "pass",
        "tests/bench/test_tls.py::test_each_further_connection_has_to_show_the_right_certificate",
    ),
    Mutation(
        "a certificate that an authority signed, for another name",
        "chatctl/client/security/trust.py::_context",
        "context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)",
        "context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n    context.check_hostname = False",
        TLS_C + "test_a_certificate_for_another_name_is_not_vouched_for",
    ),
    Mutation(
        "a room that everybody on the way can read, by an oversight",
        "chatctl/server/startup.py::open_sockets",
        "warn_if_exposed(plain, log)",
        "pass",
        TLS_S + "test_listening_to_the_network_without_tls_is_warned_of",
    ),
    Mutation(
        "another account of the machine reads the TLS key",
        "chatctl/server/certificates.py::_check_private",
        "mode & stat.S_IRWXO",
        "False",
        TLS_S + "test_a_key_that_others_may_read_is_refused",
    ),
    Mutation(
        "another account of the machine reads the journal",
        "chatctl/server/program.py::run_server",
        "0o077",
        "0o022",
        "tests/system/security/test_service.py::test_what_it_makes_is_for_its_own_account_alone",
    ),
    # --- getting in
    Mutation(
        "coming in without the password",
        "chatctl/core/auth.py::Authenticator.begin",
        'raise Unauthorized("this server wants a password: give it with CHATCTL_PASSWORD or --password-file")',
        "return None",
        AUTH + "test_without_a_password_nobody_gets_in",
    ),
    Mutation(
        "guessing the password",
        "chatctl/core/auth.py::Authenticator.check_lockout",
        "self.lockout.wait(info.host, now)",
        "0",
        AUTH + "test_who_waits_is_not_heard_even_with_the_right_password",
    ),
    Mutation(
        "guessing it from 2^64 addresses of one network",
        "chatctl/core/ip_networks.py",
        "6: 64}",
        "6: 128}",
        "tests/core/test_passwords.py::test_a_whole_network_of_ipv6_is_one_address",
    ),
    Mutation(
        "handing a password's proof on, to a server with another certificate",
        "chatctl/core/auth.py::AuthExchange._begin_scram",
        "self._info.channel",
        'b""',
        AUTH + "test_a_password_for_another_certificate_does_not_open",
    ),
    Mutation(
        "a server in the place of the one that has the password",
        "chatctl/client/core/prover.py::Prover.check",
        'raise Unauthorized("the server does not know the password: it is not the one it seems") from None',
        "return",
        "tests/client/core/test_prover.py::test_a_server_that_does_not_know_the_password_is_refused",
    ),
    Mutation(
        "the same, and it asks for none",
        "chatctl/client/core/prover.py::Prover.check",
        "raise self._unasked()",
        "return",
        "tests/client/core/test_prover.py::test_a_server_that_asks_for_no_password_is_refused_where_there_is_one",
    ),
    Mutation(
        "taking a connection over after the password, on a line without TLS",
        "chatctl/server/startup.py::insist_on_safety",
        "not where",
        "True",
        PASSWORDS + "test_there_is_no_password_beyond_this_machine_without_tls",
    ),
    Mutation(
        "another account of the machine reads the password",
        "chatctl/common/files.py::_check_private",
        "found.st_mode & others",
        "False",
        PASSWORDS + "test_a_client_refuses_a_file_that_can_not_be_right",
    ),
    Mutation(
        "a program that `run` or `tail --exec` starts prints its environment into the room",
        "chatctl/cli/password_variable.py::take_password",
        "os.environ.pop(PASSWORD, None)",
        "os.environ.get(PASSWORD)",
        "tests/system/security/test_secrets.py::test_no_program_that_we_run_is_told_the_password",
    ),
    Mutation(
        "coming from a network that the operator shut out",
        "chatctl/server/server.py::Server.accept",
        "self._is_denied(ip)",
        "False",
        PASSWORDS + "test_connections_are_taken_from_where_the_operator_says",
    ),
    Mutation(
        "staying, from a network that is shut out while the server runs",
        "chatctl/server/program.py::Program._reload_networks",
        "self._server.disconnect_denied()",
        "pass",
        PASSWORDS + "test_a_file_of_networks_is_read_again_and_who_is_denied_then_is_sent_away",
    ),
    # --- somebody else's name
    Mutation(
        "speaking under the name of a member",
        "chatctl/core/admission.py::Admission.free",
        'raise NickTaken(f"{clean(holder.nick)} is somebody else\'s nickname now: choose another one")',
        "return shown",
        ADMIT + "test_a_held_name_is_given_to_the_same_token_alone",
    ),
    Mutation(
        "taking a name that is bound to a key, while its owner is away",
        "chatctl/core/admission.py::Admission.free",
        "claim.key != owner.key",
        "False",
        ADMIT + "test_a_bound_name_is_its_keys_alone",
    ),
    Mutation(
        "a name that looks like another one (Cyrillic, 1 for l)",
        "chatctl/core/admission.py::Admission.free",
        "self._check_look_alikes(shown, owner, roster, own)",
        "pass",
        ADMIT + "test_what_looks_like_a_member_is_refused_while_that_one_is_here",
    ),
    Mutation(
        "a name with invisible or direction-changing characters",
        "chatctl/common/names.py::check_nick",
        'return nick if nick.isascii() else _precis("UsernameCasePreserved", nick)',
        "return nick",
        "tests/common/test_text.py::test_these_are_no_nicknames",
    ),
    Mutation(
        "signing with another key",
        "chatctl/common/key_proof.py::signed",
        "return False",
        "return True",
        AUTH + "test_another_key_can_not_sign_for_it",
    ),
    Mutation(
        "using a signature again",
        "chatctl/common/key_proof.py::statement",
        "LABEL, nonce, ",
        "LABEL, ",
        AUTH + "test_an_old_signature_does_not_fit_a_new_challenge",
    ),
    Mutation(
        "handing a signature on, to another server",
        "chatctl/common/key_proof.py::statement",
        'hello.token or "", place',
        'hello.token or ""',
        AUTH + "test_a_signature_for_another_server_is_not_one_for_this_one",
    ),
    Mutation(
        "binding all names to one key",
        "chatctl/core/name_claims.py::NameClaims.propose",
        "self._per_key[key] >= MAX_PER_KEY",
        "False",
        "tests/core/test_name_claims.py::test_a_key_binds_only_so_many_names_and_a_server_has_only_so_many",
    ),
    Mutation(
        "stealing tokens from the server's memory",
        "chatctl/core/admission.py::owner_of",
        "hashlib.sha256(token.encode()).digest()",
        "token.encode()",
        ADMIT + "test_the_server_keeps_a_hash_and_not_the_secret",
    ),
    Mutation(
        "a second line that speaks for somebody else",
        "chatctl/core/dialects.py::_say_lines",
        'return "".join(f"{start}{line}\\n" for line in _lines(entry.text))',
        'return start + "\\n".join(_lines(entry.text)) + "\\n"',
        NAUGHTY + "test_what_nc_and_the_first_version_see_does_not_act",
    ),
    # --- acting on a terminal
    Mutation(
        "escape sequences to those who read with nc or the first version",
        "chatctl/core/dialects.py::_lines",
        'return clean(text, lines=True).split("\\n")',
        'return text.split("\\n")',
        NAUGHTY + "test_what_nc_and_the_first_version_see_does_not_act",
    ),
    Mutation(
        "escape sequences to those who read with tail or export",
        "chatctl/common/text.py::clean",
        '_forbidden("" if lines else "\\n").sub(_show, text)',
        "text",
        NAUGHTY + "test_what_was_said_does_not_act",
    ),
    Mutation(
        "the same as JSON, on a terminal",
        "chatctl/common/text.py::escape_json",
        'return _forbidden("").sub(_escape, line)',
        "return line",
        NAUGHTY + "test_what_was_said_does_not_act",
    ),
    Mutation(
        "a hostile server's errors",
        "chatctl/cli/output.py::note",
        "clean(line)",
        "line",
        NAUGHTY + "test_no_server_acts_through_a_command",
    ),
    Mutation(
        "a hostile argument, variable, file name or configuration, quoted in an error",
        "chatctl/cli/output.py::note",
        "clean(line)",
        "line",
        OUTPUTS + "test_no_argument_acts",
    ),
    Mutation(
        "a path or a choice that is printed as it was given",
        "chatctl/cli/output.py::emit_given",
        "emit(clean(text))",
        "emit(text)",
        OUTPUTS + "test_what_a_program_gets_exactly_does_not_act_on_a_terminal",
    ),
    Mutation(
        "another program in the place of the operator's socket",
        "chatctl/commands/admin/formats.py::text_lines",
        'clean(str(answer.get("text", "")))',
        'str(answer.get("text", ""))',
        OUTPUTS + "test_no_answer_of_the_console_acts",
    ),
    Mutation(
        "names that Tab offers, made up by a server",
        "chatctl/cli/completion_values.py::_matching",
        "clean(name) == name",
        "True",
        OUTPUTS + "test_no_name_that_is_offered_acts",
    ),
    Mutation(
        "a message at a time that no calendar has",
        "chatctl/common/times.py::local",
        "OverflowError, ValueError, OSError",
        "KeyError",
        NAUGHTY + "test_no_server_acts_through_a_command",
    ),
    Mutation(
        "a name in the environment of --exec",
        "chatctl/commands/tail/sinks.py::Exec._environment",
        '"CHATCTL_AUTHOR": clean(entry.nick)',
        '"CHATCTL_AUTHOR": entry.nick',
        NAUGHTY + "test_a_program_that_exec_runs_gets_nothing_that_acts",
    ),
    Mutation(
        "escape sequences to those who are in join",
        "chatctl/common/text.py::clean",
        '_forbidden("" if lines else "\\n").sub(_show, text)',
        "text",
        "tests/system/terminal/test_hostile.py::test_text_and_whispers",
    ),
    Mutation(
        "a heap of combining marks over the neighbours' lines",
        "chatctl/common/text.py::thin_marks",
        "marks > MAX_MARKS",
        "False",
        "tests/system/terminal/test_hostile.py::test_a_heap_of_marks_stays_in_its_line",
    ),
    Mutation(
        "a script in an exported page",
        "chatctl/commands/export/formats.py::_html_entry",
        "escape(clean(entry.text, lines=True))",
        "clean(entry.text, lines=True)",
        "tests/system/commands/test_backup_export.py::test_html_is_one_page_in_which_nothing_that_was_typed_acts",
    ),
    Mutation(
        "escape sequences and lines of one's own in the operator's log",
        "chatctl/hub/event_log.py::_safe",
        "return clean(value[:_MAX_VALUE]) if isinstance(value, str) else value",
        "return value",
        "tests/hub/test_event_log.py::test_nothing_a_client_chose_acts_on_the_operators_terminal",
    ),
    Mutation(
        "reading secrets in the log",
        "chatctl/hub/login.py::Login._let_in",
        'mode=hello.mode, key=peer.key or "")',
        'mode=hello.mode, token=hello.token, key=peer.key or "")',
        "tests/system/security/test_log.py::test_no_secret_and_nothing_that_was_said_is_logged",
    ),
    # --- too much
    Mutation(
        "opening connections and saying nothing, or a byte now and then",
        "chatctl/core/session.py::Session._check_time_limits",
        "now >= self._hello_by",
        "False",
        LIMITS + "test_a_byte_now_and_then_does_not_put_the_hello_off",
    ),
    Mutation(
        "a hello without end",
        "chatctl/core/session.py::Session._out_of_lines",
        "self._bytes_of_greeting() > self._limits.hello_bytes",
        "False",
        LIMITS + "test_a_hello_has_a_size",
    ),
    Mutation(
        "a TLS handshake without end",
        "chatctl/server/tls_handshake.py::TlsHandshake._begin_tls",
        "max(0.001, self._hello_by - loop.time())",
        "60.0",
        TLS_S + "test_a_stalled_handshake_ends_with_the_time_for_the_hello",
    ),
    Mutation(
        "many TLS handshakes at once",
        "chatctl/core/connection_limits.py::ConnectionLimits.begin_handshake",
        "self._handshakes[network] >= self._limits.per_address",
        "False",
        TLS_S + "test_handshakes_of_one_address_are_counted",
    ),
    Mutation(
        "JSON nested thousands of levels deep",
        "chatctl/protocol.py::too_deep",
        "_depth(text) > MAX_DEPTH",
        "False",
        "tests/test_protocol.py::test_exactly_what_is_nested_deeper_than_32_levels_is_refused",
    ),
    Mutation(
        "lines without end",
        "chatctl/protocol.py::Framer._check",
        "length > self._limit",
        "False",
        "tests/test_protocol.py::test_a_line_at_the_limit_passes_and_one_over_it_does_not",
    ),
    Mutation(
        "texts without end",
        "chatctl/core/permissions.py::_objection_to_text",
        "len(text.encode()) > limit",
        "False",
        LIMITS + "test_a_line_a_text_and_a_name_have_their_length",
    ),
    Mutation(
        "a flood of messages",
        "chatctl/core/session.py::Session.step",
        "self._must_wait(now)",
        "False",
        LIMITS + "test_a_hundred_lines_at_once_arrive_whole_in_order_and_late",
    ),
    Mutation(
        "a flood of bytes in few messages",
        "chatctl/core/session.py::Session._take",
        "self._bytes.take(len(line) + 1, now)",
        "pass",
        LIMITS + "test_bytes_have_a_rate_too",
    ),
    Mutation(
        "asking without reading the answers",
        "chatctl/server/connection.py::Connection._update_transport",
        "self.paused or ",
        "",
        LIMITS + "test_a_client_that_asks_and_does_not_read",
    ),
    Mutation(
        "asking for many pages of history at once",
        "chatctl/hub/history.py::RoomHistory.page",
        "peer.in_flight += PAGE_WEIGHT",
        "peer.in_flight += 0",
        "tests/hub/test_history.py::test_one_page_from_the_journal_is_under_way_at_a_time",
    ),
    Mutation(
        "messages that make a page too long for every client",
        "chatctl/hub/history.py::fitting",
        "left < 0 < count",
        "False",
        LIMITS + "test_a_page_fits_into_a_line_whatever_was_said",
    ),
    Mutation(
        "reading nothing, for ever",
        "chatctl/server/connection.py::Connection.check",
        "now - self._stuck_since >= self._server.limits.stall_seconds",
        "False",
        LIMITS + "test_a_reader_that_never_reads_again_is_gone",
    ),
    Mutation(
        "being gone without a word",
        "chatctl/core/session.py::Session.tick",
        "self._missed == MISSED_PINGS",
        "False",
        LIMITS + "test_a_peer_that_answers_no_ping_is_gone",
    ),
    Mutation(
        "taking every place",
        "chatctl/core/connection_limits.py::ConnectionLimits.refusal",
        "connections <= self._limits.clients",
        "True",
        "tests/system/commands/test_serve.py::test_max_clients",
    ),
    Mutation(
        "taking every place from one address",
        "chatctl/core/connection_limits.py::ConnectionLimits.add",
        "self._by_network[network] > self._limits.per_address",
        "False",
        LIMITS + "test_one_address_has_a_share",
    ),
    Mutation(
        "taking every place from one network of IPv6",
        "chatctl/server/connection.py::Connection.__init__",
        "client_of(host)",
        "host",
        LIMITS + "test_a_network_of_ipv6_is_one_address",
    ),
    Mutation(
        "taking every place with connections that are refused",
        "chatctl/core/connection_limits.py::ConnectionLimits.is_crowded",
        "self._by_network[network] >= self._limits.per_address + SPARE_PER_NETWORK",
        "False",
        LIMITS + "test_those_refused_for_their_address_can_not_take_every_place",
    ),
    Mutation(
        "connecting over and over",
        "chatctl/core/connection_limits.py::ConnectionLimits.add",
        "if wait:",
        "if False:",
        LIMITS + "test_who_connects_too_often_waits",
    ),
    Mutation(
        "filling the door from many addresses",
        "chatctl/core/connection_limits.py::ConnectionLimits.is_crowded",
        "drop_early(self._not_let_in(), self._limits, self._chance())",
        "False",
        LIMITS + "test_of_many_who_say_nothing_newcomers_are_dropped",
    ),
    Mutation(
        "using the server's file descriptors up",
        "chatctl/server/listener.py::Listener._accept",
        "error.errno in _OUT_OF_DESCRIPTORS",
        "False",
        LIMITS + "test_out_of_descriptors_members_notice_nothing",
    ),
    Mutation(
        "opening rooms without end",
        "chatctl/core/admission.py::Admission.room",
        "len(opened) >= MAX_OPEN_ROOMS + len(self.rooms)",
        "False",
        ADMIT + "test_guests_open_rooms_only_where_they_may_and_only_so_many",
    ),
    Mutation(
        "a burst that makes a TLS connection keep memory",
        "chatctl/server/tls_handshake.py::_SmallSSLProtocol",
        "max_size = _READ",
        "pass",
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
        "chatctl/core/bans.py::Sanctions._marks",
        'yield from (("looks", skeleton) for skeleton in skeletons(person.name))',
        'yield "looks", person.name',
        "tests/hub/test_moderation.py::test_a_ban_holds_under_every_spelling_of_the_name",
    ),
    Mutation(
        "coming back from a ban under another name",
        "chatctl/core/bans.py::Sanctions._marks",
        "person.token is not None",
        "False",
        "tests/hub/test_moderation.py::test_another_name_is_no_way_back_for_a_token",
    ),
    Mutation(
        "the same, with a new token",
        "chatctl/core/bans.py::Sanctions._marks",
        "person.key is not None",
        "False",
        "tests/hub/test_moderation.py::test_another_name_is_no_way_back_for_a_key",
    ),
    Mutation(
        "coming back from a banned network, or after a restart",
        "chatctl/core/moderation.py::Rules.address_ban",
        "self.bans.find(Person(host=host), now)",
        "None",
        "tests/hub/test_moderation.py::test_a_ban_of_a_network_holds_at_the_door_and_after_a_restart",
    ),
    Mutation(
        "a muted member who speaks on",
        "chatctl/core/moderation.py::Rules.speak",
        "self._find(self.mutes, person, now)",
        "None",
        "tests/hub/test_moderation.py::test_who_is_muted_reads_on_and_says_nothing",
    ),
    Mutation(
        "getting around a slow room with another name or connection",
        "chatctl/core/moderation.py::_speaker_marks",
        "person.token is not None",
        "False",
        "tests/hub/test_moderation.py::test_another_name_or_connection_is_no_way_around_a_slow_room",
    ),
    Mutation(
        "giving orders in the room without an operator's key",
        "chatctl/hub/admin_commands.py::AdminCommands.order_from",
        '"operator" if self._hub.rules.is_operator(peer.key) else "member"',
        '"operator"',
        "tests/hub/test_admin_commands.py::test_who_proved_no_operators_key_is_refused_in_the_room",
    ),
    Mutation(
        "another account of the machine gives the server orders",
        "chatctl/server/admin_socket.py::AdminSocket._answer",
        "if user is None or user in self._users else _refusal(_STRANGER)",
        "",
        "tests/server/test_admin_socket.py::test_the_socket_answers_no_other_user",
    ),
)
