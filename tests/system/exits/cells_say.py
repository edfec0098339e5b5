"""The cells of the commands that say something: send, join, ask, run."""

from tests.system.exits.table import Cell, Nothing
from tests.system.exits.words import BROKE, CLOSED, FULL, NO_ROOM, NOBODY, SILENT, SOMEBODY, UNKNOWN, USAGE, WEB

SEND = "chatctl send 'deploy done'"
ASK = "chatctl ask 'deploy?'"
JOIN = "echo hello | chatctl join"
RUN = "chatctl run -- echo built"
TAG = "{any:a3}"
FIRST = f"{TAG} is this question's tag: while others are open, answer '{TAG} yes'"
ASKED = f"[{TAG}] deploy?  [1] yes  [2] no  (answer with the choice or its number; {FIRST})"
OUTCOME = f"[{TAG}] deploy?  ->"
CHOSEN = f"{ASKED}\nyes\n{OUTCOME} yes (nadia)"
BUILT = "started: echo built\ndone in {n:0.1} s: echo built\nbuilt"
LOCKED = "chatctl run --lock backup -- echo built"
INSIST = "chatctl run --require-room -- echo built"
LONG = "head -c 5000 /dev/zero | tr '\\0' x"
DEAF = "chatctl: can't post to the room: "
ASK_AGAIN = "; if it was, the server withdraws the question within a minute: ask again then"
NOT_STARTED = "; CMD was not started: start it again"
AGAIN = "; to have it stored once only, repeat the command with --id {key} --retry-for 60s"

SEND_CELLS = [
    Cell("send", "fine", SEND, 0, said="deploy done"),
    Cell("send", "fine", "date | chatctl send --print-id", 0, "{key}", said="{any:Sun Nov 22 22:44:02 CET 2026}"),
    Cell(
        "send",
        "fine",
        "chatctl send 'deploy?' --wait-reply '^yes$'",
        0,
        "{date} {time} nadia: yes",
        said="deploy?\nyes",
        peer="answers",
    ),
    Cell("send", "refused", SEND, 3, err=NOBODY),
    Cell("send", "silent peer", f"{SEND} --timeout 300ms", 3, err=SILENT),
    Cell("send", "web server", SEND, 7, err=WEB),
    Cell("send", "drops mid-way", SEND, 4, err=CLOSED + UNKNOWN + AGAIN),
    Cell(
        "send",
        "drops mid-way",
        f"{SEND} --retry-for 10s",
        0,
        peer="drops, comes back",
        note="stored once, however often it is sent",
    ),
    Cell(
        "send",
        "drops mid-way",
        "chatctl send --to nadia 'deploy done'",
        4,
        err=CLOSED + UNKNOWN + "; a whisper is not kept, so sending it again may deliver it twice",
    ),
    Cell("send", "garbage", SEND, 7, err=BROKE + UNKNOWN),
    Cell("send", "name taken", "chatctl send --nick nadia 'deploy done'", 5, err=SOMEBODY),
    Cell(
        "send",
        "too long",
        f"{LONG} | chatctl send",
        6,
        err="chatctl: this message has 5000 bytes, and the server takes at most 4096: nothing was sent",
    ),
    Cell(
        "send",
        "too long",
        f"(echo fits; {LONG}; echo; echo fits too) | chatctl send --lines",
        6,
        err="chatctl: line 2 has 5000 bytes, and the server takes at most 4096: it was not sent\n"
        "chatctl: 1 line was not sent; the others were",
        said="fits\nfits too",
        lines=True,
    ),
    Cell("send", "room missing", "chatctl send --room nowhere 'deploy done'", 6, err=NO_ROOM),
    Cell(
        "send", "deadline", f"{SEND} --timeout 2s", 4, err=f"chatctl: the deadline passed{UNKNOWN}{AGAIN}", peer="holds"
    ),
    Cell(
        "send",
        "deadline",
        "chatctl send 'deploy?' --wait-reply '^yes$' --timeout 2s",
        8,
        err="chatctl: the message was stored, but no reply came in time",
        said="deploy?",
    ),
    Cell("send", "SIGINT", SEND, 130),
    Cell("send", "SIGTERM", SEND, 143),
    Cell("send", "closed stdout", f"{SEND} --json >&-", 0, said="deploy done"),
    Cell("send", "no stdin", f"{SEND} <&-", 0, said="deploy done", note="with TEXT, stdin is not read"),
    Cell("send", "no stdin", "chatctl send <&-", 2, err=USAGE.format("give TEXT, or pipe it in", "send")),
    Cell("send", "no stdin", "chatctl send --lines <&-", 2, err=USAGE.format("there is no stdin to read", "send")),
    Cell(
        "send",
        "no stdin",
        "chatctl send </dev/null",
        2,
        err=USAGE.format("there is nothing to send: the message is empty", "send"),
    ),
    Cell("send", "full disk", f"{SEND} --json > /dev/full", 1, err=FULL, said="deploy done"),
]

