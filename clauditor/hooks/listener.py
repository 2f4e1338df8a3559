"""Who listens on a port of this machine: we, somebody else, or nobody. Opens no connection where the kernel tells.

Source: proc_net_tcp(5). A connection would count as a client of the proxy.
"""

from __future__ import annotations

import os
import sys
from typing import Final, Literal

Listener = Literal["ours", "foreign", "nobody"]

_LOOPBACK_OR_ANY: Final = frozenset(
    {b"0100007F", b"00000000", b"0" * 32, b"0000000000000000FFFF00000100007F", b"0" * 24 + b"01000000"}
)
_LISTEN: Final = b"0A"
_CONNECT_SECONDS: Final = 0.02  # on loopback an answer takes less than a millisecond


def listener(port: int) -> Listener:
    """Who would get a connection to the port on a loopback address; `foreign`: a listener of another user."""
    if sys.platform != "linux":
        return _by_connecting(port)
    users = set()
    wanted = b":%04X" % port
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, "rb") as file:  # noqa: PTH123 - pathlib is slow to load
                lines = [line.split() for line in file if wanted in line]
        except OSError:
            continue
        for fields in lines:
            address, separator, number = fields[1].partition(b":")
            if separator + number == wanted and fields[3] == _LISTEN and address in _LOOPBACK_OR_ANY:
                users.add(int(fields[7]))
    if not users:
        return "nobody"
    return "ours" if users == {os.getuid()} else "foreign"


def _by_connecting(port: int) -> Listener:
    import socket  # noqa: PLC0415

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_SECONDS)
        return "nobody" if probe.connect_ex(("127.0.0.1", port)) else "ours"
