"""The options of ``serve`` apart from its limits (limits.py), in groups, in the order of ``--help``."""

from __future__ import annotations

import click

from chatctl.cli.options import (
    DEFAULT_TLS_PORT,
    all_of,
    choice_option,
    count_option,
    file_option,
    host_option,
    no_typed_password,
    port_option,
    schema_option,
)
from chatctl.cli.param_types import JOURNAL_OR_NONE, TEXT
from chatctl.commands.serve.param_types import METRICS_ADDRESS, NET, ORIGIN, PLACE, SIZE, WEB_ADDRESS

listen_options = all_of(
    host_option("Address to listen on: IPv4, IPv6 or a name; :: is every address of this machine."),
    port_option("Port to listen on; 0 picks a free one.", least=0),
    file_option("--unix", help="Listen on a unix socket as well."),
    click.option("--no-tcp", is_flag=True, help="Listen on the unix socket only."),
    choice_option("--tls", choices=["self"], help="Listen with TLS too; self: with a certificate of our own."),
    file_option(
        "--tls-cert",
        envvar="CHATCTL_TLS_CERT",
        help="Listen with TLS too, with this certificate (PEM, its chain behind it). Read again on SIGHUP.",
    ),
    file_option(
        "--tls-key",
        envvar="CHATCTL_TLS_KEY",
        help="Its key (PEM), which nobody else may read.  [default: in the same file]",
    ),
    count_option(
        "--tls-port",
        least=0,
        most=65535,
        default=DEFAULT_TLS_PORT,
        metavar=None,
        envvar="CHATCTL_TLS_PORT",
        help="Port to listen on with TLS.",
    ),
    click.option("--no-plain", is_flag=True, help="Listen on no TCP port without TLS."),
    click.option(
        "--web",
        type=WEB_ADDRESS,
        metavar="[HOST:]PORT",
        help="Serve browsers and HTTP clients there as well, with TLS if there is TLS and others can reach it.",
    ),
    click.option(
        "--web-origin",
        "web_origins",
        type=ORIGIN,
        multiple=True,
        metavar="URL",
        help="Browsers may also have reached it there, through a proxy or by a name: https://chat.example.org. "
        "Repeatable.",
    ),
    click.option(
        "--metrics",
        type=METRICS_ADDRESS,
        metavar="[127.0.0.1:]PORT",
        help="Answer Prometheus (/metrics) and load balancers (/healthz) there, without TLS or password.",
    ),
)

room_options = all_of(
    click.option("--room", "rooms", multiple=True, metavar="NAME", help="A room beside 'lobby'. Repeatable."),
    click.option("--open-rooms", is_flag=True, help="Let anybody open a room by entering it."),
    click.option(
        "--name",
        "server_name",
        type=TEXT,
        default="chatctl",
        show_default=True,
        metavar="NAME",
        help="What the server calls itself.",
    ),
)

journal_options = all_of(
    click.option(
        "--journal",
        type=JOURNAL_OR_NONE,
        metavar="PATH|URI|none",
        envvar="CHATCTL_JOURNAL",
        callback=no_typed_password,
        help="File that keeps the messages, or postgresql://... (docs/scaling.md); none: memory only.  [default: "
        "rooms.db in the state directory]",
    ),
    schema_option("Where in a PostgreSQL database."),
    choice_option(
        "--durability",
        choices=["os", "disk", "replica"],
        default=None,
        show_default="disk; with PostgreSQL what that gives",
        help="What an acknowledged message survives: a killed process, a power cut too, the loss of the machine too "
        "(PostgreSQL with a synchronous standby).",
    ),
    count_option("--keep-messages", show_default="all", help="Messages of each room that the journal keeps."),
    click.option(
        "--keep-days",
        type=click.FloatRange(0, min_open=True),
        metavar="N",
        show_default="for good",
        help="For how many days it keeps them.",
    ),
    click.option(
        "--max-journal",
        type=SIZE,
        metavar="SIZE",
        show_default="as much as there is",
        help="What its files take on the disk at most, such as 500M or 2G: then the oldest messages go.",
    ),
)

access_options = all_of(
    file_option(
        "--password-file",
        envvar="CHATCTL_PASSWORD_FILE",
        help="Let in who knows the password in its first line; or what 'chatctl password' made of it. Or "
        "CHATCTL_PASSWORD. Read again on SIGHUP.",
    ),
    click.option(
        "--allow",
        type=NET,
        multiple=True,
        metavar="NET|@FILE",
        help="Take connections from there only: 10.0.0.0/8, fd00::/8, an address, or @FILE with one a line, which is "
        "read again on SIGHUP. Repeatable; unix sockets are exempt.",
    ),
    click.option(
        "--deny",
        type=NET,
        multiple=True,
        metavar="NET|@FILE",
        help="Take none from there, even if allowed. Repeatable.",
    ),
    click.option(
        "--proxied-from",
        type=NET,
        multiple=True,
        metavar="NET|@FILE",
        help="Connections from there are a proxy's (HAProxy, nginx): each begins with a PROXY header, version 1 or 2, "
        "and counts for the address that this names; a request to --web may name it in X-Forwarded-For. Repeatable.",
    ),
    click.option(
        "--reached-as",
        type=PLACE,
        multiple=True,
        metavar="IP:PORT|PATH",
        help="Clients with a key may also have reached it there: the outer end of a forwarded port, or the path under "
        "which others see the unix socket. Repeatable.",
    ),
    click.option(
        "--claim-names/--no-claim-names",
        default=None,
        help="Bind a name to the key of who first joins under it.  [default: where there is a journal]",
    ),
    click.option(
        "--operator",
        "operators",
        multiple=True,
        metavar="SHA256:...",
        help="Let the owner of this key keep order in the rooms. Repeatable.",
    ),
    file_option(
        "--operators",
        "operators_file",
        metavar="FILE",
        envvar="CHATCTL_OPERATORS",
        help="The same for the keys in this file, one a line. Read again on SIGHUP.",
    ),
    file_option(
        "--admin-socket",
        envvar="CHATCTL_ADMIN_SOCKET",
        help="Where 'chatctl admin' reaches it.  [default: beside the journal]",
    ),
)

log_options = all_of(
    choice_option("--log-format", choices=["text", "json"], default="text", help="Form of the log."),
    file_option(
        "--log-file",
        help="Log in this file instead of on stderr. One that was moved is made anew.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Log warnings and errors only."),
    click.option("-v", "--verbose", is_flag=True, help="Log more."),
)
