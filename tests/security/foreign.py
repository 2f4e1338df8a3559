"""Another user's program on a port of this machine: `python foreign.py UID PORT`, prints its port and what it is told.

It listens first, so that a port below it may be given, and becomes that user before it does.
"""

from __future__ import annotations

import os
import socket
import sys

MPTCP = 262


def main(uid: int, port: int, address: str, protocol: int) -> None:
    os.setgid(uid)
    os.setuid(uid)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen()
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            connection, _ = listener.accept()
            connection.settimeout(5)
            with connection:
                heard = connection.recv(65536)
                sys.stdout.write(f"{heard!r}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
