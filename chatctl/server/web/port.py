"""The port for browsers: from the options of a server to connections.

Does not live here: opening its sockets (server/startup.py).
"""

from __future__ import annotations

import socket
from functools import partial

from chatctl.core.auth import Authenticator
from chatctl.server.certificates import Tls
from chatctl.server.options import WebOptions
from chatctl.server.server import Port, Server
from chatctl.server.startup import Sockets, is_everywhere, tls_of_web
from chatctl.server.web.basic_passwords import BasicPasswords
from chatctl.server.web.connection import WebConnection
from chatctl.server.web.origins import Origins
from chatctl.server.web.page_file import PageFile
from chatctl.server.web.site import Site


def listen_web(
    server: Server, auth: Authenticator, options: WebOptions, host: str | None, sockets: Sockets, tls: Tls | None
) -> None:
    """Begin to accept browsers, with TLS where others can reach them, if the server has it.

    Args:
        server: gets the connections.
        auth: has the password.
        options: of the port.
        host: where the other ports listen.
        sockets: of the server.
        tls: its certificate, if it has one.
    """
    site = Site(
        Origins(_names(options.host or host), options.origins), BasicPasswords(auth), PageFile(), server.hub.log
    )
    connect = partial(WebConnection, site)
    for sock in sockets.web:
        server.listen_as(Port(tls_of_web(sock, tls), connect, reads_forwarded=True), [sock])


def _names(host: str | None) -> list[str]:
    """Return the names of the server beside its addresses: this machine's too, if it listens on all of them."""
    if host is None:
        return []
    return [host, socket.gethostname()] if is_everywhere(host) else [host]
