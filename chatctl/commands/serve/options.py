"""The options of ``serve`` apart from its limits (limits.py), in groups, in the order of ``--help``."""

from __future__ import annotations

import click

from chatctl.cli.help_pages import option_group
from chatctl.cli.options import (
    DEFAULT_TLS_PORT,
    choice_option,
    count_option,
    file_option,
    host_option,
    no_typed_password,
    port_option,
    schema_option,
)
from chatctl.cli.param_types import JOURNAL_OR_NONE, PIN, TEXT, Number
from chatctl.commands.serve.param_types import METRICS_ADDRESS, NET, ORIGIN, PLACE, ROOM, SIZE, WEB_ADDRESS

listen_options = option_group(
    "Listening",
    host_option("Address to listen on: IPv4, IPv6 or a name; :: is every address of this machine."),
    port_option("Port to listen on; 0 picks a free one.", least=0),
    file_option("--unix", help="Listen on a unix socket as well."),
    click.option("--no-tcp", is_flag=True, help="Listen on the unix socket only."),
    click.option(
        "--web",
        type=WEB_ADDRESS,
        metavar="[HOST:]PORT",
        help="Serve browsers and HTTP clients on this port, with TLS if the server has it and HOST is not a loopback "
        "address.",
    ),
    click.option(
        "--web-origin",
        "web_origins",
        type=ORIGIN,
        multiple=True,
        metavar="URL",
        help="Accept browsers that opened the page at this address, through a proxy or by a name: "
        "https://chat.example.org. Repeatable.",
    ),
    click.option(
        "--metrics",
        type=METRICS_ADDRESS,
        metavar="[127.0.0.1:]PORT",
        help="Answer Prometheus (/metrics) and load balancers (/healthz) there, without TLS or password.",
    ),
)

tls_options = option_group(
    "TLS",
    choice_option(
        "--tls",
        choices=["self"],
        metavar="self",
        help="Listen with TLS too; self: with a self-signed certificate, made at the first start.",
    ),
    file_option(
        "--tls-cert",
        envvar="CHATCTL_TLS_CERT",
        help="Listen with TLS too, with this certificate (PEM, followed by its chain). Read again on SIGHUP.",
    ),
    file_option(
        "--tls-key",
        envvar="CHATCTL_TLS_KEY",
        help="Its private key (PEM), readable by you only.  [default: in the same file]",
    ),
    count_option(
        "--tls-port",
        least=0,
        most=65535,
        default=DEFAULT_TLS_PORT,
        metavar="PORT",
        envvar="CHATCTL_TLS_PORT",
        help="Port to listen on with TLS.",
    ),
    click.option("--no-plain", is_flag=True, help="Close the port without TLS."),
)

access_options = option_group(
    "Who may join",
    file_option(
        "--password-file",
        envvar="CHATCTL_PASSWORD_FILE",
        help="Require the password in the first line of this file, plain or as 'chatctl password' prints it. "
        "CHATCTL_PASSWORD does the same. Read again on SIGHUP.",
    ),
    click.option(
        "--allow",
        type=NET,
        multiple=True,
        metavar="NET|@FILE",
        help="Accept connections from these addresses only: 10.0.0.0/8, fd00::/8, one address, or @FILE with one per "
        "line, read again on SIGHUP. Repeatable; unix sockets are exempt.",
    ),
    click.option(
        "--deny",
        type=NET,
        multiple=True,
        metavar="NET|@FILE",
        help="Refuse connections from these addresses, even if allowed. Repeatable.",
    ),
    click.option(
        "--proxied-from",
        type=NET,
        multiple=True,
        metavar="NET|@FILE",
        help="Addresses of proxies (HAProxy, nginx). A connection from there must begin with a PROXY header, version 1 "
        "or 2, which names the client's address; a request to --web may name it in X-Forwarded-For. Repeatable.",
    ),
    click.option(
        "--reached-as",
        type=PLACE,
        multiple=True,
        metavar="IP:PORT|PATH",
        help="Accept key proofs made for this address, too: the outer end of a forwarded port, or the path under "
        "which clients see the unix socket. Repeatable.",
    ),
    click.option(
        "--claim-names/--no-claim-names",
        default=None,
        help="Reserve a nickname for the key of whoever first joins with it.  [default: on with a journal]",
    ),
)

room_options = option_group(
    "Rooms",
    click.option(
        "--room", "rooms", type=ROOM, multiple=True, metavar="NAME", help="Add a room besides 'lobby'. Repeatable."
    ),
    click.option("--open-rooms", is_flag=True, help="Let anyone create a room by joining it."),
)

journal_options = option_group(
    "Keeping messages",
    click.option(
        "--journal",
        type=JOURNAL_OR_NONE,
        metavar="PATH|URI|none",
        envvar="CHATCTL_JOURNAL",
        callback=no_typed_password,
        help="File to store the messages in, or postgresql://... (docs/scaling.md); none: memory only.  [default: "
        "rooms.db in the state directory]",
    ),
    schema_option("Schema of the PostgreSQL database."),
    choice_option(
        "--durability",
        choices=["os", "disk", "replica"],
        default=None,
        show_default="disk; with PostgreSQL what the engine provides",
        help="What an acknowledged message survives. os: a killed server; disk: a power cut, too; replica: loss of the "
        "machine, too (PostgreSQL with a synchronous standby).",
    ),
    count_option("--keep-messages", show_default="all", help="Keep this many messages of each room."),
    click.option(
        "--keep-days",
        type=Number(0, min_open=True),
        metavar="N",
        show_default="for ever",
        help="Keep messages for this many days.",
    ),
    click.option(
        "--max-journal",
        type=SIZE,
        metavar="SIZE",
        show_default="no limit",
        help="Maximum size of its files, such as 500M or 2G; the oldest messages are deleted at this limit.",
    ),
)

operating_options = option_group(
    "Operating",
    click.option(
        "--name",
        "server_name",
        type=TEXT,
        default="chatctl",
        show_default=True,
        metavar="NAME",
        help="The name that the server shows to clients.",
    ),
    click.option(
        "--operator",
        "operators",
        type=PIN,
        multiple=True,
        metavar="SHA256:...",
        help="Let the owner of this key moderate: kick, ban, mute. Repeatable.",
    ),
    file_option(
        "--operators",
        "operators_file",
        metavar="FILE",
        envvar="CHATCTL_OPERATORS",
        help="The same for the keys in this file, one per line. Read again on SIGHUP.",
    ),
    file_option(
        "--admin-socket",
        envvar="CHATCTL_ADMIN_SOCKET",
        help="Socket for 'chatctl admin'.  [default: next to the journal]",
    ),
    choice_option("--log-format", choices=["text", "json"], default="text", help="Format of the log."),
    file_option(
        "--log-file",
        help="Log to this file instead of stderr; it is created again after logrotate has moved it.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Log warnings and errors only."),
    click.option("-v", "--verbose", is_flag=True, help="Log more."),
)
