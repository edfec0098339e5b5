"""The cells of the commands that are about this machine: serve, backup, admin, config, completion, key,
password."""

from tests.system.exits.table import Cell, Nothing, nothing
from tests.system.exits.words import FULL, USAGE

SERVE = "chatctl serve -q --journal none"
HIDDEN = f"{SERVE} --no-tcp --unix chat.sock"
LISTENS = (
    "chatctl {any:0.2.0} listening on 127.0.0.1:{any:5500}\nmessages are kept in memory only\n"
    "join with: chatctl join --host 127.0.0.1 --port {any:5500}"
)
BACKUP = "chatctl backup copy.db"
LOST = "chatctl: the server of {here}/rooms.db did not answer: it may or may not have made the backup"
ALONE = "it contacts no server"
CLIENTS = "it is the server: see the other commands"
BETWEEN = (
    "refused", "silent peer", "web server", "drops mid-way", "garbage", "name taken", "too long", "room missing",
)  # fmt: skip
LOCAL = ("config", "completion", "key", "password")
SHORT = "it does not wait, and ends at once"

SERVE_CELLS = [
    Cell("serve", "fine", f"{SERVE} --port 0", 0, LISTENS, peer="printed", signal="SIGTERM", note="ended by `kill`"),
    Cell(
        "serve",
        "refused",
        SERVE,
        1,
        err="chatctl: cannot listen on 127.0.0.1:{port}: the port is in use "
        "(is another 'chatctl serve' running? choose another with --port)",
        peer="taken",
        note="the system refuses the connection",
    ),
    *nothing(["serve"], ["silent peer", "web server", "drops mid-way", "garbage", "name taken", "too long"], CLIENTS),
    Nothing("serve", "room missing", "it creates its rooms"),
    Nothing("serve", "deadline", "it runs until it is stopped"),
    Cell(
        "serve", "SIGINT", f"{SERVE} --port 0", 0, LISTENS, peer="printed", note="a server that is stopped ends with 0"
    ),
    Cell("serve", "SIGTERM", f"{SERVE} --port 0", 0, LISTENS, peer="printed", note="the same"),
    Cell(
        "serve",
        "closed stdout",
        f"{HIDDEN} >&-",
        0,
        peer="serves",
        signal="SIGTERM",
        note="the server works nevertheless",
    ),
    Cell(
        "serve",
        "no stdin",
        f"{HIDDEN} <&-",
        0,
        "chatctl {any:0.2.0} listening on {any:chat.sock}\nmessages are kept in memory only\n"
        "join with: chatctl join --unix {here}/chat.sock",
        peer="serves",
        signal="SIGTERM",
    ),
    Cell("serve", "full disk", f"{SERVE} --port 0 > /dev/full", 1, err=FULL),
    Cell(
        "serve",
        "full disk",
        "chatctl serve -q --port 0 --journal {disk}/rooms.db",
        1,
        err="chatctl: cannot open the journal {disk}/rooms.db: its disk is full",
    ),
]

BACKUP_CELLS = [
    Cell("backup", "fine", BACKUP, 0, note="through the running server"),
    Cell("backup", "refused", BACKUP, 1, err="chatctl: there is no journal {here}/rooms.db", peer="no journal"),
    Cell("backup", "silent peer", f"{BACKUP} --timeout 300ms", 4, err=LOST, peer="operator silent"),
    Nothing("backup", "web server", "it talks to a server of this machine, over the socket next to its journal"),
    Cell("backup", "drops mid-way", BACKUP, 4, err=LOST, peer="operator drops"),
    Cell("backup", "garbage", BACKUP, 4, err=LOST, peer="operator garbage"),
    Cell(
        "backup",
        "name taken",
        "echo > copy.db && chatctl backup copy.db",
        1,
        err="chatctl: {here}/copy.db already exists: a backup does not overwrite files",
        note="the name of the copy",
    ),
    Nothing("backup", "too long", "it sends no message"),
    Nothing("backup", "room missing", "it copies all rooms"),
    Cell("backup", "deadline", f"{BACKUP} --timeout 200ms", 4, err=LOST, peer="operator silent"),
    Cell("backup", "SIGINT", BACKUP, 130, peer="operator silent"),
    Cell("backup", "SIGTERM", BACKUP, 143, peer="operator silent"),
    Cell("backup", "closed stdout", f"{BACKUP} >&-", 0),
    Cell("backup", "no stdin", f"{BACKUP} <&-", 0),
    Cell(
        "backup",
        "full disk",
        "chatctl backup {disk}/copy.db",
        1,
        err="chatctl: cannot write the backup {disk}/copy.db: {any:database or disk is full}",
        note="no partial file is left",
    ),
]

MUTE = "chatctl admin mute rajat"
NO_ANSWER = "chatctl: the server at {here}/rooms.db.sock did not answer: it may or may not have done that"

