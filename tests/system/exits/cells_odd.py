"""The cells of the situations of a night: a closed terminal, no name server, no home, two at once."""

from tests.system.exits.cells_here import ALONE, HIDDEN, LISTENS, LOCAL, SERVE, SHORT
from tests.system.exits.cells_read import BENCH, BENCHED, FOUND, HELLO, HELLO_KEPT, NADIA, OK, critical
from tests.system.exits.cells_say import ASK, ASKED, BUILT, DEAF, JOIN, OUTCOME, RUN, SEND
from tests.system.exits.table import Cell, Nothing, nothing

HOMELESS = "there is no home directory for chatctl's files: set CHATCTL_STATE_DIR"
FORGETS = f"chatctl: {HOMELESS}; nothing is remembered"
AWAY = "cannot reach chat.example.org:{port}: it did not answer in time"
THERE = "--host chat.example.org --timeout 300ms"

HANGUP_CELLS = [
    Cell("send", "SIGHUP", SEND, 129),
    Cell("tail", "SIGHUP", "chatctl tail", 129, peer="lets in"),
    Cell("search", "SIGHUP", "chatctl search hello", 129),
    Cell("who", "SIGHUP", "chatctl who", 129),
    Cell("ask", "SIGHUP", ASK, 129, said=f"{ASKED}\n{OUTCOME} withdrawn", peer="room"),
    Cell(
        "run",
        "SIGHUP",
        "chatctl run -- sleep 60",
        129,
        said="started: sleep 60\nended by SIGHUP after {n:0.1} s: sleep 60",
        peer="room",
    ),
    Cell("probe", "SIGHUP", "chatctl probe", 129, "UNKNOWN chatctl: no check ran"),
    Cell("join", "SIGHUP", "chatctl join --history 0", 129, peer="joined"),
    Cell(
        "serve",
        "SIGHUP",
        f"{SERVE} --port 0",
        0,
        LISTENS,
        peer="printed",
        signal="SIGHUP SIGTERM",
        note="it reloads its files and continues; ended by `kill`",
    ),
    Cell("export", "SIGHUP", "chatctl export", 129),
    Cell("backup", "SIGHUP", "chatctl backup copy.db", 129, peer="operator silent"),
    Cell("admin", "SIGHUP", "chatctl admin mute rajat", 129, peer="operator silent"),
    Cell("bench", "SIGHUP", "chatctl bench --room {room} --members 1 --duration 60s", 129, peer="joined"),
    *nothing(LOCAL, ["SIGHUP"], SHORT),
]

UNKNOWN_SIGNAL_CELLS = [
    Cell("send", "SIGUSR1", SEND, 138),
    Cell("tail", "SIGUSR1", "chatctl tail", 138, peer="lets in"),
    Cell("search", "SIGUSR1", "chatctl search hello", 138),
    Cell("who", "SIGUSR1", "chatctl who", 138),
    Cell("ask", "SIGUSR1", ASK, 138, said=ASKED, peer="room", note="the server withdraws it a minute later"),
    Cell(
        "run",
        "SIGUSR1",
        "chatctl run -- sleep 60",
        138,
        said="started: sleep 60\nended by SIGUSR1 after {n:0.1} s: sleep 60",
        peer="room",
        note="the command gets it, and decides",
    ),
    Cell("probe", "SIGUSR1", "chatctl probe", 138),
    Cell("join", "SIGUSR1", "chatctl join --history 0", 138, peer="joined"),
    Cell("serve", "SIGUSR1", f"{HIDDEN} > /dev/null", 138, peer="serves", note="it sends no bye, as if it were killed"),
    Cell("export", "SIGUSR1", "chatctl export", 138),
    Cell("backup", "SIGUSR1", "chatctl backup copy.db", 138, peer="operator silent"),
    Cell("admin", "SIGUSR1", "chatctl admin mute rajat", 138, peer="operator silent"),
    Cell("bench", "SIGUSR1", "chatctl bench --room {room} --members 1 --duration 60s", 138, peer="joined"),
    *nothing(LOCAL, ["SIGUSR1"], SHORT),
]

RESOLVER_CELLS = [
    Cell("send", "hanging DNS", f"{SEND} {THERE}", 3, err=f"chatctl: {AWAY}"),
    Cell("tail", "hanging DNS", f"chatctl tail {THERE}", 3, err=f"chatctl: {AWAY}"),
    Cell("search", "hanging DNS", f"chatctl search hello {THERE}", 3, err=f"chatctl: {AWAY}"),
    Cell("who", "hanging DNS", f"chatctl who {THERE}", 3, err=f"chatctl: {AWAY}"),
    Cell("ask", "hanging DNS", f"{ASK} {THERE}", 3, err=f"chatctl: {AWAY}"),
    Cell("run", "hanging DNS", f"chatctl run {THERE} -- echo built", 0, "built", DEAF + AWAY),
    Cell("run", "hanging DNS", f"chatctl run {THERE} --require-room -- echo built", 3, err=f"chatctl: {AWAY}"),
    Cell("probe", "hanging DNS", f"chatctl probe {THERE}", 2, critical(f"chatctl: {AWAY}")),
    Cell("join", "hanging DNS", f"{JOIN} --host chat.example.org", 3, err=f"chatctl: {AWAY}", note="after 10 s"),
    Nothing("serve", "hanging DNS", "it listens on an address of this machine"),
    Cell("export", "hanging DNS", f"chatctl export {THERE}", 3, err=f"chatctl: {AWAY}"),
    *nothing(["backup", "admin"], ["hanging DNS"], "it talks to a server of this machine"),
    Cell("bench", "hanging DNS", f"{BENCH} --host chat.example.org", 3, err=f"chatctl: {AWAY}", note="after 5 s"),
    *nothing(LOCAL, ["hanging DNS"], ALONE),
]

