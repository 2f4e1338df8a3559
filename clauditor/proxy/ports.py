"""TCP ports: whether one is free, which one to take, and who listens on it.

Envoy listens with SO_REUSEPORT, so a second listener would start silently and take half of the connections; a plain
bind tells the truth. Owners come from proc_net_tcp(5) and proc_pid_fd(5), so only on Linux.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clauditor.errors import ClauditorError
from clauditor.proxy.process import LINUX, PROBE_SECONDS, command_name

NEIGHBOURS: Final = 100  # how far from the usual port to look for a free one
LISTEN: Final = "0A"  # TCP_LISTEN in /proc/net/tcp
ESTABLISHED: Final = "01"
LOOPBACK_OR_ANY: Final = frozenset(
    {"0100007F", "00000000", "0" * 32, "0000000000000000FFFF00000100007F", "0" * 24 + "01000000"}
)


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket that a connection to the loopback address may reach."""

    uid: int
    inode: str


def is_free(host: str, port: int) -> bool:
    """Whether a listener could have this port to itself; raises ClauditorError for a port nobody may bind."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Passes over closed connections that linger, not over a listener, even one with SO_REUSEPORT.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise _cannot_listen(host, port, error) from error
    return True


def any_free(host: str) -> int:
    """A port that is free now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise _cannot_listen(host, 0, error) from error
        return int(probe.getsockname()[1])


def next_free(host: str, port: int, taken: int) -> int:
    """The first free port after this one, apart from `taken`; any free one if its neighbours are all busy."""
    for candidate in range(port + 1, min(port + NEIGHBOURS, 65536)):
        if candidate != taken and is_free(host, candidate):
            return candidate
    return any_free(host)


def accepts(host: str, port: int, timeout_seconds: float = PROBE_SECONDS) -> bool:
    """Whether something takes connections there."""
    try:
        socket.create_connection((host, port), timeout_seconds).close()
    except OSError:
        return False
    return True


def accepts_at(path: Path, timeout_seconds: float = PROBE_SECONDS) -> bool:
    """Whether something takes connections on this Unix socket."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_seconds)
        connection.connect(str(path))
        return True
    return False


def listeners(port: int) -> list[Listener]:
    """Who listens where a connection to the loopback port may arrive (Linux; elsewhere unknown: empty)."""
    return [listener for address, listener in _everywhere(port) if address in LOOPBACK_OR_ANY]


def listens(pid: int, port: int) -> bool:
    """Whether this process listens on the port, at any address; True where that cannot be seen (not Linux)."""
    if not LINUX:
        return True
    sockets = {f"socket:[{listener.inode}]" for _, listener in _everywhere(port)}
    return any(target in sockets for target in open_files(Path(f"/proc/{pid}")))


def owner(port: int) -> str:
    """The process behind a busy port, as `name (pid 1)`; "another program" where that cannot be seen."""
    sockets = {f"socket:[{listener.inode}]" for listener in listeners(port)}
    if sockets:
        for process in Path("/proc").glob("[0-9]*"):
            if any(target in sockets for target in open_files(process)):
                return f"{command_name(int(process.name)) or 'a program'} (pid {process.name})"
    return "another program"


def is_ours(port: int) -> bool:
    """Whether every listener on the port belongs to this user; True where that cannot be seen (not Linux)."""
    if not LINUX:
        return True
    found = listeners(port)
    return bool(found) and all(listener.uid == os.getuid() for listener in found)


def _cannot_listen(host: str, port: int, error: OSError) -> ClauditorError:
    """Why nobody, or not this user, may listen there, and what to change."""
    if error.errno == errno.EACCES:
        return ClauditorError(f"Port {port} is for privileged programs only; choose one above 1023.")
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return ClauditorError(f"{host} is no address of this machine; give another one with --api-host.")
    return ClauditorError(f"Cannot listen on {host} port {port} ({error.strerror}); choose another port.")


def connected_sockets(port: int, proc: Path = Path("/proc")) -> frozenset[str]:
    """Sockets connected to this port of the loopback address, as `open_files` names them (Linux; else none)."""
    return frozenset(
        f"socket:[{fields[9]}]"
        for fields in _connections(proc)
        if fields[3] == ESTABLISHED and _at(fields[2], port) in LOOPBACK_OR_ANY
    )


def _everywhere(port: int) -> Iterator[tuple[str, Listener]]:
    """Listeners on the port, each with its address as the kernel writes it."""
    for fields in _connections(Path("/proc")):
        if fields[3] == LISTEN and (address := _at(fields[1], port)):
            yield address, Listener(uid=int(fields[7]), inode=fields[9])


def _connections(proc: Path) -> Iterator[list[str]]:
    """Every TCP socket, in the fields of proc_net_tcp(5): 1 own address, 2 the other's, 3 state, 7 user, 9 inode."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            lines = (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]
            yield from (line.split() for line in lines)


def _at(end: str, port: int) -> str | None:
    """The address of one end of a connection, if it is at this port."""
    address, _, hex_port = end.partition(":")
    return address if int(hex_port, 16) == port else None


def open_files(process: Path) -> Iterator[str]:
    """Every open file of one process; nothing if we may not look into it."""
    with contextlib.suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                yield str(descriptor.readlink())
