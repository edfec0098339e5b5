"""The cells of the commands that look: tail, who, probe, export, bench."""

from tests.system.exits.table import Cell, Nothing
from tests.system.exits.words import BROKE, CLOSED, FULL, IN_TIME, NO_ROOM, NOBODY, SILENT, USAGE, WEB

HELLO = "{date} {time} nadia: hello"
FOUND = "{date} {time} #{any:1} nadia: hello"
HELLO_KEPT = "{date} {time} {zone} nadia: hello"
NADIA = "nadia {date}T{time}{zone} {n:7}"
NAMELESS = "it has no nickname"
WORDLESS = "it sends no message"
BENCH = "chatctl bench --room {room} --members 3 --duration 200ms"
BENCHED = "3 members (json), 1 speaking, 64 bytes, rate max: {lines:0.2 s\n…}"
OK = (
    "OK chatctl: echo {n:0.8} ms, 1 member in {room} | connect={n:0.001097}s;;;0 rtt={n:0.000131}s;;;0 "
    "echo={n:0.000848}s;;;0 users=1;;;0 silence={n:1.210000}s;;;0"
)


NO_HANDSHAKE = (
    "chatctl: 127.0.0.1:{port} is not a chatctl server: it answered no handshake "
    "({any:did not receive a valid HTTP response})"
)
NO_FRAME = "chatctl: 127.0.0.1:{port} broke the protocol: {any:invalid opcode}"
NO_URL = (
    "invalid value for '--web': 'chat.example.org' is not the URL of a page: write http://HOST:PORT/ or https://HOST/"
)


def critical(line: str) -> str:
    """Return the verdict that a probe makes of an error."""
    return "CRITICAL " + line


TAIL_CELLS = [
    Cell("tail", "fine", "chatctl tail --no-follow", 0, HELLO),
    Cell("tail", "fine", "chatctl tail | head -1", 0, HELLO, note="`tail` ends when `head` does"),
    Cell(
        "tail",
        "fine",
        "chatctl tail --no-follow --exec false",
        1,
        err="chatctl: false ended with status 1 at message 1 (--keep-going continues)",
    ),
    Cell("tail", "refused", "chatctl tail", 3, err=NOBODY),
    Cell("tail", "silent peer", "chatctl tail --timeout 300ms", 3, err=SILENT),
    Cell("tail", "web server", "chatctl tail", 7, err=WEB),
    Cell("tail", "drops mid-way", "chatctl tail --no-reconnect", 3, err=CLOSED, peer="lets in, drops"),
    Cell(
        "tail",
        "drops mid-way",
        "chatctl tail --count 1",
        0,
        HELLO,
        "",
        peer="lets in, drops, comes back",
        lines=True,
        note="the server is back within two seconds, and tail continues at its position",
    ),
    Cell("tail", "garbage", "chatctl tail", 7, err=BROKE, peer="lets in, garbage"),
    Nothing("tail", "name taken", NAMELESS),
    Nothing("tail", "too long", WORDLESS),
    Cell("tail", "room missing", "chatctl tail --room nowhere", 6, err=NO_ROOM),
    Cell("tail", "deadline", "chatctl tail --timeout 2s", 8, HELLO, "chatctl: the deadline passed"),
    Cell("tail", "deadline", "chatctl tail --idle 2s", 0, HELLO, note="waiting for silence is not a failure"),
    Cell("tail", "SIGINT", "chatctl tail", 130, peer="lets in"),
    Cell("tail", "SIGTERM", "chatctl tail", 143, peer="lets in"),
    Cell("tail", "closed stdout", "chatctl tail >&-", 0),
    Cell("tail", "no stdin", "chatctl tail --no-follow <&-", 0, HELLO),
    Cell("tail", "full disk", "chatctl tail > /dev/full", 1, err=FULL),
    Cell(
        "tail",
        "full disk",
        "chatctl tail --cursor-file {disk}/seen",
        1,
        err="chatctl: cannot keep the cursor in {disk}/seen: {full}",
        note="the position saved before is unchanged",
    ),
]

SEARCH_CELLS = [
    Cell("search", "fine", "chatctl search HELLO", 0, FOUND),
    Cell("search", "fine", "chatctl search goodbye", 8, err="chatctl: nothing found"),
    Cell("search", "refused", "chatctl search hello", 3, err=NOBODY),
    Cell("search", "silent peer", "chatctl search hello --timeout 300ms", 3, err=SILENT),
    Cell("search", "web server", "chatctl search hello", 7, err=WEB),
    Cell("search", "drops mid-way", "chatctl search hello", 3, err=CLOSED),
    Cell("search", "garbage", "chatctl search hello", 7, err=BROKE),
    Nothing("search", "name taken", NAMELESS),
    Cell(
        "search",
        "too long",
        "chatctl search $(yes | head -300)",
        2,
        err=USAGE.format("a search is for at most 256 characters, and this one has 599", "search"),
    ),
    Cell("search", "room missing", "chatctl search hello --room nowhere", 6, err=NO_ROOM),
    Cell("search", "deadline", "chatctl search hello --timeout 2s", 8, err=IN_TIME, peer="holds"),
    Cell("search", "SIGINT", "chatctl search hello", 130),
    Cell("search", "SIGTERM", "chatctl search hello", 143),
    Cell("search", "closed stdout", "chatctl search hello >&-", 0),
    Cell("search", "no stdin", "chatctl search hello <&-", 0, FOUND),
    Cell("search", "full disk", "chatctl search hello > /dev/full", 1, err=FULL),
]

