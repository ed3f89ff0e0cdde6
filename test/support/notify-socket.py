"""A service manager's end of sd_notify(3): prints what comes to the socket of the path given, and closes what is handed over with it."""

import os
import socket
import sys

receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
while True:
    text, descriptors, _, _ = socket.recv_fds(receiver, 4096, 8)
    for descriptor in descriptors:
        os.close(descriptor)
    print(text.decode(), flush=True)
