"""The design of the first version, in a few lines: a thread a client, one sendall for each client and message."""

import contextlib
import socket
import sys
import threading

clients: list[socket.socket] = []


def handle(client: socket.socket) -> None:
    """Pass what a client sends on to all."""
    client.sendall(b"NAME")
    if not client.recv(1024):
        return
    clients.append(client)
    client.sendall(b"Connected to server!\n")
    with contextlib.suppress(OSError):
        while data := client.recv(1024):
            for other in clients:
                other.sendall(data)
    clients.remove(client)


door = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
while True:
    threading.Thread(target=handle, args=(door.accept()[0],), daemon=True).start()