JOIN_CELLS = [
    Cell("join", "fine", JOIN, 0, "{minute} nadia: hello\n{minute} ci: hello", said="hello"),
    Cell("join", "refused", JOIN, 3, err=NOBODY),
    Cell(
        "join",
        "silent peer",
        JOIN,
        3,
        err="chatctl: cannot reach 127.0.0.1:{port}: it did not answer in time",
        note="after 10 s",
    ),
    Cell("join", "web server", JOIN, 7, err=WEB),
    Cell(
        "join",
        "drops mid-way",
        JOIN,
        0,
        "",
        peer="drops, comes back",
        note="the server is back within two seconds, and the message is stored once",
    ),
    Cell(
        "join",
        "garbage",
        JOIN,
        0,
        "",
        peer="garbage, comes back",
        note="the same: another program may listen there at the next try",
    ),
    Cell("join", "name taken", "chatctl join --nick nadia", 5, err=SOMEBODY),
    Cell(
        "join",
        "too long",
        f"{LONG} | chatctl join",
        6,
        "{minute} nadia: hello\n! this message has 5000 bytes, at most 4096 can be sent: shorten it",
        "chatctl: 1 of the lines was refused",
    ),
    Cell("join", "room missing", "chatctl join --room nowhere", 6, err=NO_ROOM),
    Nothing("join", "deadline", "it has none: it runs until you leave"),
    Cell("join", "SIGINT", "chatctl join --history 0", 130, peer="joined"),
    Cell("join", "SIGTERM", "chatctl join --history 0", 143, peer="joined"),
    Cell("join", "closed stdout", f"{JOIN} >&-", 0, said="hello"),
    Cell(
        "join", "no stdin", "chatctl join <&-", 0, "{minute} nadia: hello", note="there is nothing to send: it leaves"
    ),
    Cell("join", "full disk", f"{JOIN} > /dev/full", 1, err=FULL),
]

ASK_CELLS = [
    Cell("ask", "fine", ASK, 0, "yes", "nadia chose yes", said=CHOSEN, peer="answers"),
    Cell(
        "ask",
        "fine",
        "chatctl ask 'deploy?' --choice no --choice yes",
        11,
        "yes",
        "nadia chose yes",
        said=CHOSEN.replace("[1] yes  [2] no", "[1] no  [2] yes").replace(f"answer '{TAG} yes", f"answer '{TAG} no"),
        peer="answers",
        note="the second choice",
    ),
    Cell(
        "ask",
        "fine",
        f"{ASK} --approvals 2 --timeout 2s",
        8,
        err="(yes: 1 of 2)\nchatctl: too few answered yes in time",
        said=f"{ASKED[:-1]}; 2 must say yes)\nyes\n{OUTCOME} too few answered yes in time",
        peer="answers",
        lines=True,
        note="one agreed",
    ),
    Cell("ask", "refused", ASK, 3, err=NOBODY),
    Cell("ask", "silent peer", f"{ASK} --timeout 300ms", 3, err=SILENT),
    Cell("ask", "web server", ASK, 7, err=WEB),
    Cell("ask", "drops mid-way", f"{ASK} --timeout 2s", 4, err=CLOSED + UNKNOWN + ASK_AGAIN, peer="listens, drops"),
    Cell("ask", "garbage", ASK, 7, err=BROKE + UNKNOWN, peer="listens, garbage"),
    Cell("ask", "name taken", "chatctl ask --nick nadia 'deploy?'", 5, err=SOMEBODY),
    Cell(
        "ask",
        "too long",
        f'chatctl ask "$({LONG})"',
        6,
        err="chatctl: this message has {n:5057} bytes, and the server takes at most 4096: nothing was sent",
    ),
    Cell("ask", "room missing", "chatctl ask --room nowhere 'deploy?'", 6, err=NO_ROOM),
    Cell(
        "ask",
        "deadline",
        f"{ASK} --timeout 2s",
        8,
        err="chatctl: no answer in time",
        said=f"{ASKED}\n{OUTCOME} no answer in time",
    ),
    Cell("ask", "SIGINT", ASK, 130, said=f"{ASKED}\n{OUTCOME} withdrawn", peer="room"),
    Cell("ask", "SIGTERM", ASK, 143, said=f"{ASKED}\n{OUTCOME} withdrawn", peer="room"),
    Cell(
        "ask",
        "closed stdout",
        f"{ASK} >&-",
        0,
        err="nadia chose yes",
        said=CHOSEN,
        peer="answers",
        note="the exit code tells the answer",
    ),
    Cell("ask", "no stdin", f"{ASK} <&-", 0, "yes", "nadia chose yes", said=CHOSEN, peer="answers"),
    Cell(
        "ask",
        "full disk",
        f"{ASK} > /dev/full",
        1,
        err=f"nadia chose yes\n{FULL}",
        said=CHOSEN,
        peer="answers",
        lines=True,
    ),
]