ADMIN_CELLS = [
    Cell("admin", "fine", "chatctl admin topic deploy freeze", 0, "the topic was set to 'deploy freeze'"),
    Cell(
        "admin",
        "fine",
        "chatctl admin locks --room {room}",
        0,
        "kind=lock  name=backup  room={room}  nick=nadia  since={date}T{time}  address=this machine",
        peer="locked",
    ),
    Cell(
        "admin",
        "fine",
        "chatctl admin unlock backup",
        0,
        "the lock backup of nadia was freed\n  nick=nadia  room={room}  address=this machine",
        peer="locked",
    ),
    Cell(
        "admin",
        "fine",
        "chatctl admin unlock backup",
        6,
        err="chatctl: there is no lock or open question 'backup' in {room}: 'locks' lists them",
        note="nobody has it",
    ),
    Cell(
        "admin",
        "refused",
        MUTE,
        3,
        err="chatctl: no server is there: nobody listens at {here}/rooms.db.sock (is 'chatctl serve' running?)",
        peer="no journal",
    ),
    Cell("admin", "silent peer", f"{MUTE} --timeout 300ms", 4, err=NO_ANSWER, peer="operator silent"),
    Nothing("admin", "web server", "it talks to a server of this machine, over a socket of its own"),
    Cell("admin", "drops mid-way", MUTE, 4, err=NO_ANSWER, peer="operator drops"),
    Cell("admin", "garbage", MUTE, 4, err=NO_ANSWER, peer="operator garbage"),
    Cell(
        "admin",
        "name taken",
        "chatctl admin kick rajat",
        6,
        err="chatctl: nobody of that name is here",
        note="nobody has the name",
    ),
    Cell(
        "admin",
        "too long",
        "chatctl admin ban averyveryverylongnicknamethatisnone",
        5,
        err="chatctl: a nickname has at most 32 characters and 64 bytes",
    ),
    Cell(
        "admin",
        "room missing",
        "chatctl admin topic --room nowhere deploy freeze",
        6,
        err="chatctl: there is no room 'nowhere'",
        peer="room",
    ),
    Cell("admin", "deadline", f"{MUTE} --timeout 200ms", 4, err=NO_ANSWER, peer="operator silent"),
    Cell("admin", "SIGINT", MUTE, 130, peer="operator silent"),
    Cell("admin", "SIGTERM", MUTE, 143, peer="operator silent"),
    Cell("admin", "closed stdout", "chatctl admin ops >&-", 0),
    Cell("admin", "no stdin", "chatctl admin ops <&-", 0, "0 operators' keys"),
    Cell("admin", "full disk", "chatctl admin ops > /dev/full", 1, err=FULL),
]

CONFIG_CELLS = [
    Cell("config", "fine", "chatctl config path", 0, "{here}/.config/chatctl/config.toml"),
    Cell(
        "config",
        "fine",
        "chatctl --config no-such.toml config show",
        2,
        err="chatctl: cannot read no-such.toml: no such file or directory",
    ),
    Cell(
        "config",
        "fine",
        "EDITOR=false chatctl config edit",
        1,
        err="chatctl: cannot edit {here}/.config/chatctl/config.toml with the editor of VISUAL or EDITOR: it failed",
    ),
    Cell("config", "closed stdout", "chatctl config show >&-", 0),
    Cell("config", "no stdin", "chatctl config path <&-", 0, "{here}/.config/chatctl/config.toml"),
    Cell("config", "full disk", "chatctl config show > /dev/full", 1, err=FULL),
    Cell(
        "config",
        "full disk",
        "chatctl --config {disk}/new/config.toml config edit",
        1,
        err="chatctl: cannot make {disk}/new/config.toml: {full}",
    ),
]

COMPLETION_CELLS = [
    Cell("completion", "fine", "chatctl completion bash | head -1", 0, "_chatctl_completion() {"),
    Cell(
        "completion",
        "fine",
        "chatctl completion tcsh",
        2,
        err=USAGE.format("invalid value for 'SHELL': 'tcsh' is not one of 'bash', 'zsh', 'fish'", "completion"),
    ),
    Cell("completion", "closed stdout", "chatctl completion bash >&-", 0),
    Cell("completion", "no stdin", "chatctl completion bash <&- | head -1", 0, "_chatctl_completion() {"),
    Cell("completion", "full disk", "chatctl completion bash > /dev/full", 1, err=FULL),
]

KEY_CELLS = [
    Cell(
        "key",
        "fine",
        "chatctl key | tail -1",
        0,
        "SHA256:{any:mVPwvezndPv/ARoIadVY98vAC0g+P/5633yTC4d/wXE}",
        err="kept in {here}/.state/key: keep a copy in a safe place",
    ),
    Cell("key", "fine", "chatctl key show", 1, err="chatctl: there is no key yet: make one with 'chatctl key'"),
    Cell(
        "key",
        "closed stdout",
        "chatctl key >&-",
        0,
        err="kept in {here}/.state/key: keep a copy in a safe place",
    ),
    Cell("key", "no stdin", "chatctl key show <&-", 1, err="chatctl: there is no key yet: make one with 'chatctl key'"),
    Cell(
        "key",
        "full disk",
        "CHATCTL_STATE_DIR={disk} chatctl key",
        1,
        err="chatctl: cannot keep a key in {disk}/key: {full}",
    ),
]

PASSWORD_CELLS = [
    Cell(
        "password",
        "fine",
        "echo 'a long one' | chatctl password",
        0,
        "SCRAM-SHA-256$16384:{any:c2FsdCBhbmQgcGVwcGVy$…:…}",
    ),
    Cell("password", "closed stdout", "echo 'a long one' | chatctl password >&-", 0),
    Cell("password", "no stdin", "chatctl password <&-", 1, err="chatctl: the password is empty"),
    Cell("password", "full disk", "echo 'a long one' | chatctl password > /dev/full", 1, err=FULL),
]

LOCAL_CELLS = [*nothing(LOCAL, BETWEEN, ALONE), *nothing(LOCAL, ("deadline", "SIGINT", "SIGTERM"), SHORT)]

CELLS = [
    *SERVE_CELLS, *BACKUP_CELLS, *ADMIN_CELLS, *CONFIG_CELLS, *COMPLETION_CELLS, *KEY_CELLS, *PASSWORD_CELLS,
    *LOCAL_CELLS,
]  # fmt: skip