HOME_CELLS = [
    Cell("send", "no home", SEND, 0, err=FORGETS, said="deploy done"),
    Cell("tail", "no home", "chatctl tail --no-follow", 0, HELLO),
    Cell("search", "no home", "chatctl search hello", 0, FOUND),
    Cell("who", "no home", "chatctl who", 0, NADIA),
    Cell(
        "ask",
        "no home",
        f"{ASK} --timeout 1s",
        8,
        err=f"{FORGETS}\nchatctl: no answer in time",
        said=f"{ASKED}\n{OUTCOME} no answer in time",
        lines=True,
    ),
    Cell("run", "no home", RUN, 0, "built", FORGETS, said=BUILT),
    Cell("probe", "no home", "chatctl probe", 0, OK),
    Cell("join", "no home", JOIN, 0, "{minute} nadia: hello\n{minute} ci: hello", FORGETS, said="hello"),
    Cell(
        "serve",
        "no home",
        "CHATCTL_JOURNAL= chatctl serve -q --port 0",
        1,
        err="chatctl: there is no home directory to keep messages in: name a --journal (none keeps nothing), or set "
        "CHATCTL_STATE_DIR",
    ),
    Cell("export", "no home", "chatctl export --format text", 0, HELLO_KEPT),
    Cell("backup", "no home", "CHATCTL_JOURNAL= chatctl backup copy.db", 1, err=f"chatctl: {HOMELESS}"),
    Cell("admin", "no home", "CHATCTL_JOURNAL= chatctl admin mute rajat", 1, err=f"chatctl: {HOMELESS}"),
    Cell("bench", "no home", BENCH, 0, BENCHED, said=None),
    Cell("config", "no home", "chatctl config path", 1, err=f"chatctl: {HOMELESS}"),
    Cell("completion", "no home", "chatctl completion bash | head -1", 0, "_chatctl_completion() {"),
    Cell("key", "no home", "chatctl key", 1, err=f"chatctl: {HOMELESS}"),
    Cell(
        "password",
        "no home",
        "echo 'a long one' | chatctl password",
        0,
        "SCRAM-SHA-256$16384:{any:c2FsdCBhbmQgcGVwcGVy$…:…}",
    ),
]


TWO_CELLS = [
    Cell(
        "send",
        "two at once",
        "chatctl send --id one 'deploy done' & chatctl send --id one 'deploy done' && wait $!",
        0,
        said="deploy done",
        note="with one `--id` the message is stored once",
    ),
    Cell(
        "tail",
        "two at once",
        "chatctl tail --count 1 & chatctl tail --count 1 && wait $!",
        0,
        f"{HELLO}\n{HELLO}",
    ),
    *nothing(["search", "who", "export", "completion"], ["two at once"], "they are independent"),
    Cell(
        "ask",
        "two at once",
        "chatctl ask 'one?' --timeout 1s & chatctl ask 'two?' --timeout 1s; code=$?; wait $!; exit $code",
        8,
        err="chatctl: no answer in time\nchatctl: no answer in time",
        said=None,
        lines=True,
    ),
    Cell("run", "two at once", f"{RUN} & {RUN} && wait $!", 0, "built\nbuilt", said=None),
    Cell(
        "probe",
        "two at once",
        "chatctl probe --outfile chat.prom & chatctl probe --outfile chat.prom && wait $! && test -s chat.prom",
        0,
        note="the file is whole, by one of them",
    ),
    Nothing("join", "two at once", "the second one takes over the name, and the first one ends with 5"),
    Cell(
        "serve",
        "two at once",
        "chatctl serve -q --port 0",
        1,
        err="chatctl: the journal {journal} is in use: stop the other server, or name another file with --journal",
    ),
    Cell(
        "backup",
        "two at once",
        "chatctl backup copy.db & chatctl backup copy.db; first=$?; wait $!; echo $((first + $?))",
        0,
        "1",
        "{any:chatctl: /home/ci/copy.db already exists: a backup does not overwrite files}",
        note="one of them makes it, and the other one ends with 1",
    ),
    Nothing("admin", "two at once", "the server handles one request after the other"),
    Nothing("bench", "two at once", "the names of the second one are taken"),
    Nothing("config", "two at once", "that depends on the editor"),
    Cell(
        "key",
        "two at once",
        "(chatctl key & chatctl key; wait $!) 2>/dev/null | grep SHA256 | sort -u | wc -l",
        0,
        "1",
        note="both print the one key",
    ),
    Cell(
        "password",
        "two at once",
        "yes | chatctl password --out file & yes | chatctl password --out file; first=$?; wait $!; "
        "echo $((first + $?)); wc -l <file",
        0,
        "1\n1",
        "chatctl: file already exists, and is not overwritten: name another file",
        note="the file is whole, by one of them; the other one ends with 1",
    ),
]

CELLS = [*HANGUP_CELLS, *UNKNOWN_SIGNAL_CELLS, *RESOLVER_CELLS, *HOME_CELLS, *TWO_CELLS]
