"""What is told in many cells, once."""

NOBODY = "chatctl: cannot reach 127.0.0.1:{port}: connection refused (is 'chatctl serve' running there?)"
SILENT = "chatctl: cannot reach 127.0.0.1:{port}: it accepts connections, but does not answer"
WEB = (
    "chatctl: 127.0.0.1:{port} is not a chatctl server: a web server answered ({any:HTTP/1.0 400 Bad request syntax…})"
)
CLOSED = "chatctl: 127.0.0.1:{port} closed the connection"
BROKE = "chatctl: 127.0.0.1:{port} broke the protocol (this line is not JSON: {any:JSON is malformed})"
IN_TIME = "chatctl: 127.0.0.1:{port} did not answer in time"
UNKNOWN = " before the message was acknowledged: it may or may not have been stored"
SOMEBODY = "chatctl: somebody else uses the nickname nadia: choose another one"
NO_ROOM = "chatctl: there is no room 'nowhere'; rooms: lobby"
FULL = "chatctl: cannot write to stdout: no space left on device"
USAGE = "chatctl: {} (see 'chatctl {} -h')"