WHO_CELLS = [
    Cell("who", "fine", "chatctl who", 0, NADIA),
    Cell("who", "fine", "chatctl who nadia", 0, NADIA),
    Cell("who", "fine", "chatctl who abel", 8, err="chatctl: abel is not here"),
    Cell("who", "refused", "chatctl who", 3, err=NOBODY),
    Cell("who", "silent peer", "chatctl who --timeout 300ms", 3, err=SILENT),
    Cell("who", "web server", "chatctl who", 7, err=WEB),
    Cell("who", "drops mid-way", "chatctl who", 3, err=CLOSED),
    Cell("who", "garbage", "chatctl who", 7, err=BROKE),
    Nothing("who", "name taken", NAMELESS),
    Nothing("who", "too long", WORDLESS),
    Cell("who", "room missing", "chatctl who --room nowhere", 6, err=NO_ROOM),
    Cell("who", "room missing", "chatctl who --rooms --room nowhere", 6, err=NO_ROOM),
    Cell("who", "deadline", "chatctl who --timeout 2s", 8, err=IN_TIME, peer="holds"),
    Cell("who", "deadline", "chatctl who --watch --timeout 2s", 8, err="chatctl: the deadline passed"),
    Cell("who", "SIGINT", "chatctl who", 130),
    Cell("who", "SIGTERM", "chatctl who", 143),
    Cell("who", "closed stdout", "chatctl who >&-", 0),
    Cell("who", "no stdin", "chatctl who <&-", 0, NADIA),
    Cell("who", "full disk", "chatctl who > /dev/full", 1, err=FULL),
]

PROBE_CELLS = [
    Cell("probe", "fine", "chatctl probe", 0, OK),
    Cell(
        "probe",
        "fine",
        "chatctl probe --users-warn 10:",
        1,
        "WARNING chatctl: users 1 (limit 10:), " + OK.removeprefix("OK chatctl: ").replace("users=1;", "users=1;10:"),
    ),
    Cell(
        "probe",
        "fine",
        "chatctl probe --timeout soon",
        3,
        err=USAGE.format("invalid value for '--timeout': 'soon' is not a duration: write 300ms, 5s, 2m or 1h", "probe"),
        note="wrong usage must not look like a warning or a failure",
    ),
    Cell("probe", "refused", "chatctl probe", 2, critical(NOBODY)),
    Cell("probe", "refused", "chatctl probe --on-unreachable unknown", 3, "UNKNOWN " + NOBODY),
    Cell("probe", "silent peer", "chatctl probe --timeout 300ms", 2, critical(SILENT)),
    Cell("probe", "web server", "chatctl probe", 2, critical(WEB)),
    Cell("probe", "drops mid-way", "chatctl probe", 2, critical(CLOSED)),
    Cell("probe", "garbage", "chatctl probe", 2, critical(BROKE)),
    Nothing("probe", "name taken", NAMELESS),
    Nothing("probe", "too long", "its message is short"),
    Cell("probe", "room missing", "chatctl probe --room nowhere", 2, critical(NO_ROOM)),
    Cell("probe", "deadline", "chatctl probe --timeout 2s", 2, critical(IN_TIME), peer="holds"),
    Cell("probe", "SIGINT", "chatctl probe", 130, "UNKNOWN chatctl: no check ran"),
    Cell("probe", "SIGTERM", "chatctl probe", 143, "UNKNOWN chatctl: no check ran"),
    Cell("probe", "closed stdout", "chatctl probe >&-", 0, note="the exit code tells the answer"),
    Cell("probe", "no stdin", "chatctl probe <&-", 0, OK),
    Cell("probe", "full disk", "chatctl probe > /dev/full", 3, err=FULL),
    Cell(
        "probe",
        "full disk",
        "chatctl probe --outfile {disk}/chat.prom",
        3,
        err="chatctl: cannot write {disk}/chat.prom: {full}",
        note="the file of the last run is unchanged",
    ),
]

THROUGH_WEB = "chatctl probe --web http://127.0.0.1:{port:5580}/"