RUN_CELLS = [
    Cell("run", "fine", RUN, 0, "built", said=BUILT),
    Cell(
        "run",
        "fine",
        "chatctl run -- sh -c 'exit 4'",
        4,
        said="started: sh -c 'exit 4'\nfailed with 4 after {n:0.1} s: sh -c 'exit 4'",
        note="the command's own status",
    ),
    Cell(
        "run",
        "fine",
        "chatctl run -- no-such-program",
        127,
        err="chatctl: cannot run no-such-program: not found",
        said="could not be started (not found): no-such-program",
    ),
    Cell("run", "fine", LOCKED, 0, "built", said=BUILT),
    Cell(
        "run",
        "fine",
        LOCKED,
        8,
        err="chatctl: the lock backup is held by nadia since {any:2026-11-24 03:00:01}: CMD was not started",
        peer="locked",
        note="another run has the lock",
    ),
    Cell("run", "refused", LOCKED, 3, err=NOBODY, note="it was not started"),
    Cell("run", "silent peer", "chatctl run --timeout 300ms --lock backup -- echo built", 3, err=SILENT),
    Cell("run", "web server", LOCKED, 7, err=WEB),
    Cell("run", "name taken", "chatctl run --nick nadia --lock backup -- echo built", 5, err=SOMEBODY),
    Cell("run", "room missing", "chatctl run --room nowhere --lock backup -- echo built", 6, err=NO_ROOM),
    Cell("run", "refused", RUN, 0, "built", DEAF + NOBODY.removeprefix("chatctl: ")),
    Cell("run", "refused", INSIST, 3, err=NOBODY, note="it was not started"),
    Cell(
        "run",
        "silent peer",
        "chatctl run --timeout 300ms -- echo built",
        0,
        "built",
        DEAF + SILENT.removeprefix("chatctl: "),
    ),
    Cell("run", "silent peer", "chatctl run --timeout 300ms --require-room -- echo built", 3, err=SILENT),
    Cell("run", "web server", RUN, 0, "built", DEAF + WEB.removeprefix("chatctl: ")),
    Cell("run", "web server", INSIST, 7, err=WEB),
    Cell("run", "drops mid-way", RUN, 0, "built", DEAF + CLOSED.removeprefix("chatctl: ") + UNKNOWN),
    Cell("run", "drops mid-way", INSIST, 4, err=CLOSED + UNKNOWN + NOT_STARTED),
    Cell("run", "garbage", RUN, 0, "built", DEAF + BROKE.removeprefix("chatctl: ") + UNKNOWN),
    Cell("run", "garbage", INSIST, 7, err=BROKE + UNKNOWN),
    Cell(
        "run",
        "name taken",
        "chatctl run --nick nadia -- echo built",
        0,
        "built",
        DEAF + SOMEBODY.removeprefix("chatctl: "),
    ),
    Cell("run", "name taken", "chatctl run --nick nadia --require-room -- echo built", 5, err=SOMEBODY),
    Cell(
        "run",
        "too long",
        f'chatctl run -- sh -c "{LONG}; echo"',
        0,
        "{any:xxxxxxxx…}",
        said="started: {any:sh -c …}\ndone in {n:0.1} s: {any:sh -c …}\n…{any:xxxxxxxx}",
        note="the room gets as much of the end as fits",
    ),
    Cell(
        "run",
        "room missing",
        "chatctl run --room nowhere -- echo built",
        0,
        "built",
        DEAF + NO_ROOM.removeprefix("chatctl: "),
    ),
    Cell("run", "room missing", "chatctl run --room nowhere --require-room -- echo built", 6, err=NO_ROOM),
    Cell(
        "run",
        "deadline",
        "chatctl run --timeout 2s -- echo built",
        0,
        "built",
        f"{DEAF}the deadline passed{UNKNOWN}",
        peer="holds",
    ),
    Cell(
        "run",
        "deadline",
        "chatctl run --timeout 2s --require-room -- echo built",
        4,
        err=f"chatctl: the deadline passed{UNKNOWN}{NOT_STARTED}",
        peer="holds",
    ),
    Cell(
        "run",
        "SIGINT",
        "chatctl run -- sleep 60",
        130,
        said="started: sleep 60\nended by SIGINT after {n:0.1} s: sleep 60",
        peer="room",
    ),
    Cell(
        "run",
        "SIGTERM",
        "chatctl run -- sleep 60",
        143,
        said="started: sleep 60\nended by SIGTERM after {n:0.1} s: sleep 60",
        peer="room",
    ),
    Cell("run", "closed stdout", f"{RUN} >&-", 0, said=BUILT),
    Cell(
        "run",
        "no stdin",
        "chatctl run -- cat <&-",
        0,
        said="started: cat\ndone in {n:0.1} s: cat",
        note="the stdin of the command is empty",
    ),
    Cell(
        "run",
        "full disk",
        f"{RUN} > /dev/full",
        1,
        err="chatctl: the output of echo is not whole: stdout could not be written: no space left on device",
        said="started: echo built\ndone in {n:0.1} s (stdout could not be written: no space left on device): echo built"
        "\nbuilt",
        note="a status of the command that is not 0 stays what it is",
    ),
]

CELLS = [*SEND_CELLS, *JOIN_CELLS, *ASK_CELLS, *RUN_CELLS]
