"""The lower bound where there is no C compiler: like floor.c, a loop of send(). ``python floor.py PORT``."""

import contextlib
import selectors
import socket
import sys

chosen, members, greeted = selectors.DefaultSelector(), [], set()
door = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
chosen.register(door, selectors.EVENT_READ)
while True:
    for key, _ in chosen.select():
        sock = key.fileobj
        if sock is door:
            sock = door.accept()[0]
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            chosen.register(sock, selectors.EVENT_READ)
            continue
        data = b""
        with contextlib.suppress(OSError):
            data = sock.recv(65536)
        if not data:
            chosen.unregister(sock)
            if sock in members:
                members.remove(sock)
        elif sock not in greeted:
            greeted.add(sock)
            if data[:1] == b"m":
                members.append(sock)
            sock.send(b"in\n")
        else:
            for member in members:
                member.send(data)