def at_web(line: str) -> str:
    """Return what is said of a server, as it is said of a port for browsers."""
    return critical(line.replace("127.0.0.1:{port}", "http://127.0.0.1:{port:5580}/"))


WEB_PROBE_CELLS = [
    Cell("probe", "fine", THROUGH_WEB, 0, OK, peer="web room", note="through the port for browsers"),
    Cell(
        "probe",
        "fine",
        "chatctl probe --web chat.example.org",
        3,
        err=USAGE.format(NO_URL, "probe"),
    ),
    Cell("probe", "refused", THROUGH_WEB, 2, at_web(NOBODY)),
    Cell("probe", "silent peer", f"{THROUGH_WEB} --timeout 300ms", 2, at_web(SILENT)),
    Cell("probe", "web server", THROUGH_WEB, 2, at_web(NO_HANDSHAKE)),
    Cell("probe", "drops mid-way", THROUGH_WEB, 2, at_web(CLOSED), peer="web drops"),
    Cell("probe", "garbage", THROUGH_WEB, 2, at_web(NO_FRAME), peer="web garbage"),
    Cell("probe", "room missing", f"{THROUGH_WEB} --room nowhere", 2, critical(NO_ROOM), peer="web lobby"),
    Cell("probe", "SIGTERM", THROUGH_WEB, 143, "UNKNOWN chatctl: no check ran", peer="web holds"),
]

EXPORT_CELLS = [
    Cell("export", "fine", "chatctl export --format text", 0, HELLO_KEPT),
    Cell("export", "refused", "chatctl export", 3, err=NOBODY),
    Cell("export", "silent peer", "chatctl export --timeout 300ms", 3, err=SILENT),
    Cell("export", "web server", "chatctl export", 7, err=WEB),
    Cell("export", "drops mid-way", "chatctl export", 3, err=CLOSED),
    Cell("export", "garbage", "chatctl export", 7, err=BROKE),
    Nothing("export", "name taken", NAMELESS),
    Nothing("export", "too long", WORDLESS),
    Cell("export", "room missing", "chatctl export --room nowhere", 6, err=NO_ROOM),
    Cell("export", "deadline", "chatctl export --timeout 2s", 8, err=IN_TIME, peer="holds"),
    Cell("export", "SIGINT", "chatctl export", 130),
    Cell("export", "SIGTERM", "chatctl export", 143),
    Cell("export", "closed stdout", "chatctl export >&-", 0),
    Cell("export", "no stdin", "chatctl export --format text <&-", 0, HELLO_KEPT),
    Cell("export", "full disk", "chatctl export > {disk}/week.jsonl", 1, err=FULL),
]

BENCH_CELLS = [
    Cell("bench", "fine", BENCH, 0, BENCHED, said=None),
    Cell("bench", "refused", BENCH, 3, err=NOBODY),
    Cell("bench", "silent peer", BENCH, 3, err=SILENT, note="after 5 s"),
    Cell("bench", "web server", BENCH, 7, err=WEB),
    Cell(
        "bench",
        "drops mid-way",
        "chatctl bench --room {room} --members 1",
        1,
        err="chatctl: the connection to 127.0.0.1:{port} broke ({any:it was closed}) in the middle of the load",
        peer="listens, drops",
    ),
    Cell(
        "bench",
        "garbage",
        "chatctl bench --room {room} --members 1",
        7,
        err="chatctl: 127.0.0.1:{port} broke the protocol: it said ␛[2J nonsense",
        peer="listens, garbage",
    ),
    Cell(
        "bench",
        "name taken",
        BENCH,
        5,
        err="chatctl: a nickname of bench is taken: is another bench running in this room?",
        peer="crowded",
    ),
    Cell(
        "bench",
        "too long",
        BENCH + " --size 5000",
        6,
        err="chatctl: --size 5000 is more than the 4096 bytes that the server accepts",
    ),
    Cell("bench", "room missing", BENCH.replace("{room}", "nowhere"), 6, err=NO_ROOM),
    Nothing("bench", "deadline", "it ends after `--duration`; if messages are missing then, with 8"),
    Cell("bench", "SIGINT", "chatctl bench --room {room} --members 1 --duration 60s", 130, peer="joined"),
    Cell("bench", "SIGTERM", "chatctl bench --room {room} --members 1 --duration 60s", 143, peer="joined"),
    Cell("bench", "closed stdout", BENCH + " >&-", 0, said=None),
    Cell("bench", "no stdin", BENCH + " <&-", 0, BENCHED, said=None),
    Cell("bench", "full disk", BENCH + " > /dev/full", 1, err=FULL, said=None),
]

CELLS = [*TAIL_CELLS, *SEARCH_CELLS, *WHO_CELLS, *PROBE_CELLS, *WEB_PROBE_CELLS, *EXPORT_CELLS, *BENCH_CELLS]
