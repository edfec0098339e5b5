"""The whole table: every command in every situation, or why it can't be in it."""

from tests.system.exits import cells_given, cells_here, cells_journal, cells_odd, cells_read, cells_say
from tests.system.exits.table import Cell, Nothing

COMMANDS = (
    "send", "tail", "search", "who", "ask", "run", "probe", "join", "serve", "export", "backup", "admin", "bench",
    "config", "completion", "key", "password", "journal",
)  # fmt: skip

KINDS = cells_say, cells_read, cells_here, cells_given, cells_odd, cells_journal
ALL = [cell for kind in KINDS for cell in kind.CELLS]
CELLS = [cell for cell in ALL if isinstance(cell, Cell)]
NOTHING = [cell for cell in ALL if isinstance(cell, Nothing)]
