"""The cells of ``journal``, whose other end is a database."""

from tests.system.exits.table import Cell, Nothing
from tests.system.exits.words import FULL

COPY = "chatctl journal copy rooms.db postgresql:///chat"
BACK = "chatctl journal copy --journal-schema kept postgresql:///chat"
DONE = "messages copied: 1, rooms: 1"
AT = "postgresql://127.0.0.1:{port}/chat?connect_timeout=2"
FROM = f"chatctl journal copy '{AT}' new.db".replace("{port}", "'$CHATCTL_PORT'")
CANNOT = f"chatctl: cannot open the journal {AT}: "

CELLS = [
    Cell("journal", "fine", COPY, 0, DONE, peer="engine"),
    Cell("journal", "fine", f"{BACK} new.db", 0, DONE, peer="engine", note="the way back"),
    Cell(
        "journal",
        "refused",
        FROM,
        1,
        err=f'{CANNOT}connection to server at "127.0.0.1", port {{port}} failed: Connection refused '
        "(is it running there?)",
    ),
    Cell("journal", "silent peer", FROM, 1, err=f"{CANNOT}connection timeout expired"),
    Cell("journal", "web server", FROM, 1, err=f"{CANNOT}{{any:received invalid response to SSL negotiation: H}}"),
    *(Nothing("journal", situation, "the same as with a web server") for situation in ("drops mid-way", "garbage")),
    Nothing("journal", "name taken", "it takes no name"),
    Nothing("journal", "too long", "it sends no message"),
    Nothing("journal", "room missing", "it copies all rooms"),
    Nothing("journal", "deadline", "it takes as long as there is something to copy"),
    Cell("journal", "SIGINT", FROM.replace("=2", "=60"), 130, peer="accepts"),
    Cell("journal", "SIGTERM", FROM.replace("=2", "=60"), 143, peer="accepts"),
    Cell("journal", "SIGHUP", FROM.replace("=2", "=60"), 129, peer="accepts"),
    Cell("journal", "SIGUSR1", FROM.replace("=2", "=60"), 138, peer="accepts"),
    Cell("journal", "closed stdout", f"{COPY} >&-", 0, peer="engine"),
    Cell("journal", "no stdin", f"{COPY} <&-", 0, DONE, peer="engine"),
    Cell("journal", "full disk", f"{COPY} > /dev/full", 1, err=FULL, peer="engine", note="the copy is complete"),
    Cell(
        "journal",
        "full disk",
        f"{BACK} {{disk}}/new.db",
        1,
        err="chatctl: cannot open the journal {disk}/new.db.copying: {any:its disk is full}",
        peer="engine",
    ),
    Nothing("journal", "hanging DNS", "it waits as long as the system looks for the database's host"),
    Cell(
        "journal",
        "no home",
        "chatctl journal copy gone.db postgresql:///chat",
        1,
        err="chatctl: there is no journal {here}/gone.db",
    ),
    Cell(
        "journal",
        "not UTF-8",
        "chatctl journal copy \"$(printf 'caf\\351')\" postgresql:///chat",
        1,
        err="chatctl: there is no journal {here}/caf{any:\ufffd}",
    ),
    Cell(
        "journal",
        "odd file",
        "chatctl journal copy /dev/null postgresql:///chat",
        1,
        err="chatctl: cannot open the journal /dev/null: "
        "{any:it is not a regular file, or another user has put it there}",
    ),
    Nothing("journal", "endless stdin", "it reads no stdin"),
    Cell(
        "journal",
        "two at once",
        f"{COPY} & {COPY}; first=$?; wait $!; echo $((first + $?))",
        0,
        f"{{any:{DONE}}}\n1",
        "{any:chatctl: the journal /home/ci/rooms.db is in use: stop the other server, or name another file…}",
        peer="engine",
        note="one of them does it, and the other one ends with 1",
    ),
]
