"""What all connections of the web port share."""

from __future__ import annotations

from dataclasses import dataclass

from chatctl.hub.event_log import Log
from chatctl.server.web.basic_passwords import BasicPasswords
from chatctl.server.web.origins import Origins
from chatctl.server.web.page_file import PageFile


@dataclass(frozen=True, slots=True)
class Site:
    """The web port of one server."""

    origins: Origins
    passwords: BasicPasswords
    page: PageFile
    log: Log
