"""Every socket that some processes hold, as the kernel tells them (proc_pid_net(5), unix(7)); Linux."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

End = tuple[str, int]
"""Address and port."""

_LISTEN, _ACCEPTS = "0A", 0x10000  # TCP_LISTEN; __SO_ACCEPTCON among the flags of a Unix socket
_OTHERS = ("udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6", "packet")


@dataclass
class Surfaces:
    """What a set of processes shows to others: `listening` and `peers` by TCP, `paths` and `abstract` by Unix sockets."""

    listening: set[End] = field(default_factory=set)
    peers: set[End] = field(default_factory=set)
    """Where they connected to, or once did (connections that others opened to `listening` are left out)."""
    paths: set[str] = field(default_factory=set)
    """Files of Unix sockets that take connections."""
    abstract: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    """Kinds of sockets that are neither TCP nor Unix sockets, such as `udp`."""

    def look(self, pids: Iterable[int]) -> None:
        """Adds what these processes hold now."""
        for pid in pids:
            with contextlib.suppress(OSError):  # it has ended
                self._look_at(pid)
        self.peers = {peer for peer in self.peers if peer not in self.listening}

    def _look_at(self, pid: int) -> None:
        held = set(_inodes(pid))
        for table in ("tcp", "tcp6"):
            for fields in _rows(pid, table):
                if fields[9] not in held:
                    continue
                own, other = tcp_end(fields[1]), tcp_end(fields[2])
                if fields[3] == _LISTEN:
                    self.listening.add(own)
                elif own not in self.listening and other[1]:
                    self.peers.add(other)
        for fields in _rows(pid, "unix"):
            path = fields[7] if len(fields) > 7 else ""
            if fields[6] not in held or not path:
                continue
            if path.startswith("@"):
                self.abstract.add(path)
            elif int(fields[3], 16) & _ACCEPTS:
                self.paths.add(path)
        for kind in _OTHERS:
            at = 8 if kind == "packet" else 9
            self.others.update(kind for fields in _rows(pid, kind) if len(fields) > at and fields[at] in held)


def family(*roots: int) -> set[int]:
    """These processes and all that they have started, which still runs."""
    parents: dict[int, int] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            stat = (process / "stat").read_text(errors="replace")
            parents[int(process.name)] = int(stat.rpartition(")")[2].split()[1])
    found = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def tcp_end(text: str) -> End:
    """`0100007F:2710` of proc_net_tcp(5): words of 32 bits in the machine's order (little-endian), then the port."""
    address, _, port = text.partition(":")
    words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
    return str(ipaddress.ip_address(b"".join(words))), int(port, 16)


def _inodes(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                yield target[8:-1]


def _rows(pid: int, table: str) -> Iterator[list[str]]:
    with contextlib.suppress(OSError):  # a kernel without that protocol
        lines = Path(f"/proc/{pid}/net/{table}").read_text(errors="replace").splitlines()[1:]
        yield from (line.split() for line in lines)
