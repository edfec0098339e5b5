"""The cells of what a command is given: bytes that are no text, not a regular file, a stdin without an end."""

from tests.system.exits.cells_read import HELLO
from tests.system.exits.cells_say import BUILT
from tests.system.exits.table import Cell, Nothing, nothing
from tests.system.exits.words import USAGE

NO_FILE = "it is not a regular file"
BYTES = "$(printf 'caf\\351')"
NOT_TEXT = "invalid value for '{}': caf\\xe9 is not UTF-8"


def no_text(command: str, typed: str, option: str, under: str = "", code: int = 2) -> Cell:
    """Return the cell of an option whose value is not UTF-8."""
    hint = USAGE.format(NOT_TEXT.format(option), under or command)
    return Cell(command, "not UTF-8", f"chatctl {typed} {BYTES}", code, err=hint)


TEXT_CELLS = [
    Cell(
        "send",
        "not UTF-8",
        "printf 'caf\\351' | chatctl send",
        2,
        err=USAGE.format("stdin is not UTF-8 (byte 0xe9 at 3): --lossy sends it all the same", "send"),
    ),
    Cell("send", "not UTF-8", "printf 'caf\\351' | chatctl send --lossy", 0, said="caf\ufffd"),
    Cell(
        "send",
        "not UTF-8",
        "printf 'caf\\351\\nfine\\n' | chatctl send --lines",
        6,
        err="chatctl: line 1 is not UTF-8 (byte 0xe9 at 3): --lossy sends it all the same\n"
        "chatctl: 1 line was not sent; the others were",
        said="fine",
        lines=True,
    ),
    no_text("tail", "tail --room", "--room"),
    no_text("search", "search", "WORDS"),
    Cell("who", "not UTF-8", f"chatctl who {BYTES}", 5, err="chatctl: a nickname can't hold U+DCE9 there"),
    Cell(
        "ask",
        "not UTF-8",
        f"chatctl ask {BYTES}",
        2,
        err=USAGE.format("QUESTION and choices have to be UTF-8", "ask"),
    ),
    Cell(
        "run",
        "not UTF-8",
        "chatctl run -- printf 'caf\\351' | od -c | head -1",
        0,
        "0000000   c   a   f 351",
        said="started: printf 'caf\\351'\ndone in {n:0.1} s: printf 'caf\\351'\ncaf\ufffd",
        note="passed on unchanged; the room gets text",
    ),
    no_text("probe", "probe --room", "--room", code=3),
    Cell(
        "join",
        "not UTF-8",
        "printf 'caf\\351\\n' | chatctl join",
        0,
        "{minute} nadia: hello\n! the next line has bytes that are no text in UTF-8 (e9): \ufffd stands for each\n"
        "{minute} ci: caf\ufffd",
        said="caf\ufffd",
    ),
    no_text("serve", "serve --name", "--name"),
    no_text("export", "export --room", "--room"),
    Cell(
        "backup",
        "not UTF-8",
        f"chatctl backup {BYTES}",
        1,
        err="chatctl: a running server can't be told a path that is not UTF-8",
    ),
    no_text("admin", "admin topic", "TEXT", "admin topic"),
    no_text("bench", "bench --room", "--room"),
    Cell(
        "config",
        "not UTF-8",
        "printf 'room = \"caf\\351\"' >a.toml; chatctl --config a.toml config show",
        2,
        err="chatctl: a.toml: 'utf-8' codec can't decode byte 0xe9 in position 11: invalid continuation byte",
    ),
    Nothing("completion", "not UTF-8", "its argument is one of three words"),
    Nothing("key", "not UTF-8", "it takes no text"),
    Cell(
        "password",
        "not UTF-8",
        "printf 'caf\\351 au lait' | chatctl password",
        1,
        err="chatctl: this password is not UTF-8",
    ),
]

