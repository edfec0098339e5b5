"""The whole table: every command in every situation, or why it can't be in it."""

from tests.system.exits import cells_given, cells_here, cells_odd, cells_read, cells_say
from tests.system.exits.table import Cell, Nothing

COMMANDS = (
    "send", "tail", "search", "who", "ask", "run", "probe", "join", "serve", "export", "backup", "admin", "bench",
    "config", "completion", "key", "password",
)  # fmt: skip

ALL = [*cells_say.CELLS, *cells_read.CELLS, *cells_here.CELLS, *cells_given.CELLS, *cells_odd.CELLS]
CELLS = [cell for cell in ALL if isinstance(cell, Cell)]
NOTHING = [cell for cell in ALL if isinstance(cell, Nothing)]