FILE_CELLS = [
    Cell(
        "send",
        "odd file",
        "mkfifo pipe; chatctl send --file pipe --timeout 300ms",
        3,
        err="chatctl: pipe did not end in time: nothing was sent",
    ),
    Cell("send", "odd file", "mkfifo pipe; echo hello >pipe & chatctl send --file pipe", 0, said="hello"),
    Cell(
        "tail",
        "odd file",
        "chatctl tail --no-follow --cursor-file /dev/null",
        1,
        err=f"chatctl: cannot keep the cursor in /dev/null: {NO_FILE}, or another user has put it there",
    ),
    Cell(
        "tail",
        "odd file",
        "mkfifo pipe; chatctl tail --no-follow --cursor-file pipe",
        1,
        err=f"chatctl: cannot keep the cursor in pipe: {NO_FILE}, or another user has put it there",
    ),
    Cell(
        "tail",
        "odd file",
        "ln -s seen link; chatctl tail --no-follow --cursor-file link; test -L link -a -s seen",
        0,
        HELLO,
        note="the file behind the link is written",
    ),
    *nothing(["search", "who", "ask", "admin", "bench"], ["odd file"], "it writes no file"),
    Cell(
        "run",
        "odd file",
        "chatctl run --metrics /dev/null -- echo built",
        0,
        "built",
        f"chatctl: cannot write /dev/null: {NO_FILE}",
        said=BUILT,
    ),
    Cell(
        "probe",
        "odd file",
        "mkfifo pipe; chatctl probe --outfile pipe",
        3,
        err=f"chatctl: cannot write pipe: {NO_FILE}",
    ),
    Nothing("join", "odd file", "it writes only its own files"),
    Cell(
        "serve",
        "odd file",
        "mkfifo pipe; chatctl serve -q --port 0 --journal pipe",
        1,
        err="chatctl: cannot open the journal {here}/pipe: it is not a regular file, or another user has put it there "
        "(check that it is a file you may write, in such a folder, or name another with --journal)",
    ),
    *nothing(["export", "completion"], ["odd file"], "it writes to stdout alone"),
    Cell(
        "backup",
        "odd file",
        "chatctl backup /dev/null",
        1,
        err="chatctl: /dev/null already exists: a backup does not overwrite files",
    ),
    Cell(
        "config",
        "odd file",
        "chatctl --config /dev/zero config show",
        2,
        err=f"chatctl: cannot read /dev/zero: {NO_FILE}",
    ),
    Cell(
        "key",
        "odd file",
        "mkdir .state; ln -s /dev/null .state/key; chatctl key show",
        1,
        err="chatctl: {here}/.state/key is not an OpenSSH private key, or its passphrase is another one",
    ),
    Cell(
        "password",
        "odd file",
        "echo 'a long one' | chatctl password --out /dev/null",
        1,
        err="chatctl: /dev/null already exists, and is not overwritten: name another file",
    ),
]

STDIN_CELLS = [
    Cell(
        "send",
        "endless stdin",
        "yes | chatctl send",
        6,
        err="chatctl: stdin has more than 1048576 bytes: nothing was sent",
    ),
    Cell(
        "send",
        "endless stdin",
        "sleep 3 | chatctl send --timeout 300ms",
        3,
        err="chatctl: stdin did not end in time: nothing was sent",
    ),
    Cell(
        "run",
        "endless stdin",
        "yes | chatctl run -- head -1",
        0,
        "y",
        said="started: head -1\ndone in {n:0.1} s: head -1\ny",
    ),
    Nothing("join", "endless stdin", "it sends each line, and ends when its stdin does"),
    Cell(
        "password",
        "endless stdin",
        "tr '\\0' x </dev/zero | chatctl password",
        1,
        err="chatctl: this password has more than 65536 bytes",
        note="it reads only the first line",
    ),
    *nothing(
        [
            *("tail", "search", "who", "ask", "probe", "serve", "export", "backup", "admin", "bench"),
            *("config", "completion", "key"),
        ],
        ["endless stdin"],
        "it reads no stdin",
    ),
]

CELLS = [*TEXT_CELLS, *FILE_CELLS, *STDIN_CELLS]
